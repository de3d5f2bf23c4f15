// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Frames as they come from the wire, through everything that reads them before a route is known.
#include "tests/fuzz/input.h"

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/flow.h"
#include "dataplane/packet/gre_options.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/local.h"
#include "dataplane/packet/path_mtu.h"
#include "dataplane/packet/tcp_mss.h"

using namespace detour;
using namespace detour::packet;

namespace {

constexpr MacAddress ours{0x02, 0, 0, 0, 0, 1};
std::uint64_t sink;

void read_ipv4(std::span<const std::uint8_t> bytes) {
    if (!check_ipv4(bytes).is_ok())
        return;
    const auto& header = header_at<Ipv4Header>(bytes.data());
    const auto packet = bytes.first(header.total_length.value());
    must(header.header_size() == sizeof(Ipv4Header));
    sink += flow_hash(header) + std::uint64_t{is_tcp_syn(header, packet.size())};
    if (parse_too_big(packet))
        must(header.protocol == protocol::icmp);
    if (const auto gre = parse_gre(packet.subspan(sizeof(Ipv4Header))))
        must(gre->header_size <= packet.size() - sizeof(Ipv4Header));
}

void read_ipv6(std::span<const std::uint8_t> bytes) {
    if (!check_ipv6(bytes).is_ok())
        return;
    const auto& header = header_at<Ipv6Header>(bytes.data());
    const auto packet = bytes.first(header.total_length());
    sink += flow_hash(header) + std::uint64_t{is_tcp_syn(header, packet.size())};
    if (parse_too_big(packet))
        must(header.next_header == protocol::icmpv6);
    const GreOffset at = gre_offset(packet);
    must(!at.offset || at.finding.is_ok());
    if (!at.offset)
        return;
    must(*at.offset <= packet.size());
    if (const auto gre = parse_gre(packet.subspan(*at.offset)))
        must(gre->header_size <= packet.size() - *at.offset);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes frame(data, data + size);  // of its own size, so that no byte behind it is read
    const Finding finding = check_frame(frame, ours);
    if (frame.size() < sizeof(EthernetHeader)) {
        must(finding.is_drop());
        return 0;
    }
    const Bytes packet(frame.begin() + sizeof(EthernetHeader), frame.end());
    sink += std::uint64_t{is_control(packet)};
    read_ipv4(packet);
    read_ipv6(packet);
    return 0;
}
