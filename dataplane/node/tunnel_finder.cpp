// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/tunnel_finder.h"

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

}  // namespace

TunnelFinder::TunnelFinder(std::span<const TunnelEnds> tunnels)
    : slots_(std::bit_ceil(tunnels.size() * 2 + 2)), local_ends_(slots_.size()) {
    for (std::size_t i = 0; i < tunnels.size(); ++i) {
        const TunnelEnds& ends = tunnels[i];
        if (ends.local.family() != Family::ipv4 || ends.remote.family() != Family::ipv4)
            continue;
        const std::uint32_t local = as_it_lies(ends.local);
        const std::uint64_t addresses = joined(as_it_lies(ends.remote), local);
        const std::uint64_t key = key_word(ends.key);
        std::size_t at = packet::mixed(addresses, key) & (slots_.size() - 1);
        while (slots_[at].addresses != 0)
            at = (at + 1) & (slots_.size() - 1);
        slots_[at] = {addresses, key, fib::TunnelIndex(static_cast<std::uint16_t>(i))};
        at = packet::mixed(local, 0) & (local_ends_.size() - 1);
        while (local_ends_[at] != 0 && local_ends_[at] != local)
            at = (at + 1) & (local_ends_.size() - 1);
        local_ends_[at] = local;
    }
}

std::optional<fib::TunnelIndex> TunnelFinder::find(std::uint32_t source, std::uint32_t destination,
                                                   std::optional<std::uint32_t> key) const {
    const std::uint64_t addresses = joined(source, destination);
    const std::uint64_t word = key_word(key);
    std::size_t at = packet::mixed(addresses, word) & (slots_.size() - 1);
    for (; slots_[at].addresses != 0; at = (at + 1) & (slots_.size() - 1))
        if (slots_[at].addresses == addresses && slots_[at].key == word)
            return slots_[at].tunnel;
    return std::nullopt;
}

bool TunnelFinder::is_local_end(std::uint32_t destination) const {
    std::size_t at = packet::mixed(destination, 0) & (local_ends_.size() - 1);
    for (; local_ends_[at] != 0; at = (at + 1) & (local_ends_.size() - 1))
        if (local_ends_[at] == destination)
            return true;
    return false;
}

}  // namespace detour::node
