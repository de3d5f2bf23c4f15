// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/open.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::Bytes;
using detour::Family;

namespace {

PeerConfig dual_stack_peer() {
    PeerConfig peer;
    peer.next_hops = {address("192.0.2.2"), address("2001:db8::2")};
    return peer;
}

PeerConfig peer_of(std::uint32_t asn) {
    PeerConfig peer = dual_stack_peer();
    peer.asn = AsNumber(asn);
    return peer;
}

Open local_open(PeerConfig peer = dual_stack_peer()) {
    return our_open(AsNumber(64500), address("192.0.2.2"), peer);
}

Open remote_open() {
    Open open = our_open(AsNumber(64496), address("192.0.2.1"), dual_stack_peer());
    open.hold_seconds = 30;
    return open;
}

// Version 4, AS 64496, hold 90, identifier 192.0.2.1, then the optional parameters as given.
Bytes open_body(const Bytes& tail) {
    return concatenated({{4, 0xfb, 0xf0, 0, 90, 192, 0, 2, 1}, tail});
}

}  // namespace

TEST_CASE("RFC 4271 4.2, RFC 5492 4: OPEN and its capabilities survive the wire") {
    Open open = remote_open();
    using Forwarding = GracefulRestart::Forwarding;
    open.capabilities.graceful = GracefulRestart{
        true, true, std::chrono::seconds(120), {Forwarding::lost, Forwarding::kept}};
    open.capabilities.roles = {3};
    const Bytes bytes = encode(open);
    CHECK(decode_open(body_of(bytes)) == open);

    Open bare;
    bare.my_as = 64496;
    bare.router_id = address("192.0.2.1");
    const Bytes small = encode(bare);
    CHECK(small.size() == 29);
    CHECK(decode_open(body_of(small)) == bare);
}

TEST_CASE("RFC 6793 9: an AS of four octets is AS_TRANS in the old field") {
    const Open open = our_open(AsNumber(4200000001), address("192.0.2.2"), dual_stack_peer());
    CHECK(open.my_as == 23456);
    const Bytes bytes = encode(open);
    CHECK(decode_open(body_of(bytes))->asn() == AsNumber(4200000001));
}

TEST_CASE("RFC 4271 6.2: an OPEN that cannot be read") {
    struct Row {
        const char* what;
        Bytes body;
        Notification error;
    };
    Bytes version_3 = open_body({0});
    version_3[0] = 3;
    const std::vector<Row> rows{
        {"version 3", version_3, Notification(OpenError::unsupported_version, {0, 4})},
        {"parameters longer than the message", open_body({9, 2, 0}),
         Notification(OpenError::unspecific)},
        {"bytes after the parameters", open_body({0, 1}), Notification(OpenError::unspecific)},
        {"a parameter over the end", open_body({2, 2, 5}), Notification(OpenError::unspecific)},
        {"authentication (type 1)", open_body({3, 1, 1, 0}),
         Notification(OpenError::unsupported_parameter)},
        {"a capability over the end of its parameter", open_body({4, 2, 2, 65, 4}),
         Notification(OpenError::unspecific)},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const auto open = decode_open(row.body);
        REQUIRE_FALSE(open.has_value());
        CHECK(open.error() == row.error);
    }
}

TEST_CASE(
    "RFC 5492 4: unknown capabilities are remembered and ignored, several parameters are one") {
    const auto open = decode_open(open_body({12, 2, 4, 73, 2, 'h', 'i', 2, 4, 2, 0, 73, 0}));
    REQUIRE(open.has_value());
    CHECK(open->capabilities.has_route_refresh);
    CHECK(open->capabilities.unknown == std::vector<std::uint8_t>{73});
}

TEST_CASE("RFC 9072 2: extended optional parameters are read") {
    // 255 where the length was, 255 as the first type, two octets of length, then long parameters.
    const auto open = decode_open(open_body({255, 255, 0, 5, 2, 0, 2, 2, 0}));
    REQUIRE(open.has_value());
    CHECK(open->capabilities.has_route_refresh);
    // "the value of the Non-Ext OP Len. field ... MUST be ignored" once the type says so.
    CHECK(decode_open(open_body({4, 255, 0, 5, 2, 0, 2, 2, 0})).has_value());
}

