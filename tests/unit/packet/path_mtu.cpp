// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/path_mtu.h"

#include "dataplane/packet/checksum.h"
#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Address;
using detour::Bytes;
using test::Ipv4;
using test::Ipv6;

namespace {

Bytes icmp(std::uint8_t type, std::uint8_t code, std::uint32_t mtu, const Bytes& quoted) {
    Bytes bytes;
    detour::ByteWriter out(bytes);
    out.u8(type);
    out.u8(code);
    out.u16(0);
    out.u32(mtu);
    out.bytes(quoted);
    return bytes;
}

void put_checksum(Bytes& message, std::uint16_t sum) {
    const auto checksum = Be16::of_raw(static_cast<std::uint16_t>(~partial_sum(message, sum)));
    message[2] = checksum.octets[0];
    message[3] = checksum.octets[1];
}

Ipv4 error4(Bytes message) {
    put_checksum(message, 0);
    return {
        .source = "203.0.113.1", .destination = "192.0.2.66", .protocol = 1, .payload = message};
}

Ipv6 error6(Bytes message) {
    const auto from = *Address::parse("2001:db8:9::1");
    const auto to = *Address::parse("2001:db8:66::2");
    std::uint16_t sum = partial_sum(from.bytes());
    sum = partial_sum(to.bytes(), sum);
    sum = partial_sum(Be32::of(static_cast<std::uint32_t>(message.size())).octets, sum);
    sum = partial_sum(Be32::of(58).octets, sum);
    put_checksum(message, sum);
    return {.source = "2001:db8:9::1",
            .destination = "2001:db8:66::2",
            .next_header = 58,
            .payload = message};
}

// The first octets of a packet of ours.
Bytes quoted4(const Bytes& gre, std::uint8_t protocol = 47, Bytes options = {}) {
    Ipv4 packet{.source = "192.0.2.66",
                .destination = "192.0.2.65",
                .protocol = protocol,
                .options = std::move(options),
                .payload = gre};
    packet.total_length = 1500;
    return packet.bytes();
}

const Bytes keyed{0x20, 0, 8, 0, 0, 0, 0, 7};
const Bytes bare{0, 0, 8, 0, 0x45, 0, 0, 0};

}  // namespace

TEST_CASE("fragmentation needed names the tunnel, its key and the hop's MTU (RFC 1191 4)") {
    struct Row {
        Bytes gre;
        std::optional<std::uint32_t> key;
    };
    for (const Row& row : {Row{keyed, 7}, Row{bare, std::nullopt},
                           Row{{0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1}, 9}}) {
        const auto news = parse_too_big(error4(icmp(3, 4, 1400, quoted4(row.gre))).bytes());
        REQUIRE(news.has_value());
        CHECK(news->source == *Address::parse("192.0.2.66"));
        CHECK(news->destination == *Address::parse("192.0.2.65"));
        CHECK(news->key == row.key);
        CHECK(news->mtu == 1400);
    }
    CHECK(parse_too_big(error4(icmp(3, 4, 1400, quoted4(keyed, 47, Bytes(4, 1)))).bytes()));
}

TEST_CASE("a router that leaves the MTU zero means the next plateau (RFC 1191 5)") {
    const auto news = parse_too_big(error4(icmp(3, 4, 0, quoted4(keyed))).bytes());
    REQUIRE(news.has_value());
    CHECK(news->mtu == 1492);
}

TEST_CASE("packet too big says the same of a tunnel over IPv6 (RFC 4443 3.2)") {
    Ipv6 ours{.source = "2001:db8:66::2",
              .destination = "2001:db8:66::1",
              .next_header = 47,
              .payload = keyed};
    const auto news = parse_too_big(error6(icmp(2, 0, 1280, ours.bytes())).bytes());
    REQUIRE(news.has_value());
    CHECK(news->source == *Address::parse("2001:db8:66::2"));
    CHECK(news->destination == *Address::parse("2001:db8:66::1"));
    CHECK(news->key == 7);
    CHECK(news->mtu == 1280);
    CHECK(parse_too_big(error6(icmp(2, 0, 0x10000, ours.bytes())).bytes())->mtu == 0xffff);
    Ipv6 wrong = error6(icmp(2, 0, 1280, ours.bytes()));
    wrong.payload[2] ^= 1;
    CHECK_FALSE(parse_too_big(wrong.bytes()));
    ours.next_header = 17;
    CHECK_FALSE(parse_too_big(error6(icmp(2, 0, 1280, ours.bytes())).bytes()));
    CHECK_FALSE(parse_too_big(error6(icmp(2, 0, 1280, Bytes(39, 0x60))).bytes()));
    CHECK_FALSE(parse_too_big(error6(icmp(1, 4, 1280, Bytes(48, 0x60))).bytes()));
}

TEST_CASE("anything else is not believed") {
    struct Row {
        const char* what;
        Ipv4 packet;
    };
    Ipv4 wrong = error4(icmp(3, 4, 1400, quoted4(keyed)));
    wrong.payload[3] ^= 1;
    Ipv4 fragment = error4(icmp(3, 4, 1400, quoted4(keyed)));
    fragment.fragment = 0x2000;
    Bytes version5 = quoted4(keyed);
    version5[0] = 0x55;
    Bytes long_header = quoted4(keyed);
    long_header[0] = 0x4f;
    const Row rows[] = {
        {"port unreachable", error4(icmp(3, 3, 1400, quoted4(keyed)))},
        {"an echo request", error4(icmp(8, 0, 1400, quoted4(keyed)))},
        {"a wrong checksum", wrong},
        {"a fragment of a message", fragment},
        {"about UDP", error4(icmp(3, 4, 1400, quoted4(keyed, 17)))},
        {"a quote too short for a header", error4(icmp(3, 4, 1400, Bytes(19, 0x45)))},
        {"a quote of another version", error4(icmp(3, 4, 1400, version5))},
        {"a quoted header beyond the quote", error4(icmp(3, 4, 1400, long_header))},
        {"GRE version 1 (PPTP)",
         error4(icmp(3, 4, 1400, quoted4({0x20, 1, 0x88, 0x0b, 0, 0, 0, 7})))},
        {"a key that is not quoted", error4(icmp(3, 4, 1400, quoted4({0x20, 0, 8, 0, 0, 0, 0})))},
        {"no GRE quoted", error4(icmp(3, 4, 1400, quoted4({})))},
        {"no ICMP", {.protocol = 17, .payload = Bytes(60, 3)}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK_FALSE(parse_too_big(row.packet.bytes()));
    }
}
