// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a peer told us, and what it was told, for who asks: one JSON object a peer and direction.
//
//     {"peer": "192.0.2.1", "uplink": "provider", "direction": "in", "state": "Established",
//      "routes": [{"prefix", "attributes", "refusal": null | why it is not believed, "stale"}],
//      "left_off": 0}
//
// Out: {"prefix", "attributes", "progress": "pending" | "sent" | "acknowledged"}. Attributes are in
// the words of the RFCs. Called on the event loop's thread, which the speaker belongs to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "conf/types/prefix.h"
#include "controlplane/controller/controller.h"
#include "controlplane/observe/names.h"

namespace detour::observe {

struct RouteQuery {
    enum class Direction : std::uint8_t { in, out };
    enum class Match : std::uint8_t { exact, longer, covering };

    Direction direction = Direction::in;
    std::optional<Prefix> prefix;  // nothing: all
    Match match = Match::exact;
    std::size_t limit = 1000;  // rows a peer
};

[[nodiscard]] bool matches(const RouteQuery& query, const Prefix& route);
[[nodiscard]] nlohmann::json routes_json(const bgp::Speaker& speaker, bgp::PeerId peer,
                                         const RouteQuery& query, const Names& names);

}  // namespace detour::observe
