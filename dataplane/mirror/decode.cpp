// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/decode.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace detour::mirror {

namespace {

using Decoded = std::expected<std::optional<Event>, DecodeError>;
constexpr std::size_t attribute_limit = 80;  // above the highest attribute we read
using Attributes = std::array<const nlattr*, attribute_limit>;

std::span<const std::uint8_t> payload(const nlattr* attribute) {
    return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)),
            mnl_attr_get_payload_len(attribute)};
}

// The attributes in `bytes` by type; the last one of a type wins, unknown types are passed over.
Attributes index(std::span<const std::uint8_t> bytes) {
    Attributes found{};
    const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
    auto left = static_cast<int>(bytes.size());
    while (mnl_attr_ok(attribute, left)) {
        if (const auto type = mnl_attr_get_type(attribute); type < attribute_limit)
            found[type] = attribute;
        left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
        attribute = mnl_attr_next(attribute);
    }
    return found;
}

template <class Integer>
std::optional<Integer> integer(const nlattr* attribute) {
    if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != sizeof(Integer))
        return std::nullopt;
    Integer value{};
    std::memcpy(&value, mnl_attr_get_payload(attribute), sizeof value);
    return value;
}

std::optional<InterfaceIndex> interface(const nlattr* attribute) {
    const auto value = integer<std::uint32_t>(attribute);
    return value ? std::optional(InterfaceIndex(*value)) : std::nullopt;
}

std::string text(const nlattr* attribute) {
    if (attribute == nullptr)
        return {};
    const auto bytes = payload(attribute);
    return {bytes.begin(), std::ranges::find(bytes, std::uint8_t{0})};
}

std::optional<Family> family_of(int number) {
    if (number == AF_INET)
        return Family::ipv4;
    if (number == AF_INET6)
        return Family::ipv6;
    return std::nullopt;
}

std::optional<Address> address(Family family, const nlattr* attribute) {
    return attribute ? Address::from_bytes(family, payload(attribute)) : std::nullopt;
}

// RTA_VIA: a family and an address of it.
std::optional<Address> via_address(const nlattr* attribute) {
    if (attribute == nullptr)
        return std::nullopt;
    const auto bytes = payload(attribute);
    if (bytes.size() < sizeof(std::uint16_t))
        return std::nullopt;
    std::uint16_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    const auto family = family_of(number);
    return family ? Address::from_bytes(*family, bytes.subspan(sizeof number)) : std::nullopt;
}

std::optional<Address> gateway(Family family, const Attributes& attributes) {
    const auto plain = address(family, attributes[RTA_GATEWAY]);
    return plain ? plain : via_address(attributes[RTA_VIA]);
}

std::optional<MacAddress> mac(const nlattr* attribute) {
    MacAddress result{};
    if (attribute == nullptr || payload(attribute).size() != result.size())
        return std::nullopt;
    std::ranges::copy(payload(attribute), result.begin());
    return result;
}

// A prefix as the kernel writes it: the attribute may be missing when the length is 0.
std::optional<Prefix> prefix(Family family, const nlattr* attribute, std::uint8_t length) {
    if (length > bit_count(family))
        return std::nullopt;
    if (attribute == nullptr)
        return length == 0 ? std::optional(Prefix::default_of(family)) : std::nullopt;
    const auto base = address(family, attribute);
    return base ? std::optional(Prefix(*base, length)) : std::nullopt;
}

// One message, its fixed header read and its attributes indexed.
template <class Header>
struct Message {
    const nlmsghdr* head;
    Header header;
    Attributes attributes;

    [[nodiscard]] Change change(std::uint16_t removing_type) const {
        return head->nlmsg_type == removing_type ? Change::removed : Change::set;
    }
};

std::unexpected<DecodeError> error(const nlmsghdr* head, std::string message) {
    return std::unexpected(DecodeError{head->nlmsg_type, std::move(message)});
}

template <class Header>
std::optional<Message<Header>> open(const nlmsghdr* head) {
    if (mnl_nlmsg_get_payload_len(head) < sizeof(Header))
        return std::nullopt;
    Message<Header> message{head, {}, {}};
    std::memcpy(&message.header, mnl_nlmsg_get_payload(head), sizeof(Header));
    const auto* start =
        static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_offset(head, sizeof(Header)));
    // Not libmnl's tail, which is rounded up beyond a message of an odd length.
    const auto* end = reinterpret_cast<const std::uint8_t*>(head) + head->nlmsg_len;
    if (start < end)
        message.attributes = index({start, end});
    return message;
}

