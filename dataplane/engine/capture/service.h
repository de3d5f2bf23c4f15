// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Serves `detour capture`: a thread that sleeps on a Unix socket until somebody asks, runs one
// capture at a time, and refuses a second one with a word. It runs at the lowest priority and
// beside the workers; a reader that is too slow loses packets of the capture, and says how many,
// and forwarding does not know.
//
// A capture ends when its reader has enough or is gone, when its time is up, or when the engine
// stops.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "conf/program/capture.h"
#include "conf/program/paths.h"
#include "dataplane/engine/capture/capturable.h"
#include "dataplane/engine/capture/session.h"
#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/error.h"

namespace detour::engine {

class CaptureService {
 public:
    [[nodiscard]] static std::expected<std::unique_ptr<CaptureService>, Error> open(
        const program::RunDir& run, std::vector<Capturable> things, fib::Publisher& publisher);
    // Before the workers stop.
    ~CaptureService();
    CaptureService(const CaptureService&) = delete;
    CaptureService& operator=(const CaptureService&) = delete;

 private:
    CaptureService(std::vector<Capturable> things, fib::Publisher& publisher)
        : things_(std::move(things)), publisher_(publisher) {}

    void run();
    void serve(Descriptor client);
    [[nodiscard]] program::capture::End stream(Session& session, const Descriptor& client,
                                               std::uint64_t deadline);
    // Sends all that is older than `until`; false when the reader is gone.
    [[nodiscard]] bool send_until(Session& session, const Descriptor& client, std::uint64_t until);
    void refuse_others();

    std::vector<Capturable> things_;
    fib::Publisher& publisher_;
    std::string path_;
    Descriptor listener_;
    Descriptor stop_;  // readable: end
    std::atomic<bool> must_stop_{false};
    std::thread thread_;
};

}  // namespace detour::engine
