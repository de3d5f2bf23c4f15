// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/gre.h"

#include <algorithm>

#include "dataplane/packet/ecn.h"
#include "dataplane/packet/gre_keepalive.h"
#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Address;
using detour::Bytes;
using detour::Family;
using test::Ipv4;
using test::Ipv6;

namespace {

Bytes gre(std::uint16_t flags, std::uint16_t type, Bytes rest = Bytes(40, 0x45)) {
    Bytes bytes;
    detour::ByteWriter out(bytes);
    out.u16(flags);
    out.u16(type);
    out.bytes(rest);
    return bytes;
}

const EthernetHeader link =
    build_ethernet_header({2, 0, 0, 0, 0, 0x65}, {2, 0, 0, 0, 0, 0x66}, Family::ipv4);

// A tunnel's whole template as the mirror stacks it: Ethernet, outer IP, GRE.
struct Stack {
    Bytes header;
    GreTemplate outer;

    explicit Stack(const GreEndpoint& endpoint) : outer(build_gre_template(endpoint)) {
        const auto* octets = reinterpret_cast<const std::uint8_t*>(&link);
        header.assign(octets, octets + sizeof link);
        header.insert(header.end(), outer.header().begin(), outer.header().end());
    }
    [[nodiscard]] GrePush push() const {
        return {.header = header.data(),
                .size = static_cast<std::uint8_t>(header.size()),
                .outer_offset = sizeof link,
                .checksum = outer.checksum};
    }
};

GreEndpoint endpoint(std::optional<std::uint32_t> key) {
    return {.local = *Address::parse("192.0.2.66"),
            .remote = *Address::parse("192.0.2.65"),
            .key = key,
            .ttl = 61};
}

constexpr std::size_t headroom = 128;

struct Pushed {
    Bytes buffer;       // headroom, inner
    std::size_t start;  // of the frame
};

Pushed pushed(const Stack& stack, const Bytes& inner, Family family, std::uint8_t traffic_class,
              std::uint16_t identification) {
    Pushed result{Bytes(headroom + inner.size(), 0x55), 0};
    std::ranges::copy(inner, result.buffer.begin() + headroom);
    const std::uint8_t* frame =
        push_gre(result.buffer.data() + headroom, stack.push(), family,
                 static_cast<std::uint16_t>(inner.size()), traffic_class, identification);
    result.start = static_cast<std::size_t>(frame - result.buffer.data());
    return result;
}

}  // namespace

TEST_CASE("every rung of the GRE ladder has its packet") {
    struct Row {
        const char* what;
        Bytes bytes;
        Drop expected;
    };
    const Row rows[] = {
        {"no byte at all", {}, Drop::truncated},
        {"three bytes", {0, 0, 8}, Drop::truncated},
        {"a key cut off", gre(0x2000, 0x0800, {0, 0, 0}), Drop::truncated},
        {"version 1 (PPTP, RFC 2637)", gre(0x2001, 0x880b), Drop::gre_bad_version},
        {"version 7", gre(0x0007, 0x0800), Drop::gre_bad_version},
        {"routing bit", gre(0x4000, 0x0800), Drop::gre_routing},
        {"strict source route bit", gre(0x0800, 0x0800), Drop::gre_routing},
        {"recursion control bit 5", gre(0x0400, 0x0800), Drop::gre_routing},
        {"a checksum cut off", gre(0x8000, 0x0800, {0, 0, 0}), Drop::truncated},
        {"a sequence number cut off", gre(0x1000, 0x0800, {0, 0, 0}), Drop::truncated},
        {"a sequence number cut off behind a key", gre(0x3000, 0x0800, Bytes(7, 0)),
         Drop::truncated},
        {"all fields but the last octet", gre(0xb000, 0x0800, Bytes(11, 0)), Drop::truncated},
        {"ARP inside", gre(0, 0x0806), Drop::gre_protocol},
        {"transparent Ethernet bridging", gre(0, 0x6558), Drop::gre_protocol},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const auto arrival = parse_gre(row.bytes);
        REQUIRE_FALSE(arrival.has_value());
        CHECK(arrival.error() == row.expected);
    }
}

TEST_CASE("a GRE header says family, key and its own size") {
    struct Row {
        Bytes bytes;
        Family family;
        std::optional<std::uint32_t> key;
        std::size_t header_size;
    };
    const Row rows[] = {
        {gre(0, 0x0800), Family::ipv4, std::nullopt, 4},
        {gre(0, 0x86dd), Family::ipv6, std::nullopt, 4},
        {gre(0x2000, 0x0800, {0, 0, 0, 7}), Family::ipv4, 7, 8},
        {gre(0x2000, 0x86dd, {0xff, 0xff, 0xff, 0xff, 9}), Family::ipv6, 0xffffffff, 8},
        {gre(0x2000, 0x0800, {0, 0, 0, 0}), Family::ipv4, 0, 8},  // key 0 is a key
        {gre(0, 0x0800, {}), Family::ipv4, std::nullopt, 4},
        // RFC 2784 2.3: bits 6 to 12 "MUST be ignored on receipt".
        {gre(0x03f8, 0x0800), Family::ipv4, std::nullopt, 4},
    };
    for (const Row& row : rows) {
        const auto arrival = parse_gre(row.bytes);
        REQUIRE(arrival.has_value());
        CHECK(arrival->family == row.family);
        CHECK(arrival->key == row.key);
        CHECK(arrival->header_size == row.header_size);
    }
}

