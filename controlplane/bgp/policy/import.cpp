// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/policy/import.h"

#include <algorithm>

namespace detour::bgp {

namespace {

bool is_host(const Address& address) {
    return !address.is_unspecified() && !address.is_loopback() && !address.is_multicast() &&
           !address.is_broadcast();
}

}  // namespace

Refusal judge_attributes(const PathAttributes& attributes, const ImportContext& context) {
    if (attributes.as_path.contains(context.own_asn))
        return Refusal::as_loop;
    if (context.scope() == PeerScope::external && attributes.as_path.segments.empty())
        return Refusal::empty_path;
    if (context.scope() == PeerScope::external && attributes.as_path.first() != context.peer_asn)
        return Refusal::foreign_first_as;
    if (!is_host(attributes.next_hop))
        return Refusal::bad_next_hop;
    if (std::ranges::find(context.own_addresses, attributes.next_hop) !=
        context.own_addresses.end())
        return Refusal::own_next_hop;
    return Refusal::none;
}

Refusal judge_prefix(const Prefix& prefix) {
    const Address& address = prefix.address();
    const bool is_bad = !prefix.is_default() && (address.is_multicast() || address.is_loopback() ||
                                                 address.is_link_local());
    return is_bad ? Refusal::bad_prefix : Refusal::none;
}

std::string_view to_string(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "";
        case Refusal::as_loop:
            return "our own AS in the path";
        case Refusal::foreign_first_as:
            return "the path does not start with the peer's AS";
        case Refusal::empty_path:
            return "no AS in the path of an external route";
        case Refusal::bad_next_hop:
            return "the next hop is no host's address";
        case Refusal::own_next_hop:
            return "the next hop is our own address";
        case Refusal::bad_prefix:
            return "multicast, loopback or link-local prefix";
    }
    return "?";
}

}  // namespace detour::bgp
