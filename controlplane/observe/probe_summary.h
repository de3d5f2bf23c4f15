// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the last probes said, read from the journal: a line a way (uplink, class, family, target)
// with what was sent, what was lost, how long replies took and when the last came. `detour probes`
// sums it by way, `detour targets` by target.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/observe/record.h"

namespace detour::observe {

struct ProbeSummary {
    std::string uplink;
    std::string set;       // of a beacon or an egress probe; else empty
    std::string family;    // "ipv4"; empty when the rows do not say
    std::string kind;      // "control", "beacon", "sentinel", "tunnel", "egress"
    std::string protocol;  // "icmp", "tcp", "udp"
    std::string target;
    std::size_t sent = 0;
    std::size_t lost = 0;
    std::optional<double> median_ms;    // of the replies
    std::optional<WallTime> last_good;  // of the rows
};

// From rows of kind `probe`, oldest first; sorted by target, uplink, class, set.
[[nodiscard]] std::vector<ProbeSummary> summarise(const std::vector<Record>& rows);

// {"uplink", "set", "family", "class", "kind", "target", "sent", "lost", "median_ms",
// "last_good_age_s"}
[[nodiscard]] nlohmann::json to_json(const ProbeSummary& summary, WallTime now);

}  // namespace detour::observe
