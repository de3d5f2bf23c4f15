// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/wire/segment.h"

#include <doctest/doctest.h>

#include <vector>

using detour::Address;
using detour::Bytes;
using namespace detour::probe;

namespace {

struct Way {
    Address source, destination, router;
};

const std::vector<Way> ways{
    {*Address::parse("198.51.100.2"), *Address::parse("203.0.113.1"), *Address::parse("192.0.2.1")},
    {*Address::parse("2001:db8:77::2"), *Address::parse("2001:db8:501::1"),
     *Address::parse("2001:db8:1::1")},
};
constexpr Ports ports{61234, 443};
constexpr EchoMark mark{61234, 443, 3, 0x0123456789abcdefU};

Bytes damaged(const Bytes& message, std::size_t bit) {
    Bytes copy = message;
    copy[bit / 8] = static_cast<std::uint8_t>(copy[bit / 8] ^ 1U << bit % 8);
    return copy;
}

Bytes bytes_of(const EchoHead& head) {
    return {head.begin(), head.end()};
}

}  // namespace

TEST_CASE("RFC 9293 3.10.7: a SYN is answered by SYN-ACK or RST, and either finds the SYN again") {
    for (const auto& way : ways)
        for (const auto state : {PortState::open, PortState::closed}) {
            const auto syn = encode_syn(ports, 0xfffffffe, way.source, way.destination);
            CHECK(syn[13] == 2);
            const auto reply = answer_syn(syn, state, way.source, way.destination);
            REQUIRE(reply);
            CHECK((*reply)[13] == (state == PortState::open ? 0x12 : 0x14));
            const auto heard = decode_syn_reply(*reply, way.destination, way.source);
            REQUIRE(heard);
            CHECK(*heard == signature_of(syn));
            for (std::size_t bit = 0; bit < echo_head_size * 8; ++bit) {
                const auto other =
                    decode_syn_reply(damaged(bytes_of(*reply), bit), way.destination, way.source);
                CHECK_FALSE(other);
            }
        }
}

TEST_CASE("a segment that is no answer to a SYN is none to ours") {
    const auto& way = ways[0];
    const auto syn = encode_syn(ports, 7, way.source, way.destination);
    CHECK(decode_syn_reply(syn, way.destination, way.source).error() == ReplyError::not_reply);
    CHECK(decode_syn_reply(std::span(syn).first(19), way.destination, way.source).error() ==
          ReplyError::truncated);
    const auto reply = *answer_syn(syn, PortState::open, way.source, way.destination);
    CHECK_FALSE(answer_syn(reply, PortState::open, way.source, way.destination));
    // Another peer's sequence is another signature.
    const auto other = encode_syn(ports, 8, way.source, way.destination);
    CHECK(*decode_syn_reply(reply, way.destination, way.source) != signature_of(other));
}

TEST_CASE("RFC 768: a datagram's echo brings slot, token and ports back") {
    for (const auto& way : ways) {
        const auto datagram = encode_datagram(ports, mark, way.source, way.destination);
        const auto reply = answer_datagram(datagram, way.source, way.destination);
        REQUIRE(reply);
        const auto heard = decode_datagram_reply(*reply, way.destination, way.source);
        REQUIRE(heard);
        CHECK(heard->ports == ports);
        CHECK(heard->slot == mark.slot);
        CHECK(heard->token == mark.token);
        for (std::size_t bit = 0; bit < echo_head_size * 8; ++bit)
            CHECK_FALSE(
                decode_datagram_reply(damaged(bytes_of(*reply), bit), way.destination, way.source));
        // "no checksum" is allowed in IPv4 alone (RFC 8200 section 8.1).
        Bytes bare = bytes_of(*reply);
        bare[6] = bare[7] = 0;
        CHECK(decode_datagram_reply(bare, way.destination, way.source).has_value() ==
              (way.source.family() == detour::Family::ipv4));
    }
}

TEST_CASE("RFC 792, RFC 4443: an ICMP error names the probe that it quotes") {
    using Meaning = IcmpError::Meaning;
    for (const auto& way : ways)
        for (const auto meaning :
             {Meaning::port_unreachable, Meaning::time_exceeded, Meaning::other}) {
            const auto datagram = encode_datagram(ports, mark, way.source, way.destination);
            for (const std::size_t quoted : {std::size_t{8}, echo_head_size}) {
                const auto message =
                    answer_with_error(meaning, way.router, way.source, way.destination,
                                      udp_protocol, std::span(datagram).first(quoted));
                const auto error = decode_icmp_error(message, way.router, way.source);
                REQUIRE(error);
                CHECK(error->meaning == meaning);
                CHECK(error->source == way.source);
                CHECK(error->destination == way.destination);
                CHECK(error->protocol == udp_protocol);
                CHECK(error->signature == signature_of(datagram));
                for (std::size_t bit = 0; bit < message.size() * 8; ++bit)
                    CHECK_FALSE(decode_icmp_error(damaged(message, bit), way.router, way.source));
            }
            CHECK_FALSE(decode_icmp_error(
                answer_with_error(meaning, way.router, way.source, way.destination, udp_protocol,
                                  std::span(datagram).first(7)),
                way.router, way.source));
        }
}

TEST_CASE("an echo reply is no error, and an error is no echo reply") {
    const auto& way = ways[0];
    const auto request = encode_echo_request(mark, way.source, way.destination, echo_head_size);
    const auto reply = *answer_echo_request(request, echo_head_size, way.source, way.destination);
    CHECK(decode_icmp_error(reply, way.destination, way.source).error() == ReplyError::not_reply);
    const auto error = answer_with_error(IcmpError::Meaning::time_exceeded, way.router, way.source,
                                         way.destination, 1, request);
    CHECK_FALSE(decode_echo_reply(error, way.router, way.source));
}
