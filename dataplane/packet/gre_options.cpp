// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/gre_options.h"

#include "dataplane/packet/ecn.h"

namespace detour::packet {
namespace {

constexpr std::uint32_t flow_label_mask = 0x000fffff;
// Options in a row: more than two Destination Options headers nobody sends before GRE.
constexpr unsigned most_extensions = 2;

struct ExtensionHeader {
    std::uint8_t next_header;
    std::uint8_t length;  // in units of 8 octets, the first not counted
};
static_assert(sizeof(ExtensionHeader) == 2);

// The outer IPv4 header's fields, and its checksum.
void fill_ipv4(Ipv4Header& outer, const GrePush& push, const GreFill& fill,
               std::uint8_t traffic_class) {
    const auto length =
        Be16::of(static_cast<std::uint16_t>(push.size - push.outer_offset + fill.inner_size));
    const auto ident = Be16::of(fill.identification);
    std::uint32_t sum =
        std::uint32_t{push.checksum} + length.raw() + ident.raw() + Be16{{0, traffic_class}}.raw();
    if ((push.options & gre_option::copied_df) != 0 && !fill.may_fragment) {
        outer.fragment = Be16::of(Ipv4Header::dont_fragment);
        sum += outer.fragment.raw();
    }
    outer.traffic_class = traffic_class;
    outer.total_length = length;
    outer.identification = ident;
    outer.checksum = Be16::of_raw(static_cast<std::uint16_t>(~folded_short(sum)));
}

void fill_ipv6(Ipv6Header& outer, const GrePush& push, const GreFill& fill,
               std::uint8_t traffic_class) {
    const std::uint32_t version = 6;
    outer.version_and_flow = Be32::of(version << 28 | std::uint32_t{traffic_class} << 20 |
                                      (fill.flow & flow_label_mask));
    outer.payload_length = Be16::of(static_cast<std::uint16_t>(
        push.size - push.outer_offset - sizeof(Ipv6Header) + fill.inner_size));
}

// RFC 8200 4.2: an option whose type begins with 00 is skipped when it is not known, and "the
// packet" is discarded for every other beginning.
bool may_skip_options(std::span<const std::uint8_t> options) {
    while (!options.empty()) {
        const std::uint8_t type = options[0];
        if ((type & 0xc0) != 0)
            return false;
        const std::size_t size = type == 0 ? 1 : options.size() < 2 ? 0 : 2U + options[1];
        if (size == 0 || size > options.size())
            return false;
        options = options.subspan(size);
    }
    return true;
}

}  // namespace

Finding check_gre_options(std::span<const std::uint8_t> gre, const GreArrival& arrival,
                          std::uint8_t configured) {
    if (((arrival.options ^ configured) & gre_option::checksum) != 0)
        return Drop::gre_checksum;
    // RFC 2784 2.1: "the IP (one's complement) checksum sum of all the 16 bit words in the GRE
    // header and the payload packet."
    if ((arrival.options & gre_option::checksum) != 0 && partial_sum(gre) != 0xffff)
        return Drop::gre_checksum;
    if ((configured & ~arrival.options & gre_option::sequence) != 0)
        return Drop::gre_sequence;
    return {};
}

bool SequenceNumbers::accept(std::uint32_t number) {
    const std::uint64_t state = expected_.load(std::memory_order_relaxed);
    const auto expected = static_cast<std::uint32_t>(state);
    // RFC 2890 2.2: older is what lies in the half of the circle behind.
    if ((state & has_expected) != 0 && static_cast<std::int32_t>(number - expected) < 0)
        return false;
    expected_.store(has_expected | static_cast<std::uint32_t>(number + 1),
                    std::memory_order_relaxed);
    return true;
}

std::uint8_t* push_gre_with_options(std::uint8_t* inner, const GrePush& push, const GreFill& fill) {
    std::uint8_t* const frame = inner - push.size;
    std::memcpy(frame, push.header, push.size);
    std::uint8_t* const ip = frame + push.outer_offset;
    std::uint8_t traffic_class = fill.traffic_class;
    // RFC 6040 4.1: the ECN field is the inner one's whatever becomes of the DSCP.
    if ((push.options & gre_option::fixed_dscp) != 0)
        traffic_class =
            static_cast<std::uint8_t>(push.dscp << 2 | (fill.traffic_class & ecn::mask));
    const bool is_ipv6 = (push.options & gre_option::over_ipv6) != 0;
    if (is_ipv6)
        fill_ipv6(header_at<Ipv6Header>(ip), push, fill, traffic_class);
    else
        fill_ipv4(header_at<Ipv4Header>(ip), push, fill, traffic_class);
    std::uint8_t* const gre = ip + (is_ipv6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header));
    header_at<GreHeader>(gre).protocol = Be16::of(ethertype_of(fill.family));
    // The sequence number is the last field there is.
    if ((push.options & gre_option::sequence) != 0)
        header_at<Be32>(inner - sizeof(Be32)) = Be32::of(fill.sequence);
    if ((push.options & gre_option::checksum) != 0) {
        const auto size = static_cast<std::size_t>(inner - gre) + fill.inner_size;
        header_at<Be16>(gre + sizeof(GreHeader)) = checksum_of({gre, size});
    }
    return frame;
}

GreOffset gre_offset(std::span<const std::uint8_t> packet) {
    std::uint8_t next = header_at<Ipv6Header>(packet.data()).next_header;
    std::size_t offset = sizeof(Ipv6Header);
    for (unsigned i = 0; next == protocol::destination_options && i < most_extensions; ++i) {
        const std::span<const std::uint8_t> rest = packet.subspan(offset);
        if (rest.size() < 8)
            return {std::nullopt, Drop::truncated};
        const auto& header = header_at<ExtensionHeader>(rest.data());
        const std::size_t size = (std::size_t{header.length} + 1) * 8;
        if (size > rest.size())
            return {std::nullopt, Drop::truncated};
        if (header.next_header == protocol::gre &&
            !may_skip_options(rest.subspan(sizeof header, size - sizeof header)))
            return {std::nullopt, Drop::gre_extension};
        next = header.next_header;
        offset += size;
    }
    if (next == protocol::gre)
        return {offset, {}};
    // Whatever a fragment or a source route would carry: if it may be GRE, the kernel must not see
    // it, which would answer.
    const std::span<const std::uint8_t> rest = packet.subspan(offset);
    if (next != protocol::fragment && next != protocol::routing)
        return {};
    if (rest.size() < 8)
        return {std::nullopt, Drop::truncated};
    const std::uint8_t inside = header_at<ExtensionHeader>(rest.data()).next_header;
    if (inside != protocol::gre && inside != protocol::destination_options)
        return {};
    return {std::nullopt, next == protocol::fragment ? Drop::gre_fragment : Drop::gre_extension};
}

}  // namespace detour::packet
