// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Another configuration in a running brain: what it knows of an uplink, a block or a target goes
// with it to its new place, and what it wants is said once more, so that the world follows.
#include <algorithm>
#include <utility>

#include "controlplane/decision/brain.h"

namespace detour::decision {
namespace {

// New positions by the old ones; `nowhere` is gone.
using Places = std::vector<std::uint32_t>;

template <class Options, class Id>
Places places(const std::vector<Options>& before, const std::vector<Options>& after,
              const Renumbering& ids, Id Options::*id) {
    Places result;
    for (const Options& old : before) {
        const auto now = ids(old.*id);
        const auto found =
            now ? std::ranges::find(after, *now, [&](const Options& each) { return each.*id; })
                : after.end();
        result.push_back(found == after.end() ? nowhere
                                              : static_cast<std::uint32_t>(found - after.begin()));
    }
    return result;
}

// Everything that is counted by position is where it was.
bool has_same_shape(const Options& before, const Options& after) {
    return std::ranges::equal(before.uplinks, after.uplinks,
                              [](const UplinkOptions& a, const UplinkOptions& b) {
                                  return a.id == b.id && a.name == b.name &&
                                         a.has_session == b.has_session && a.purpose == b.purpose &&
                                         a.carries_ipv4 == b.carries_ipv4 &&
                                         a.carries_ipv6 == b.carries_ipv6 &&
                                         a.sentinels.size() == b.sentinels.size();
                              }) &&
           before.sets == after.sets && before.targets == after.targets;
}

template <class T>
std::vector<T> moved(std::vector<T> values, const Places& uplinks, std::size_t count) {
    std::vector<T> result(count);
    for (std::size_t u = 0; u < values.size(); ++u)
        if (uplinks[u] != nowhere)
            result[uplinks[u]] = std::move(values[u]);
    return result;
}

std::uint32_t place_of(std::uint32_t uplink, const Places& uplinks) {
    return uplink == nowhere ? nowhere : uplinks[uplink];
}

bool is_announced(const Placed& block) {
    return std::ranges::any_of(block.announced,
                               [](const auto& each) { return each && !each->is_no_export; });
}

// A move whose one end is gone is over; the block stays at the other.
void end_broken_move(Placed& block, const Places& uplinks) {
    Move& move = *block.move;
    const auto from = place_of(move.from, uplinks);
    const auto to = place_of(move.to, uplinks);
    move.from = from;
    move.to = to;
    if (from != nowhere && to != nowhere)
        return;
    const auto left = from != nowhere ? from : to;
    block.move.reset();
    if (left == nowhere)
        return;
    block.carrier = block.egress = left;
    if (!block.announced[left])
        block.announced[left] = Announcement{};
}

}  // namespace

// What was there before; its detectors and counters refer to the thresholds, which stay in place.
struct Decider::Machine::Before {
    Options options;
    std::array<std::vector<std::uint32_t>, 2> asns;
    std::vector<std::uint32_t> target_index;
    std::vector<Heard> heard;
    std::vector<Uplink> uplinks;
    std::vector<Way> ways;
    std::vector<Placed> placed;
    std::vector<Watched> watches;
};

void Decider::Machine::reconfigure(Options given, const Renumbering& ids) {
    if (ids.is_identity() && has_same_shape(options, given)) {
        options = std::move(given);
    } else {
        Before before{std::exchange(options, std::move(given)),
                      std::exchange(asns, {}),
                      std::exchange(target_index, {}),
                      std::exchange(heard, {}),
                      std::exchange(uplinks, {}),
                      std::exchange(ways, {}),
                      std::exchange(placed, {}),
                      std::exchange(watches, {})};
        build();
        const Places of_uplinks =
            places(before.options.uplinks, options.uplinks, ids, &UplinkOptions::id);
        const Places of_sets = places(before.options.sets, options.sets, ids, &SetOptions::id);
        take_over_uplinks(before, of_uplinks, ids);
        for (std::uint32_t s = 0; s < of_sets.size(); ++s)
            for (std::uint32_t f = 0; f < 2 && of_sets[s] != nowhere; ++f)
                take_over_block(before, s * 2 + f, of_sets[s] * 2 + f, of_uplinks);
        settle_in();
    }
    if (!is_started)
        return;
    say_watches();
    evaluate_all();
}

void Decider::Machine::take_over_uplinks(Before& before, const Places& of_uplinks,
                                         const Renumbering& ids) {
    for (std::uint32_t u = 0; u < of_uplinks.size(); ++u) {
        const auto to = of_uplinks[u];
        if (to == nowhere)
            continue;
        for (std::uint32_t f = 0; f < 2; ++f) {
            ways[to * 2 + f] = std::move(before.ways[u * 2 + f]);
            ways[to * 2 + f].waiting.clear();  // names blocks and targets by the old positions
        }
        std::vector<bool> fates(uplink_count());
        for (std::uint32_t other = 0; other < of_uplinks.size(); ++other)
            if (of_uplinks[other] != nowhere)
                fates[of_uplinks[other]] = before.uplinks[u].shares_fate[other];
        uplinks[to] = std::move(before.uplinks[u]);
        uplinks[to].shares_fate = std::move(fates);
    }
    std::uint16_t old_id = 0;
    for (const auto& heard_before : before.heard)
        if (const auto target = ids(TargetId(old_id++)); target && target->value < heard.size())
            heard[target->value] = heard_before;
}

void Decider::Machine::take_over_block(Before& before, std::uint32_t from, std::uint32_t to,
                                       const Places& of_uplinks) {
    Placed& fresh = placed[to];
    if (!fresh.exists || !before.placed[from].exists)
        return;
    Placed kept = std::move(before.placed[from]);
    kept.home = fresh.home;
    kept.announced = moved(std::move(kept.announced), of_uplinks, uplink_count());
    kept.updates = moved(std::move(kept.updates), of_uplinks, uplink_count());
    kept.said.assign(uplink_count(), {});
    kept.forwarding = {};
    kept.carrier = place_of(kept.carrier, of_uplinks);
    kept.egress = place_of(kept.egress, of_uplinks);
    if (kept.move)
        end_broken_move(kept, of_uplinks);
    std::erase_if(kept.tried, [&](std::uint32_t u) { return of_uplinks[u] == nowhere; });
    for (auto& u : kept.tried)
        u = of_uplinks[u];
    std::erase_if(kept.leaving, [&](const Leaving& l) { return of_uplinks[l.uplink] == nowhere; });
    for (auto& leaving : kept.leaving)
        leaving.uplink = of_uplinks[leaving.uplink];
    if (kept.late_check && place_of(kept.late_uplink, of_uplinks) == nowhere)
        kept.late_check.reset();
    kept.late_uplink = kept.late_check ? of_uplinks[kept.late_uplink] : 0;
    kept.held_said.clear();
    fresh = std::move(kept);
    const auto blocks = static_cast<std::uint32_t>(before.placed.size());
    for (std::uint32_t u = 0; u < of_uplinks.size(); ++u)
        if (of_uplinks[u] != nowhere)
            take_over_watch(before, std::move(before.watches[u * blocks + from]), from,
                            {of_uplinks[u], to});
}

// Detectors count by target and beacon: with other ones they begin anew, and remember how often
// pairs disagree here.
void Decider::Machine::take_over_watch(const Before& before, Watched kept, std::uint32_t from,
                                       std::pair<std::uint32_t, std::uint32_t> to) {
    const auto family = static_cast<std::size_t>(family_of(to.second));
    const bool hears_the_same =
        before.asns[family] == asns[family] && before.options.targets == options.targets &&
        before.options.sets[from / 2].beacons == options.sets[to.second / 2].beacons;
    Watched& fresh = watched(to.first, to.second);
    if (!hears_the_same) {
        const Detector* speaker = loudest(kept);
        const double discordance = speaker != nullptr ? speaker->discordance() : 0;
        for (auto& each : fresh.detectors)
            each.set_discordance(discordance);
        kept.detectors = std::move(fresh.detectors);
        kept.seconds = std::move(fresh.seconds);
        kept.target_ten = std::move(fresh.target_ten);
        kept.beacon_tens = std::move(fresh.beacon_tens);
    }
    fresh = std::move(kept);
}

// New blocks begin at home, as at the start; one that would be announced nowhere, because its
// uplinks are gone, comes home. Then everything that should be true is said.
void Decider::Machine::settle_in() {
    if (!is_started)
        return;
    for (auto& block : placed) {
        if (!block.exists)
            continue;
        if (block.carrier == nowhere || block.egress == nowhere || !is_announced(block)) {
            block.carrier = block.egress = block.home;
            block.announced[block.home] = Announcement{};
            block.since = now;
            block.move.reset();
        }
        if (block.move)
            block.move->canary_replies.resize(
                std::max(block.move->canary_replies.size(),
                         options.uplinks[block.move->to].sentinels.size()));
    }
    say(Persist{});
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists)
            continue;
        say_forwarding(b);
        for (std::uint32_t u = 0; u < uplink_count(); ++u)
            say_announcement(b, u);
    }
}

// Whoever sends the probes may have begun anew.
void Decider::Machine::say_watches() {
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists)
            continue;
        for (std::uint32_t u = 0; u < uplink_count(); ++u) {
            const Watch before = watched(u, b).watch;
            update_watch(u, b);
            if (watched(u, b).watch == before && before != Watch::away)
                say(SetWatch{id_of(u), name_of(b), before});
        }
        say(SetCarried{name_of(b), id_of(placed[b].carrier)});
    }
    for (const auto& target : options.targets)
        if (heard[target.id.value].retired)
            say(RetireTarget{target.id, true});
}

}  // namespace detour::decision
