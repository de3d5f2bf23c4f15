// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/tunnel_link.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/ip6gre.h>
#include <netlink/route/link/ipgre.h>

#include <cassert>
#include <cstring>
#include <memory>

namespace detour::kernel {
namespace {

struct LinkRelease {
    void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
struct MessageRelease {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using LinkPointer = std::unique_ptr<rtnl_link, LinkRelease>;

// libnl copies flags and keys as they are; the kernel reads both in network order.
const std::uint16_t with_key = htons(0x2000);  // GRE_KEY

LinkPointer gre(const plan::Tunnel& tunnel) {
    LinkPointer link(rtnl_link_ipgre_alloc());
    in_addr local{};
    in_addr remote{};
    std::memcpy(&local, tunnel.local.bytes().data(), sizeof local);
    std::memcpy(&remote, tunnel.remote.bytes().data(), sizeof remote);
    rtnl_link_ipgre_set_link(link.get(), tunnel.port.value);
    rtnl_link_ipgre_set_local(link.get(), local.s_addr);
    rtnl_link_ipgre_set_remote(link.get(), remote.s_addr);
    rtnl_link_ipgre_set_ttl(link.get(), tunnel.ttl);
    rtnl_link_ipgre_set_pmtudisc(link.get(), 1);
    if (tunnel.key) {
        rtnl_link_ipgre_set_iflags(link.get(), with_key);
        rtnl_link_ipgre_set_oflags(link.get(), with_key);
        rtnl_link_ipgre_set_ikey(link.get(), htonl(*tunnel.key));
        rtnl_link_ipgre_set_okey(link.get(), htonl(*tunnel.key));
    }
    return link;
}

LinkPointer ip6gre(const plan::Tunnel& tunnel) {
    LinkPointer link(rtnl_link_ip6gre_alloc());
    in6_addr local{};
    in6_addr remote{};
    std::memcpy(&local, tunnel.local.bytes().data(), sizeof local);
    std::memcpy(&remote, tunnel.remote.bytes().data(), sizeof remote);
    rtnl_link_ip6gre_set_link(link.get(), tunnel.port.value);
    rtnl_link_ip6gre_set_local(link.get(), &local);
    rtnl_link_ip6gre_set_remote(link.get(), &remote);
    rtnl_link_ip6gre_set_ttl(link.get(), tunnel.ttl);
    // Without this the kernel puts a Destination Options header in front of GRE, which few peers
    // understand.
    constexpr std::uint32_t ignore_encapsulation_limit = 0x1;
    rtnl_link_ip6gre_set_flags(link.get(), ignore_encapsulation_limit);
    if (tunnel.key) {
        rtnl_link_ip6gre_set_iflags(link.get(), with_key);
        rtnl_link_ip6gre_set_oflags(link.get(), with_key);
        rtnl_link_ip6gre_set_ikey(link.get(), htonl(*tunnel.key));
        rtnl_link_ip6gre_set_okey(link.get(), htonl(*tunnel.key));
    }
    return link;
}

}  // namespace

std::vector<std::uint8_t> tunnel_request(const plan::LinkGoal& goal) {
    assert(goal.tunnel);
    const LinkPointer link =
        goal.tunnel->local.family() == Family::ipv4 ? gre(*goal.tunnel) : ip6gre(*goal.tunnel);
    rtnl_link_set_name(link.get(), goal.name.c_str());
    rtnl_link_set_flags(link.get(), IFF_UP);
    if (goal.group)
        rtnl_link_set_group(link.get(), *goal.group);
    nl_msg* built = nullptr;
    const int outcome = rtnl_link_build_add_request(link.get(), NLM_F_CREATE | NLM_F_EXCL, &built);
    assert(outcome == 0);
    static_cast<void>(outcome);
    const std::unique_ptr<nl_msg, MessageRelease> message(built);
    const auto* header = nlmsg_hdr(message.get());
    const auto* begin = reinterpret_cast<const std::uint8_t*>(header);
    return {begin, begin + header->nlmsg_len};
}

}  // namespace detour::kernel
