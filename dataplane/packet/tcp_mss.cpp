// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/tcp_mss.h"

#include "dataplane/packet/checksum.h"

namespace detour::packet {
namespace {

constexpr std::size_t data_offset_at = 12;
constexpr std::size_t checksum_at = 16;

constexpr std::uint8_t option_end = 0;
constexpr std::uint8_t option_none = 1;
constexpr std::uint8_t option_mss = 2;
constexpr std::uint8_t mss_size = 4;

// Stores one octet, and keeps the checksum of the segment right (RFC 1624): the 16-bit word that
// changes is the one that the octet lies in, counted from the start of TCP.
void store(std::span<std::uint8_t> segment, std::size_t at, std::uint8_t octet) {
    const std::size_t word_at = at & ~std::size_t{1};
    auto& checksum = header_at<Be16>(segment.data() + checksum_at);
    const Be16 before = header_at<Be16>(segment.data() + word_at);
    segment[at] = octet;
    checksum = updated_checksum(checksum, before, header_at<Be16>(segment.data() + word_at));
}

}  // namespace

void clamp_mss(std::span<std::uint8_t> segment, std::uint16_t largest) {
    const std::size_t header_size = std::size_t{segment[data_offset_at]} / 16 * 4;
    if (header_size > segment.size())
        return;
    std::size_t at = tcp::min_header_size;
    while (at < header_size && segment[at] != option_end) {
        if (segment[at] == option_none) {
            ++at;
            continue;
        }
        if (at + 1 >= header_size)
            return;
        const std::size_t size = segment[at + 1];
        if (size < 2 || at + size > header_size)
            return;
        if (segment[at] == option_mss && size == mss_size) {
            if (header_at<Be16>(segment.data() + at + 2).value() <= largest)
                return;
            store(segment, at + 2, static_cast<std::uint8_t>(largest >> 8));
            store(segment, at + 3, static_cast<std::uint8_t>(largest));
            return;
        }
        at += size;
    }
}

}  // namespace detour::packet
