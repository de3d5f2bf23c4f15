// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a peer told us, and what it was told, for who asks: one JSON object a peer and direction.
//
//     {"peer": "192.0.2.1", "uplink": "provider", "direction": "in", "state": "Established",
//      "routes": [{"prefix", "attributes", "refusal": null | why it is not believed, "stale"}],
//      "left_off": 0}
//
// Out: {"prefix", "attributes", "progress": "pending" | "sent" | "acknowledged"}. Of all peers
// together, the best path to each prefix first (RFC 4271 9.1):
//
//     {"best": [{"prefix", "paths": [{"uplink", "peer", "attributes",
//                                     "lost": null | "a longer AS_PATH"}]}], "left_off": 0}
//
// Attributes are in
// the words of the RFCs. Called on the event loop's thread, which the speaker belongs to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "controlplane/controller/controller.h"
#include "controlplane/observe/names.h"

namespace detour::observe {

struct RouteQuery {
    enum class Direction : std::uint8_t { in, out, best };
    using Match = bgp::RouteSelection::Match;

    Direction direction = Direction::in;
    bgp::RouteSelection selection{.limit = 1000};  // of a peer
};

[[nodiscard]] nlohmann::json best_json(const bgp::Speaker& speaker,
                                       const bgp::RouteSelection& selection, const Names& names);
[[nodiscard]] nlohmann::json routes_json(const bgp::Speaker& speaker, bgp::PeerId peer,
                                         const RouteQuery& query, const Names& names);

}  // namespace detour::observe