Decoded decode_link(const Message<ifinfomsg>& message) {
    if (message.header.ifi_family != AF_UNSPEC)
        return std::nullopt;  // a bridge port's or IPv6's view of it
    LinkEvent event{message.change(RTM_DELLINK), {}};
    Link& link = event.link;
    link.interface = InterfaceIndex(static_cast<std::uint32_t>(message.header.ifi_index));
    link.name = text(message.attributes[IFLA_IFNAME]);
    link.mac = mac(message.attributes[IFLA_ADDRESS]);
    link.mtu = integer<std::uint32_t>(message.attributes[IFLA_MTU]).value_or(0);
    link.group = integer<std::uint32_t>(message.attributes[IFLA_GROUP]).value_or(0);
    const unsigned flags = message.header.ifi_flags;
    link.is_up = (flags & IFF_UP) != 0;
    link.has_carrier = (flags & (IFF_RUNNING | IFF_LOWER_UP)) != 0;
    link.has_neighbours = (flags & IFF_NOARP) == 0;
    return event;
}

Decoded decode_address(const Message<ifaddrmsg>& message) {
    const auto family = family_of(message.header.ifa_family);
    if (!family)
        return std::nullopt;
    // IFA_LOCAL is ours; without it IFA_ADDRESS is (IPv6, and IPv4 without a peer says both).
    const nlattr* own = message.attributes[IFA_LOCAL] ? message.attributes[IFA_LOCAL]
                                                      : message.attributes[IFA_ADDRESS];
    const auto value = address(*family, own);
    if (!value)
        return error(message.head, "an address message without an address");
    return AddressEvent{
        message.change(RTM_DELADDR),
        {InterfaceIndex(message.header.ifa_index), *value, message.header.ifa_prefixlen}};
}

Decoded decode_neighbour(const Message<ndmsg>& message) {
    const auto family = family_of(message.header.ndm_family);
    if (!family || (message.header.ndm_flags & NTF_PROXY) != 0)
        return std::nullopt;
    const auto value = address(*family, message.attributes[NDA_DST]);
    if (!value)
        return error(message.head, "a neighbour without an address");
    if (value->is_multicast())
        return std::nullopt;  // made up by the kernel as it sends, silently
    NeighbourEvent event{message.change(RTM_DELNEIGH), {}, {}};
    event.key = {InterfaceIndex(static_cast<std::uint32_t>(message.header.ndm_ifindex)), *value};
    event.neighbour.state = message.header.ndm_state;
    event.neighbour.mac = mac(message.attributes[NDA_LLADDR]);
    const auto extended = integer<std::uint32_t>(message.attributes[NDA_FLAGS_EXT]).value_or(0);
    event.neighbour.is_managed = (extended & NTF_EXT_MANAGED) != 0;
    return event;
}

std::expected<std::vector<NexthopMember>, std::string> members(const nlattr* attribute) {
    std::vector<NexthopMember> result;
    const auto bytes = payload(attribute);
    if (bytes.size() % sizeof(nexthop_grp) != 0)
        return std::unexpected("a nexthop group of an odd size");
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(nexthop_grp)) {
        nexthop_grp entry{};
        std::memcpy(&entry, bytes.data() + at, sizeof entry);
        // Linux 6.12 widened the weight into the byte after it, which was reserved and zero.
        const int weight = entry.weight + (entry.resvd1 << 8) + 1;
        result.push_back(
            {NexthopId(entry.id), static_cast<std::uint16_t>(std::min(weight, 0xffff))});
    }
    return result;
}

Decoded decode_nexthop(const Message<nhmsg>& message) {
    const auto id = integer<std::uint32_t>(message.attributes[NHA_ID]);
    if (!id || *id == 0)
        return error(message.head, "a nexthop object without an id");
    NexthopEvent event{message.change(RTM_DELNEXTHOP), NexthopId(*id), {}};
    Nexthop& nexthop = event.nexthop;
    nexthop.is_blackhole = message.attributes[NHA_BLACKHOLE] != nullptr;
    nexthop.is_foreign =
        message.attributes[NHA_ENCAP_TYPE] != nullptr || message.attributes[NHA_FDB] != nullptr;
    if (const nlattr* group = message.attributes[NHA_GROUP]) {
        auto list = members(group);
        if (!list)
            return error(message.head, list.error());
        nexthop.members = std::move(*list);
        return event;
    }
    // A blackhole's device is the loopback for the kernel's own book-keeping.
    if (nexthop.is_blackhole)
        return event;
    nexthop.hop.device = interface(message.attributes[NHA_OIF]).value_or(InterfaceIndex{});
    nexthop.hop.is_dead = (message.header.nh_flags & RTNH_F_DEAD) != 0;
    if (const auto family = family_of(message.header.nh_family))
        nexthop.hop.gateway = address(*family, message.attributes[NHA_GATEWAY]);
    return event;
}

