// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/sequence_record.h"

#include <doctest/doctest.h>

#include <chrono>

namespace detour::lab {

using namespace std::chrono_literals;

namespace {
SequenceRecord record_of(const std::vector<std::uint64_t>& numbers) {
    SequenceRecord record(20ms);
    Instant time{};
    for (const auto number : numbers)
        record.arrived(number, time += 1ms);
    return record;
}
}  // namespace

TEST_CASE("a complete stream has nothing to report") {
    const SequenceRecord record = record_of({0, 1, 2, 3, 4});
    CHECK(record.received_count() == 5);
    CHECK(record.missing_count() == 0);
    CHECK(record.duplicate_count() == 0);
    CHECK(record.reordered_count() == 0);
    CHECK(record.gaps().empty());
    CHECK(record.holes(10).empty());
}

TEST_CASE("what never came is missing, and where is told") {
    const SequenceRecord record = record_of({1, 2, 5, 9, 200});
    CHECK(record.missing_count() == 196);
    CHECK(record.holes(10) == std::vector<Hole>{{0, 0}, {3, 4}, {6, 8}, {10, 199}});
    CHECK(record.holes(2) == std::vector<Hole>{{0, 0}, {3, 4}});
}

TEST_CASE("a late packet is reordered and not lost, a repeated one is a duplicate") {
    const SequenceRecord record = record_of({0, 2, 1, 1, 3});
    CHECK(record.received_count() == 4);
    CHECK(record.missing_count() == 0);
    CHECK(record.reordered_count() == 1);
    CHECK(record.duplicate_count() == 1);
}

TEST_CASE("silence longer than the threshold is a gap with its ends") {
    SequenceRecord record(20ms);
    const Instant start = Instant{} + 1s;
    record.arrived(0, start);
    record.arrived(1, start + 20ms);
    record.arrived(9, start + 70ms);
    CHECK(record.longest_gap() == 50ms);
    CHECK(record.gaps() == std::vector<Gap>{{start + 20ms, start + 70ms}});
    CHECK(record.first_arrival() == start);
    CHECK(record.last_arrival() == start + 70ms);
}

}  // namespace detour::lab
