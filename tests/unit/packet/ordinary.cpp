// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The quick look and the stamps promise what the ladders and the plain functions do: compared on
// headers made at random, most of them nearly right.
#include "dataplane/packet/ordinary.h"

#include <algorithm>

#include "dataplane/packet/stamp.h"
#include "tests/unit/packet/builder.h"

namespace detour::packet::test {
namespace {

constexpr std::array<std::uint8_t, 12> telling{0,   1,   0x45, 0x60, 127, 128,
                                               223, 224, 239,  240,  254, 255};

Bytes changed(std::mt19937& random, Bytes bytes, std::size_t header_size) {
    for (std::size_t i = random() % 3; i > 0; --i)
        bytes[random() % header_size] = random() % 2 == 0 ? telling[random() % telling.size()]
                                                          : static_cast<std::uint8_t>(random());
    return bytes;
}

TEST_CASE("an IPv4 packet that is ordinary has nothing wrong and may be forwarded") {
    std::mt19937 random(4);
    unsigned ordinary = 0;
    unsigned others = 0;
    for (int i = 0; i < 200'000; ++i) {
        Bytes bytes = changed(random, Ipv4{}.bytes(), 20);
        if (random() % 8 != 0) {
            bytes[10] = bytes[11] = 0;
            const std::uint16_t sum = reference_checksum(std::span(bytes).first(20));
            bytes[10] = static_cast<std::uint8_t>(sum >> 8);
            bytes[11] = static_cast<std::uint8_t>(sum);
        }
        const std::size_t size = 20 + random() % (bytes.size() - 19);
        const bool is_good = check_ipv4(std::span(bytes).first(size)).is_ok() &&
                             may_forward(header_at<Ipv4Header>(bytes.data()));
        const bool is_ordinary = is_ordinary_ipv4(bytes.data(), size);
        if (is_ordinary)
            REQUIRE(is_good);
        // What is not ordinary though nothing is wrong: 255/8 without the broadcast address.
        if (is_good && !is_ordinary)
            REQUIRE((bytes[12] == 255 || bytes[16] == 255));
        ++(is_ordinary ? ordinary : others);
    }
    CHECK(ordinary > 10'000);
    CHECK(others > 10'000);
}

TEST_CASE("an IPv6 packet that is ordinary has nothing wrong and may be forwarded") {
    std::mt19937 random(6);
    unsigned ordinary = 0;
    for (int i = 0; i < 200'000; ++i) {
        const Bytes bytes = changed(random, Ipv6{}.bytes(), 40);
        const std::size_t size = 40 + random() % (bytes.size() - 39);
        const auto& header = header_at<Ipv6Header>(bytes.data());
        if (!is_ordinary_ipv6(bytes.data(), size))
            continue;
        ++ordinary;
        REQUIRE(check_ipv6(std::span(bytes).first(size)).is_ok());
        REQUIRE(may_forward(header));
        REQUIRE(!may_carry_gre(header.next_header));
    }
    CHECK(ordinary > 10'000);
}

TEST_CASE("frames are to us by their destination alone") {
    const MacAddress mac{2, 0, 0, 0, 0, 7};
    Bytes frame(mac.begin(), mac.end());
    frame.resize(20, 0xff);
    CHECK(FrameToUs(mac).matches(frame.data()));
    for (std::size_t i = 0; i < mac.size(); ++i) {
        Bytes other = frame;
        other[i] ^= 0x10;
        CHECK_FALSE(FrameToUs(mac).matches(other.data()));
    }
}

TEST_CASE("one hop by one store is one hop, whatever the checksum was") {
    Bytes plain = Ipv4{}.bytes();
    for (unsigned checksum = 0; checksum <= 0xffff; ++checksum) {
        plain[8] = static_cast<std::uint8_t>(2 + checksum % 254);
        plain[10] = static_cast<std::uint8_t>(checksum >> 8);
        plain[11] = static_cast<std::uint8_t>(checksum);
        Bytes quick = plain;
        Bytes slow = plain;
        take_one_hop(header_at<Ipv4Header>(quick.data()));
        decrement_ttl(header_at<Ipv4Header>(slow.data()));
        REQUIRE(quick == slow);
    }
}

TEST_CASE("stamps put there what push_ethernet and push_gre put") {
    std::mt19937 random(9);
    for (const Family family : families)
        for (const auto& key : {std::optional<std::uint32_t>{}, std::optional<std::uint32_t>{7}}) {
            const auto ethernet =
                build_ethernet_header({2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, Family::ipv4);
            const auto outer = build_gre_template({.local = Address::ipv4(0xc0000242),
                                                   .remote = Address::ipv4(0xc0000241),
                                                   .key = key});
            Bytes header(64);
            std::memcpy(header.data(), &ethernet, sizeof ethernet);
            std::ranges::copy(outer.header(), header.begin() + sizeof ethernet);
            const GrePush push{.header = header.data(),
                               .size = static_cast<std::uint8_t>(sizeof ethernet + outer.size),
                               .outer_offset = sizeof ethernet,
                               .checksum = outer.checksum};
            const EthernetStamp plain(header.data(), family);
            const GreStamp tunnel(push, family);
            for (int i = 0; i < 10'000; ++i) {
                const auto size = static_cast<std::uint16_t>(random() % 9000);
                const auto traffic_class = static_cast<std::uint8_t>(random());
                const auto ident = static_cast<std::uint16_t>(random());
                Bytes wanted(128, 0xee);
                Bytes got(128, 0xee);
                push_gre(wanted.data() + 64, push, family, size, traffic_class, ident);
                tunnel.press(got.data() + 64, size, traffic_class, ident);
                REQUIRE(got == wanted);
            }
            Bytes wanted(64, 0xee);
            Bytes got(64, 0xee);
            push_ethernet(wanted.data() + 32, header.data(), family);
            plain.press(got.data() + 32);
            CHECK(got == wanted);
        }
}

TEST_CASE("a stamp over IPv6 puts there what push_gre_with_options puts") {
    std::mt19937 random(10);
    for (const Family family : families)
        for (const auto& key : {std::optional<std::uint32_t>{}, std::optional<std::uint32_t>{7}}) {
            const auto ethernet =
                build_ethernet_header({2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, Family::ipv6);
            const GreEndpoint endpoint{.local = *Address::parse("2001:db8:66::2"),
                                       .remote = *Address::parse("2001:db8:66::1"),
                                       .key = key};
            const auto outer = build_gre_template(endpoint);
            Bytes header(sizeof ethernet + outer.size);
            std::memcpy(header.data(), &ethernet, sizeof ethernet);
            std::ranges::copy(outer.header(), header.begin() + sizeof ethernet);
            const GrePush push{.header = header.data(),
                               .size = static_cast<std::uint8_t>(header.size()),
                               .outer_offset = sizeof ethernet,
                               .checksum = 0,
                               .options = endpoint.options()};
            const GreOverIpv6Stamp stamp(push, family);
            CHECK(stamp.size() == header.size());
            for (int i = 0; i < 10'000; ++i) {
                const auto size = static_cast<std::uint16_t>(random() % 9000);
                const auto traffic_class = static_cast<std::uint8_t>(random());
                const auto flow = static_cast<std::uint32_t>(random());
                Bytes wanted(128, 0xee);
                Bytes got(128, 0xee);
                push_gre_with_options(wanted.data() + 80, push,
                                      {.family = family,
                                       .inner_size = size,
                                       .traffic_class = traffic_class,
                                       .may_fragment = false,
                                       .identification = 0,
                                       .flow = flow,
                                       .sequence = 0});
                stamp.press(got.data() + 80, size, traffic_class, flow);
                REQUIRE(got == wanted);
            }
        }
}

TEST_CASE("where GRE is plain in IPv6, gre_offset finds it at the same place") {
    std::mt19937 random(12);
    std::size_t found = 0;
    for (int i = 0; i < 100'000; ++i) {
        Ipv6 packet{.next_header = 60, .payload = {47, 0, 4, 1, 4, 1, 1, 0, 0, 0, 8, 0}};
        if (random() % 4 == 0)
            packet.next_header = static_cast<std::uint8_t>(random() % 2 == 0 ? 47 : random());
        if (random() % 2 == 0)
            packet.payload[random() % 8] = static_cast<std::uint8_t>(random() % 64);
        packet.payload.resize(random() % 16);
        const Bytes bytes = packet.bytes();
        const std::size_t at = plain_gre_offset(bytes.data(), bytes.size());
        if (at == 0)
            continue;
        ++found;
        const GreOffset wanted = gre_offset(bytes);
        REQUIRE(wanted.finding.is_ok());
        REQUIRE(wanted.offset == at);
    }
    CHECK(found > 10'000);
}

}  // namespace
}  // namespace detour::packet::test
