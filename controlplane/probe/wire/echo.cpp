// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/wire/echo.h"

#include <algorithm>
#include <cassert>

#include "conf/types/bytes.h"
#include "controlplane/probe/wire/checksum.h"

namespace detour::probe {

namespace {

constexpr std::size_t checksum_offset = 2;

struct Types {
    std::uint8_t request;
    std::uint8_t reply;
};

constexpr Types types(Family family) {
    return family == Family::ipv4 ? Types{8, 0} : Types{128, 129};
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
    seal(head, checksum_offset, covered_by_icmp(source, destination, size));
    return head;
}

std::expected<EchoMark, ReplyError> decode_echo_reply(std::span<const std::uint8_t> message,
                                                      const Address& source,
                                                      const Address& destination) {
    constexpr std::size_t icmp_header_size = 8;
    if (message.size() < icmp_header_size || source.family() != destination.family())
        return std::unexpected(ReplyError::truncated);
    ByteReader reader(message);
    const auto type = reader.u8();
    const auto code = reader.u8();
    if (type != types(source.family()).reply || code != 0)
        return std::unexpected(ReplyError::not_reply);
    if (!is_sealed(message, covered_by_icmp(source, destination, message.size())))
        return std::unexpected(ReplyError::bad_checksum);
    reader.skip(2);
    EchoMark mark;
    mark.ident = reader.u16();
    mark.sequence = reader.u16();
    const auto word = reader.u32();
    mark.slot = reader.u32();
    mark.token = reader.u64();
    if (!reader.ok() || word != magic)
        return std::unexpected(ReplyError::foreign);
    return mark;
}

std::expected<EchoHead, ReplyError> answer_echo_request(std::span<const std::uint8_t> request,
                                                        std::size_t size, const Address& source,
                                                        const Address& destination) {
    if (request.size() < echo_head_size || size < echo_head_size)
        return std::unexpected(ReplyError::truncated);
    if (request[0] != types(source.family()).request)
        return std::unexpected(ReplyError::not_reply);
    if (!is_sealed(request.first(echo_head_size), covered_by_icmp(source, destination, size)))
        return std::unexpected(ReplyError::bad_checksum);
    EchoHead head{};
    std::ranges::copy(request.first(echo_head_size), head.begin());
    head[0] = types(source.family()).reply;
    seal(head, checksum_offset, covered_by_icmp(destination, source, size));
    return head;
}

}  // namespace detour::probe
