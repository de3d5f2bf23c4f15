// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a configuration must satisfy beyond being readable, one function for each subject. A rule
// looks at a draft and complains; it changes nothing and stays silent about what is missing because
// it could not be read. Each guard is one line with its reason.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/model/draft.h"

namespace detour::model {

// False: there is so much of something that the other rules are not worth their time.
[[nodiscard]] bool check_counts(const Draft& draft, const Complaints& complaints);
void check_router(const Draft& draft, const Complaints& complaints);
void check_names(const Draft& draft, const Complaints& complaints);
void check_ports(const Draft& draft, const Complaints& complaints);
void check_uplinks(const Draft& draft, const Complaints& complaints);
void check_sessions(const Draft& draft, const Complaints& complaints);
void check_prefix_sets(const Draft& draft, const Complaints& complaints);
void check_evidence(const Draft& draft, const Complaints& complaints);  // sources, targets
void check_policy(const Draft& draft, const Complaints& complaints);

// Part of check_uplinks: a gre uplink's underlay, what is agreed with the far end.
void check_tunnel(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints);

// Part of check_ports: those that are a VLAN on another port.
void check_vlans(const Draft& draft, const Complaints& complaints);

// Shared by the rules.

// Says so, and which port may be meant.
[[nodiscard]] std::string unknown_port(const Draft& draft, std::string_view name);

[[nodiscard]] constexpr std::string_view display_name(Family family) {
    return family == Family::ipv4 ? "IPv4" : "IPv6";
}

// Complains about an address that must work while a block is dead, and so may not lie in one.
void refuse_inside_block(const Draft& draft, const Located<Address>& address, std::string_view what,
                         const Complaints& complaints);
// The set whose prefix holds the address; null when none does.
[[nodiscard]] const PrefixSetDraft* protector_of(const Draft& draft, const Address& address);
// The port or gre uplink that has the address as its own, by name; empty when none has.
[[nodiscard]] std::string_view owner_of(const Draft& draft, const Address& address);
[[nodiscard]] bool is_on_link(const List<InterfaceAddress>& link, const Address& address);
// As far as the link is known; not known is not an error of who refers to it.
[[nodiscard]] bool may_be_on_link(const List<InterfaceAddress>& link, const Address& address);
[[nodiscard]] bool has_family(const List<InterfaceAddress>& link, Family family);

}  // namespace detour::model