TEST_CASE("a keepalive is GRE of protocol 0 from this end to the other, inside our GRE") {
    const std::uint32_t local = Address::parse("192.0.2.66")->word();
    const std::uint32_t remote = Address::parse("192.0.2.65")->word();
    const Ipv4 keepalive{.source = "192.0.2.66",
                         .destination = "192.0.2.65",
                         .protocol = 47,
                         .payload = {0, 0, 0, 0}};
    CHECK(is_gre_keepalive(keepalive.bytes(), local, remote));
    CHECK_FALSE(is_gre_keepalive(keepalive.bytes(), remote, local));
    Ipv4 changed = keepalive;
    changed.payload = {0, 0, 8, 0};
    CHECK_FALSE(is_gre_keepalive(changed.bytes(), local, remote));
    changed = keepalive;
    changed.protocol = 4;
    CHECK_FALSE(is_gre_keepalive(changed.bytes(), local, remote));
    changed = keepalive;
    changed.options = Bytes(4, 1);
    CHECK_FALSE(is_gre_keepalive(changed.bytes(), local, remote));
    changed = keepalive;
    changed.destination = "192.0.2.67";
    CHECK_FALSE(is_gre_keepalive(changed.bytes(), local, remote));
    changed = keepalive;
    changed.payload = {0, 0, 0};
    CHECK_FALSE(is_gre_keepalive(changed.bytes(), local, remote));
}

TEST_CASE("the template is the outer header with nothing that differs per packet") {
    const GreTemplate plain = build_gre_template(endpoint(std::nullopt));
    const Bytes expected{0x45, 0, 0,    0,   0, 0,  0x40, 0, 61, 47,
                         0,    0, 192,  0,   2, 66, 192,  0, 2,  65,  // outer IPv4
                         0,    0, 0x08, 0x00};                        // GRE
    CHECK(std::ranges::equal(plain.header(), expected));
    CHECK(static_cast<std::uint16_t>(~plain.checksum) ==
          checksum_of(std::span(expected).first(20)).raw());

    const GreTemplate keyed = build_gre_template(endpoint(0xdeadbeef));
    const Bytes tail{0x20, 0, 0x08, 0x00, 0xde, 0xad, 0xbe, 0xef};
    CHECK(keyed.size == 28);
    CHECK(std::ranges::equal(keyed.header().last(8), tail));
    CHECK(std::ranges::equal(keyed.header().first(20), plain.header().first(20)));
}

TEST_CASE("push writes its headers and nothing before or behind them") {
    for (const std::optional<std::uint32_t> key : {std::optional<std::uint32_t>{}, {7U}}) {
        const Stack stack(endpoint(key));
        const Bytes inner = Ipv4{}.bytes();
        const Pushed result = pushed(stack, inner, Family::ipv4, 0, 1);
        CHECK(result.start == headroom - stack.header.size());
        CHECK(std::ranges::all_of(std::span(result.buffer).first(result.start),
                                  [](std::uint8_t octet) { return octet == 0x55; }));
        CHECK(std::ranges::equal(std::span(result.buffer).subspan(headroom), inner));
        CHECK(std::ranges::equal(std::span(result.buffer).subspan(result.start, 14),
                                 std::span(stack.header).first(14)));
    }
}

TEST_CASE("pop gives back what push was given, for random packets of both families") {
    std::mt19937 random(2784);
    for (int round = 0; round < 3000; ++round) {
        std::optional<std::uint32_t> key;
        if (random() % 2 == 0)
            key = static_cast<std::uint32_t>(random());
        const Stack stack(endpoint(key));
        const auto traffic_class = static_cast<std::uint8_t>(random());
        const auto identification = static_cast<std::uint16_t>(random());
        const Family family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
        const Bytes payload = test::random_bytes(random, random() % 1400);
        const Bytes inner = family == Family::ipv4
                                ? Ipv4{.traffic_class = traffic_class, .payload = payload}.bytes()
                                : Ipv6{.traffic_class = traffic_class, .payload = payload}.bytes();
        Pushed result = pushed(stack, inner, family, traffic_class, identification);
        // Ethernet may pad the frame on its way.
        result.buffer.resize(result.buffer.size() + random() % 3);

        const auto frame = std::span(result.buffer).subspan(result.start);
        REQUIRE(check_frame(frame, link.destination) == Finding());
        auto outer_packet = frame.subspan(sizeof(EthernetHeader));
        REQUIRE(check_ipv4(outer_packet) == Finding());
        const auto& outer = header_at<Ipv4Header>(outer_packet.data());
        outer_packet = outer_packet.first(outer.total_length.value());
        REQUIRE(outer.source.value() == endpoint(key).local.word());
        REQUIRE(outer.destination.value() == endpoint(key).remote.word());
        REQUIRE(outer.ttl == 61);
        REQUIRE(outer.protocol == protocol::gre);
        REQUIRE_FALSE(outer.may_fragment());
        REQUIRE_FALSE(outer.is_fragment());
        REQUIRE(outer.identification.value() == identification);
        REQUIRE(outer.traffic_class == traffic_class);

        const auto gre_packet = outer_packet.subspan(sizeof(Ipv4Header));
        const auto arrival = parse_gre(gre_packet);
        REQUIRE(arrival.has_value());
        REQUIRE(arrival->key == key);
        REQUIRE(arrival->family == family);
        const auto popped = gre_packet.subspan(arrival->header_size);
        // The outer codepoint is the inner one, so that taking it back changes nothing; CE inside
        // stays CE, and Not-ECT never meets CE.
        const Finding taken =
            family == Family::ipv4
                ? take_outer_ecn(header_at<Ipv4Header>(popped.data()), outer.traffic_class)
                : take_outer_ecn(header_at<Ipv6Header>(popped.data()), outer.traffic_class);
        REQUIRE(taken == Finding());
        REQUIRE(std::ranges::equal(popped, inner));
    }
}
