// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What became of a stream of numbered packets, as its receiver saw it: which arrived, which arrived
// twice, which were overtaken, and when nothing came. Numbers start at 0 and rise by one; one bit a
// packet is kept, so that a packet is only called lost when it never came, however late. Not
// thread-safe; the caller gives the time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "conf/types/duration.h"

namespace detour::lab {

// A time without arrivals that was longer than the threshold.
struct Gap {
    Instant from;  // the last arrival before
    Instant to;    // the first arrival after
    friend bool operator==(const Gap&, const Gap&) = default;
};

// Packets first..last (both included) that never came, with later ones that did.
struct Hole {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const Hole&, const Hole&) = default;
};

class SequenceRecord {
 public:
    explicit SequenceRecord(Duration gap_threshold) : gap_threshold_(gap_threshold) {}

    void arrived(std::uint64_t number, Instant now);

    // Different packets that came.
    [[nodiscard]] std::uint64_t received_count() const { return received_count_; }
    [[nodiscard]] std::uint64_t duplicate_count() const { return duplicate_count_; }
    // Packets that came after one with a higher number.
    [[nodiscard]] std::uint64_t reordered_count() const { return reordered_count_; }
    // Packets missing below the highest number seen. What was sent after it, only the sender knows.
    [[nodiscard]] std::uint64_t missing_count() const { return end_ - received_count_; }
    // One more than the highest number seen.
    [[nodiscard]] std::uint64_t end() const { return end_; }
    [[nodiscard]] std::optional<Instant> first_arrival() const { return first_arrival_; }
    [[nodiscard]] std::optional<Instant> last_arrival() const { return last_arrival_; }
    [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }
    [[nodiscard]] Duration longest_gap() const { return longest_gap_; }
    // The first `limit` holes.
    [[nodiscard]] std::vector<Hole> holes(std::size_t limit) const;

 private:
    [[nodiscard]] bool has(std::uint64_t number) const;

    Duration gap_threshold_;
    std::vector<std::uint64_t> bits_;
    std::uint64_t end_ = 0;
    std::uint64_t received_count_ = 0;
    std::uint64_t duplicate_count_ = 0;
    std::uint64_t reordered_count_ = 0;
    std::optional<Instant> first_arrival_;
    std::optional<Instant> last_arrival_;
    std::vector<Gap> gaps_;
    Duration longest_gap_{};
};

}  // namespace detour::lab
