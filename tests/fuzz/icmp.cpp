// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// ICMP about our outer packets. The fuzzer cannot guess checksums: they are put right first, so
// that it gets to what lies behind them.
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/path_mtu.h"
#include "tests/fuzz/input.h"

using namespace detour;
using namespace detour::packet;

namespace {

constexpr std::size_t icmp_checksum_at = 2;

void put_right(std::span<std::uint8_t> message, std::uint16_t initial) {
    if (message.size() < icmp_checksum_at + sizeof(Be16))
        return;
    auto& checksum = header_at<Be16>(message.data() + icmp_checksum_at);
    checksum = {};
    checksum = Be16::of_raw(static_cast<std::uint16_t>(~partial_sum(message, initial)));
}

void judge(const Bytes& packet) {
    const auto news = parse_too_big(packet);
    if (!news)
        return;
    must(news->source.family() == news->destination.family());
    must((packet[0] >> 4 == 4) == (news->source.family() == Family::ipv4));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes packet(data, data + size);
    if (packet.size() >= sizeof(Ipv4Header) && packet[0] >> 4 == 4) {
        auto& header = header_at<Ipv4Header>(packet.data());
        header.version_and_ihl = 0x45;
        header.total_length = Be16::of(static_cast<std::uint16_t>(packet.size()));
        header.checksum = {};
        header.checksum = checksum_of(std::span(packet).first(sizeof header));
        put_right(std::span(packet).subspan(sizeof header), 0);
        if (check_ipv4(packet).is_ok())
            judge(packet);
    } else if (packet.size() >= sizeof(Ipv6Header) && packet[0] >> 4 == 6) {
        auto& header = header_at<Ipv6Header>(packet.data());
        const auto length = static_cast<std::uint32_t>(packet.size() - sizeof header);
        header.payload_length = Be16::of(static_cast<std::uint16_t>(length));
        std::uint16_t sum = partial_sum(header.source);
        sum = partial_sum(header.destination, sum);
        sum = partial_sum(Be32::of(length).octets, sum);
        sum = partial_sum(Be32::of(protocol::icmpv6).octets, sum);
        put_right(std::span(packet).subspan(sizeof header), sum);
        if (check_ipv6(packet).is_ok())
            judge(packet);
    }
    return 0;
}
