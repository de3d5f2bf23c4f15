// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/sequence_record.h"

#include <algorithm>

namespace detour::lab {

namespace {
constexpr std::uint64_t bits_per_word = 64;
}

void SequenceRecord::arrived(std::uint64_t number, Instant now) {
    if (last_arrival_) {
        const Duration silence = now - *last_arrival_;
        longest_gap_ = std::max(longest_gap_, silence);
        if (silence > gap_threshold_)
            gaps_.push_back({*last_arrival_, now});
    } else {
        first_arrival_ = now;
    }
    last_arrival_ = now;

    if (has(number)) {
        ++duplicate_count_;
        return;
    }
    const std::size_t word = number / bits_per_word;
    if (word >= bits_.size())
        bits_.resize(std::max(word + 1, bits_.size() * 2));
    bits_[word] |= std::uint64_t{1} << (number % bits_per_word);
    ++received_count_;
    if (number < end_)
        ++reordered_count_;
    end_ = std::max(end_, number + 1);
}

bool SequenceRecord::has(std::uint64_t number) const {
    const std::size_t word = number / bits_per_word;
    return word < bits_.size() && ((bits_[word] >> (number % bits_per_word)) & 1U) != 0;
}

std::vector<Hole> SequenceRecord::holes(std::size_t limit) const {
    std::vector<Hole> found;
    for (std::uint64_t number = 0; number < end_ && found.size() < limit; ++number) {
        if (has(number))
            continue;
        const std::uint64_t first = number;
        while (!has(number))  // ends: end_ - 1 has arrived
            ++number;
        found.push_back({first, number - 1});
    }
    return found;
}

}  // namespace detour::lab
