// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/gre.h"

#include <algorithm>
#include <cassert>

namespace detour::packet {

GreTemplate build_gre_template(const GreEndpoint& endpoint) {
    assert(endpoint.local.family() == Family::ipv4 && endpoint.remote.family() == Family::ipv4);
    GreTemplate result;
    auto& outer = header_at<Ipv4Header>(result.bytes.data());
    outer.version_and_ihl = 0x45;
    outer.fragment = Be16::of(Ipv4Header::dont_fragment);
    outer.ttl = endpoint.ttl;
    outer.protocol = protocol::gre;
    outer.source = Be32::of(endpoint.local.word());
    outer.destination = Be32::of(endpoint.remote.word());
    result.checksum = partial_sum(std::span(result.bytes).first(sizeof(Ipv4Header)));

    auto& gre = header_at<GreHeader>(result.bytes.data() + sizeof(Ipv4Header));
    gre.flags_and_version = Be16::of(endpoint.key ? GreHeader::has_key : std::uint16_t{0});
    gre.protocol = Be16::of(ethertype::ipv4);
    result.size = sizeof(Ipv4Header) + sizeof(GreHeader);
    if (endpoint.key) {
        header_at<Be32>(result.bytes.data() + result.size) = Be32::of(*endpoint.key);
        result.size += sizeof(Be32);
    }
    return result;
}

}  // namespace detour::packet
