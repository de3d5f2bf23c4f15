// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/address_set.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace detour::fib {
namespace {

constexpr std::size_t smallest = 16;
constexpr std::size_t largest = 65536;

std::size_t slot_count(std::span<const Address> addresses, Family family) {
    const auto count =
        static_cast<std::size_t>(std::ranges::count(addresses, family, &Address::family));
    assert(count < largest);  // an empty slot ends every search
    return std::clamp(std::bit_ceil(count * 4), smallest, largest);
}

template <class Slots, class Value>
void insert(Slots& slots, std::size_t at, const Value& value) {
    while (slots[at] != Value{} && slots[at] != value)
        at = (at + 1) & (slots.size() - 1);
    slots[at] = value;
}

}  // namespace

AddressSet::AddressSet(std::span<const Address> addresses)
    : ipv4_(slot_count(addresses, Family::ipv4)), ipv6_(slot_count(addresses, Family::ipv6)) {
    for (const Address& address : addresses) {
        if (address.is_unspecified())
            continue;
        if (address.family() == Family::ipv4) {
            std::uint32_t word;
            std::memcpy(&word, address.bytes().data(), sizeof word);
            insert(ipv4_, slot(word, ipv4_.size()), word);
        } else {
            Words words;
            std::memcpy(words.data(), address.bytes().data(), sizeof words);
            insert(ipv6_, slot(folded(words), ipv6_.size()), words);
        }
    }
}

}  // namespace detour::fib