RouteType route_type(std::uint8_t number) {
    switch (number) {
        case RTN_UNICAST:
            return RouteType::unicast;
        case RTN_LOCAL:
            return RouteType::local;
        case RTN_BROADCAST:
            return RouteType::broadcast;
        case RTN_ANYCAST:
            return RouteType::anycast;
        case RTN_MULTICAST:
            return RouteType::multicast;
        case RTN_BLACKHOLE:
            return RouteType::blackhole;
        case RTN_UNREACHABLE:
            return RouteType::unreachable;
        case RTN_PROHIBIT:
            return RouteType::prohibit;
        case RTN_THROW:
            return RouteType::throw_away;
        default:
            return RouteType::other;
    }
}

std::vector<Hop> multipath(Family family, const nlattr* attribute, bool& is_foreign) {
    std::vector<Hop> hops;
    auto bytes = payload(attribute);
    while (bytes.size() >= sizeof(rtnexthop)) {
        rtnexthop next{};
        std::memcpy(&next, bytes.data(), sizeof next);
        if (next.rtnh_len < sizeof next || next.rtnh_len > bytes.size())
            break;
        const Attributes attributes =
            index(bytes.subspan(sizeof next, next.rtnh_len - sizeof next));
        is_foreign |= attributes[RTA_ENCAP_TYPE] != nullptr;
        hops.push_back({InterfaceIndex(static_cast<std::uint32_t>(next.rtnh_ifindex)),
                        gateway(family, attributes), static_cast<std::uint16_t>(next.rtnh_hops + 1),
                        (next.rtnh_flags & RTNH_F_DEAD) != 0});
        bytes = bytes.subspan(
            std::min(bytes.size(), static_cast<std::size_t>(RTNH_ALIGN(next.rtnh_len))));
    }
    return hops;
}

Path path(Family family, const Message<rtmsg>& message) {
    const Attributes& attributes = message.attributes;
    Path result;
    result.type = route_type(message.header.rtm_type);
    result.protocol = message.header.rtm_protocol;
    result.is_foreign = attributes[RTA_ENCAP_TYPE] != nullptr || message.header.rtm_src_len != 0;
    // Only IPv4 loses routes with their preferred source; IPv6 quietly forgets it.
    if (family == Family::ipv4)
        result.preferred_source = address(family, attributes[RTA_PREFSRC]);
    if (attributes[RTA_METRICS] != nullptr)
        result.mtu =
            integer<std::uint32_t>(index(payload(attributes[RTA_METRICS]))[RTAX_MTU]).value_or(0);
    // With net.ipv4.nexthop_compat_mode=1 the hops are spelled out as well; the object decides.
    if (const auto id = integer<std::uint32_t>(attributes[RTA_NH_ID])) {
        result.nexthop = NexthopId(*id);
        return result;
    }
    if (attributes[RTA_MULTIPATH] != nullptr) {
        result.hops = multipath(family, attributes[RTA_MULTIPATH], result.is_foreign);
        return result;
    }
    const bool leads_somewhere = result.type <= RouteType::multicast;
    if (const auto device = interface(attributes[RTA_OIF]); device && leads_somewhere)
        result.hops.push_back({*device, gateway(family, attributes), 1,
                               (message.header.rtm_flags & RTNH_F_DEAD) != 0});
    return result;
}

Decoded decode_route(const Message<rtmsg>& message) {
    const auto family = family_of(message.header.rtm_family);
    if (!family || (message.header.rtm_flags & RTM_F_CLONED) != 0)
        return std::nullopt;
    const auto destination =
        prefix(*family, message.attributes[RTA_DST], message.header.rtm_dst_len);
    if (!destination)
        return error(message.head, "a route whose destination is no prefix");
    RouteEvent event;
    event.change = message.change(RTM_DELROUTE);
    event.table = TableId(
        integer<std::uint32_t>(message.attributes[RTA_TABLE]).value_or(message.header.rtm_table));
    event.key = {*destination, message.header.rtm_tos,
                 integer<std::uint32_t>(message.attributes[RTA_PRIORITY]).value_or(0)};
    event.path = path(*family, message);
    event.is_replacement = (message.head->nlmsg_flags & NLM_F_REPLACE) != 0;
    event.is_appended = (message.head->nlmsg_flags & NLM_F_APPEND) != 0;
    return event;
}

