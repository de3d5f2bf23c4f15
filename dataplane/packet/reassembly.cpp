// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/reassembly.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/ecn.h"
#include "dataplane/packet/flow.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {
namespace {

constexpr std::size_t unit = 8;  // octets that offsets count in

// RFC 8200 4.5
struct FragmentHeader {
    static constexpr std::uint16_t more = 0x0001;

    std::uint8_t next_header;
    std::uint8_t reserved;
    Be16 offset_and_more;
    Be32 identification;
};
static_assert(sizeof(FragmentHeader) == 8);

std::size_t units_of(std::size_t size) {
    return (size + unit - 1) / unit;
}
std::size_t words_of(std::size_t size) {
    return (units_of(size) + 63) / 64;
}

bool has_unit(const std::uint64_t* units, std::size_t index) {
    return (units[index / 64] >> (index % 64) & 1) != 0;
}

}  // namespace

Reassembly::Reassembly(const Limits& limits)
    : limits_(limits),
      entries_((std::max<std::size_t>(limits.entries, 1) + ways - 1) / ways * ways),
      bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(entries_.size() *
                                                            (header_room + limits.largest))),
      units_(std::make_unique<std::uint64_t[]>(entries_.size() * words_of(limits.largest))) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        entries_[i].bytes = bytes_.get() + i * (header_room + limits.largest);
        entries_[i].units = units_.get() + i * words_of(limits.largest);
    }
}

Reassembly::Piece Reassembly::piece_of_ipv4(std::span<const std::uint8_t> fragment) {
    const auto& header = header_at<Ipv4Header>(fragment.data());
    Piece piece;
    std::memcpy(piece.key.addresses.data(), &header.source, 2 * sizeof header.source);
    piece.key.identification = header.identification.value();
    piece.key.protocol = header.protocol;
    piece.key.version = 4;
    piece.offset = (header.fragment.value() & Ipv4Header::fragment_offset_mask) * unit;
    piece.has_more = (header.fragment.value() & Ipv4Header::more_fragments) != 0;
    piece.traffic_class = header.traffic_class;
    piece.header = fragment.first(header.header_size());
    piece.payload = fragment.subspan(header.header_size());
    return piece;
}

Reassembly::Piece Reassembly::piece_of_ipv6(std::span<const std::uint8_t> fragment) {
    constexpr std::size_t size = sizeof(Ipv6Header) + sizeof(FragmentHeader);
    const auto& header = header_at<Ipv6Header>(fragment.data());
    assert(header.next_header == protocol::fragment && fragment.size() >= size);
    const auto& extension = header_at<FragmentHeader>(fragment.data() + sizeof(Ipv6Header));
    Piece piece;
    std::memcpy(piece.key.addresses.data(), header.source.data(), 2 * header.source.size());
    piece.key.identification = extension.identification.value();
    piece.key.protocol = extension.next_header;
    piece.key.version = 6;
    piece.offset = extension.offset_and_more.value() & ~std::size_t{unit - 1};
    piece.has_more = (extension.offset_and_more.value() & FragmentHeader::more) != 0;
    piece.traffic_class = header.traffic_class();
    piece.header = fragment.first(sizeof(Ipv6Header));
    piece.payload = fragment.subspan(size);
    return piece;
}

Reassembly::Outcome Reassembly::add(std::span<const std::uint8_t> fragment, std::uint64_t now) {
    return add(fragment[0] >> 4 == 4 ? piece_of_ipv4(fragment) : piece_of_ipv6(fragment), now);
}

Reassembly::Outcome Reassembly::add(const Piece& piece, std::uint64_t now) {
    // RFC 791 3.2: only the last fragment may have a length that is no multiple of 8.
    if (piece.payload.empty() || (piece.has_more && piece.payload.size() % unit != 0))
        return Drop::fragment_bad;
    Entry* const entry = find(piece.key, now);
    if (entry == nullptr)
        return Drop::fragment_full;
    if (!fits(*entry, piece)) {
        release(*entry);
        return Drop::fragment_bad;
    }
    switch (overlap(*entry, piece)) {
        case Overlap::repeated:
            return Held{};
        case Overlap::other:
            release(*entry);
            return Drop::fragment_bad;
        case Overlap::none:
            break;
    }
    if (held_bytes_ + piece.payload.size() > limits_.bytes) {
        if (entry->fragment_count == 0)
            release(*entry);
        return Drop::fragment_full;
    }
    keep(*entry, piece);
    if (entry->total == 0 || entry->received < entry->total)
        return Held{};
    const bool is_possible = entry->header_size + entry->total <= limits_.largest;
    const Outcome whole = is_possible ? Outcome(finish(*entry)) : Outcome(Drop::fragment_bad);
    release(*entry);
    return whole;
}

