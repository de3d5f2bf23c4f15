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

template <class View>
void put_rows(json& result, const std::vector<View>& views, const RouteQuery& query) {
    json rows = json::array();
    std::size_t left_off = 0;
    for (const View& view : views) {
        if (!matches(query, view.prefix))
            continue;
        if (rows.size() < query.limit)
            rows.push_back(row_of(view));
        else
            ++left_off;
    }
    result["routes"] = std::move(rows);
    result["left_off"] = left_off;
}

}  // namespace

bool matches(const RouteQuery& query, const Prefix& route) {
    if (!query.prefix)
        return true;
    switch (query.match) {
        case RouteQuery::Match::exact:
            return route == *query.prefix;
        case RouteQuery::Match::longer:
            return query.prefix->contains(route);
        case RouteQuery::Match::covering:
            return route.contains(*query.prefix);
    }
    return false;
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
        put_rows(result, speaker.routes(peer), query);
    else
        put_rows(result, speaker.announcements(peer), query);
    return result;
}

}  // namespace detour::observe
