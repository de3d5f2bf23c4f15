// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A set of addresses that packets are held against: the router's own, from which nobody else may
// send (the kernel would call it a martian), and its BGP neighbours'. Every packet asks for the
// first and hardly any is found, so the answer is one load: open addressing, a quarter full at
// most. Built by one thread, then only read by many.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "conf/types/address.h"

namespace detour::fib {

class AddressSet {
 public:
    AddressSet() : AddressSet(std::span<const Address>{}) {}
    // In any order, also twice; the unspecified addresses are nobody's.
    explicit AddressSet(std::span<const Address> addresses);

    // The four octets as they lie in the packet, as one machine word.
    [[nodiscard]] bool has_ipv4(std::uint32_t word) const {
        for (std::size_t i = slot(word, ipv4_.size());; i = (i + 1) & (ipv4_.size() - 1)) {
            if (ipv4_[i] == 0)
                return false;
            if (ipv4_[i] == word)
                return true;
        }
    }
    // The sixteen octets in the packet.
    [[nodiscard]] bool has_ipv6(const std::uint8_t* octets) const {
        Words words;
        std::memcpy(words.data(), octets, sizeof words);
        for (std::size_t i = slot(folded(words), ipv6_.size());; i = (i + 1) & (ipv6_.size() - 1)) {
            if (ipv6_[i] == Words{})
                return false;
            if (ipv6_[i] == words)
                return true;
        }
    }

    friend bool operator==(const AddressSet&, const AddressSet&) = default;

 private:
    using Words = std::array<std::uint64_t, 2>;

    [[nodiscard]] static std::uint32_t folded(const Words& words) {
        const std::uint64_t mixed = words[0] ^ (words[1] * 0x9e3779b97f4a7c15);
        return static_cast<std::uint32_t>(mixed ^ (mixed >> 32));
    }
    // `count` is a power of two of at most 2^16.
    [[nodiscard]] static std::size_t slot(std::uint32_t word, std::size_t count) {
        return (word * 0x9e3779b1U >> 16) & (count - 1);
    }

    std::vector<std::uint32_t> ipv4_;  // all zeros is an empty slot
    std::vector<Words> ipv6_;
};

}  // namespace detour::fib
