// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/bgp_routes.h"

#include <string>
#include <utility>

namespace detour::observe {
namespace {

using nlohmann::json;

json row_of(const bgp::RouteView& route) {
    return {{"prefix", route.prefix.to_string()},
            {"attributes", to_string(*route.attributes)},
            {"refusal", route.refusal.empty() ? json(nullptr) : json(route.refusal)},
            {"stale", route.is_stale}};
}

json row_of(const bgp::AnnouncementView& view) {
    return {{"prefix", view.prefix.to_string()},
            {"attributes", to_string(view.attributes)},
            {"progress", to_string(view.progress)}};
}

void put_rows(json& result, const bgp::SelectedRoutes& selected) {
    json rows = json::array();
    for (const bgp::RouteView& route : selected.routes)
        rows.push_back(row_of(route));
    result["routes"] = std::move(rows);
    result["left_off"] = selected.left_off;
}

// What we announce is declared: never many.
void put_rows(json& result, const std::vector<bgp::AnnouncementView>& views,
              const bgp::RouteSelection& selection) {
    json rows = json::array();
    std::size_t left_off = 0;
    for (const bgp::AnnouncementView& view : views) {
        if (!selection.means(view.prefix))
            continue;
        if (rows.size() < selection.limit)
            rows.push_back(row_of(view));
        else
            ++left_off;
    }
    result["routes"] = std::move(rows);
    result["left_off"] = left_off;
}

}  // namespace

json best_json(const bgp::Speaker& speaker, const bgp::RouteSelection& selection,
               const Names& names) {
    const bgp::BestRoutes best = speaker.best(selection);
    json rows = json::array();
    for (const bgp::BestRoute& route : best.routes) {
        json paths = json::array();
        for (const bgp::BestRoute::Path& path : route.paths)
            paths.push_back(
                {{"uplink", names.uplink_of(path.peer)},
                 {"peer", names.peer(path.peer).to_string()},
                 {"attributes", to_string(*path.attributes)},
                 {"lost", path.lost_at == bgp::PathStep::none ? json(nullptr)
                                                              : json(to_string(path.lost_at))}});
        rows.push_back({{"prefix", route.prefix.to_string()}, {"paths", std::move(paths)}});
    }
    return {{"best", std::move(rows)}, {"left_off", best.left_off}};
}

json routes_json(const bgp::Speaker& speaker, bgp::PeerId peer, const RouteQuery& query,
                 const Names& names) {
    const bool is_in = query.direction == RouteQuery::Direction::in;
    json result{{"peer", names.peer(peer).to_string()},
                {"uplink", names.uplink_of(peer)},
                {"direction", is_in ? "in" : "out"}};
    const auto view = speaker.peer(peer);
    result["state"] = view ? json(to_string(view->state)) : json(nullptr);
    if (is_in)
        put_rows(result, speaker.routes(peer, query.selection));
    else
        put_rows(result, speaker.announcements(peer), query.selection);
    return result;
}

}  // namespace detour::observe
