// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Outer packets that came in fragments, put together again (RFC 791 3.2, RFC 8200 4.5): for tunnels
// whose far end fragments what it sends. Attackers fragment, too, so that everything is bounded: so
// many packets at once, so many octets, one second; all memory is taken at the start. Fragments are
// copied, which keeps packet buffers free. What overlaps otherwise than as a repetition spoils its
// packet (RFC 5722 3, and as Linux has it for IPv4). One object a worker.
//
// Times are nanoseconds of any monotonic clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/reason.h"

namespace detour::packet {

class Reassembly {
 public:
    struct Limits {
        std::size_t entries = 0;  // packets at once; rounded up to a multiple of `ways`
        std::size_t bytes = 0;    // of all fragments that are held
        std::size_t largest = 0;  // of a whole packet
    };
    static constexpr std::size_t ways = 8;  // places that one packet may take
    static constexpr std::uint64_t patience = 1'000'000'000;

    explicit Reassembly(const Limits& limits);

    // The fragment was copied, and its packet still lacks some.
    struct Held {};
    // All of a packet, as if it had never been fragmented; good until the next call.
    using Whole = std::span<const std::uint8_t>;
    using Outcome = std::variant<Held, Whole, Drop>;

    // A fragment that check_ipv4() or check_ipv6() found ok, of exactly its own length; IPv6 with
    // the whole fragment header behind the fixed one (asserted).
    [[nodiscard]] Outcome add(std::span<const std::uint8_t> fragment, std::uint64_t now);
    // Gives up packets that waited too long; how many fragments they had.
    [[nodiscard]] std::size_t expire(std::uint64_t now);
    [[nodiscard]] bool is_empty() const { return held_count_ == 0; }

 private:
    struct Key {
        std::array<std::uint8_t, 32> addresses{};
        std::uint32_t identification = 0;
        std::uint8_t protocol = 0;
        std::uint8_t version = 0;

        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Entry {
        Key key;
        std::uint64_t since = 0;
        std::size_t fragment_count = 0;  // 0: free
        std::size_t received = 0;        // octets
        std::size_t total = 0;           // 0: the last fragment has not come
        std::size_t header_size = 0;     // 0: the first fragment has not come
        bool is_marked = false;          // some fragment met congestion (RFC 3168 5.3)
        std::uint8_t* bytes = nullptr;   // room for the header, then the payload
        std::uint64_t* units = nullptr;  // a bit for each 8 octets that are there
    };
    struct Piece {
        Key key;
        std::size_t offset = 0;
        bool has_more = false;
        std::uint8_t traffic_class = 0;
        std::span<const std::uint8_t> header;  // to be put before the whole
        std::span<const std::uint8_t> payload;
    };
    static constexpr std::size_t header_room = 60;
    enum class Overlap : std::uint8_t { none, repeated, other };

    [[nodiscard]] static Piece piece_of_ipv4(std::span<const std::uint8_t> fragment);
    [[nodiscard]] static Piece piece_of_ipv6(std::span<const std::uint8_t> fragment);
    [[nodiscard]] Outcome add(const Piece& piece, std::uint64_t now);
    [[nodiscard]] bool fits(const Entry& entry, const Piece& piece) const;
    [[nodiscard]] static Overlap overlap(const Entry& entry, const Piece& piece);
    void keep(Entry& entry, const Piece& piece);
    [[nodiscard]] static Whole finish(Entry& entry);
    [[nodiscard]] Entry* find(const Key& key, std::uint64_t now);
    void release(Entry& entry);

    Limits limits_;
    std::vector<Entry> entries_;
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::unique_ptr<std::uint64_t[]> units_;
    std::size_t held_bytes_ = 0;
    std::size_t held_count_ = 0;  // entries in use
    std::uint64_t oldest_ = ~0ULL;
};

}  // namespace detour::packet
