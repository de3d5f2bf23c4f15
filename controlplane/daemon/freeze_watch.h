// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The freeze file (`detour freeze`): while it stands in the run directory, nothing is moved. The
// file is the truth, whoever wrote it and whatever is in it, also when it came while detourd was
// away; who, why and until when are lines of it. Who thawed and why is left in a second file, since
// the first is gone then.
//
//     actor: anna
//     reason: the provider works on the line
//     until: 2026-11-22T06:00Z
//
// The event loop's thread only.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "conf/program/paths.h"
#include "conf/types/duration.h"
#include "controlplane/controller/input.h"

namespace detour::daemon {

struct FreezeNote {
    std::string actor = "unknown";
    std::string reason;
    std::optional<WallTime> until;

    friend bool operator==(const FreezeNote&, const FreezeNote&) = default;
};

// Of any text; what is not there is left as it is.
[[nodiscard]] FreezeNote parse_freeze(std::string_view text);

class FreezeWatch {
 public:
    explicit FreezeWatch(const program::RunDir& run)
        : file_(run.freeze_file()), thaw_file_(run.thaw_file()) {}

    // As the decision was left: what differs from the file is said by the next look.
    void begin(bool is_frozen) { is_frozen_ = is_frozen; }

    // What the decision must be told now; nothing: nothing changed. Ends a freeze whose time is
    // over.
    [[nodiscard]] std::optional<controller::Command> look(WallTime now);

    // {"actor", "reason", "until", "left_s"}; null: not frozen.
    [[nodiscard]] nlohmann::json document(WallTime now) const;

 private:
    std::filesystem::path file_;
    std::filesystem::path thaw_file_;
    bool is_frozen_ = false;
    FreezeNote note_;
};

}  // namespace detour::daemon
