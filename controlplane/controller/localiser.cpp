// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/localiser.h"

namespace detour::controller {
namespace {

constexpr std::size_t most_asked = 256;

}  // namespace

std::array<probe::Walk, 2> Localiser::begin(const decision::Localise& wish, std::uint64_t record) {
    std::array<probe::Walk, 2> walks;
    for (probe::Walk& walk : walks) {
        walk = {.number = ++last_,
                .uplink = wish.uplink,
                .family = wish.block.family,
                .set = std::nullopt};
        asked_[walk.number] = {wish.block, record};
    }
    // A walk that cannot begin is never answered.
    while (asked_.size() > most_asked)
        asked_.erase(asked_.begin());
    walks[0].set = wish.block.set;
    return walks;
}

std::optional<Localiser::Finding> Localiser::end(const probe::Walked& walked) {
    const auto asked = asked_.find(walked.request.number);
    if (asked == asked_.end())
        return std::nullopt;
    const Asked known = asked->second;
    asked_.erase(asked);
    const auto from = walked.request.set ? Localised::From::block : Localised::From::control_source;
    return Finding{{.uplink = walked.request.uplink,
                    .block = known.block,
                    .from = from,
                    .source = walked.source,
                    .target = walked.destination,
                    .hops = walked.hops},
                   known.record};
}

}  // namespace detour::controller
