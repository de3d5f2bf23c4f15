// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which configuration a running data plane takes, and what it cannot take: ports, buffers and
// workers are made at the start, everything else follows the configuration as it runs.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "conf/program/options.h"
#include "conf/revision/choice.h"
#include "dataplane/engine/error.h"

namespace detour::engine {

// What the data plane starts with; a notice is said. The error has been told line by line.
[[nodiscard]] std::expected<revision::Choice, Error> first_configuration(
    const program::Options& options);

// The file (SIGHUP), or a revision (detourd asks).
[[nodiscard]] std::expected<revision::Choice, Error> next_configuration(
    const program::Options& options, std::optional<revision::Number> number);

// What a reload by telemetry asks for: the number of a revision, or nothing (the file).
[[nodiscard]] std::expected<std::optional<revision::Number>, Error> wanted_revision(
    const std::string& parameters);

// `next` with everything in the place it has in `running`; or what it would need a start for.
[[nodiscard]] std::expected<model::Config, Error> successor(const model::Config& running,
                                                            model::Config next);

}  // namespace detour::engine