// The packet's whole length must be possible, and the same for all its fragments.
bool Reassembly::fits(const Entry& entry, const Piece& piece) const {
    const std::size_t end = piece.offset + piece.payload.size();
    const std::size_t header_size =
        entry.header_size != 0 ? entry.header_size : piece.header.size();
    if (end + header_size > limits_.largest)
        return false;
    if (entry.total != 0 && end > entry.total)
        return false;
    if (piece.has_more)
        return true;
    if (entry.total != 0)
        return end == entry.total;
    // Nothing may be there already that lies behind the end.
    for (std::size_t i = units_of(end); i < units_of(limits_.largest); ++i)
        if (has_unit(entry.units, i))
            return false;
    return true;
}

Reassembly::Overlap Reassembly::overlap(const Entry& entry, const Piece& piece) {
    const std::size_t first = piece.offset / unit;
    const std::size_t last = units_of(piece.offset + piece.payload.size());
    std::size_t there = 0;
    for (std::size_t i = first; i < last; ++i)
        there += has_unit(entry.units, i) ? 1 : 0;
    if (there == 0)
        return Overlap::none;
    const bool is_same =
        there == last - first &&
        std::ranges::equal(piece.payload, std::span(entry.bytes + header_room + piece.offset,
                                                    piece.payload.size()));
    return is_same ? Overlap::repeated : Overlap::other;
}

void Reassembly::keep(Entry& entry, const Piece& piece) {
    std::memcpy(entry.bytes + header_room + piece.offset, piece.payload.data(),
                piece.payload.size());
    for (std::size_t i = piece.offset / unit; i < units_of(piece.offset + piece.payload.size());
         ++i)
        entry.units[i / 64] |= std::uint64_t{1} << (i % 64);
    if (piece.offset == 0) {
        entry.header_size = piece.header.size();
        std::memcpy(entry.bytes + header_room - entry.header_size, piece.header.data(),
                    entry.header_size);
    }
    if (!piece.has_more)
        entry.total = piece.offset + piece.payload.size();
    entry.received += piece.payload.size();
    entry.is_marked |= (piece.traffic_class & ecn::mask) == ecn::ce;
    held_bytes_ += piece.payload.size();
    ++entry.fragment_count;
}

// The first fragment's header, as it would be without fragments.
Reassembly::Whole Reassembly::finish(Entry& entry) {
    std::uint8_t* const start = entry.bytes + header_room - entry.header_size;
    if (entry.key.version == 4) {
        auto& header = header_at<Ipv4Header>(start);
        header.total_length = Be16::of(static_cast<std::uint16_t>(entry.header_size + entry.total));
        header.fragment = Be16::of(0);
        if (entry.is_marked)
            header.traffic_class |= ecn::ce;
        header.checksum = Be16::of(0);
        header.checksum = checksum_of({start, entry.header_size});
    } else {
        auto& header = header_at<Ipv6Header>(start);
        header.payload_length = Be16::of(static_cast<std::uint16_t>(entry.total));
        header.next_header = entry.key.protocol;
        if (entry.is_marked)
            header.version_and_flow =
                Be32::of(header.version_and_flow.value() | std::uint32_t{ecn::ce} << 20);
    }
    return {start, entry.header_size + entry.total};
}

Reassembly::Entry* Reassembly::find(const Key& key, std::uint64_t now) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), key.addresses.data(), sizeof words);
    const std::uint64_t hash = mixed(
        mixed(words[0], words[1]) ^ mixed(words[2], words[3]),
        std::uint64_t{key.identification} << 16 | std::uint64_t{key.protocol} << 8 | key.version);
    const std::size_t set = hash % (entries_.size() / ways) * ways;
    Entry* free = nullptr;
    for (Entry& entry : std::span(entries_).subspan(set, ways)) {
        if (entry.fragment_count == 0)
            free = &entry;
        else if (entry.key == key)
            return &entry;
    }
    if (free == nullptr)
        return nullptr;
    free->key = key;
    free->since = now;
    oldest_ = std::min(oldest_, now);
    ++held_count_;
    return free;
}

void Reassembly::release(Entry& entry) {
    held_bytes_ -= entry.received;
    --held_count_;
    std::fill_n(entry.units, words_of(limits_.largest), 0);
    entry.fragment_count = 0;
    entry.received = 0;
    entry.total = 0;
    entry.header_size = 0;
    entry.is_marked = false;
}

std::size_t Reassembly::expire(std::uint64_t now) {
    if (held_count_ == 0 || now < oldest_ + patience)
        return 0;
    std::size_t count = 0;
    oldest_ = ~0ULL;
    for (Entry& entry : entries_) {
        if (entry.fragment_count == 0)
            continue;
        if (now < entry.since + patience) {
            oldest_ = std::min(oldest_, entry.since);
            continue;
        }
        count += entry.fragment_count;
        release(entry);
    }
    return count;
}

}  // namespace detour::packet
