// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/tunnel_finder.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/flow.h"

namespace detour::node {
namespace {

std::uint64_t joined(std::uint32_t source, std::uint32_t destination) {
    return std::uint64_t{source} << 32 | destination;
}

// A tunnel without a key and one with key 0 are two tunnels.
std::uint64_t key_word(std::optional<std::uint32_t> key) {
    return key ? std::uint64_t{1} << 32 | *key : 0;
}

std::uint32_t as_it_lies(const Address& address) {
    return packet::network_order(address.word());
}

std::uint64_t hash_of(const std::uint8_t* source, const std::uint8_t* destination,
                      std::uint64_t key) {
    std::uint64_t words[4];
    std::memcpy(words, source, 16);
    std::memcpy(words + 2, destination, 16);
    return packet::mixed(packet::mixed(words[0], words[1]) ^ packet::mixed(words[2], words[3] + 1),
                         key);
}

// RFC 4291 2.5.5.2. As it lies in the header.
std::array<std::uint8_t, 16> mapped(std::uint32_t ipv4) {
    std::array<std::uint8_t, 16> octets{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(octets.data() + 12, &ipv4, sizeof ipv4);
    return octets;
}

std::array<std::uint8_t, 16> octets_of(const Address& address) {
    if (address.family() == Family::ipv4)
        return mapped(as_it_lies(address));
    std::array<std::uint8_t, 16> octets{};
    std::ranges::copy(address.bytes(), octets.begin());
    return octets;
}

}  // namespace

TunnelFinder::TunnelFinder(std::span<const TunnelEnds> tunnels)
    : ends_(tunnels.begin(), tunnels.end()),
      slots_(std::bit_ceil(tunnels.size() * 2 + 2)),
      local_ends_(slots_.size()),
      ipv6_slots_(slots_.size()),
      sequences_(std::make_unique<packet::SequenceNumbers[]>(tunnels.size())) {
    for (std::size_t i = 0; i < tunnels.size(); ++i) {
        const TunnelEnds& ends = tunnels[i];
        const TunnelMatch match{fib::TunnelIndex(static_cast<std::uint16_t>(i)), ends.options};
        assert(ends.local.family() == ends.remote.family());
        if ((ends.options & packet::gre_option::reassembly) != 0)
            fragmented_.push_back({octets_of(ends.remote), octets_of(ends.local)});
        if (ends.local.family() == Family::ipv4)
            add_ipv4(ends, match);
        else
            add_ipv6(ends, match);
    }
    std::ranges::sort(fragmented_);
}

void TunnelFinder::resume(const TunnelFinder& before) {
    for (std::size_t i = 0; i < ends_.size(); ++i)
        if (const auto same = std::ranges::find(before.ends_, ends_[i]); same != before.ends_.end())
            sequences_[i].resume(
                before.sequences_[static_cast<std::size_t>(same - before.ends_.begin())]);
}

void TunnelFinder::add_ipv4(const TunnelEnds& ends, TunnelMatch match) {
    const std::uint32_t local = as_it_lies(ends.local);
    const std::uint64_t addresses = joined(as_it_lies(ends.remote), local);
    const std::uint64_t key = key_word(ends.key);
    std::size_t at = packet::mixed(addresses, key) & (slots_.size() - 1);
    while (slots_[at].addresses != 0)
        at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {addresses, key, match};
    at = packet::mixed(local, 0) & (local_ends_.size() - 1);
    while (local_ends_[at] != 0 && local_ends_[at] != local)
        at = (at + 1) & (local_ends_.size() - 1);
    local_ends_[at] = local;
}

void TunnelFinder::add_ipv6(const TunnelEnds& ends, TunnelMatch match) {
    Ipv6Slot slot{.key = key_word(ends.key), .match = match, .is_used = true};
    std::ranges::copy(ends.remote.bytes(), slot.source.begin());
    std::ranges::copy(ends.local.bytes(), slot.destination.begin());
    std::size_t at =
        hash_of(slot.source.data(), slot.destination.data(), slot.key) & (ipv6_slots_.size() - 1);
    while (ipv6_slots_[at].is_used)
        at = (at + 1) & (ipv6_slots_.size() - 1);
    ipv6_slots_[at] = slot;
    if (!is_local_end(slot.destination.data()))
        ipv6_local_ends_.push_back(slot.destination);
}

std::optional<TunnelMatch> TunnelFinder::find(std::uint32_t source, std::uint32_t destination,
                                              std::optional<std::uint32_t> key) const {
    const std::uint64_t addresses = joined(source, destination);
    const std::uint64_t word = key_word(key);
    std::size_t at = packet::mixed(addresses, word) & (slots_.size() - 1);
    for (; slots_[at].addresses != 0; at = (at + 1) & (slots_.size() - 1))
        if (slots_[at].addresses == addresses && slots_[at].key == word)
            return slots_[at].match;
    return std::nullopt;
}

std::optional<TunnelMatch> TunnelFinder::find(const std::uint8_t* source,
                                              const std::uint8_t* destination,
                                              std::optional<std::uint32_t> key) const {
    const std::uint64_t word = key_word(key);
    std::size_t at = hash_of(source, destination, word) & (ipv6_slots_.size() - 1);
    for (; ipv6_slots_[at].is_used; at = (at + 1) & (ipv6_slots_.size() - 1)) {
        const Ipv6Slot& slot = ipv6_slots_[at];
        if (slot.key == word && std::equal(slot.source.begin(), slot.source.end(), source) &&
            std::equal(slot.destination.begin(), slot.destination.end(), destination))
            return slot.match;
    }
    return std::nullopt;
}

bool TunnelFinder::is_local_end(std::uint32_t destination) const {
    std::size_t at = packet::mixed(destination, 0) & (local_ends_.size() - 1);
    for (; local_ends_[at] != 0; at = (at + 1) & (local_ends_.size() - 1))
        if (local_ends_[at] == destination)
            return true;
    return false;
}

bool TunnelFinder::wants_fragments(std::uint32_t source, std::uint32_t destination) const {
    return std::ranges::binary_search(fragmented_, std::array{mapped(source), mapped(destination)});
}

bool TunnelFinder::wants_fragments(const std::uint8_t* source,
                                   const std::uint8_t* destination) const {
    std::array<Octets, 2> ends{};
    std::copy_n(source, ends[0].size(), ends[0].begin());
    std::copy_n(destination, ends[1].size(), ends[1].begin());
    return std::ranges::binary_search(fragmented_, ends);
}

bool TunnelFinder::is_local_end(const std::uint8_t* destination) const {
    return std::ranges::any_of(ipv6_local_ends_, [destination](const Octets& end) {
        return std::equal(end.begin(), end.end(), destination);
    });
}

}  // namespace detour::node
