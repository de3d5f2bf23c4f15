// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/gre_options.h"

#include <algorithm>

#include "dataplane/packet/gre_keepalive.h"
#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Address;
using detour::Bytes;
using detour::Family;
using test::Ipv4;
using test::Ipv6;

namespace {

constexpr std::size_t headroom = 128;

const Address local4 = *Address::parse("192.0.2.66");
const Address remote4 = *Address::parse("192.0.2.65");
const Address local6 = *Address::parse("2001:db8:66::2");
const Address remote6 = *Address::parse("2001:db8:66::1");

// Outer IP and GRE, as if the Ethernet header were none.
Bytes pushed(const GreEndpoint& endpoint, const Bytes& inner, GreFill fill) {
    const GreTemplate outer = build_gre_template(endpoint);
    Bytes buffer(headroom, 0x55);
    buffer.insert(buffer.end(), inner.begin(), inner.end());
    fill.inner_size = static_cast<std::uint16_t>(inner.size());
    const std::uint8_t* const frame = push_gre_with_options(buffer.data() + headroom,
                                                            {.header = outer.bytes.data(),
                                                             .size = outer.size,
                                                             .outer_offset = 0,
                                                             .checksum = outer.checksum,
                                                             .options = endpoint.options(),
                                                             .dscp = endpoint.dscp.value_or(0)},
                                                            fill);
    const auto start = static_cast<std::size_t>(frame - buffer.data());
    CHECK(std::all_of(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(start),
                      [](std::uint8_t octet) { return octet == 0x55; }));
    return {buffer.begin() + static_cast<std::ptrdiff_t>(start), buffer.end()};
}

Bytes gre(std::uint16_t flags, const Bytes& rest) {
    Bytes bytes;
    detour::ByteWriter out(bytes);
    out.u16(flags);
    out.u16(0x0800);
    out.bytes(rest);
    return bytes;
}

Bytes with_extension(std::uint8_t next, std::uint8_t length, const Bytes& options,
                     const Bytes& rest) {
    Bytes bytes{next, length};
    bytes.insert(bytes.end(), options.begin(), options.end());
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return bytes;
}

}  // namespace

TEST_CASE("optional fields come in the order of RFC 2890 and are read where their bits say") {
    struct Row {
        std::uint16_t flags;
        Bytes fields;
        std::uint8_t options;
        std::optional<std::uint32_t> key;
        std::uint32_t sequence;
    };
    const Row rows[] = {
        {0x8000, {0xaa, 0xbb, 0, 0}, gre_option::checksum, std::nullopt, 0},
        {0x1000, {0, 0, 0, 9}, gre_option::sequence, std::nullopt, 9},
        {0xa000, {0xaa, 0xbb, 0, 0, 0, 0, 0, 7}, gre_option::checksum, 7, 0},
        {0x3000, {0, 0, 0, 7, 0, 0, 0, 9}, gre_option::sequence, 7, 9},
        {0xb3f8,
         {0xaa, 0xbb, 0, 0, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff},
         gre_option::checksum | gre_option::sequence,
         7,
         0xffffffff},
    };
    for (const Row& row : rows) {
        CAPTURE(row.flags);
        const auto arrival = parse_gre(gre(row.flags, row.fields));
        REQUIRE(arrival.has_value());
        CHECK(arrival->options == row.options);
        CHECK(arrival->key == row.key);
        CHECK(arrival->sequence == row.sequence);
        CHECK(arrival->header_size == 4 + row.fields.size());
    }
}

TEST_CASE("a checksum must be right, and be there exactly when it was agreed on (RFC 2784 2.1)") {
    Bytes right = gre(0x8000, {0, 0, 0, 0, 1, 2, 3});
    const Be16 checksum = checksum_of(right);
    right[4] = checksum.octets[0];
    right[5] = checksum.octets[1];
    const Bytes without = gre(0, {1, 2, 3});
    const auto judge = [](const Bytes& bytes, std::uint8_t configured) {
        return check_gre_options(bytes, *parse_gre(bytes), configured);
    };
    CHECK(judge(right, gre_option::checksum) == Finding());
    CHECK(judge(right, 0) == Finding(Drop::gre_checksum));
    CHECK(judge(without, gre_option::checksum) == Finding(Drop::gre_checksum));
    CHECK(judge(without, 0) == Finding());
    for (std::size_t i = 0; i < right.size(); ++i) {
        Bytes wrong = right;
        wrong[i] ^= 0x01;
        CAPTURE(i);
        if (const auto arrival = parse_gre(wrong))
            CHECK(check_gre_options(wrong, *arrival, gre_option::checksum) ==
                  Finding(Drop::gre_checksum));
    }
}

