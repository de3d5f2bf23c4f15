// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <doctest/doctest.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "controlplane/kernel/decode.h"
#include "controlplane/kernel/encode.h"
#include "controlplane/kernel/tunnel_link.h"
#include "tests/unit/kernel/story.h"

namespace detour::kernel {
namespace {

using plan::Operation;
using plan::Verb;
using plan::story::ip;
using plan::story::prefix;

// The messages of one operation, each in memory of its own.
std::vector<std::vector<std::uint8_t>> messages(const Operation& operation) {
    Batch batch(1);
    batch.add(operation);
    std::vector<std::vector<std::uint8_t>> result;
    auto bytes = std::span(batch.bytes());
    while (bytes.size() >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, bytes.data(), sizeof header);
        result.emplace_back(bytes.begin(), bytes.begin() + header.nlmsg_len);
        bytes = bytes.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
    }
    return result;
}

const nlmsghdr& header(const std::vector<std::uint8_t>& message) {
    return *reinterpret_cast<const nlmsghdr*>(message.data());
}

// A request to add has the form in which the kernel tells of what was added.
template <class Object>
Object read_back(const Operation& operation) {
    const auto all = messages(operation);
    REQUIRE(all.size() == 1);
    const auto notice = decode(header(all[0]));
    REQUIRE(notice.has_value());
    REQUIRE(notice->presence == Presence::present);
    return std::get<Object>(notice->object);
}

bool contains(const std::vector<std::uint8_t>& bytes, std::vector<std::uint8_t> part) {
    return !std::ranges::search(bytes, part).empty();
}

plan::LinkGoal tunnel_goal(std::optional<std::uint32_t> key, const char* local,
                           const char* remote) {
    return {.index = {},
            .name = "partner",
            .group = plan::uplink_group,
            .mtu = {},
            .tunnel = plan::Tunnel{InterfaceIndex(3), ip(local), ip(remote), key, 64}};
}

}  // namespace

TEST_CASE("every object of the story is read back as it was written") {
    auto placement = plan::story::all_on(plan::story::provider);
    placement.places[{plan::story::mail, Family::ipv4}] = {};
    placement.places[{plan::story::web, Family::ipv6}] = {
        {plan::story::provider, plan::story::partner}};
    const auto desired = plan::desired(plan::story::config(), placement, plan::story::links());
    for (const auto& [key, way] : desired.routes) {
        const plan::Route route{key, way};
        CAPTURE(plan::to_string(Operation{Verb::create, route}));
        CHECK(read_back<plan::Route>({Verb::create, route}) == route);
    }
    for (const auto& [id, nexthop] : desired.nexthops) {
        CAPTURE(id.value);
        CHECK(read_back<plan::Nexthop>({Verb::replace, nexthop}) == nexthop);
    }
    for (const plan::Rule& rule : desired.rules) {
        CAPTURE(plan::to_string(Operation{Verb::create, rule}));
        CHECK(read_back<Notice::Rule>({Verb::create, rule}) ==
              Notice::Rule{rule, plan::our_protocol});
    }
    for (const plan::LinkAddress& address : desired.addresses)
        CHECK(read_back<Notice::Address>({Verb::create, address}) ==
              Notice::Address{address, {plan::our_protocol, true}});
}

TEST_CASE(
    "verbs are flags: create never overwrites, replace may create, remove names our protocol") {
    const plan::Route route{{plan::table::in, prefix("198.51.100.0/24"), plan::metric::normal},
                            plan::Via{Family::ipv4, plan::story::lan0, ip("10.1.0.2")}};
    const auto flags = [&](Verb verb) { return header(messages({verb, route})[0]).nlmsg_flags; };
    CHECK(flags(Verb::create) == (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL));
    CHECK(flags(Verb::replace) == (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE));
    CHECK(flags(Verb::remove) == (NLM_F_REQUEST | NLM_F_ACK));
    const auto removal = messages({Verb::remove, route})[0];
    CHECK(header(removal).nlmsg_type == RTM_DELROUTE);
    CHECK(reinterpret_cast<const rtmsg*>(NLMSG_DATA(removal.data()))->rtm_protocol == 142);
}