RuleAction rule_action(std::uint8_t number) {
    switch (number) {
        case FR_ACT_TO_TBL:
            return RuleAction::lookup;
        case FR_ACT_BLACKHOLE:
            return RuleAction::blackhole;
        case FR_ACT_UNREACHABLE:
            return RuleAction::unreachable;
        case FR_ACT_PROHIBIT:
            return RuleAction::prohibit;
        case FR_ACT_NOP:
            return RuleAction::nothing;
        default:
            return RuleAction::other;
    }
}

// A selector that our lookup cannot express.
bool has_foreign_selector(const Message<fib_rule_hdr>& message) {
    const Attributes& attributes = message.attributes;
    if (message.header.tos != 0)
        return true;
    // l3mdev = 1 asks for the VRF of the device; 0 is how the kernel says no.
    if (integer<std::uint8_t>(attributes[FRA_L3MDEV]).value_or(0) != 0)
        return true;
    if (attributes[FRA_FWMARK] != nullptr || attributes[FRA_FWMASK] != nullptr ||
        attributes[FRA_TUN_ID] != nullptr || attributes[FRA_UID_RANGE] != nullptr)
        return true;
    // Protocol, ports, DSCP, flow label and whatever a later kernel selects by.
    return std::ranges::any_of(std::span(attributes).subspan(FRA_IP_PROTO),
                               [](const nlattr* attribute) { return attribute != nullptr; });
}

Decoded decode_rule(const Message<fib_rule_hdr>& message) {
    const auto family = family_of(message.header.family);
    if (!family)
        return std::nullopt;
    const Attributes& attributes = message.attributes;
    RuleEvent event{message.change(RTM_DELRULE), {}};
    Rule& rule = event.rule;
    rule.family = *family;
    rule.priority = integer<std::uint32_t>(attributes[FRA_PRIORITY]).value_or(0);
    rule.action = rule_action(message.header.action);
    if (rule.action == RuleAction::lookup)
        rule.table =
            TableId(integer<std::uint32_t>(attributes[FRA_TABLE]).value_or(message.header.table));
    if (message.header.src_len != 0)
        rule.source = prefix(*family, attributes[FRA_SRC], message.header.src_len);
    if (message.header.dst_len != 0)
        rule.destination = prefix(*family, attributes[FRA_DST], message.header.dst_len);
    if ((message.header.src_len != 0) != rule.source.has_value() ||
        (message.header.dst_len != 0) != rule.destination.has_value())
        return error(message.head, "a rule whose selector is no prefix");
    rule.input = text(attributes[FRA_IIFNAME]);
    rule.output = text(attributes[FRA_OIFNAME]);
    // The kernel says "not set" as all ones.
    const auto signed_value = [&](int type) -> std::int64_t {
        const auto value = integer<std::uint32_t>(attributes[static_cast<std::size_t>(type)]);
        return value && *value != ~0U ? std::int64_t{*value} : -1;
    };
    rule.suppress_length = signed_value(FRA_SUPPRESS_PREFIXLEN);
    rule.suppress_group = signed_value(FRA_SUPPRESS_IFGROUP);
    rule.is_inverted = (message.header.flags & FIB_RULE_INVERT) != 0;
    rule.is_foreign = rule.is_inverted || has_foreign_selector(message);
    return event;
}

template <class Header>
Decoded with(const nlmsghdr* head, Decoded (*decoder)(const Message<Header>&)) {
    const auto message = open<Header>(head);
    return message ? decoder(*message) : error(head, "shorter than its fixed header");
}

}  // namespace

Decoded decode(std::span<const std::uint8_t> message) {
    const auto* head = reinterpret_cast<const nlmsghdr*>(message.data());
    if (!mnl_nlmsg_ok(head, static_cast<int>(message.size())))
        return std::unexpected(DecodeError{0, "shorter than its header says"});
    switch (head->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return with(head, decode_link);
        case RTM_NEWADDR:
        case RTM_DELADDR:
            return with(head, decode_address);
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            return with(head, decode_neighbour);
        case RTM_NEWNEXTHOP:
        case RTM_DELNEXTHOP:
            return with(head, decode_nexthop);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return with(head, decode_route);
        case RTM_NEWRULE:
        case RTM_DELRULE:
            return with(head, decode_rule);
        default:
            return std::nullopt;
    }
}

}  // namespace detour::mirror