TEST_CASE("a sequence number must be there when agreed on, and is not looked at otherwise") {
    const Bytes with = gre(0x1000, {0, 0, 0, 1});
    const Bytes without = gre(0, {});
    CHECK(check_gre_options(with, *parse_gre(with), gre_option::sequence) == Finding());
    CHECK(check_gre_options(with, *parse_gre(with), 0) == Finding());
    CHECK(check_gre_options(without, *parse_gre(without), gre_option::sequence) ==
          Finding(Drop::gre_sequence));
}

TEST_CASE("sequence numbers only grow, around the circle too (RFC 2890 2.2)") {
    SequenceNumbers numbers;
    CHECK(numbers.accept(0xfffffff0));  // the first may be any
    CHECK_FALSE(numbers.accept(0xfffffff0));
    CHECK_FALSE(numbers.accept(0xffffffef));
    CHECK(numbers.accept(0xfffffff1));
    CHECK(numbers.accept(0xffffffff));  // a gap is not waited for
    CHECK(numbers.accept(0));
    CHECK_FALSE(numbers.accept(0xffffffff));
    CHECK(numbers.accept(0x7fffffff));
    CHECK_FALSE(numbers.accept(0));
    CHECK(numbers.next() == 0);  // "The first datagram is sent with a sequence number of 0."
    CHECK(numbers.next() == 1);
}

TEST_CASE("what is pushed with every combination of options is what parse and check accept") {
    std::mt19937 random(2890);
    for (unsigned round = 0; round < 4000; ++round) {
        const bool is_ipv6 = (round & 1U) != 0;
        GreEndpoint endpoint{.local = is_ipv6 ? local6 : local4,
                             .remote = is_ipv6 ? remote6 : remote4,
                             .key = {},
                             .has_checksum = (round & 2U) != 0,
                             .has_sequence = (round & 4U) != 0};
        if ((round & 8U) != 0)
            endpoint.key = static_cast<std::uint32_t>(random());
        if ((round & 16U) != 0)
            endpoint.dscp = static_cast<std::uint8_t>(random() % 64);
        const auto traffic_class = static_cast<std::uint8_t>(random());
        const Family family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
        const Bytes payload = test::random_bytes(random, random() % 1400);
        const Bytes inner = family == Family::ipv4
                                ? Ipv4{.traffic_class = traffic_class, .payload = payload}.bytes()
                                : Ipv6{.traffic_class = traffic_class, .payload = payload}.bytes();
        const auto sequence = static_cast<std::uint32_t>(random());
        const auto flow = static_cast<std::uint32_t>(random());
        const Bytes outer = pushed(endpoint, inner,
                                   {.family = family,
                                    .inner_size = 0,
                                    .traffic_class = traffic_class,
                                    .may_fragment = false,
                                    .identification = 77,
                                    .flow = flow,
                                    .sequence = sequence});
        const std::uint8_t expected_class =
            endpoint.dscp ? static_cast<std::uint8_t>(*endpoint.dscp << 2 | (traffic_class & 3))
                          : traffic_class;
        std::size_t at = sizeof(Ipv4Header);
        if (is_ipv6) {
            REQUIRE(check_ipv6(outer) == Finding());
            const auto& header = header_at<Ipv6Header>(outer.data());
            REQUIRE(header.total_length() == outer.size());
            REQUIRE(header.traffic_class() == expected_class);
            REQUIRE((header.version_and_flow.value() & 0xfffff) == (flow & 0xfffff));
            REQUIRE(std::ranges::equal(header.destination, remote6.bytes()));
            const GreOffset offset = gre_offset(outer);
            REQUIRE(offset.offset == sizeof(Ipv6Header));
            at = *offset.offset;
        } else {
            REQUIRE(check_ipv4(outer) == Finding());
            const auto& header = header_at<Ipv4Header>(outer.data());
            REQUIRE(header.total_length.value() == outer.size());
            REQUIRE(header.traffic_class == expected_class);
            REQUIRE_FALSE(header.may_fragment());
        }
        const auto rest = std::span<const std::uint8_t>(outer).subspan(at);
        const auto arrival = parse_gre(rest);
        REQUIRE(arrival.has_value());
        REQUIRE(arrival->key == endpoint.key);
        REQUIRE(arrival->family == family);
        REQUIRE(check_gre_options(rest, *arrival, endpoint.options()) == Finding());
        if (endpoint.has_sequence)
            REQUIRE(arrival->sequence == sequence);
        REQUIRE(std::ranges::equal(rest.subspan(arrival->header_size), inner));
    }
}

