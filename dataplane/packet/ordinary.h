// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The quick look at a packet: is it one of those that nearly all are, to be forwarded as it stands?
// Yes is a promise (whatever check_frame(), check_ipv4() or check_ipv6() and may_forward() ask for
// holds); no means only that those have to say what it is. So no reason is named here, and there is
// no ladder: everything is added up and judged by one branch, which a processor foresees.
//
// Ordinary IPv4 has no options, TTL beyond 1, and addresses outside 0/8, 127/8, 224/4 and 255/8;
// ordinary IPv6 has a hop limit beyond 1, addresses in 2000::/3 or fc00::/7, and no header next
// that a router or a tunnel's end may have to look at. Neither begins a TCP connection: its segment
// size may have to be lowered (tcp_mss.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "conf/types/address.h"
#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre_options.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/tcp_mss.h"

namespace detour::packet {

template <class Word>
[[nodiscard]] inline Word load(const std::uint8_t* bytes) {
    Word word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

template <class Word>
inline void store(std::uint8_t* bytes, Word word) {
    std::memcpy(bytes, &word, sizeof word);
}

namespace first_octet {

// Of addresses, by their first octet.
inline constexpr std::uint8_t ordinary_ipv4 = 1;
inline constexpr std::uint8_t ordinary_ipv6 = 2;
// Of headers, by the number that announces them.
inline constexpr std::uint8_t next_header = 4;

inline constexpr std::array<std::uint8_t, 256> classes = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned octet = 0; octet < table.size(); ++octet) {
        // 240/4 is left to the routing table (ipv4.h), but for the broadcast address.
        if (octet != 0 && octet != 127 && (octet < 224 || octet >= 240) && octet != 255)
            table[octet] |= ordinary_ipv4;
        if (octet >> 5 == 1 || octet >> 1 == 0x7e)
            table[octet] |= ordinary_ipv6;
        if (octet != protocol::hop_by_hop && !may_carry_gre(static_cast<std::uint8_t>(octet)))
            table[octet] |= next_header;
    }
    return table;
}();

}  // namespace first_octet

// A port's address, to be compared with frames. In the order of the machine that loads them.
class FrameToUs {
 public:
    explicit FrameToUs(const MacAddress& mac) {
        std::memcpy(&mac_, mac.data(), mac.size());
        std::memset(&mask_, 0xff, mac.size());
    }
    // Of a frame with at least 16 octets: addressed to us, and not by us.
    [[nodiscard]] bool matches(const std::uint8_t* frame) const {
        return (load<std::uint64_t>(frame) & mask_) == mac_;
    }

 private:
    std::uint64_t mac_ = 0;
    std::uint64_t mask_ = 0;
};

// `size` octets are there, at least 20, padding among them.
[[nodiscard]] inline bool is_ordinary_ipv4(const std::uint8_t* ip, std::size_t size) {
    const auto& header = header_at<Ipv4Header>(ip);
    const std::size_t total_length = header.total_length.value();
    const unsigned classes = first_octet::classes[header.source.octets[0]] &
                             first_octet::classes[header.destination.octets[0]];
    // Bitwise, so that it is one branch.
    return ((header.version_and_ihl == 0x45) &
            (total_length - sizeof(Ipv4Header) <= size - sizeof(Ipv4Header)) & (header.ttl > 1) &
            ((classes & first_octet::ordinary_ipv4) != 0) & is_plain_ipv4_checksum_right(ip)) !=
               0 &&
           !is_tcp_syn(header, total_length);
}

// Whatever the header says is next. `size` octets are there, at least 40.
[[nodiscard]] inline bool has_ordinary_ipv6_header(const std::uint8_t* ip, std::size_t size) {
    const auto& header = header_at<Ipv6Header>(ip);
    const unsigned classes =
        first_octet::classes[header.source[0]] & first_octet::classes[header.destination[0]];
    const unsigned is_whole = (header.total_length() <= size);
    return ((header.version() == 6) & is_whole & (header.hop_limit > 1) &
            ((classes & first_octet::ordinary_ipv6) != 0)) != 0;
}

// The same.
[[nodiscard]] inline bool is_ordinary_ipv6(const std::uint8_t* ip, std::size_t size) {
    const auto& header = header_at<Ipv6Header>(ip);
    const unsigned is_ordinary = has_ordinary_ipv6_header(ip, size);
    return (is_ordinary &
            ((first_octet::classes[header.next_header] & first_octet::next_header) != 0)) != 0 &&
           !is_tcp_syn(header, header.total_length());
}

// Where GRE begins in an ordinary IPv6 packet of `size` octets: next, or behind the one header of
// options in which Linux's ip6gre says how often the packet may still be encapsulated (RFC 2473
// 4.1.1), eight octets that end in padding. 0: elsewhere, or nowhere; gre_offset() knows.
[[nodiscard]] inline std::size_t plain_gre_offset(const std::uint8_t* ip, std::size_t size) {
    const auto& header = header_at<Ipv6Header>(ip);
    if (header.next_header == protocol::gre)
        return sizeof(Ipv6Header);
    if (header.next_header != protocol::destination_options || size < sizeof(Ipv6Header) + 8)
        return 0;
    // The limit itself is any octet.
    constexpr std::array<std::uint8_t, 8> limit{protocol::gre, 0, 4, 1, 0, 1, 1, 0};
    constexpr std::array<std::uint8_t, 8> mask{0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff};
    const auto options = load<std::uint64_t>(ip + sizeof(Ipv6Header));
    return (options & load<std::uint64_t>(mask.data())) == load<std::uint64_t>(limit.data())
               ? sizeof(Ipv6Header) + limit.size()
               : 0;
}

}  // namespace detour::packet
