// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Headers for packets in a row that take the same next hop: read once, kept in registers, and put
// before each packet by a few wide stores. What is put there is octet by octet what push_ethernet()
// and push_gre() put; only options of GRE are not known here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "conf/types/address.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/ordinary.h"

namespace detour::packet {

// The Ethernet header of a next hop, of one family.
class EthernetStamp {
 public:
    EthernetStamp(const std::uint8_t* header, Family family)
        : head_(load<std::uint64_t>(header)),
          middle_(load<std::uint32_t>(header + 8)),
          tail_(network_order(ethertype_of(family))) {}
    // Before an IP packet; the start of the frame.
    std::uint8_t* press(std::uint8_t* packet) const {
        std::uint8_t* const frame = packet - sizeof(EthernetHeader);
        store(frame, head_);
        store(frame + 8, middle_);
        store(frame + 12, tail_);
        return frame;
    }

 private:
    std::uint64_t head_;
    std::uint32_t middle_;
    std::uint16_t tail_;
};

// Ethernet, outer IPv4 and GRE of a tunnel, for inner packets of one family.
class GreStamp {
 public:
    GreStamp(const GrePush& push, Family family)
        : first_(load<Block>(push.header)),
          second_(load<Block>(push.header + sizeof(Block))),
          last_(load<Block>(push.header + push.size - sizeof(Block))),
          size_(push.size),
          outer_(push.outer_offset),
          start_(load<std::uint64_t>(push.header + push.outer_offset)),
          checksum_(push.checksum),
          type_(network_order(ethertype_of(family))) {}

    std::uint8_t* press(std::uint8_t* inner, std::uint16_t inner_size, std::uint8_t traffic_class,
                        std::uint16_t identification) const {
        std::uint8_t* const frame = inner - size_;
        std::uint8_t* const outer = frame + outer_;
        const std::uint32_t length =
            network_order(static_cast<std::uint16_t>(size_ - outer_ + inner_size));
        const std::uint32_t ident = network_order(identification);
        const std::uint32_t class_word = Be16{{0, traffic_class}}.raw();
        const std::uint32_t sum = checksum_ + length + ident + class_word;
        store(frame, first_);
        store(frame + sizeof(Block), second_);
        store(inner - sizeof(Block), last_);
        // The template has zeros where these belong. As words in memory, in network order.
        store(outer, start_ | word_at(class_word, 0) | word_at(length, 1) | word_at(ident, 2));
        store(outer + offsetof(Ipv4Header, checksum),
              static_cast<std::uint16_t>(~folded_short(sum)));
        store(outer + sizeof(Ipv4Header) + offsetof(GreHeader, protocol), type_);
        return frame;
    }
    [[nodiscard]] std::size_t size() const { return size_; }

 private:
    using Block = __attribute__((vector_size(16))) std::uint8_t;

    // The 16-bit word `index` of eight octets, as one 64-bit word in memory.
    static constexpr std::uint64_t word_at(std::uint32_t word, unsigned index) {
        const unsigned shift =
            std::endian::native == std::endian::little ? 16 * index : 16 * (3 - index);
        return std::uint64_t{word} << shift;
    }

    Block first_;
    Block second_;
    Block last_;
    std::size_t size_;
    std::size_t outer_;
    std::uint64_t start_;  // the first octets of the outer header
    std::uint32_t checksum_;
    std::uint16_t type_;
};

// The same over IPv6, where the flow label is a hash of the inner flow (RFC 6438) and there is no
// checksum: push_gre_with_options() with gre_option::over_ipv6 alone.
class GreOverIpv6Stamp {
 public:
    GreOverIpv6Stamp(const GrePush& push, Family family)
        : size_(push.size), outer_(push.outer_offset) {
        std::array<std::uint8_t, GreTemplate::max_size + sizeof(Block)> header{};
        std::memcpy(header.data(), push.header, size_);
        store(header.data() + outer_ + sizeof(Ipv6Header) + offsetof(GreHeader, protocol),
              network_order(ethertype_of(family)));
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            blocks_[i] = load<Block>(header.data() + i * sizeof(Block));
        last_ = load<Block>(header.data() + size_ - sizeof(Block));
        start_ = load<std::uint64_t>(header.data() + outer_);
    }

    std::uint8_t* press(std::uint8_t* inner, std::uint16_t inner_size, std::uint8_t traffic_class,
                        std::uint32_t flow) const {
        constexpr std::uint32_t flow_label_mask = 0x000fffff;
        std::uint8_t* const frame = inner - size_;
        const auto length =
            static_cast<std::uint16_t>(size_ - outer_ - sizeof(Ipv6Header) + inner_size);
        // Version and traffic class, flow label, length, next header, hop limit: the template has
        // zeros where these belong.
        const std::uint64_t fields =
            std::uint64_t{std::uint32_t{traffic_class} << 20 | (flow & flow_label_mask)} << 32 |
            std::uint64_t{length} << 16;
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            store(frame + i * sizeof(Block), blocks_[i]);
        store(inner - sizeof(Block), last_);
        store(frame + outer_, start_ | network_order(fields));
        return frame;
    }
    [[nodiscard]] std::size_t size() const { return size_; }

 private:
    using Block = __attribute__((vector_size(16))) std::uint8_t;

    std::array<Block, 3> blocks_;  // and the last, which overlaps
    Block last_;
    std::size_t size_;
    std::size_t outer_;
    std::uint64_t start_;  // the first octets of the outer header
};

// The step to the next hop (decrement_ttl(), decrement_hop_limit()) by one load and one store.
inline void take_one_hop(Ipv4Header& header) {
    if constexpr (std::endian::native == std::endian::little) {
        auto* const octets = reinterpret_cast<std::uint8_t*>(&header) + offsetof(Ipv4Header, ttl);
        // TTL, protocol, checksum: one less, and one more in the checksum, whose carry falls off
        // the top and is added at its bottom.
        const auto word = load<std::uint32_t>(octets);
        store(octets, word + 0xffff + (word >= 0xfffe0000 ? 0x10000 : 0));
    } else {
        decrement_ttl(header);
    }
}
inline void take_one_hop(Ipv6Header& header) {
    decrement_hop_limit(header);
}

}  // namespace detour::packet