TEST_CASE("RFC 4271 6.2: an OPEN that can be read and is not acceptable") {
    struct Row {
        const char* what;
        void (*spoil)(Open&);
        Notification error;
    };
    const std::vector<Row> rows{
        {"another AS than configured",
         [](Open& open) { open.capabilities.four_octet_as = AsNumber(64999); },
         Notification(OpenError::bad_peer_as)},
        {"RFC 6793: AS_TRANS and no capability",
         [](Open& open) {
             open.my_as = 23456;
             open.capabilities.four_octet_as.reset();
         },
         Notification(OpenError::bad_peer_as)},
        {"RFC 6286 2.2: identifier zero", [](Open& open) { open.router_id = {}; },
         Notification(OpenError::bad_identifier)},
        {"hold time 1", [](Open& open) { open.hold_seconds = 1; },
         Notification(OpenError::unacceptable_hold_time)},
        {"hold time 2", [](Open& open) { open.hold_seconds = 2; },
         Notification(OpenError::unacceptable_hold_time)},
        {"RFC 5492 5: no family in common, and which we want",
         [](Open& open) { open.capabilities.families = {}; },
         Notification(OpenError::unsupported_capability, {1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1})},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Open theirs = remote_open();
        row.spoil(theirs);
        const auto agreed = judge(local_open(), theirs, peer_of(64496));
        REQUIRE_FALSE(agreed.has_value());
        CHECK(agreed.error() == row.error);
    }
}

TEST_CASE("RFC 6286 2.2: the same identifier from another AS is acceptable, from ours it is not") {
    Open theirs = remote_open();
    theirs.router_id = address("192.0.2.2");
    CHECK(judge(local_open(), theirs, peer_of(64496)).has_value());
    theirs.my_as = 64500;
    theirs.capabilities.four_octet_as = AsNumber(64500);
    CHECK(judge(local_open(), theirs, peer_of(64500)).error() ==
          Notification(OpenError::bad_identifier));
}

TEST_CASE("RFC 4271 4.2: the smaller hold time is agreed on, and zero is possible") {
    Open theirs = remote_open();
    CHECK(judge(local_open(), theirs, peer_of(64496))->hold == std::chrono::seconds(30));
    theirs.hold_seconds = 240;
    CHECK(judge(local_open(), theirs, peer_of(64496))->hold == std::chrono::seconds(90));
    theirs.hold_seconds = 0;
    CHECK(judge(local_open(), theirs, peer_of(64496))->hold == detour::Duration::zero());
}

TEST_CASE("RFC 4760 8: a family is spoken when both say so; without the capability it is IPv4") {
    Open theirs = remote_open();
    CHECK(judge(local_open(), theirs, peer_of(64496))->families == std::array{true, true});
    theirs.capabilities.families = {false, true};
    CHECK(judge(local_open(), theirs, peer_of(64496))->families == std::array{false, true});
    theirs.capabilities.has_multiprotocol = false;
    CHECK(judge(local_open(), theirs, peer_of(64496))->families == std::array{true, false});

    PeerConfig only_ipv6 = peer_of(64496);
    only_ipv6.next_hops[0].reset();
    CHECK(judge(local_open(only_ipv6), remote_open(), only_ipv6)->families ==
          std::array{false, true});
}

TEST_CASE("RFC 4724 3, RFC 8538 2: the bits of the graceful restart capability") {
    // R and N, 120 s; IPv4 with the F bit, IPv6 without, a family that nobody here speaks.
    const auto open = decode_open(open_body(
        {18, 2, 16, 64, 14, 0xc0, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x7f, 0, 25, 65, 0x80, 0}));
    CHECK_FALSE(open.has_value());  // one octet too many: it is the parameter that is wrong
    const auto good = decode_open(
        open_body({18, 2, 16, 64, 14, 0xc0, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x7f, 0, 25, 65, 0x80}));
    REQUIRE(good.has_value());
    const GracefulRestart& graceful = *good->capabilities.graceful;
    CHECK(graceful.is_restarting);
    CHECK(graceful.covers_notifications);
    CHECK(graceful.time == std::chrono::seconds(120));
    CHECK(graceful.keeps_forwarding(Family::ipv4));
    CHECK(graceful.lists(Family::ipv6));
    CHECK_FALSE(graceful.keeps_forwarding(Family::ipv6));
    // "the receiver of the advertisement MUST ignore all but the last".
    const auto twice = decode_open(open_body({10, 2, 8, 64, 2, 0, 90, 64, 2, 0, 30}));
    CHECK(twice->capabilities.graceful->time == std::chrono::seconds(30));
}

TEST_CASE("RFC 8538 2: what covers notifications is agreed on by both") {
    Open ours = local_open();
    Open theirs = remote_open();
    const GracefulRestart with{false, true, std::chrono::seconds(30), {}};
    const GracefulRestart without{false, false, std::chrono::seconds(30), {}};
    const auto agreed = [&](const auto& first, const auto& second) {
        ours.capabilities.graceful = first;
        theirs.capabilities.graceful = second;
        const auto result = judge(ours, theirs, peer_of(64496));
        return std::pair(result->has_graceful_restart, result->has_graceful_notifications);
    };
    using Offer = std::optional<GracefulRestart>;
    CHECK(agreed(Offer(with), Offer(with)) == std::pair(true, true));
    CHECK(agreed(Offer(with), Offer(without)) == std::pair(true, false));
    CHECK(agreed(Offer(without), Offer(with)) == std::pair(true, false));
    CHECK(agreed(Offer(with), Offer()) == std::pair(false, false));
    CHECK(agreed(Offer(), Offer(with)) == std::pair(false, false));
}

