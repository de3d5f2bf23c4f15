// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

// detection.md section 1, per family.
constexpr std::size_t wanted_targets = 6;
constexpr std::size_t wanted_target_systems = 3;
constexpr std::size_t wanted_sentinels = 2;

// Resolvers that are announced from many places: which of them answers says little about a path.
bool is_known_anycast(const Address& address) {
    static constexpr std::array<std::string_view, 14> texts{"1.0.0.1",
                                                            "1.1.1.1",
                                                            "4.2.2.2",
                                                            "8.8.4.4",
                                                            "8.8.8.8",
                                                            "9.9.9.9",
                                                            "149.112.112.112",
                                                            "208.67.220.220",
                                                            "208.67.222.222",
                                                            "2001:4860:4860::8844",
                                                            "2001:4860:4860::8888",
                                                            "2606:4700:4700::1001",
                                                            "2606:4700:4700::1111",
                                                            "2620:fe::fe"};
    static const std::set<Address> known = [] {
        std::set<Address> result;
        for (const std::string_view text : texts)
            result.insert(Address::parse(text).value());
        return result;
    }();
    return known.contains(address);
}

bool is_neighbour(const UplinkDraft& uplink, const Address& address) {
    const auto is_it = [&](const Located<Address>& other) { return other.value == address; };
    return std::any_of(uplink.gateways.begin(), uplink.gateways.end(), is_it) ||
           (uplink.bgp && std::any_of(uplink.bgp->peers.begin(), uplink.bgp->peers.end(), is_it));
}

void check_control_sources(const Draft& draft, const UplinkDraft& uplink,
                           const Complaints& complaints) {
    const auto& link = draft.link_addresses(uplink);
    for (const auto& source : uplink.control_sources) {
        refuse_inside_block(draft, source, "the control source", complaints);
        if (is_neighbour(uplink, source.value))
            complaints.error(source.place,
                             "this is the neighbour's address; a control source is one of ours");
        for (const UplinkDraft& other : draft.uplinks)
            if (&other != &uplink && !is_on_link(link, source.value) &&
                is_on_link(draft.link_addresses(other), source.value))
                complaints.error(source.place,
                                 fmt::format("this address is on the link of uplink {}; a control "
                                             "source is reached by its own uplink",
                                             other.name));
    }
    if (uplink.control_sources.has_gaps)
        return;
    for (const Family family : families)
        if (draft.protects(family) && has_family(link, family) &&
            std::none_of(uplink.control_sources.begin(), uplink.control_sources.end(),
                         [&](const auto& source) { return source.value.family() == family; }))
            complaints.warning(
                uplink.place,
                fmt::format("no {} control source: a dead block cannot be told from a dead uplink; "
                            "add an address outside the blocks to control-sources",
                            display_name(family)));
}

// Sentinels show where packets vanish and when a null route is lifted: on the uplinks that a null
// route may hit, the direct ones (or the preferred one where none is direct).
bool needs_sentinels(const Draft& draft, const UplinkDraft& uplink) {
    const bool has_direct =
        std::any_of(draft.uplinks.begin(), draft.uplinks.end(),
                    [](const UplinkDraft& u) { return u.is(UplinkKind::direct); });
    return has_direct ? uplink.is(UplinkKind::direct) : &uplink == &draft.uplinks.front();
}

void check_sentinels(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    for (const auto& sentinel : uplink.sentinels) {
        refuse_inside_block(draft, sentinel, "the sentinel", complaints);
        if (!owner_of(draft, sentinel.value).empty())
            complaints.error(sentinel.place,
                             "this is our own address; a sentinel is a host inside the provider");
    }
    if (uplink.sentinels.has_gaps || !needs_sentinels(draft, uplink))
        return;
    for (const Family family : families) {
        if (!draft.protects(family) || !has_family(draft.link_addresses(uplink), family))
            continue;
        const auto count = static_cast<std::size_t>(
            std::count_if(uplink.sentinels.begin(), uplink.sentinels.end(),
                          [&](const auto& s) { return s.value.family() == family; }));
        if (count < wanted_sentinels)
            complaints.warning(
                uplink.place,
                fmt::format("{} of at least {} {} sentinels: where packets vanish, and when a null "
                            "route is lifted, cannot be seen; add hosts inside the provider",
                            count, wanted_sentinels, display_name(family)));
    }
}

