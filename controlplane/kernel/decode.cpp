// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/decode.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

namespace detour::kernel {
namespace {

// The attributes of a message or a nest by type; the first of a type counts.
class Attributes {
 public:
    // libmnl's own tail is rounded up to four octets, which a message that was cut does not have.
    Attributes(const nlmsghdr& message, std::size_t header_size)
        : Attributes(
              static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_offset(&message, header_size)),
              reinterpret_cast<const std::uint8_t*>(&message) + message.nlmsg_len) {}
    explicit Attributes(const nlattr* nest)
        : Attributes(static_cast<const std::uint8_t*>(mnl_attr_get_payload(nest)),
                     static_cast<const std::uint8_t*>(mnl_attr_get_payload(nest)) +
                         mnl_attr_get_payload_len(nest)) {}

    [[nodiscard]] const nlattr* operator[](std::uint16_t type) const {
        return type < found_.size() ? found_[type] : nullptr;
    }
    [[nodiscard]] bool has_any_from(std::size_t type) const {
        return std::any_of(found_.begin() + static_cast<std::ptrdiff_t>(type), found_.end(),
                           [](const nlattr* attribute) { return attribute != nullptr; });
    }
    [[nodiscard]] std::span<const std::uint8_t> bytes(std::uint16_t type) const {
        const nlattr* attribute = (*this)[type];
        if (attribute == nullptr)
            return {};
        return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)),
                mnl_attr_get_payload_len(attribute)};
    }
    template <class Integer>
    [[nodiscard]] std::optional<Integer> integer(std::uint16_t type) const {
        const auto content = bytes(type);
        if (content.size() != sizeof(Integer))
            return std::nullopt;
        Integer value{};
        std::memcpy(&value, content.data(), sizeof value);
        return value;
    }
    [[nodiscard]] std::string text(std::uint16_t type) const {
        const auto content = bytes(type);
        const auto end = std::ranges::find(content, std::uint8_t{0});
        return {content.begin(), end};
    }

 private:
    Attributes(const std::uint8_t* begin, const void* end) {
        const auto* tail = static_cast<const std::uint8_t*>(end);
        const auto* attribute = reinterpret_cast<const nlattr*>(begin);
        while (mnl_attr_ok(
            attribute, static_cast<int>(tail - reinterpret_cast<const std::uint8_t*>(attribute)))) {
            const std::uint16_t type = mnl_attr_get_type(attribute);
            if (type < found_.size() && found_[type] == nullptr)
                found_[type] = attribute;
            attribute = mnl_attr_next(attribute);
        }
    }

    std::array<const nlattr*, 72> found_{};
};

std::optional<Family> family_of(int number) {
    if (number == AF_INET)
        return Family::ipv4;
    if (number == AF_INET6)
        return Family::ipv6;
    return std::nullopt;
}

std::optional<plan::Tunnel> tunnel_of(const Attributes& link) {
    const nlattr* nest = link[IFLA_LINKINFO];
    if (nest == nullptr)
        return std::nullopt;
    const Attributes info(nest);
    const std::string kind = info.text(IFLA_INFO_KIND);
    if ((kind != "gre" && kind != "ip6gre") || info[IFLA_INFO_DATA] == nullptr)
        return std::nullopt;
    const Family family = kind == "gre" ? Family::ipv4 : Family::ipv6;
    const Attributes data(info[IFLA_INFO_DATA]);
    const auto local = Address::from_bytes(family, data.bytes(IFLA_GRE_LOCAL));
    const auto remote = Address::from_bytes(family, data.bytes(IFLA_GRE_REMOTE));
    if (!local || !remote)
        return std::nullopt;
    plan::Tunnel tunnel;
    tunnel.port = InterfaceIndex(data.integer<std::uint32_t>(IFLA_GRE_LINK).value_or(0));
    tunnel.local = *local;
    tunnel.remote = *remote;
    tunnel.ttl = data.integer<std::uint8_t>(IFLA_GRE_TTL).value_or(0);
    const auto swap = [](std::uint32_t big) {
        return std::endian::native == std::endian::little ? __builtin_bswap32(big) : big;
    };
    // __be16 and __be32 attributes (if_tunnel.h); GRE_KEY is already in network order.
    if ((data.integer<std::uint16_t>(IFLA_GRE_OFLAGS).value_or(0) & GRE_KEY) != 0)
        tunnel.key = swap(data.integer<std::uint32_t>(IFLA_GRE_OKEY).value_or(0));
    return tunnel;
}