TEST_CASE("don't-fragment outside is set, copied from an inner IPv4 header, or clear") {
    struct Row {
        DontFragment policy;
        bool may_fragment;  // inside
        bool is_set;        // outside
    };
    for (const Row& row :
         {Row{DontFragment::set, true, true}, Row{DontFragment::set, false, true},
          Row{DontFragment::copy, true, false}, Row{DontFragment::copy, false, true},
          Row{DontFragment::clear, true, false}, Row{DontFragment::clear, false, false}}) {
        const Bytes outer =
            pushed({.local = local4, .remote = remote4, .key = 7, .dont_fragment = row.policy},
                   Ipv4{}.bytes(), {Family::ipv4, 0, 0, row.may_fragment, 1, 0, 0});
        REQUIRE(check_ipv4(outer) == Finding());
        CHECK(header_at<Ipv4Header>(outer.data()).may_fragment() == !row.is_set);
    }
}

TEST_CASE("GRE over IPv6 is found behind the Destination Options of Linux (RFC 2473 4.1.1)") {
    const Bytes greeting = gre(0, Bytes(20, 1));
    const Bytes limit{4, 1, 4, 1, 1, 0};  // encapsulation limit 4, PadN
    struct Row {
        const char* what;
        std::uint8_t next;
        Bytes payload;
        std::optional<std::size_t> offset;
        Finding finding;
    };
    const Row rows[] = {
        {"bare", 47, greeting, 40, {}},
        {"behind the encapsulation limit", 60, with_extension(47, 0, limit, greeting), 48, {}},
        {"behind 16 octets of padding", 60, with_extension(47, 1, Bytes(14, 0), greeting), 56, {}},
        {"behind two headers",
         60,
         with_extension(60, 0, limit, with_extension(47, 0, limit, greeting)),
         56,
         {}},
        {"behind three",
         60,
         with_extension(60, 0, limit,
                        with_extension(60, 0, limit, with_extension(47, 0, limit, greeting))),
         std::nullopt,
         {}},
        {"TCP behind options", 60, with_extension(6, 0, limit, Bytes(20, 0)), std::nullopt, {}},
        {"an option that must be understood", 60,
         with_extension(47, 0, {0x44, 4, 0, 0, 0, 0}, greeting), std::nullopt, Drop::gre_extension},
        {"an option longer than its header", 60,
         with_extension(47, 0, {4, 9, 0, 0, 0, 0}, greeting), std::nullopt, Drop::gre_extension},
        {"an option without its length", 60, with_extension(47, 0, {0, 0, 0, 0, 0, 4}, greeting),
         std::nullopt, Drop::gre_extension},
        {"options cut off", 60, Bytes{47, 0, 1, 4, 0, 0, 0}, std::nullopt, Drop::truncated},
        {"options longer than the packet", 60, with_extension(47, 9, limit, greeting), std::nullopt,
         Drop::truncated},
        {"a fragment of GRE", 44, with_extension(47, 0, {0, 1, 0, 0, 0, 9}, greeting), std::nullopt,
         Drop::gre_fragment},
        {"a fragment of UDP",
         44,
         with_extension(17, 0, {0, 1, 0, 0, 0, 9}, greeting),
         std::nullopt,
         {}},
        {"a fragment cut off", 44, Bytes{47, 0, 0}, std::nullopt, Drop::truncated},
        {"behind a routing header", 43, with_extension(47, 0, Bytes(6, 0), greeting), std::nullopt,
         Drop::gre_extension},
        {"UDP", 17, greeting, std::nullopt, {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Bytes packet = Ipv6{.next_header = row.next, .payload = row.payload}.bytes();
        const GreOffset found = gre_offset(packet);
        CHECK(found.offset == row.offset);
        CHECK(found.finding == row.finding);
    }
}

TEST_CASE("the keepalive that is sent is the one that the far end is to send back") {
    for (const std::optional<std::uint32_t> key : {std::optional<std::uint32_t>{}, {7U}}) {
        const GreKeepalive keepalive = build_gre_keepalive(local4.word(), remote4.word(), key);
        const auto packet = keepalive.packet();
        REQUIRE(check_ipv4(packet) == Finding());
        // To the far end it looks like a keepalive of its own, with the ends exchanged.
        CHECK(is_gre_keepalive(packet, remote4.word(), local4.word()));
        const auto arrival = parse_gre(packet.subspan(sizeof(Ipv4Header)));
        REQUIRE(arrival.has_value());
        CHECK(arrival->options == gre_option::keepalive);
        CHECK(arrival->key == key);
        CHECK(arrival->header_size + sizeof(Ipv4Header) == packet.size());
    }
}
