// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the verbs about the configuration share: the revision that runs (detourd says it; the disk
// does while detourd is away), the file beside it, and the difference of the two, shown.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "conf/model/config.h"
#include "conf/model/diff.h"
#include "conf/revision/store.h"
#include "tools/detour/client.h"
#include "tools/detour/verb.h"

namespace detour::command {

struct Running {
    revision::Number number = 0;
    std::string text;
    std::string digest;
    std::optional<double> trial_left;  // seconds, of an apply that is not confirmed
    bool is_told = false;              // by a detourd that runs
    model::Config config;
};

// The error: nothing runs that is known, or its text cannot be read.
[[nodiscard]] std::expected<Running, ClientError> find_running(const Context& context);

// The file as it stands, judged; what is wrong with it has been said.
struct Candidate {
    std::string text;
    model::Config config;
};
[[nodiscard]] std::optional<Candidate> read_candidate(const Context& context,
                                                      const std::filesystem::path& file);

// What runs, what the file says, and what lies between. Without one of the two nothing; why has
// been said, and the error is what the command ends with.
struct Comparison {
    Running running;
    Candidate candidate;
    model::Difference difference;
};
[[nodiscard]] std::expected<Comparison, int> compare(const Context& context,
                                                     const std::filesystem::path& file);

[[nodiscard]] nlohmann::json to_json(const model::Difference& difference);
// Changes, sessions, traffic, data plane: each with its headline, also when there is none.
void print_difference(const model::Difference& difference);

}  // namespace detour::command
