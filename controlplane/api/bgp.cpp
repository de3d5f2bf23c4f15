// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/api/bgp.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <expected>
#include <string>
#include <utility>

namespace detour::api {
namespace {

using observe::RouteQuery;

constexpr std::size_t default_count = 1000;
constexpr std::size_t most_routes = 100'000;

// The configured peers that the word means: an address, an uplink, or everything.
std::expected<std::vector<PeerName>, Response> peers_meant(const model::Config& config,
                                                           std::string_view word) {
    std::vector<PeerName> meant;
    std::vector<std::string> known;
    for (const model::Uplink& uplink : config.uplinks)
        for (const Address& peer : uplink.bgp ? uplink.bgp->peers : std::vector<Address>{}) {
            known.push_back(fmt::format("{} ({})", peer.to_string(), uplink.name));
            if (word.empty() || word == uplink.name || word == peer.to_string())
                meant.push_back({uplink.name, peer});
        }
    if (meant.empty() && !word.empty())
        return std::unexpected(failure(404, fmt::format("there is no BGP peer \"{}\"", word),
                                       fmt::format("the peers are: {}", fmt::join(known, ", "))));
    return meant;
}

std::expected<std::size_t, Response> count_of(std::string_view text) {
    std::size_t count = default_count;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (!text.empty() && (error != std::errc() || end != text.data() + text.size() || count == 0 ||
                          count > most_routes))
        return std::unexpected(
            failure(422, fmt::format("count is a number up to {}", most_routes)));
    return count;
}

std::expected<RouteQuery, Response> query_of(const Request& request) {
    RouteQuery query;
    const std::string_view direction = request.parameter("direction");
    if (!direction.empty() && direction != "in" && direction != "out" && direction != "best")
        return std::unexpected(failure(422, "direction is in, out or best"));
    if (direction == "out")
        query.direction = RouteQuery::Direction::out;
    if (direction == "best")
        query.direction = RouteQuery::Direction::best;
    if (direction == "best" && !request.parameter("peer").empty())
        return std::unexpected(failure(422, "the best path is one of all peers; name none"));
    const auto count = count_of(request.parameter("count"));
    if (!count)
        return std::unexpected(count.error());
    query.selection.limit = *count;
    const std::string_view text = request.parameter("prefix");
    if (text.empty())
        return query;
    if (const auto address = Address::parse(text)) {
        query.selection.prefix = Prefix::host(*address);
        query.selection.match = RouteQuery::Match::covering;
        return query;
    }
    const auto prefix = Prefix::parse(text);
    if (!prefix)
        return std::unexpected(
            failure(422, fmt::format("\"{}\" is no prefix: {}", text, prefix.error().message)));
    query.selection.prefix = *prefix;
    if (!request.parameter("longer").empty())
        query.selection.match = RouteQuery::Match::longer;
    return query;
}

Response routes(const Sources& sources, const Request& request) {
    const auto peers = peers_meant(*sources.config(), request.parameter("peer"));
    if (!peers)
        return peers.error();
    const auto query = query_of(request);
    return query ? sources.routes(*peers, *query) : query.error();
}

Response clear(const Sources& sources, const Request& request) {
    const auto text = [&](const char* name) {
        const nlohmann::json& body = request.body;
        return body.is_object() && body.contains(name) && body.at(name).is_string()
                   ? body.at(name).get<std::string>()
                   : std::string();
    };
    // A slip must not reset every session.
    if (text("peer").empty())
        return failure(422, "which peer?", "name its address or its uplink");
    const auto peers = peers_meant(*sources.config(), text("peer"));
    if (!peers)
        return peers.error();
    if (text("kind") != "soft" && text("kind") != "hard")
        return failure(422, "soft or hard?",
                       "soft sends and asks for every route again, hard begins the session anew");
    if (text("reason").empty())
        return failure(422, "a reason is wanted", "it stands in the journal beside what was done");
    return sources.clear(*peers, request.body);
}

}  // namespace

std::vector<Resource> bgp_resources(std::shared_ptr<const Sources> sources) {
    return {
        {Resource::Method::get, "/v1/bgp/routes",
         [sources](const Request& request) { return routes(*sources, request); }},
        {Resource::Method::post, "/v1/bgp/clear",
         [sources](const Request& request) { return clear(*sources, request); }},
    };
}

}  // namespace detour::api
