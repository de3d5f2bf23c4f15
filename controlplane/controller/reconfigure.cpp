// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Another configuration in a running controller: what is known goes to its new numbers.
#include <algorithm>
#include <utility>

#include "conf/model/succession.h"
#include "controlplane/controller/machine.h"

namespace detour::controller {
namespace {

// Keys that name what is gone go with it.
template <class Value>
std::map<std::pair<UplinkId, Family>, Value> renumbered(
    const std::map<std::pair<UplinkId, Family>, Value>& values, const Renumbering& ids) {
    std::map<std::pair<UplinkId, Family>, Value> result;
    for (const auto& [key, value] : values)
        if (const auto uplink = ids(key.first))
            result[{*uplink, key.second}] = value;
    return result;
}

}  // namespace

void Controller::Machine::reconfigure(Instant now, const model::Config& next, Passwords keys,
                                      Reconfigured why) {
    settle(now);  // what waits is in the old numbers
    const Renumbering ids = model::renumbering(config, next);
    const bool is_other_probing = !ids.is_identity() ||
                                  probe_options(config, seed) != probe_options(next, seed) ||
                                  decision_options(config) != decision_options(next);
    config = next;
    passwords = std::move(keys);
    peers = PeerBook(config, peers);
    renumber(now, ids);
    const std::uint64_t number = next_record;
    record(now, std::move(why), {});
    take(now, speaker.configure(now, speaker_config(config, passwords, peers)));
    for (const bgp::Announce& announce : announcer.reconfigure(peers, ids))
        feed_speaker(now, announce);
    if (is_other_probing) {
        prober.reconfigure(probe_options(config, seed), ids);
        localiser.forget();  // walks end with the prober that made them
        for (const model::Uplink& uplink : config.uplinks)
            feed_prober(now, probe::UplinkUsable{uplink.id, usability(uplink.id)});
        carry_out(now, decider.reconfigure(now, decision::CauseId{number}, decision_options(config),
                                           ids));
    }
    for (const model::Uplink& uplink : config.uplinks) {
        if (std::ranges::find(ids.uplinks, uplink.id) == ids.uplinks.end())
            queue.emplace_back(decision::LinkState{uplink.id, decision::Presence::down});
        stale_sessions.insert(uplink.id);
        stale_fates.insert(uplink.id);
    }
}

// Everything that is kept by an id.
void Controller::Machine::renumber(Instant now, const Renumbering& ids) {
    std::vector<Link> now_links(config.uplinks.size(), Link{.since = now});
    std::uint16_t old_id = 0;
    for (const Link& link : links)
        if (const auto uplink = ids(UplinkId(old_id++)))
            now_links[uplink->value] = link;
    links = std::move(now_links);
    sessions = renumbered(sessions, ids);
    path_mtus = renumbered(path_mtus, ids);
    own_space.renumber(ids);
    for (const auto& [pair, is_shared] : std::exchange(fates, {}))
        if (ids(pair.first) && ids(pair.second))
            fates[{*ids(pair.first), *ids(pair.second)}] = is_shared;
    for (const auto& [block, uplink] : std::exchange(egress, {}))
        if (ids(block.set) && ids(uplink))
            egress[{*ids(block.set), block.family}] = *ids(uplink);
    suspects.clear();  // the decision says them again
    stale_sessions.clear();
    stale_fates.clear();
    loads = {};
}

}  // namespace detour::controller
