// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/shared_fate.h"

#include <algorithm>

#include "controlplane/controller/options.h"

namespace detour::controller {
bool shares_fate(const model::Config& config, const bgp::Speaker& speaker,
                 const std::vector<bgp::PeerId>& peers, const model::Uplink& uplink, AsNumber asn) {
    if (is_upstream(uplink, asn))
        return true;
    return std::ranges::any_of(peers, [&](bgp::PeerId peer) {
        return std::ranges::any_of(config.detect.targets, [&](const model::Target& target) {
            const auto route = speaker.longest_match(peer, target.address);
            return route && route->attributes->as_path.contains(asn);
        });
    });
}

}  // namespace detour::controller
