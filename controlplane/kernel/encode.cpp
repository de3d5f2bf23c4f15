// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/encode.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

#include "controlplane/kernel/tunnel_link.h"

namespace detour::kernel {

using plan::Verb;

// Writes one operation behind what the batch holds. A message is built in a scratch area that the
// largest one (a group of many members) fits in with ease.
class Encoder {
 public:
    Encoder(Batch& batch, Verb verb) : batch_(batch), verb_(verb) {}

    void operator()(const plan::LinkGoal& goal);
    void operator()(const plan::LinkChange& change);
    void operator()(const plan::LinkAddress& address);
    void operator()(const plan::Nexthop& nexthop);
    void operator()(const plan::Route& route);
    void operator()(const plan::Rule& rule);

 private:
    // A request of the type for the verb, with a zeroed fixed part.
    template <class Header>
    Header* begin(std::uint16_t put, std::uint16_t remove);
    void finish();

    void set_alias(const std::string& name);
    void put_address(std::uint16_t type, const Address& address);
    void put_text(std::uint16_t type, const std::string& text) {
        mnl_attr_put_strz(message_, type, text.c_str());
    }
    void put_via(const plan::Via& via);

    Batch& batch_;
    Verb verb_;
    alignas(nlmsghdr) std::array<std::uint8_t, 8192> scratch_{};
    nlmsghdr* message_ = nullptr;
};

namespace {

std::uint8_t number(Family family) {
    return family == Family::ipv4 ? AF_INET : AF_INET6;
}

std::uint16_t flags_of(Verb verb) {
    constexpr unsigned request = NLM_F_REQUEST | NLM_F_ACK;
    switch (verb) {
        case Verb::create:
            return request | NLM_F_CREATE | NLM_F_EXCL;
        case Verb::replace:
            return request | NLM_F_CREATE | NLM_F_REPLACE;
        case Verb::remove:
            return request;
    }
    return request;
}

}  // namespace

template <class Header>
Header* Encoder::begin(std::uint16_t put, std::uint16_t remove) {
    message_ = mnl_nlmsg_put_header(scratch_.data());
    message_->nlmsg_type = verb_ == Verb::remove ? remove : put;
    message_->nlmsg_flags = flags_of(verb_);
    return static_cast<Header*>(mnl_nlmsg_put_extra_header(message_, sizeof(Header)));
}

void Encoder::finish() {
    message_->nlmsg_seq = batch_.sequence_++;
    const auto* begin = reinterpret_cast<const std::uint8_t*>(message_);
    batch_.bytes_.insert(batch_.bytes_.end(), begin, begin + message_->nlmsg_len);
    batch_.bytes_.resize(NLMSG_ALIGN(batch_.bytes_.size()));
}

void Encoder::put_address(std::uint16_t type, const Address& address) {
    mnl_attr_put(message_, type, address.bytes().size(), address.bytes().data());
}

void Encoder::operator()(const plan::LinkGoal& goal) {
    if (verb_ == Verb::remove) {
        begin<ifinfomsg>(RTM_NEWLINK, RTM_DELLINK)->ifi_index = static_cast<int>(goal.index.value);
        finish();
        return;
    }
    const auto request = tunnel_request(goal);
    message_ = reinterpret_cast<nlmsghdr*>(scratch_.data());
    std::memcpy(scratch_.data(), request.data(), std::min(request.size(), scratch_.size()));
    message_->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    finish();
    set_alias(goal.name);
}

// RTM_NEWLINK ignores IFLA_IFALIAS while it creates.
void Encoder::set_alias(const std::string& name) {
    message_ = mnl_nlmsg_put_header(scratch_.data());
    message_->nlmsg_type = RTM_SETLINK;
    message_->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    mnl_nlmsg_put_extra_header(message_, sizeof(ifinfomsg));
    put_text(IFLA_IFNAME, name);
    mnl_attr_put_str(message_, IFLA_IFALIAS, plan::our_link_alias);
    finish();
}

void Encoder::operator()(const plan::LinkChange& change) {
    message_ = mnl_nlmsg_put_header(scratch_.data());
    message_->nlmsg_type = RTM_SETLINK;
    message_->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto* header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message_, sizeof(ifinfomsg)));
    header->ifi_index = static_cast<int>(change.index.value);
    if (change.raise == plan::LinkChange::Raise::yes) {
        header->ifi_flags = IFF_UP;
        header->ifi_change = IFF_UP;
    }
    if (change.group)
        mnl_attr_put_u32(message_, IFLA_GROUP, *change.group);
    if (change.mtu)
        mnl_attr_put_u32(message_, IFLA_MTU, *change.mtu);
    finish();
}

void Encoder::operator()(const plan::LinkAddress& address) {
    const Address& own = address.address.address;
    auto* header = begin<ifaddrmsg>(RTM_NEWADDR, RTM_DELADDR);
    header->ifa_family = number(own.family());
    header->ifa_prefixlen = address.address.length;
    header->ifa_index = address.device.value;
    put_address(IFA_LOCAL, own);
    put_address(IFA_ADDRESS, own);
    if (verb_ != Verb::remove) {
        // A neighbour of ours never has our address, and detection would cost two seconds.
        mnl_attr_put_u32(message_, IFA_FLAGS, own.family() == Family::ipv6 ? IFA_F_NODAD : 0);
        mnl_attr_put_u8(message_, IFA_PROTO, plan::our_protocol);
    }
    finish();
}