std::optional<Notice> decode_link(const nlmsghdr& message, Presence presence) {
    const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
    if (header->ifi_family != AF_UNSPEC)  // a bridge's view of the same link
        return std::nullopt;
    const Attributes attributes(message, sizeof *header);
    plan::Link link;
    link.index = InterfaceIndex(static_cast<std::uint32_t>(header->ifi_index));
    link.name = attributes.text(IFLA_IFNAME);
    link.is_up = (header->ifi_flags & IFF_UP) != 0;
    link.has_carrier = (header->ifi_flags & IFF_LOWER_UP) != 0;
    link.group = attributes.integer<std::uint32_t>(IFLA_GROUP).value_or(0);
    link.mtu = attributes.integer<std::uint32_t>(IFLA_MTU).value_or(0);
    link.tunnel = tunnel_of(attributes);
    link.is_ours = link.tunnel && attributes.text(IFLA_IFALIAS) == plan::our_link_alias;
    return Notice{presence, link};
}

std::optional<Notice> decode_address(const nlmsghdr& message, Presence presence) {
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
    const auto family = family_of(header->ifa_family);
    if (!family || header->ifa_prefixlen > bit_count(*family))
        return std::nullopt;
    const Attributes attributes(message, sizeof *header);
    const std::uint16_t own =
        attributes[IFA_LOCAL] != nullptr ? std::uint16_t{IFA_LOCAL} : std::uint16_t{IFA_ADDRESS};
    const auto address = Address::from_bytes(*family, attributes.bytes(own));
    if (!address)
        return std::nullopt;
    const auto flags = attributes.integer<std::uint32_t>(IFA_FLAGS).value_or(header->ifa_flags);
    const plan::LinkAddress key{InterfaceIndex(header->ifa_index),
                                {*address, header->ifa_prefixlen}};
    const plan::AddressState state{attributes.integer<std::uint8_t>(IFA_PROTO).value_or(0),
                                   (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0};
    return Notice{presence, Notice::Address{key, state}};
}

// Selectors that none of our rules has; those from ports on, newer kernels' included.
bool is_beyond_us(const fib_rule_hdr& header, const Attributes& attributes) {
    constexpr std::array selectors{FRA_DST,  FRA_FWMARK, FRA_FLOW,      FRA_TUN_ID,
                                   FRA_GOTO, FRA_L3MDEV, FRA_UID_RANGE, FRA_IP_PROTO};
    return header.tos != 0 || (header.flags & FIB_RULE_INVERT) != 0 ||
           attributes.has_any_from(FRA_SPORT_RANGE) ||
           std::ranges::any_of(selectors, [&](auto type) {
               return attributes[static_cast<std::uint16_t>(type)] != nullptr;
           });
}

std::optional<Notice> decode_rule(const nlmsghdr& message, Presence presence) {
    const auto* header = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(&message));
    const auto family = family_of(header->family);
    const Attributes attributes(message, sizeof *header);
    if (!family || is_beyond_us(*header, attributes) || header->src_len > bit_count(*family))
        return std::nullopt;
    plan::Rule rule;
    if (header->action == FR_ACT_TO_TBL)
        rule.table = TableId(attributes.integer<std::uint32_t>(FRA_TABLE).value_or(header->table));
    else if (header->action == FR_ACT_PROHIBIT)
        rule.action = plan::RuleAction::prohibit;
    else
        return std::nullopt;
    rule.family = *family;
    rule.priority = attributes.integer<std::uint32_t>(FRA_PRIORITY).value_or(0);
    rule.iif = attributes.text(FRA_IIFNAME);
    rule.oif = attributes.text(FRA_OIFNAME);
    if (header->src_len != 0)
        if (const auto source = Address::from_bytes(*family, attributes.bytes(FRA_SRC)))
            rule.source = Prefix(*source, header->src_len);
    // The kernel says -1 where nothing is suppressed.
    const auto set = [&](std::uint16_t type) {
        auto value = attributes.integer<std::uint32_t>(type);
        return value == ~std::uint32_t{0} ? std::nullopt : value;
    };
    rule.suppress_length = set(FRA_SUPPRESS_PREFIXLEN);
    rule.suppress_group = set(FRA_SUPPRESS_IFGROUP);
    const auto protocol = attributes.integer<std::uint8_t>(FRA_PROTOCOL).value_or(0);
    return Notice{presence, Notice::Rule{rule, protocol}};
}

plan::Group decode_group(std::span<const std::uint8_t> entries) {
    plan::Group group;
    for (; entries.size() >= sizeof(nexthop_grp); entries = entries.subspan(sizeof(nexthop_grp))) {
        nexthop_grp entry{};
        std::memcpy(&entry, entries.data(), sizeof entry);
        group.members.emplace_back(entry.id);
        if (entry.weight != 0)  // we never weigh: this is not the group we wrote
            group.members.emplace_back(0U);
    }
    std::ranges::sort(group.members);
    return group;
}

