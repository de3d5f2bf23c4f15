// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/announcer.h"

#include <algorithm>

#include "controlplane/controller/options.h"

namespace detour::controller {
namespace {

// What a move wants, and what the uplink's neighbour is told with everything.
bgp::Announcement to_bgp(const decision::Announcement& announcement, const model::Uplink& uplink) {
    const model::ExportPolicy policy = uplink.bgp ? uplink.bgp->exported : model::ExportPolicy{};
    bgp::Announcement result;
    result.prepend = static_cast<std::uint8_t>(announcement.prepends + policy.prepend);
    result.med = policy.med;
    for (const std::uint32_t community : announcement.communities)
        result.communities.emplace_back(community);
    append(policy.communities, result.communities, result.large_communities);
    // The policy may have said them already.
    const auto add = [&](bgp::Community community) {
        if (std::ranges::find(result.communities, community) == result.communities.end())
            result.communities.push_back(community);
    };
    if (announcement.is_graceful_shutdown)
        add(bgp::graceful_shutdown);
    if (announcement.is_no_export)
        add(bgp::no_export);
    std::ranges::sort(result.communities);
    return result;
}

bool carries(const bgp::Speaker& speaker, bgp::PeerId id, Family family) {
    const auto peer = speaker.peer(id);
    return peer && peer->state == bgp::State::established && peer->negotiated &&
           peer->negotiated->carries(family);
}

const std::vector<bgp::PeerId> no_peers;

}  // namespace

Announcer::Announcer(const model::Config& config, const PeerBook& peers) : config_(config) {
    enter(peers);
}

void Announcer::enter(const PeerBook& peers) {
    peers_.clear();
    for (const bgp::PeerId peer : peers.peers())
        peers_[*peers[peer].id].push_back(peer);
}

std::vector<bgp::Announce> Announcer::reconfigure(const PeerBook& peers, const Renumbering& ids) {
    enter(peers);
    pending_.clear();
    for (const auto& [place, announcement] : std::exchange(wishes_, {})) {
        const auto uplink = ids(place.first);
        const auto set = ids(place.second.set);
        if (uplink && set)
            wishes_[{*uplink, {*set, place.second.family}}] = announcement;
    }
    return everything();
}

std::vector<bgp::Announce> Announcer::everything() const {
    std::vector<bgp::Announce> result;
    for (const auto& [uplink, its_peers] : peers_)
        for (const bgp::PeerId peer : its_peers)
            result.push_back({peer, wanted(uplink)});
    return result;
}

bgp::AnnouncementSet Announcer::wanted(UplinkId uplink) const {
    bgp::AnnouncementSet set;
    for (const auto& [where, announcement] : wishes_)
        if (where.first == uplink)
            for (const Prefix& prefix : prefixes_of(config_, where.second))
                set[prefix] = to_bgp(announcement, config_.uplink(uplink));
    return set;
}

const std::vector<bgp::PeerId>& Announcer::peers_of(UplinkId uplink) const {
    const auto found = peers_.find(uplink);
    return found == peers_.end() ? no_peers : found->second;
}

std::vector<bgp::ChangeAnnouncements> Announcer::wish(decision::ActionId ticket,
                                                      const decision::SetAnnouncement& wish) {
    const Place place{wish.uplink, wish.block};
    bgp::AnnouncementChange change{prefixes_of(config_, wish.block), std::nullopt};
    std::ranges::sort(change.prefixes);
    if (wish.announcement) {
        wishes_[place] = *wish.announcement;
        change.announcement = to_bgp(*wish.announcement, config_.uplink(wish.uplink));
    } else {
        wishes_.erase(place);
    }
    pending_[place] = {ticket, !wish.announcement};

    std::vector<bgp::ChangeAnnouncements> result;
    for (const bgp::PeerId peer : peers_of(wish.uplink))
        result.push_back({peer, {change}});
    return result;
}

std::vector<decision::Acknowledgement> Announcer::settled(const bgp::Speaker& speaker) {
    using Fact = decision::Acknowledgement::Fact;
    std::vector<decision::Acknowledgement> result;
    for (auto it = pending_.begin(); it != pending_.end();) {
        Pending& pending = it->second;
        const bgp::Progress progress = this->progress(it->first, pending, speaker);
        if (progress != bgp::Progress::pending && !pending.is_sent) {
            pending.is_sent = true;
            result.push_back({pending.ticket, Fact::sent});
        }
        if (progress != bgp::Progress::acknowledged) {
            ++it;
            continue;
        }
        result.push_back({pending.ticket, Fact::done});
        it = pending_.erase(it);
    }
    return result;
}

std::vector<bgp::PeerId> Announcer::hearing(const Place& place, const bgp::Speaker& speaker) const {
    std::vector<bgp::PeerId> result;
    for (const bgp::PeerId peer : peers_of(place.first))
        if (carries(speaker, peer, place.second.family))
            result.push_back(peer);
    return result;
}

// How far the least advanced peer is.
bgp::Progress Announcer::progress(const Place& place, const Pending& pending,
                                  const bgp::Speaker& speaker) const {
    const std::vector<bgp::PeerId> peers = hearing(place, speaker);
    if (peers.empty())
        return pending.is_withdrawal ? bgp::Progress::acknowledged : bgp::Progress::pending;
    const std::vector<Prefix> prefixes = prefixes_of(config_, place.second);
    bgp::Progress least = bgp::Progress::acknowledged;
    for (const bgp::PeerId peer : peers)
        for (const Prefix& prefix : prefixes) {
            const bgp::WishProgress wish = speaker.progress(peer, prefix);
            const bool is_as_wished = (wish.wish == bgp::WishProgress::Wish::nothing) ==
                                      pending.is_withdrawal;  // a refused wish is not
            least = std::min(least, is_as_wished ? wish.progress : bgp::Progress::pending);
            if (least == bgp::Progress::pending)
                return least;
        }
    return least;
}

}  // namespace detour::controller