void Encoder::put_via(const plan::Via& via) {
    mnl_attr_put_u32(message_, NHA_OIF, via.device.value);
    if (via.gateway)
        put_address(NHA_GATEWAY, *via.gateway);
}

void Encoder::operator()(const plan::Nexthop& nexthop) {
    auto* header = begin<nhmsg>(RTM_NEWNEXTHOP, RTM_DELNEXTHOP);
    mnl_attr_put_u32(message_, NHA_ID, nexthop.id.value);
    if (verb_ == Verb::remove) {
        finish();
        return;
    }
    header->nh_protocol = plan::our_protocol;
    if (const auto* via = std::get_if<plan::Via>(&nexthop.way)) {
        header->nh_family = number(via->family);
        put_via(*via);
    } else if (const auto* blackhole = std::get_if<plan::Blackhole>(&nexthop.way)) {
        header->nh_family = number(blackhole->family);
        mnl_attr_put(message_, NHA_BLACKHOLE, 0, nullptr);
    } else {
        header->nh_family = AF_UNSPEC;
        std::vector<nexthop_grp> members;
        for (const NexthopId member : std::get<plan::Group>(nexthop.way).members) {
            nexthop_grp entry{};
            entry.id = member.value;
            members.push_back(entry);
        }
        mnl_attr_put(message_, NHA_GROUP, members.size() * sizeof(nexthop_grp), members.data());
    }
    finish();
}

void Encoder::operator()(const plan::Route& route) {
    const plan::RouteKey& key = route.key;
    auto* header = begin<rtmsg>(RTM_NEWROUTE, RTM_DELROUTE);
    header->rtm_family = number(key.prefix.family());
    header->rtm_dst_len = key.prefix.length();
    header->rtm_table = RT_TABLE_UNSPEC;
    header->rtm_protocol = plan::our_protocol;
    header->rtm_type = RTN_UNICAST;
    header->rtm_scope = RT_SCOPE_UNIVERSE;
    mnl_attr_put_u32(message_, RTA_TABLE, key.table.value);
    if (!key.prefix.is_default())
        put_address(RTA_DST, key.prefix.address());
    mnl_attr_put_u32(message_, RTA_PRIORITY, key.metric);
    if (verb_ == Verb::remove) {
        // Of any type and scope, but of our protocol.
        header->rtm_type = RTN_UNSPEC;
        header->rtm_scope = RT_SCOPE_NOWHERE;
        finish();
        return;
    }
    if (const auto* id = std::get_if<NexthopId>(&route.way)) {
        mnl_attr_put_u32(message_, RTA_NH_ID, id->value);
    } else if (const auto* refusal = std::get_if<plan::Refusal>(&route.way)) {
        header->rtm_type = *refusal == plan::Refusal::blackhole ? RTN_BLACKHOLE : RTN_UNREACHABLE;
    } else {
        const auto& via = std::get<plan::Via>(route.way);
        mnl_attr_put_u32(message_, RTA_OIF, via.device.value);
        if (via.gateway)
            put_address(RTA_GATEWAY, *via.gateway);
        else if (via.family == Family::ipv4)
            header->rtm_scope = RT_SCOPE_LINK;
    }
    finish();
}

void Encoder::operator()(const plan::Rule& rule) {
    auto* header = begin<fib_rule_hdr>(RTM_NEWRULE, RTM_DELRULE);
    header->family = number(rule.family);
    header->table = RT_TABLE_UNSPEC;
    header->action = rule.action == plan::RuleAction::lookup ? FR_ACT_TO_TBL : FR_ACT_PROHIBIT;
    mnl_attr_put_u32(message_, FRA_PRIORITY, rule.priority);
    mnl_attr_put_u8(message_, FRA_PROTOCOL, plan::our_protocol);
    if (rule.action == plan::RuleAction::lookup)
        mnl_attr_put_u32(message_, FRA_TABLE, rule.table.value);
    if (rule.source) {
        header->src_len = rule.source->length();
        put_address(FRA_SRC, rule.source->address());
    }
    if (!rule.iif.empty())
        put_text(FRA_IIFNAME, rule.iif);
    if (!rule.oif.empty())
        put_text(FRA_OIFNAME, rule.oif);
    if (rule.suppress_length)
        mnl_attr_put_u32(message_, FRA_SUPPRESS_PREFIXLEN, *rule.suppress_length);
    if (rule.suppress_group)
        mnl_attr_put_u32(message_, FRA_SUPPRESS_IFGROUP, *rule.suppress_group);
    finish();
}

void Batch::add(const plan::Operation& operation) {
    std::visit(Encoder(*this, operation.verb), operation.object);
}

}  // namespace detour::kernel
