// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/tcp_mss.h"

#include <algorithm>

#include "dataplane/packet/checksum.h"
#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using detour::Family;
using test::Ipv4;
using test::Ipv6;

namespace {

// A TCP header with these options, padded to words, and a checksum that makes it sum to all ones:
// what matters is that it stays so.
Bytes segment(const Bytes& options, std::uint8_t flags = 0x02, const Bytes& payload = {}) {
    Bytes bytes{0x04, 0x00, 0x00, 0x50, 1, 2, 3, 4, 0, 0, 0, 0, 0, flags, 0xff, 0xff, 0, 0, 0, 0};
    bytes.insert(bytes.end(), options.begin(), options.end());
    while (bytes.size() % 4 != 0)
        bytes.push_back(0);
    bytes[12] = static_cast<std::uint8_t>(bytes.size() / 4 << 4);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    const Be16 checksum = checksum_of(bytes);
    bytes[16] = checksum.octets[0];
    bytes[17] = checksum.octets[1];
    return bytes;
}

Bytes clamped(Bytes bytes, std::uint16_t largest) {
    clamp_mss(bytes, largest);
    return bytes;
}

}  // namespace

TEST_CASE("the option is lowered wherever it stands, and the checksum stays right") {
    struct Row {
        const char* what;
        Bytes options;
        Bytes expected;
    };
    const Row rows[] = {
        {"alone", {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0x98}},
        {"behind padding, at an odd place", {1, 2, 4, 0x05, 0xb4}, {1, 2, 4, 0x05, 0x98}},
        {"behind a window scale", {3, 3, 7, 2, 4, 0x23, 0xf0}, {3, 3, 7, 2, 4, 0x05, 0x98}},
        {"behind SACK and a timestamp",
         {4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0xff, 0xff},
         {4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x05, 0x98}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        for (const Bytes& payload : {Bytes{}, Bytes{9, 8, 7}}) {
            const Bytes before = segment(row.options, 0x02, payload);
            const Bytes after = clamped(before, 1432);
            CHECK(partial_sum(after) == 0xffff);
            CHECK(std::ranges::equal(std::span(after).subspan(20, row.expected.size()),
                                     row.expected));
            CHECK(std::ranges::equal(std::span(after).first(16), std::span(before).first(16)));
            CHECK(std::ranges::equal(std::span(after).last(payload.size()), payload));
        }
    }
}

TEST_CASE("nothing is raised, added or touched that is not the option") {
    struct Row {
        const char* what;
        Bytes options;
    };
    const Row rows[] = {
        {"less", {2, 4, 0x02, 0x18}},
        {"just as much", {2, 4, 0x05, 0x98}},
        {"no option", {}},
        {"behind the end of options", {0, 2, 4, 0x05, 0xb4}},
        {"of a wrong length", {2, 3, 0xff, 1}},
        {"a length of zero", {5, 0, 2, 4, 0xff, 0xff}},
        {"a length of one", {5, 1, 2, 4, 0xff, 0xff}},
        {"longer than the header", {5, 40, 2, 4}},
        {"cut off at the kind", {1, 1, 1, 2}},
        {"cut off in the value", {1, 2, 4, 0xff}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Bytes before = segment(row.options);
        CHECK(clamped(before, 1432) == before);
    }
    Bytes beyond = segment({2, 4, 0xff, 0xff});
    beyond[12] = 0xf0;  // a header longer than the segment
    CHECK(clamped(beyond, 1432) == beyond);
    Bytes too_short = segment({2, 4, 0xff, 0xff});
    too_short[12] = 0x40;  // a header shorter than a header
    CHECK(clamped(too_short, 1432) == too_short);
}

TEST_CASE("only a whole TCP header with SYN is looked at") {
    const auto is_syn4 = [](const Ipv4& packet) {
        const Bytes bytes = packet.bytes();
        return is_tcp_syn(header_at<Ipv4Header>(bytes.data()), bytes.size());
    };
    const auto is_syn6 = [](const Ipv6& packet) {
        const Bytes bytes = packet.bytes();
        return is_tcp_syn(header_at<Ipv6Header>(bytes.data()), bytes.size());
    };
    // SYN, SYN and ACK, a SYN that asks for ECN.
    for (const std::uint8_t flags : {std::uint8_t{0x02}, std::uint8_t{0x12}, std::uint8_t{0xc2}}) {
        CHECK(is_syn4({.protocol = 6, .payload = segment({}, flags)}));
        CHECK(is_syn6({.next_header = 6, .payload = segment({}, flags)}));
    }
    CHECK_FALSE(is_syn4({.protocol = 6, .payload = segment({}, 0x10)}));
    CHECK_FALSE(is_syn6({.next_header = 6, .payload = segment({}, 0x10)}));
    CHECK_FALSE(is_syn4({.protocol = 17, .payload = segment({})}));
    CHECK_FALSE(is_syn6({.next_header = 17, .payload = segment({})}));
    CHECK_FALSE(is_syn4({.fragment = 0x2000, .protocol = 6, .payload = segment({})}));
    CHECK_FALSE(is_syn4({.fragment = 1, .protocol = 6, .payload = segment({})}));
    CHECK_FALSE(is_syn4({.protocol = 6, .payload = Bytes(19, 0xff)}));
    CHECK_FALSE(is_syn6({.next_header = 6, .payload = Bytes(19, 0xff)}));
}

TEST_CASE("a segment has what the headers leave") {
    CHECK(segment_size(1500, Family::ipv4) == 1460);
    CHECK(segment_size(1472, Family::ipv4) == 1432);
    CHECK(segment_size(1472, Family::ipv6) == 1412);
    CHECK(segment_size(40, Family::ipv4) == 0);
    CHECK(segment_size(60, Family::ipv6) == 0);
}
