// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/bgp_desk.h"

#include <algorithm>
#include <utility>

namespace detour::daemon {
namespace {

using nlohmann::json;

// Those of the names that are configured.
std::vector<bgp::PeerId> numbers_of(const controller::PeerBook& book,
                                    const std::vector<api::PeerName>& peers) {
    std::vector<bgp::PeerId> numbers;
    for (const bgp::PeerId id : book.peers())
        if (std::ranges::any_of(peers, [&](const api::PeerName& name) {
                return name.uplink == book[id].uplink && name.peer == book[id].peer;
            }))
            numbers.push_back(id);
    return numbers;
}

}  // namespace

api::Response routes_of(const controller::Controller& controller, const observe::Names& names,
                        const std::vector<api::PeerName>& peers, const observe::RouteQuery& query) {
    if (query.direction == observe::RouteQuery::Direction::best)
        return {200, observe::best_json(controller.speaker(), query.selection, names)};
    json rows = json::array();
    for (const bgp::PeerId id : numbers_of(controller.peers(), peers))
        rows.push_back(observe::routes_json(controller.speaker(), id, query, names));
    return {200, {{"peers", std::move(rows)}}};
}

api::Response clear_sessions(const controller::PeerBook& book,
                             const std::vector<api::PeerName>& peers, const json& wish,
                             const std::function<void(const controller::ClearSession&)>& handle) {
    using Kind = controller::ClearSession::Kind;
    json cleared = json::array();
    for (const bgp::PeerId id : numbers_of(book, peers)) {
        cleared.push_back(book[id].peer.to_string());
        handle({id, wish.at("kind") == "hard" ? Kind::hard : Kind::soft, wish.value("actor", ""),
                wish.value("reason", "")});
    }
    return {200, {{"cleared", std::move(cleared)}}};
}

}  // namespace detour::daemon
