// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Mutations that know what BGP looks like: what is damaged inside of a message or an attribute
// still has a length that fits, so that the damage is found by who reads the inside, not by the
// first check. A share of the inputs is mutated blindly all the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace detour::bgp::fuzz {

using Pieces = std::vector<std::vector<std::uint8_t>>;

inline constexpr std::size_t room_to_grow = 64;

inline void mutate_piece(std::vector<std::uint8_t>& piece, std::size_t limit) {
    const std::size_t size = piece.size();
    const std::size_t room = std::min(limit, size + room_to_grow);
    if (room == 0)
        return;
    piece.resize(room);
    piece.resize(LLVMFuzzerMutate(piece.data(), std::min(size, room), room));
}

// One piece is changed, doubled, dropped or moved.
inline void mutate_pieces(Pieces& pieces, std::size_t limit, std::minstd_rand& random) {
    if (pieces.empty())
        pieces.emplace_back();
    const std::size_t place = random() % pieces.size();
    switch (random() % 6) {
        case 0:
            pieces.insert(pieces.begin() + static_cast<std::ptrdiff_t>(place), pieces[place]);
            break;
        case 1:
            pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(place));
            break;
        case 2:
            std::swap(pieces[place], pieces[random() % pieces.size()]);
            break;
        default:
            mutate_piece(pieces[place], limit);
    }
}

// The bodies of the messages in `bytes`, each with its type in front; what follows is dropped.
inline Pieces messages_of(const std::uint8_t* data, std::size_t size) {
    Pieces pieces;
    for (std::size_t at = 0; at + 19 <= size;) {
        const std::size_t length = static_cast<std::size_t>(data[at + 16] << 8 | data[at + 17]);
        const std::size_t end = std::min(size, at + std::max<std::size_t>(length, 19));
        pieces.emplace_back(data + at + 18, data + end);
        at = end;
    }
    return pieces;
}

inline std::vector<std::uint8_t> stream_of(const Pieces& pieces) {
    std::vector<std::uint8_t> bytes;
    for (const auto& piece : pieces) {
        if (piece.empty())
            continue;
        const std::size_t length = 18 + piece.size();
        bytes.insert(bytes.end(), 16, 0xff);
        bytes.push_back(static_cast<std::uint8_t>(length >> 8));
        bytes.push_back(static_cast<std::uint8_t>(length));
        bytes.insert(bytes.end(), piece.begin(), piece.end());
    }
    return bytes;
}

inline std::size_t stored(const std::vector<std::uint8_t>& bytes, std::uint8_t* data,
                          std::size_t max_size) {
    const std::size_t size = std::min(bytes.size(), max_size);
    std::copy_n(bytes.begin(), size, data);
    return size;
}

}  // namespace detour::bgp::fuzz
