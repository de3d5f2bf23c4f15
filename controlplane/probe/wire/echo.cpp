// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/wire/echo.h"

#include <algorithm>
#include <cassert>

#include "conf/types/bytes.h"
#include "controlplane/probe/wire/checksum.h"

namespace detour::probe {

namespace {

constexpr std::uint32_t magic = 0x64746f72;  // "dtor"
constexpr std::size_t checksum_offset = 2;
constexpr std::uint8_t icmpv6_next_header = 58;

struct Types {
    std::uint8_t request;
    std::uint8_t reply;
};

constexpr Types types(Family family) {
    return family == Family::ipv4 ? Types{8, 0} : Types{128, 129};
}

// Nothing of the kind in ICMPv4.
std::uint32_t covered(const Address& source, const Address& destination, std::size_t size) {
    return source.family() == Family::ipv4
               ? 0
               : pseudo_header(source, destination, size, icmpv6_next_header);
}

void seal(EchoHead& head, const Address& source, const Address& destination, std::size_t size) {
    head[checksum_offset] = head[checksum_offset + 1] = 0;
    const auto sum = fold(sum_words(head, covered(source, destination, size)));
    const auto checksum = static_cast<std::uint16_t>(~sum);
    head[checksum_offset] = static_cast<std::uint8_t>(checksum >> 8);
    head[checksum_offset + 1] = static_cast<std::uint8_t>(checksum);
}

template <class Integer>
void put(EchoHead& head, std::size_t offset, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
        head[offset + i] = static_cast<std::uint8_t>(value >> 8 * (sizeof value - 1 - i));
}

}  // namespace

EchoHead encode_echo_request(const EchoMark& mark, const Address& source,
                             const Address& destination, std::size_t size) {
    assert(size >= echo_head_size && source.family() == destination.family());
    EchoHead head{};
    head[0] = types(source.family()).request;
    put(head, 4, mark.ident);
    put(head, 6, mark.sequence);
    put(head, 8, magic);
    put(head, 12, mark.slot);
    put(head, 16, mark.token);
    seal(head, source, destination, size);
    return head;
}

std::expected<EchoMark, EchoError> decode_echo_reply(std::span<const std::uint8_t> message,
                                                     const Address& source,
                                                     const Address& destination) {
    constexpr std::size_t icmp_header_size = 8;
    if (message.size() < icmp_header_size || source.family() != destination.family())
        return std::unexpected(EchoError::truncated);
    ByteReader reader(message);
    const auto type = reader.u8();
    const auto code = reader.u8();
    if (type != types(source.family()).reply || code != 0)
        return std::unexpected(EchoError::not_echo_reply);
    if (fold(sum_words(message, covered(source, destination, message.size()))) != 0xffff)
        return std::unexpected(EchoError::bad_checksum);
    reader.skip(2);
    EchoMark mark;
    mark.ident = reader.u16();
    mark.sequence = reader.u16();
    const auto word = reader.u32();
    mark.slot = reader.u32();
    mark.token = reader.u64();
    if (!reader.ok() || word != magic)
        return std::unexpected(EchoError::foreign);
    return mark;
}

std::expected<EchoHead, EchoError> answer_echo_request(std::span<const std::uint8_t> request,
                                                       std::size_t size, const Address& source,
                                                       const Address& destination) {
    if (request.size() < echo_head_size || size < echo_head_size)
        return std::unexpected(EchoError::truncated);
    if (request[0] != types(source.family()).request)
        return std::unexpected(EchoError::not_echo_reply);
    if (fold(sum_words(request.first(echo_head_size), covered(source, destination, size))) !=
        0xffff)
        return std::unexpected(EchoError::bad_checksum);
    EchoHead head{};
    std::ranges::copy(request.first(echo_head_size), head.begin());
    head[0] = types(source.family()).reply;
    seal(head, destination, source, size);
    return head;
}

}  // namespace detour::probe