TEST_CASE("RFC 9072 2: more capabilities than the old lengths can say take the long form") {
    Open open = remote_open();
    for (unsigned role = 0; role < 120; ++role)
        open.capabilities.roles.push_back(static_cast<std::uint8_t>(role));
    const Bytes bytes = encode(open);
    CHECK(bytes[header_size + 9] == 255);
    CHECK(bytes[header_size + 10] == 255);
    CHECK(decode_open(body_of(bytes)) == open);
}

TEST_CASE("RFC 9234 4.2: which roles correspond") {
    constexpr unsigned provider = 0, server = 1, client = 2, customer = 3, peer = 4;
    const std::vector<std::pair<unsigned, unsigned>> pairs{{provider, customer},
                                                           {customer, provider},
                                                           {server, client},
                                                           {client, server},
                                                           {peer, peer}};
    for (unsigned ours = 0; ours <= 4; ++ours)
        for (unsigned theirs = 0; theirs <= 5; ++theirs) {
            CAPTURE(ours);
            CAPTURE(theirs);
            PeerConfig config = peer_of(64496);
            config.role = static_cast<Role>(ours);
            Open open = remote_open();
            open.capabilities.roles = {static_cast<std::uint8_t>(theirs)};
            const auto agreed = judge(local_open(config), open, config);
            const bool is_right = std::ranges::find(pairs, std::pair(ours, theirs)) != pairs.end();
            REQUIRE(agreed.has_value() == is_right);
            if (!is_right)
                CHECK(agreed.error() == Notification(OpenError::role_mismatch));
        }
}

TEST_CASE("RFC 9234 4.2: no role, several roles, and strict mode") {
    PeerConfig config = peer_of(64496);
    Open open = remote_open();
    open.capabilities.roles = {0};
    // "If the BGP Role Capability is received but the local AS has none": nothing is compared.
    CHECK(judge(local_open(config), open, config).has_value());
    config.role = Role::customer;
    CHECK(judge(local_open(config), open, config).has_value());
    open.capabilities.roles = {};
    CHECK(judge(local_open(config), open, config).has_value());
    config.requires_role = true;
    CHECK(judge(local_open(config), open, config).error() ==
          Notification(OpenError::role_mismatch));
    open.capabilities.roles = {0, 4};
    CHECK(judge(local_open(config), open, config).error() ==
          Notification(OpenError::role_mismatch));
    // The same one twice is one.
    const auto same = decode_open(open_body({8, 2, 6, 9, 1, 0, 9, 1, 0}));
    CHECK(same->capabilities.roles == std::vector<std::uint8_t>{0});
}

TEST_CASE("RFC 9234 4.1: a role of another length than one octet is none") {
    CHECK(decode_open(open_body({6, 2, 4, 9, 2, 0, 0}))->capabilities.roles.empty());
}

TEST_CASE("RFC 8950 4: IPv4 over an IPv6 next hop when both say so") {
    PeerConfig config = peer_of(64496);
    config.next_hops[0] = address("2001:db8::2");
    Open theirs = remote_open();
    CHECK(theirs.capabilities.has_extended_next_hop);
    const auto agreed = judge(local_open(config), theirs, config);
    CHECK(agreed->has_extended_next_hop);
    CHECK(agreed->families == std::array{true, true});
    theirs.capabilities.has_extended_next_hop = false;
    CHECK(judge(local_open(config), theirs, config)->families == std::array{false, true});
    // Somebody else's triple: IPv6 over IPv4.
    const auto other = decode_open(open_body({10, 2, 8, 5, 6, 0, 2, 0, 1, 0, 1}));
    CHECK_FALSE(other->capabilities.has_extended_next_hop);
}

TEST_CASE("RFC 7313 3.1, RFC 8654 3: enhanced refresh and extended messages need both sides") {
    Open theirs = remote_open();
    auto agreed = judge(local_open(), theirs, peer_of(64496));
    CHECK(agreed->has_enhanced_refresh);
    CHECK(agreed->has_extended_messages);
    theirs.capabilities.has_enhanced_refresh = false;
    theirs.capabilities.has_extended_messages = false;
    agreed = judge(local_open(), theirs, peer_of(64496));
    CHECK_FALSE(agreed->has_enhanced_refresh);
    CHECK_FALSE(agreed->has_extended_messages);
}