TEST_CASE("a tunnel is read back as it was asked for, keys in network order") {
    for (const auto& goal :
         {tunnel_goal(7, "192.0.2.66", "192.0.2.65"), tunnel_goal({}, "192.0.2.66", "192.0.2.65"),
          tunnel_goal(0xfffefdfc, "2001:db8::1", "2001:db8::2")}) {
        const auto request = tunnel_request(goal);
        CAPTURE(goal.tunnel->local.to_string());
        const auto notice = decode(header(request));
        REQUIRE(notice.has_value());
        const auto& link = std::get<plan::Link>(notice->object);
        CHECK(link.tunnel == goal.tunnel);
        CHECK(link.name == "partner");
        CHECK(link.group == plan::uplink_group);
        CHECK(link.is_up);
        // The alias comes with a message of its own.
        CHECK_FALSE(link.is_ours);
    }
    const auto request = tunnel_request(tunnel_goal(7, "192.0.2.66", "192.0.2.65"));
    CHECK(contains(request, {8, 0, IFLA_GRE_IKEY, 0, 0, 0, 0, 7}));
    CHECK(contains(request, {8, 0, IFLA_GRE_OKEY, 0, 0, 0, 0, 7}));
    CHECK(contains(request, {6, 0, IFLA_GRE_OFLAGS, 0, 0x20, 0}));
}

TEST_CASE("a new tunnel is two messages, and the second one signs it") {
    const auto all = messages({Verb::create, tunnel_goal(7, "192.0.2.66", "192.0.2.65")});
    REQUIRE(all.size() == 2);
    CHECK(header(all[0]).nlmsg_type == RTM_NEWLINK);
    CHECK(header(all[1]).nlmsg_type == RTM_SETLINK);
    CHECK(header(all[1]).nlmsg_seq == header(all[0]).nlmsg_seq + 1);
    CHECK(contains(all[1], {'d', 'e', 't', 'o', 'u', 'r'}));
}

TEST_CASE("a group with weights, and a foreign route, are not ours") {
    plan::Nexthop group{plan::nexthop::of(plan::story::mail, Family::ipv4),
                        plan::Group{{NexthopId(5), NexthopId(6)}}, plan::our_protocol};
    auto message = messages({Verb::create, group})[0];
    const std::vector<std::uint8_t> plain{5, 0, 0, 0, 0};
    const auto entry = std::ranges::search(message, plain);
    REQUIRE_FALSE(entry.empty());
    *(entry.begin() + 4) = 1;  // nexthop_grp::weight
    CHECK(std::get<plan::Nexthop>(decode(header(message))->object).way != group.way);

    const plan::Route route{{plan::table::in, prefix("198.51.100.0/24"), 1}, NexthopId(5)};
    message = messages({Verb::create, route})[0];
    reinterpret_cast<rtmsg*>(NLMSG_DATA(message.data()))->rtm_protocol = RTPROT_BGP;
    CHECK_FALSE(decode(header(message)).has_value());
}

TEST_CASE("an attribute that ends beyond the message is not read, not even into its padding") {
    alignas(nlmsghdr) std::array<std::uint8_t, 48> bytes{};
    auto& message = *reinterpret_cast<nlmsghdr*>(bytes.data());
    message.nlmsg_type = RTM_NEWLINK;
    const std::array<std::uint8_t, 9> name{9, 0, IFLA_IFNAME, 0, 'w', 'a', 'n', '0', 0};
    std::ranges::copy(name, bytes.begin() + NLMSG_HDRLEN + sizeof(ifinfomsg));
    message.nlmsg_len = NLMSG_HDRLEN + sizeof(ifinfomsg) + name.size();
    CHECK(std::get<plan::Link>(decode(message)->object).name == "wan0");
    --message.nlmsg_len;
    CHECK(std::get<plan::Link>(decode(message)->object).name.empty());
}

TEST_CASE("no message, cut or scrambled, is read beyond its end") {
    std::mt19937 random(142);
    std::vector<Operation> operations;
    const auto desired = plan::desired(
        plan::story::config(), plan::story::all_on(plan::story::provider), plan::story::links());
    for (const plan::Operation& operation : plan::diff(desired, {}).operations)
        operations.push_back(operation);
    operations.push_back({Verb::create, tunnel_goal(7, "192.0.2.66", "192.0.2.65")});
    for (const Operation& operation : operations)
        for (const auto& message : messages(operation))
            for (int round = 0; round < 40; ++round) {
                auto broken = message;
                if (round % 2 == 0)
                    broken.resize(sizeof(nlmsghdr) +
                                  random() % (message.size() - sizeof(nlmsghdr) + 1));
                for (int i = 0; i < 3 && broken.size() > sizeof(nlmsghdr); ++i)
                    broken[sizeof(nlmsghdr) + random() % (broken.size() - sizeof(nlmsghdr))] =
                        static_cast<std::uint8_t>(random());
                // A vector of exactly this size: the sanitizers see one octet too far.
                std::vector<std::uint8_t> exact(broken);
                exact.shrink_to_fit();
                reinterpret_cast<nlmsghdr*>(exact.data())->nlmsg_len =
                    static_cast<std::uint32_t>(exact.size());
                static_cast<void>(decode(header(exact)));
            }
}

}  // namespace detour::kernel