std::optional<Notice> decode_nexthop(const nlmsghdr& message, Presence presence) {
    const auto* header = static_cast<const nhmsg*>(mnl_nlmsg_get_payload(&message));
    const Attributes attributes(message, sizeof *header);
    const auto id = attributes.integer<std::uint32_t>(NHA_ID);
    if (!id)
        return std::nullopt;
    plan::Nexthop nexthop{NexthopId(*id), plan::Group{}, header->nh_protocol};
    const auto family = family_of(header->nh_family).value_or(Family::ipv4);
    if (attributes[NHA_GROUP] != nullptr)
        nexthop.way = decode_group(attributes.bytes(NHA_GROUP));
    else if (attributes[NHA_BLACKHOLE] != nullptr)
        nexthop.way = plan::Blackhole{family};
    else
        nexthop.way = plan::Via{
            family, InterfaceIndex(attributes.integer<std::uint32_t>(NHA_OIF).value_or(0)),
            Address::from_bytes(family, attributes.bytes(NHA_GATEWAY))};
    return Notice{presence, nexthop};
}

plan::RouteWay way_of(const rtmsg& header, Family family, const Attributes& attributes) {
    if (const auto id = attributes.integer<std::uint32_t>(RTA_NH_ID))
        return NexthopId(*id);
    if (header.rtm_type == RTN_BLACKHOLE)
        return plan::Refusal::blackhole;
    if (header.rtm_type == RTN_UNREACHABLE)
        return plan::Refusal::unreachable;
    const plan::Via nothing{family, {}, std::nullopt};
    if (header.rtm_type != RTN_UNICAST || attributes[RTA_MULTIPATH] != nullptr ||
        attributes[RTA_VIA] != nullptr)
        return nothing;
    return plan::Via{family, InterfaceIndex(attributes.integer<std::uint32_t>(RTA_OIF).value_or(0)),
                     Address::from_bytes(family, attributes.bytes(RTA_GATEWAY))};
}

std::optional<Notice> decode_route(const nlmsghdr& message, Presence presence) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
    const auto family = family_of(header->rtm_family);
    if (!family || header->rtm_protocol != plan::our_protocol ||
        (header->rtm_flags & RTM_F_CLONED) != 0 || header->rtm_dst_len > bit_count(*family))
        return std::nullopt;
    const Attributes attributes(message, sizeof *header);
    const auto destination = Address::from_bytes(*family, attributes.bytes(RTA_DST));
    if (header->rtm_dst_len != 0 && !destination)
        return std::nullopt;
    plan::Route route;
    route.key.prefix =
        destination ? Prefix(*destination, header->rtm_dst_len) : Prefix::default_of(*family);
    route.key.table =
        TableId(attributes.integer<std::uint32_t>(RTA_TABLE).value_or(header->rtm_table));
    route.key.metric = attributes.integer<std::uint32_t>(RTA_PRIORITY).value_or(0);
    route.way = way_of(*header, *family, attributes);
    return Notice{presence, route};
}

std::optional<Notice> decode_neighbour(const nlmsghdr& message, Presence presence) {
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(&message));
    const auto family = family_of(header->ndm_family);
    if (!family)
        return std::nullopt;
    const Attributes attributes(message, sizeof *header);
    const auto address = Address::from_bytes(*family, attributes.bytes(NDA_DST));
    if (!address)
        return std::nullopt;
    constexpr unsigned valid =
        NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
    auto state = Neighbour::State::unknown;
    if ((header->ndm_state & valid) != 0)
        state = Neighbour::State::resolved;
    else if ((header->ndm_state & NUD_FAILED) != 0)
        state = Neighbour::State::failed;
    const InterfaceIndex device(static_cast<std::uint32_t>(header->ndm_ifindex));
    return Notice{presence, Neighbour{device, *address, state}};
}

}  // namespace

std::optional<Notice> decode(const nlmsghdr& message) {
    struct Kind {
        std::uint16_t added;
        std::uint16_t removed;
        std::size_t header_size;
        std::optional<Notice> (*decode)(const nlmsghdr&, Presence);
    };
    static constexpr std::array<Kind, 6> kinds{{
        {RTM_NEWLINK, RTM_DELLINK, sizeof(ifinfomsg), decode_link},
        {RTM_NEWADDR, RTM_DELADDR, sizeof(ifaddrmsg), decode_address},
        {RTM_NEWRULE, RTM_DELRULE, sizeof(fib_rule_hdr), decode_rule},
        {RTM_NEWNEXTHOP, RTM_DELNEXTHOP, sizeof(nhmsg), decode_nexthop},
        {RTM_NEWROUTE, RTM_DELROUTE, sizeof(rtmsg), decode_route},
        {RTM_NEWNEIGH, RTM_DELNEIGH, sizeof(ndmsg), decode_neighbour},
    }};
    for (const Kind& kind : kinds) {
        if (message.nlmsg_type != kind.added && message.nlmsg_type != kind.removed)
            continue;
        if (mnl_nlmsg_get_payload_len(&message) < kind.header_size)
            return std::nullopt;
        return kind.decode(message,
                           message.nlmsg_type == kind.added ? Presence::present : Presence::absent);
    }
    return std::nullopt;
}

}  // namespace detour::kernel
