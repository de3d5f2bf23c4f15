// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The data plane of one box, put together: EAL, ports, twins, mirror, workers, telemetry; started
// in the order that leaves the kernel undisturbed, run until a signal, and taken down so that
// nothing is left behind. One thread owns it.
#pragma once

#include <expected>
#include <memory>

#include "conf/program/options.h"
#include "conf/revision/choice.h"
#include "dataplane/engine/error.h"

namespace detour::engine {

class Box {
 public:
    // Takes the lock, the ports and the twins. An error says what to do about it.
    [[nodiscard]] static std::expected<std::unique_ptr<Box>, Error> open(
        revision::Choice choice, const program::Options& options);
    ~Box();
    Box(const Box&) = delete;
    Box& operator=(const Box&) = delete;

    // Mirrors the kernel, then forwards until SIGTERM or SIGINT. An error: something that the box
    // cannot be without was taken from it. SIGHUP, or detourd by telemetry: another configuration,
    // whole or not at all.
    [[nodiscard]] std::expected<void, Error> run();

 private:
    struct Parts;
    explicit Box(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace detour::engine
