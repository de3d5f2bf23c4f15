// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Keepalives: any packet judged, and any keepalive of ours recognised by the far end and nobody
// else.
#include "dataplane/packet/gre_keepalive.h"
#include "tests/fuzz/input.h"

using namespace detour;
using namespace detour::packet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Choices choices({data, size});
    const std::uint32_t local = choices.word();
    const std::uint32_t remote = choices.word();
    std::optional<std::uint32_t> key;
    if ((choices.octet() & 1) != 0)
        key = choices.word();
    const GreKeepalive keepalive = build_gre_keepalive(local, remote, key);
    must(is_gre_keepalive(keepalive.packet(), remote, local));
    must(local == remote || !is_gre_keepalive(keepalive.packet(), local, remote));
    const auto arrival = parse_gre(keepalive.packet().subspan(sizeof(Ipv4Header)));
    must(arrival && arrival->key == key && arrival->options == gre_option::keepalive);

    const Bytes packet(choices.rest().begin(), choices.rest().end());
    if (!check_ipv4(packet).is_ok())
        return 0;
    const auto& header = header_at<Ipv4Header>(packet.data());
    const auto whole = std::span(packet).first(header.total_length.value());
    if (is_gre_keepalive(whole, header.source.value(), header.destination.value()))
        must(header.protocol == protocol::gre);
    return 0;
}
