// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace detour::observe {

std::string to_text(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(seconds.time_since_epoch().count()), milliseconds);
}

nlohmann::json to_json(const Record& record) {
    nlohmann::json json{{"number", record.number},
                        {"time", to_text(record.wall)},
                        {"kind", record.kind},
                        {"direction", record.direction == Direction::input ? "input" : "output"},
                        {"causes", record.causes},
                        {"payload", record.payload}};
    if (!record.subject.uplink.empty())
        json["uplink"] = record.subject.uplink;
    if (!record.subject.set.empty())
        json["prefix_set"] = record.subject.set;
    if (record.subject.family)
        json["family"] = to_string(*record.subject.family);
    if (!record.subject.peer.empty())
        json["peer"] = record.subject.peer;
    return json;
}

}  // namespace detour::observe
