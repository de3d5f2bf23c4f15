// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/shared_fate.h"

#include <algorithm>

#include "controlplane/controller/options.h"

namespace detour::controller {
namespace {

const bgp::RouteView* longest_match(const std::vector<bgp::RouteView>& routes,
                                    const Address& address) {
    const bgp::RouteView* best = nullptr;
    for (const bgp::RouteView& route : routes)
        if (route.refusal.empty() && route.prefix.contains(address) &&
            (best == nullptr || route.prefix.length() > best->prefix.length()))
            best = &route;
    return best;
}

}  // namespace

bool shares_fate(const model::Config& config, const bgp::Speaker& speaker,
                 const std::vector<bgp::PeerId>& peers, const model::Uplink& uplink, AsNumber asn) {
    if (is_upstream(uplink, asn))
        return true;
    return std::ranges::any_of(peers, [&](bgp::PeerId peer) {
        const std::vector<bgp::RouteView> routes = speaker.routes(peer);
        return std::ranges::any_of(config.detect.targets, [&](const model::Target& target) {
            const bgp::RouteView* route = longest_match(routes, target.address);
            return route != nullptr && route->attributes->as_path.contains(asn);
        });
    });
}

}  // namespace detour::controller
