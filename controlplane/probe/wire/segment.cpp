// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/wire/segment.h"

#include <cassert>

#include "conf/types/bytes.h"
#include "controlplane/probe/wire/checksum.h"

namespace detour::probe {

namespace {

constexpr std::size_t tcp_header_size = 20;
constexpr std::size_t tcp_checksum = 16;
constexpr std::size_t udp_checksum = 6;
constexpr std::uint8_t flag_syn = 0x02;
constexpr std::uint8_t flag_rst = 0x04;
constexpr std::uint8_t flag_ack = 0x10;
constexpr std::size_t icmp_header_size = 8;
constexpr std::size_t signature_size = 8;

struct Way {
    const Address& source;
    const Address& destination;
};

std::uint32_t covered(std::span<const std::uint8_t> bytes, const Way& way, std::uint8_t protocol) {
    return pseudo_header(way.source, way.destination, bytes.size(), protocol);
}

struct TcpHeader {
    Ports ports;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint8_t flags = 0;
};

TcpHeader read_tcp(std::span<const std::uint8_t> segment) {
    ByteReader reader(segment);
    TcpHeader header;
    header.ports.source = reader.u16();
    header.ports.destination = reader.u16();
    header.sequence = reader.u32();
    header.acknowledgement = reader.u32();
    reader.skip(1);
    header.flags = reader.u8();
    return header;
}

EchoHead write_tcp(const TcpHeader& header, const Way& way) {
    EchoHead head{};
    put(head, 0, header.ports.source);
    put(head, 2, header.ports.destination);
    put(head, 4, header.sequence);
    put(head, 8, header.acknowledgement);
    head[12] = 6 << 4;  // words of the header, the option included
    head[13] = header.flags;
    put(head, 14, std::uint16_t{1024});  // window
    // Maximum segment size: without it some hosts think of 1990 (RFC 9293 section 3.7.1).
    put(head, tcp_header_size, std::uint32_t{0x02040218});
    seal(head, tcp_checksum, covered(head, way, tcp_protocol));
    return head;
}

// The payload of an ICMPv4 or ICMPv6 error's quote: behind the IP header.
struct Quote {
    Address source, destination;
    std::uint8_t protocol = 0;
    std::span<const std::uint8_t> bytes;
};

std::expected<Quote, ReplyError> read_quote(std::span<const std::uint8_t> bytes, Family family) {
    const bool is_ipv4 = family == Family::ipv4;
    const std::size_t least = is_ipv4 ? 20 : 40;
    if (bytes.size() < least || bytes[0] >> 4 != (is_ipv4 ? 4 : 6))
        return std::unexpected(ReplyError::truncated);
    const std::size_t size = is_ipv4 ? (bytes[0] & 0x0fU) * 4U : least;
    if (size < least || bytes.size() < size + signature_size)
        return std::unexpected(ReplyError::truncated);
    const std::size_t length = is_ipv4 ? 4 : 16;
    const std::size_t at = is_ipv4 ? 12 : 8;
    return Quote{.source = *Address::from_bytes(family, bytes.subspan(at, length)),
                 .destination = *Address::from_bytes(family, bytes.subspan(at + length, length)),
                 .protocol = bytes[is_ipv4 ? 9 : 6],
                 .bytes = bytes.subspan(size)};
}

struct ErrorCode {
    std::uint8_t type;
    std::uint8_t code;
};

// RFC 792; RFC 4443 section 3.
constexpr ErrorCode code_of(IcmpError::Meaning meaning, Family family) {
    const bool is_ipv4 = family == Family::ipv4;
    switch (meaning) {
        case IcmpError::Meaning::port_unreachable:
            return is_ipv4 ? ErrorCode{3, 3} : ErrorCode{1, 4};
        case IcmpError::Meaning::time_exceeded:
            return is_ipv4 ? ErrorCode{11, 0} : ErrorCode{3, 0};
        case IcmpError::Meaning::other:
            break;
    }
    return is_ipv4 ? ErrorCode{3, 1} : ErrorCode{1, 0};
}

bool is_error(std::uint8_t type, Family family) {
    return family == Family::ipv4 ? type == 3 || type == 11 : type >= 1 && type <= 3;
}

IcmpError::Meaning meaning_of(std::uint8_t type, std::uint8_t code, Family family) {
    using Meaning = IcmpError::Meaning;
    for (const auto meaning : {Meaning::port_unreachable, Meaning::time_exceeded})
        if (const auto known = code_of(meaning, family); known.type == type && known.code == code)
            return meaning;
    return Meaning::other;
}

}  // namespace

Signature signature_of(std::span<const std::uint8_t> head) {
    return ByteReader(head).u64();
}

EchoHead encode_syn(const Ports& ports, std::uint32_t sequence, const Address& source,
                    const Address& destination) {
    assert(source.family() == destination.family());
    return write_tcp({.ports = ports, .sequence = sequence, .flags = flag_syn},
                     {source, destination});
}

EchoHead encode_datagram(const Ports& ports, const EchoMark& mark, const Address& source,
                         const Address& destination) {
    assert(source.family() == destination.family());
    EchoHead head{};
    put(head, 0, ports.source);
    put(head, 2, ports.destination);
    put(head, 4, static_cast<std::uint16_t>(head.size()));
    put(head, 8, magic);
    put(head, 12, mark.slot);
    put(head, 16, mark.token);
    seal(head, udp_checksum, covered(head, {source, destination}, udp_protocol));
    // RFC 768: zero means that there is none.
    if (head[udp_checksum] == 0 && head[udp_checksum + 1] == 0)
        put(head, udp_checksum, std::uint16_t{0xffff});
    return head;
}

std::expected<Signature, ReplyError> decode_syn_reply(std::span<const std::uint8_t> segment,
                                                      const Address& source,
                                                      const Address& destination) {
    if (segment.size() < tcp_header_size || source.family() != destination.family())
        return std::unexpected(ReplyError::truncated);
    const TcpHeader header = read_tcp(segment);
    // RFC 9293 section 3.10.7.1 and .4: a SYN is answered by SYN-ACK, or by RST with ACK.
    const bool is_answer =
        (header.flags & flag_ack) != 0 && (header.flags & (flag_syn | flag_rst)) != 0;
    if (!is_answer)
        return std::unexpected(ReplyError::not_reply);
    if (!is_sealed(segment, covered(segment, {source, destination}, tcp_protocol)))
        return std::unexpected(ReplyError::bad_checksum);
    EchoHead request{};
    put(request, 0, header.ports.destination);
    put(request, 2, header.ports.source);
    put(request, 4, header.acknowledgement - 1);
    return signature_of(request);
}

std::expected<DatagramReply, ReplyError> decode_datagram_reply(
    std::span<const std::uint8_t> datagram, const Address& source, const Address& destination) {
    if (datagram.size() < echo_head_size || source.family() != destination.family())
        return std::unexpected(ReplyError::truncated);
    ByteReader reader(datagram);
    DatagramReply reply;
    reply.ports.destination = reader.u16();
    reply.ports.source = reader.u16();
    if (reader.u16() != datagram.size())
        return std::unexpected(ReplyError::truncated);
    const bool has_checksum = reader.u16() != 0;
    if (!has_checksum && source.family() == Family::ipv6)
        return std::unexpected(ReplyError::bad_checksum);
    if (has_checksum &&
        !is_sealed(datagram, covered(datagram, {source, destination}, udp_protocol)))
        return std::unexpected(ReplyError::bad_checksum);
    if (reader.u32() != magic)
        return std::unexpected(ReplyError::foreign);
    reply.slot = reader.u32();
    reply.token = reader.u64();
    return reply;
}

std::expected<IcmpError, ReplyError> decode_icmp_error(std::span<const std::uint8_t> message,
                                                       const Address& source,
                                                       const Address& destination) {
    const Family family = destination.family();
    if (message.size() < icmp_header_size || source.family() != family)
        return std::unexpected(ReplyError::truncated);
    ByteReader reader(message);
    const auto type = reader.u8();
    const auto code = reader.u8();
    if (!is_error(type, family))
        return std::unexpected(ReplyError::not_reply);
    if (!is_sealed(message, covered_by_icmp(source, destination, message.size())))
        return std::unexpected(ReplyError::bad_checksum);
    const auto quote = read_quote(message.subspan(icmp_header_size), family);
    if (!quote)
        return std::unexpected(quote.error());
    IcmpError error;
    error.meaning = meaning_of(type, code, family);
    error.source = quote->source;
    error.destination = quote->destination;
    error.protocol = quote->protocol;
    error.signature = signature_of(quote->bytes);
    return error;
}

std::expected<EchoHead, ReplyError> answer_syn(std::span<const std::uint8_t> segment,
                                               PortState port, const Address& source,
                                               const Address& destination) {
    if (segment.size() < tcp_header_size)
        return std::unexpected(ReplyError::truncated);
    if (!is_sealed(segment, covered(segment, {source, destination}, tcp_protocol)))
        return std::unexpected(ReplyError::bad_checksum);
    const TcpHeader header = read_tcp(segment);
    if (header.flags != flag_syn)
        return std::unexpected(ReplyError::not_reply);
    const bool is_open = port == PortState::open;
    return write_tcp(
        {.ports = {header.ports.destination, header.ports.source},
         .sequence = is_open ? 0x01020304U : 0U,
         .acknowledgement = header.sequence + 1,
         .flags = static_cast<std::uint8_t>((is_open ? flag_syn : flag_rst) | flag_ack)},
        {destination, source});
}

std::expected<EchoHead, ReplyError> answer_datagram(std::span<const std::uint8_t> datagram,
                                                    const Address& source,
                                                    const Address& destination) {
    const auto heard = decode_datagram_reply(datagram, source, destination);
    if (!heard)
        return std::unexpected(heard.error());
    // The request read as a reply has its ports the other way round.
    return encode_datagram(heard->ports, {.slot = heard->slot, .token = heard->token}, destination,
                           source);
}

Bytes answer_with_error(IcmpError::Meaning meaning, const Address& router, const Address& source,
                        const Address& destination, std::uint8_t protocol,
                        std::span<const std::uint8_t> head) {
    const Family family = source.family();
    const bool is_ipv4 = family == Family::ipv4;
    const auto [type, code] = code_of(meaning, family);
    Bytes message;
    ByteWriter writer(message);
    writer.u8(type);
    writer.u8(code);
    writer.u16(0);
    writer.u32(0);
    const auto size = static_cast<std::uint16_t>(head.size());
    if (is_ipv4) {
        writer.u16(0x4500);
        writer.u16(static_cast<std::uint16_t>(size + 20));
        writer.u32(0);
        writer.u8(1);
        writer.u8(protocol);
        writer.u16(0);
    } else {
        writer.u32(0x60000000);
        writer.u16(size);
        writer.u8(protocol);
        writer.u8(1);
    }
    writer.bytes(source.bytes());
    writer.bytes(destination.bytes());
    writer.bytes(head);
    seal(message, 2, covered_by_icmp(router, source, message.size()));
    return message;
}

}  // namespace detour::probe
