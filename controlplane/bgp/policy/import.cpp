// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/policy/import.h"

#include <fmt/format.h>

#include <algorithm>

namespace detour::bgp {

namespace {

bool is_host(const Address& address) {
    return !address.is_unspecified() && !address.is_loopback() && !address.is_multicast() &&
           !address.is_broadcast();
}

// RFC 9234 5, ingress. "If a route with the OTC Attribute is received from a Customer or an
// RS-Client, then it is a route leak"; "from a Peer ... and the Attribute has a value that is not
// equal to the remote (i.e., Peer's) AS number, then it is a route leak".
bool is_leak(const PathAttributes& attributes, const ImportContext& context) {
    if (!context.role || !attributes.only_to_customer)
        return false;
    if (*context.role == Role::provider || *context.role == Role::route_server)
        return true;
    return *context.role == Role::peer && *attributes.only_to_customer != context.peer_asn;
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
    if (is_leak(attributes, context))
        return Refusal::route_leak;
    return Refusal::none;
}

bool needs_mark(const PathAttributes& attributes, const ImportContext& context) {
    // "If a route is received from a Provider, a Peer, or an RS and the OTC Attribute is not
    // present, then it MUST be added with a value equal to the AS number of the remote AS."
    return context.role && !attributes.only_to_customer &&
           (*context.role == Role::customer || *context.role == Role::peer ||
            *context.role == Role::route_server_client);
}

Refusal judge_prefix(const Prefix& prefix) {
    const Address& address = prefix.address();
    const bool is_bad = !prefix.is_default() && (address.is_multicast() || address.is_loopback() ||
                                                 address.is_link_local());
    return is_bad ? Refusal::bad_prefix : Refusal::none;
}

std::string to_string(Refusal refusal, ImportFilter::RuleNumber rule) {
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
        case Refusal::route_leak:
            return "a route leak: ONLY_TO_CUSTOMER says so (RFC 9234)";
        case Refusal::bad_prefix:
            return "multicast, loopback or link-local prefix";
        case Refusal::by_rule:
            return fmt::format("refused by import rule {}", rule);
        case Refusal::by_no_rule:
            return "no import rule accepts it";
    }
    return "?";
}

}  // namespace detour::bgp
