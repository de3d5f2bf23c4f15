// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which of several routes to one prefix is the best (RFC 4271 9.1.1, 9.1.2.2), and at which step
// each of the others fell behind. What it may be asked about are routes that were accepted, of
// peers whose import policy was stated (RFC 8212). Interior cost (step e) is not known to us: every
// peer is on a link of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "conf/types/address.h"
#include "controlplane/bgp/wire/attribute_table.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::bgp {

struct Candidate {
    const PathAttributes* attributes = nullptr;
    PeerScope scope = PeerScope::external;
    Address router_id;  // the peer's
    Address remote;     // its address in the session
};

// What decided against a route; in the order in which it is asked.
enum class PathStep : std::uint8_t {
    none,              // it is the best
    local_preference,  // RFC 4271 9.1.1
    path_length,       // 9.1.2.2 a
    origin,            // b
    med,               // c: among routes of one neighbouring AS
    external,          // d: internal where there is an external one
    router_id,         // f
    address,           // g
};

// For each candidate; exactly one is PathStep::none, unless there are no candidates.
[[nodiscard]] std::vector<PathStep> compare_paths(std::span<const Candidate> candidates);

// "a longer AS_PATH"; empty for none.
[[nodiscard]] std::string_view to_string(PathStep step);

}  // namespace detour::bgp
