// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "conf/model/rules.h"
#include "conf/types/aggregate.h"

namespace detour::model {
namespace {

// Above this the kernel's rules cost more than its tables (10,000 cost 125 us a lookup).
constexpr std::size_t max_rule_count = 256;

// Why a prefix cannot be anybody's block; empty: it can.
std::string fault_of_prefix(const Prefix& prefix) {
    const Address& address = prefix.address();
    if (prefix.length() < 8)
        return "shorter than /8: this is nobody's block";
    if (address.is_multicast() || address.is_loopback() || address.is_link_local() ||
        address.is_unspecified())
        return "this is not a block that can be announced";
    return {};
}

void check_prefixes(const PrefixSetDraft& set, const Complaints& complaints) {
    for (const auto& [prefix, place] : set.prefixes) {
        if (auto fault = fault_of_prefix(prefix); !fault.empty()) {
            complaints.error(place, fault);
            continue;
        }
        const unsigned longest = prefix.family() == Family::ipv4 ? 24 : 48;
        if (prefix.length() > longest)
            complaints.warning(place, fmt::format("longer than /{}: most networks will not accept "
                                                  "the announcement",
                                                  longest));
    }
}

void check_overlaps(const Draft& draft, const Complaints& complaints) {
    struct Owned {
        const Located<Prefix>* prefix;
        const PrefixSetDraft* set;
    };
    std::vector<Owned> all;
    for (const PrefixSetDraft& set : draft.prefix_sets)
        for (const auto& prefix : set.prefixes)
            if (fault_of_prefix(prefix.value).empty())
                all.push_back({&prefix, &set});
    // Sorted, a prefix comes behind the one that contains it; equal ones in the order of the file.
    std::stable_sort(all.begin(), all.end(), [](const Owned& a, const Owned& b) {
        return a.prefix->value < b.prefix->value;
    });
    const Owned* wide = nullptr;
    for (const Owned& owned : all) {
        if (wide == nullptr || !wide->prefix->value.contains(owned.prefix->value)) {
            wide = &owned;
            continue;
        }
        complaints.error(
            owned.prefix->place,
            fmt::format("overlaps {} of prefix set {} (line {}); a block is in one set, "
                        "once",
                        wide->prefix->value.to_string(), wide->set->name,
                        wide->prefix->place.position.line));
    }
}

void check_beacon(const Draft& draft, const PrefixSetDraft& set, const Located<Address>& beacon,
                  const Complaints& complaints) {
    const bool is_inside =
        std::any_of(set.prefixes.begin(), set.prefixes.end(),
                    [&](const auto& prefix) { return prefix.value.contains(beacon.value); });
    if (!is_inside && !set.prefixes.has_gaps)
        complaints.error(
            beacon.place,
            "the beacon is not inside a prefix of its set; choose one of its addresses");
    else if (const auto owner = owner_of(draft, beacon.value); !owner.empty())
        complaints.error(beacon.place, fmt::format("this is {}'s address; a beacon is an address "
                                                   "that nothing else uses",
                                                   owner));
    for (const auto& next_hop : set.next_hops)
        if (next_hop.value == beacon.value)
            complaints.error(beacon.place,
                             "this is the LAN next hop; a beacon is an address that no "
                             "other host has");
}

// Two beacons in different halves of each prefix tell a null route of the block from one of a part.
void check_beacon_halves(const PrefixSetDraft& set, const Complaints& complaints) {
    if (set.beacons.has_gaps)
        return;
    for (const auto& [prefix, place] : set.prefixes) {
        if (prefix.is_host() || !fault_of_prefix(prefix).empty())
            continue;
        std::array<bool, 2> halves{};
        for (const auto& beacon : set.beacons)
            if (prefix.contains(beacon.value))
                halves[beacon.value.bit(prefix.length()) ? 1 : 0] = true;
        if (!halves[0] && !halves[1])
            complaints.warning(place,
                               fmt::format("{} has no beacon: whether it is reachable cannot "
                                           "be seen; add two, in different halves",
                                           prefix.to_string()));
        else if (!halves[0] || !halves[1])
            complaints.warning(place,
                               fmt::format("the beacons of {} are in one half of it; add one "
                                           "in the other half",
                                           prefix.to_string()));
    }
}

void check_next_hops(const Draft& draft, const PrefixSetDraft& set, const Complaints& complaints) {
    std::array<bool, 2> seen{};
    for (const auto& next_hop : set.next_hops) {
        const auto family = next_hop.value.family();
        const bool may_be_on_lan =
            draft.ports.empty() ||
            std::any_of(draft.ports.begin(), draft.ports.end(), [&](const PortDraft& port) {
                return draft.is_lan(port) &&
                       (port.addresses.has_gaps || is_on_link(port.addresses, next_hop.value));
            });
        if (!may_be_on_lan)
            complaints.error(next_hop.place,
                             "not on the link of a LAN port (one without an uplink); "
                             "give a neighbour there");
        else if (!owner_of(draft, next_hop.value).empty())
            complaints.error(next_hop.place, "this is our own address; give the LAN router's");
        if (std::exchange(seen[static_cast<std::size_t>(family)], true))
            complaints.error(next_hop.place, fmt::format("a second {} next hop; one a family",
                                                         display_name(family)));
    }
}

// Each family of the set needs a way in (a next hop) and a way out (an uplink).
void check_families(const Draft& draft, const PrefixSetDraft& set, const Complaints& complaints) {
    for (const Family family : families) {
        const auto prefix = std::find_if(set.prefixes.begin(), set.prefixes.end(),
                                         [&](const auto& p) { return p.value.family() == family; });
        if (prefix == set.prefixes.end())
            continue;
        const auto name = display_name(family);
        if (!set.next_hops.has_gaps &&
            std::none_of(set.next_hops.begin(), set.next_hops.end(),
                         [&](const auto& hop) { return hop.value.family() == family; }))
            complaints.error(
                prefix->place,
                fmt::format("an {0} prefix needs an {0} next hop; add the LAN router's "
                            "address to next-hops",
                            name));
        const bool may_be_carried =
            draft.uplinks.empty() ||
            std::any_of(draft.uplinks.begin(), draft.uplinks.end(), [&](const UplinkDraft& uplink) {
                const auto& link = draft.link_addresses(uplink);
                return link.has_gaps || has_family(link, family);
            });
        if (!may_be_carried)
            complaints.error(prefix->place, fmt::format("an {0} prefix, but no uplink has an {0} "
                                                        "address; give one to its port or inner",
                                                        name));
    }
}

// An uplink without a family that is protected is no way out for those prefixes.
void check_partial_uplinks(const Draft& draft, const Complaints& complaints) {
    for (const Family family : families) {
        if (!draft.protects(family))
            continue;
        const auto carries = [&](const UplinkDraft& uplink) {
            return has_family(draft.link_addresses(uplink), family);
        };
        if (std::none_of(draft.uplinks.begin(), draft.uplinks.end(), carries))
            continue;
        for (const UplinkDraft& uplink : draft.uplinks)
            if (!carries(uplink) && !draft.link_addresses(uplink).has_gaps)
                complaints.warning(uplink.place,
                                   fmt::format("no {0} address: {0} prefixes cannot move here",
                                               display_name(family)));
    }
}

void check_rule_count(const Draft& draft, const Complaints& complaints) {
    std::array<std::size_t, 2> counts{};
    for (const PrefixSetDraft& set : draft.prefix_sets) {
        std::vector<Prefix> prefixes;
        for (const auto& prefix : set.prefixes)
            prefixes.push_back(prefix.value);
        for (const Prefix& rule : aggregate(std::move(prefixes)))
            ++counts[static_cast<std::size_t>(rule.family())];
    }
    for (const Family family : families) {
        const std::size_t count = counts[static_cast<std::size_t>(family)];
        if (count > max_rule_count)
            complaints.warning(
                draft.prefix_sets.front().place,
                fmt::format("the prefix sets need {} {} rules, and above {} they slow "
                            "every packet; put neighbouring prefixes into one set",
                            count, display_name(family), max_rule_count));
    }
}

}  // namespace

const PrefixSetDraft* protector_of(const Draft& draft, const Address& address) {
    for (const PrefixSetDraft& set : draft.prefix_sets)
        for (const auto& prefix : set.prefixes)
            if (prefix.value.contains(address) && fault_of_prefix(prefix.value).empty())
                return &set;
    return nullptr;
}

void refuse_inside_block(const Draft& draft, const Located<Address>& address, std::string_view what,
                         const Complaints& complaints) {
    if (const PrefixSetDraft* set = protector_of(draft, address.value))
        complaints.error(address.place,
                         fmt::format("{} lies inside a protected prefix (prefix set {}): it would "
                                     "die with the block; use an address outside",
                                     what, set->name));
}

void check_prefix_sets(const Draft& draft, const Complaints& complaints) {
    std::set<Address> beacons;
    for (const PrefixSetDraft& set : draft.prefix_sets) {
        check_prefixes(set, complaints);
        check_families(draft, set, complaints);
        check_next_hops(draft, set, complaints);
        for (const auto& beacon : set.beacons) {
            check_beacon(draft, set, beacon, complaints);
            if (!beacons.insert(beacon.value).second)
                complaints.error(beacon.place, "this beacon is listed twice");
        }
        check_beacon_halves(set, complaints);
        for (const auto& origin : set.other_origins)
            if (draft.asn && origin.value == draft.asn->value)
                complaints.error(origin.place,
                                 "this is our own AS, the origin that is expected anyway; list "
                                 "the others");
    }
    check_overlaps(draft, complaints);
    check_partial_uplinks(draft, complaints);
    if (!draft.prefix_sets.empty())
        check_rule_count(draft, complaints);
    else if (!draft.has_prefix_sets_key)
        complaints.warning(draft.place,
                           "no prefix set: the box forwards, and protects nothing; name "
                           "what moves together under prefix-sets");
}

}  // namespace detour::model
