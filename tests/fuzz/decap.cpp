// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What follows an outer header: opened as decap does it. And the way there: what push makes of any
// packet, with any options, must open to the same packet.
#include "dataplane/packet/ecn.h"
#include "dataplane/packet/gre_options.h"
#include "dataplane/packet/tcp_mss.h"
#include "tests/fuzz/input.h"

using namespace detour;
using namespace detour::packet;

namespace {

template <class Header>
void take_inside(Bytes& inner, Header& header, std::uint8_t outer_class, std::uint16_t largest) {
    if (!take_outer_ecn(header, outer_class).is_ok())
        return;
    if (is_tcp_syn(header, inner.size())) {
        const std::span segment = std::span(inner).subspan(sizeof(Header));
        const std::uint16_t before = partial_sum(segment);
        clamp_mss(segment, largest);
        // 0 and 0xffff are the same number.
        const std::uint16_t after = partial_sum(segment);
        must(before == after || (before % 0xffff == 0 && after % 0xffff == 0));
    }
}

void open(std::span<const std::uint8_t> gre, std::uint8_t configured, std::uint8_t outer_class,
          std::uint16_t largest) {
    const auto arrival = parse_gre(gre);
    if (!arrival || !check_gre_options(gre, *arrival, configured).is_ok() ||
        (arrival->options & gre_option::keepalive) != 0)
        return;
    const auto rest = gre.subspan(arrival->header_size);
    Bytes inner(rest.begin(), rest.end());
    if (arrival->family == Family::ipv4 && check_ipv4(inner).is_ok()) {
        inner.resize(header_at<Ipv4Header>(inner.data()).total_length.value());
        take_inside(inner, header_at<Ipv4Header>(inner.data()), outer_class, largest);
        must(check_ipv4(inner).is_ok());
    } else if (arrival->family == Family::ipv6 && check_ipv6(inner).is_ok()) {
        inner.resize(header_at<Ipv6Header>(inner.data()).total_length());
        take_inside(inner, header_at<Ipv6Header>(inner.data()), outer_class, largest);
        must(check_ipv6(inner).is_ok());
    }
}

void push_and_open(Choices choices) {
    const std::uint8_t shape = choices.octet();
    const bool is_ipv6 = (shape & 1) != 0;
    GreEndpoint endpoint{
        .local = is_ipv6 ? *Address::parse("2001:db8::1") : *Address::parse("192.0.2.1"),
        .remote = is_ipv6 ? *Address::parse("2001:db8::2") : *Address::parse("192.0.2.2"),
        .key = {},
        .has_checksum = (shape & 2) != 0,
        .has_sequence = (shape & 4) != 0,
        .dont_fragment = static_cast<DontFragment>((shape >> 5) % 3)};
    if ((shape & 8) != 0)
        endpoint.key = choices.word();
    if ((shape & 16) != 0)
        endpoint.dscp = choices.octet() & 0x3f;
    const GreFill fill{.family = (shape & 0x80) != 0 ? Family::ipv6 : Family::ipv4,
                       .inner_size = 0,
                       .traffic_class = choices.octet(),
                       .may_fragment = (choices.octet() & 1) != 0,
                       .identification = static_cast<std::uint16_t>(choices.word()),
                       .flow = choices.word(),
                       .sequence = choices.word()};
    const auto inner = choices.rest().first(std::min<std::size_t>(choices.rest().size(), 9000));
    const GreTemplate outer = build_gre_template(endpoint);
    Bytes buffer(outer.size);
    buffer.insert(buffer.end(), inner.begin(), inner.end());
    GreFill whole = fill;
    whole.inner_size = static_cast<std::uint16_t>(inner.size());
    const GrePush push{.header = outer.bytes.data(),
                       .size = outer.size,
                       .outer_offset = 0,
                       .checksum = outer.checksum,
                       .options = endpoint.options(),
                       .dscp = endpoint.dscp.value_or(0)};
    must(push_gre_with_options(buffer.data() + outer.size, push, whole) == buffer.data());
    must((is_ipv6 ? check_ipv6(buffer) : check_ipv4(buffer)).is_ok());
    const auto gre = std::span<const std::uint8_t>(buffer).subspan(is_ipv6 ? 40 : 20);
    const auto arrival = parse_gre(gre);
    must(arrival.has_value() && arrival->key == endpoint.key && arrival->family == fill.family);
    must(check_gre_options(gre, *arrival, endpoint.options()).is_ok());
    must(!endpoint.has_sequence || arrival->sequence == fill.sequence);
    const auto opened = gre.subspan(arrival->header_size);
    must(std::equal(opened.begin(), opened.end(), inner.begin(), inner.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Choices choices({data, size});
    push_and_open(choices);
    const std::uint8_t configured = choices.octet();
    const std::uint8_t outer_class = choices.octet();
    const auto largest = static_cast<std::uint16_t>(choices.octet() << 8 | choices.octet());
    const Bytes gre(choices.rest().begin(), choices.rest().end());
    open(gre, configured & (gre_option::checksum | gre_option::sequence), outer_class, largest);
    return 0;
}
