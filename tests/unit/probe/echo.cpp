// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/wire/echo.h"

#include <doctest/doctest.h>

#include <vector>

using detour::Address;
using namespace detour::probe;

namespace {

struct Way {
    Address source, destination;
};

const std::vector<Way> ways{
    {*Address::parse("198.51.100.2"), *Address::parse("203.0.113.1")},
    {*Address::parse("2001:db8:77::2"), *Address::parse("2001:db8:501::1")},
};
constexpr EchoMark mark{0x1234, 7, 3, 0x0123456789abcdefU};

std::vector<std::uint8_t> whole(const EchoHead& head, std::size_t size) {
    std::vector<std::uint8_t> message(head.begin(), head.end());
    message.resize(size);
    return message;
}

}  // namespace

TEST_CASE("a request answered by a correct host brings its mark back, at any size") {
    for (const auto& way : ways)
        for (const std::size_t size : {echo_head_size, std::size_t{25}, std::size_t{1456}}) {
            const auto request = encode_echo_request(mark, way.source, way.destination, size);
            const auto reply = answer_echo_request(request, size, way.source, way.destination);
            REQUIRE(reply);
            const auto heard = decode_echo_reply(whole(*reply, size), way.destination, way.source);
            REQUIRE(heard);
            CHECK(*heard == mark);
        }
}

TEST_CASE("RFC 792, RFC 4443: types and a checksum that a calculator agrees with") {
    const auto v4 = encode_echo_request({1, 1, 0, 0}, ways[0].source, ways[0].destination, 24);
    CHECK(v4[0] == 8);
    // 0800 + 0001 + 0001 + 6474 + 6f72 = dbe8; its complement.
    CHECK((v4[2] << 8 | v4[3]) == 0x2417);
    const auto v6 = encode_echo_request({1, 1, 0, 0}, ways[1].source, ways[1].destination, 24);
    CHECK(v6[0] == 128);
}

TEST_CASE("every damaged bit of a reply is noticed") {
    for (const auto& way : ways) {
        const auto request = encode_echo_request(mark, way.source, way.destination, 24);
        const auto reply = answer_echo_request(request, 24, way.source, way.destination);
        for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
            auto message = whole(*reply, 24);
            message[bit / 8] = static_cast<std::uint8_t>(message[bit / 8] ^ 1U << bit % 8);
            CHECK_FALSE(decode_echo_reply(message, way.destination, way.source));
        }
    }
}

TEST_CASE("short, foreign and other messages are told apart") {
    const auto& way = ways[0];
    const auto reason = [&](std::vector<std::uint8_t> message) {
        return decode_echo_reply(message, way.destination, way.source).error();
    };
    CHECK(reason({}) == ReplyError::truncated);
    CHECK(reason({0, 0, 0xff}) == ReplyError::truncated);
    CHECK(reason({3, 1, 0xfc, 0xfe, 0, 0, 0, 0}) == ReplyError::not_reply);
    CHECK(reason({0, 0, 0, 0, 0, 0, 0, 0}) == ReplyError::bad_checksum);
    CHECK(reason({0, 0, 0xff, 0xff, 0, 0, 0, 0}) == ReplyError::foreign);
    const auto request = encode_echo_request(mark, way.source, way.destination, 24);
    CHECK(reason(whole(request, 24)) == ReplyError::not_reply);
}

TEST_CASE("an IPv6 reply checked against other addresses does not pass") {
    const auto& way = ways[1];
    const auto request = encode_echo_request(mark, way.source, way.destination, 24);
    const auto reply = answer_echo_request(request, 24, way.source, way.destination);
    const auto other = *Address::parse("2001:db8:501::2");
    CHECK(decode_echo_reply(whole(*reply, 24), other, way.source).error() ==
          ReplyError::bad_checksum);
}
