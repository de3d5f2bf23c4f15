// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/gre_keepalive.h"

namespace detour::packet {
namespace {

constexpr std::uint8_t internet_control = 0xc0;  // CS6, as routers mark what is for routers
constexpr std::uint8_t time_to_live = 255;

}  // namespace

bool is_gre_keepalive(std::span<const std::uint8_t> inner, std::uint32_t local,
                      std::uint32_t remote) {
    if (inner.size() < sizeof(Ipv4Header) + sizeof(GreHeader))
        return false;
    const auto& header = header_at<Ipv4Header>(inner.data());
    return header.protocol == protocol::gre && header.header_size() == sizeof(Ipv4Header) &&
           header.source.value() == local && header.destination.value() == remote &&
           header_at<GreHeader>(inner.data() + sizeof(Ipv4Header)).protocol.value() == 0;
}

GreKeepalive build_gre_keepalive(std::uint32_t local, std::uint32_t remote,
                                 std::optional<std::uint32_t> key) {
    GreKeepalive result;
    result.size = sizeof(Ipv4Header) + sizeof(GreHeader) + (key ? sizeof(Be32) : 0);
    auto& header = header_at<Ipv4Header>(result.bytes.data());
    header.version_and_ihl = 0x45;
    header.traffic_class = internet_control;
    header.total_length = Be16::of(static_cast<std::uint16_t>(result.size));
    header.fragment = Be16::of(Ipv4Header::dont_fragment);
    header.ttl = time_to_live;
    header.protocol = protocol::gre;
    header.source = Be32::of(remote);
    header.destination = Be32::of(local);
    header.checksum = checksum_of(std::span(result.bytes).first(sizeof header));
    std::uint8_t* const gre = result.bytes.data() + sizeof header;
    if (key) {
        header_at<GreHeader>(gre).flags_and_version = Be16::of(GreHeader::has_key);
        header_at<Be32>(gre + sizeof(GreHeader)) = Be32::of(*key);
    }
    return result;
}

}  // namespace detour::packet