// No address may stand for two things: the replies could not be told apart.
class SingleUse {
 public:
    explicit SingleUse(const Complaints& complaints) : complaints_(complaints) {}

    void add(const Located<Address>& address) {
        const auto [first, is_new] = seen_.try_emplace(address.value, address.place);
        if (!is_new)
            complaints_.error(address.place,
                              fmt::format("this address is used already: {} (line {})",
                                          first->second.path, first->second.position.line));
    }

 private:
    const Complaints& complaints_;
    std::map<Address, Place> seen_;
};

void check_single_use(const Draft& draft, const Complaints& complaints) {
    SingleUse sources(complaints);
    SingleUse destinations(complaints);
    for (const UplinkDraft& uplink : draft.uplinks) {
        for (const auto& source : uplink.control_sources)
            sources.add(source);
        for (const auto& sentinel : uplink.sentinels)
            destinations.add(sentinel);
    }
    for (const TargetDraft& target : draft.targets)
        for (const auto& address : target.addresses)
            destinations.add(address);
}

void check_target(const Draft& draft, const TargetDraft& target, const Complaints& complaints) {
    for (const auto& address : target.addresses) {
        refuse_inside_block(draft, address, "the target", complaints);
        if (!owner_of(draft, address.value).empty())
            complaints.error(address.place, "this is our own address; a target is a host far away");
        if (is_known_anycast(address.value))
            complaints.warning(address.place,
                               "this address is anycast: which host answers changes "
                               "with the path; choose a unicast host");
    }
    if (target.asn && draft.asn && target.asn->value == draft.asn->value)
        complaints.error(target.asn->place,
                         "this is our own AS; a target lies beyond the providers");
    for (const UplinkDraft& uplink : draft.uplinks)
        if (target.asn && uplink.bgp && uplink.bgp->asn &&
            uplink.bgp->asn->value == target.asn->value)
            complaints.warning(target.asn->place,
                               fmt::format("this is the AS of uplink {}; a host inside it is a "
                                           "sentinel, a target lies beyond",
                                           uplink.name));
    if (draft.profile && draft.profile->value == Profile::fast && !target.is_own())
        complaints.error(target.place,
                         "the fast profile probes too often for other people's hosts; "
                         "say own: true if it is yours, or take profile: quick");
}

bool has_gaps(const TargetDraft& target) {
    return target.addresses.has_gaps || !target.asn;
}

void check_target_count(const Draft& draft, const Complaints& complaints) {
    for (const Family family : families) {
        if (!draft.protects(family))
            continue;
        std::size_t count = 0;
        std::set<AsNumber> systems;
        for (const TargetDraft& target : draft.targets)
            for (const auto& address : target.addresses)
                if (address.value.family() == family) {
                    ++count;
                    systems.insert(target.asn->value);
                }
        if (count < wanted_targets)
            complaints.warning(draft.targets_place,
                               fmt::format("{} of at least {} {} targets: a verdict needs more "
                                           "witnesses; add some",
                                           count, wanted_targets, display_name(family)));
        if (count > 0 && systems.size() < wanted_target_systems)
            complaints.warning(
                draft.targets_place,
                fmt::format("{} targets in {} of at least {} ASes: one network's "
                            "trouble could pass for a null route; add others",
                            display_name(family), systems.size(), wanted_target_systems));
    }
}

}  // namespace

void check_evidence(const Draft& draft, const Complaints& complaints) {
    for (const UplinkDraft& uplink : draft.uplinks) {
        check_control_sources(draft, uplink, complaints);
        check_sentinels(draft, uplink, complaints);
    }
    for (const TargetDraft& target : draft.targets)
        check_target(draft, target, complaints);
    check_single_use(draft, complaints);
    if (draft.prefix_sets.empty() || draft.targets_have_gaps)
        return;
    if (draft.targets.empty())
        complaints.error(draft.targets_place,
                         "no target at all: nothing could ever be proved dead; "
                         "name hosts beyond the providers under targets");
    else if (std::none_of(draft.targets.begin(), draft.targets.end(), has_gaps))
        check_target_count(draft, complaints);
}

}  // namespace detour::model
