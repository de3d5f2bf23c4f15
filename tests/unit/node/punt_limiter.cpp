// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/punt_limiter.h"

#include <doctest/doctest.h>

namespace detour::node {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

std::uint32_t allowed_at(PuntLimiter& limiter, PuntClass punt_class, std::uint64_t now) {
    std::uint32_t count = 0;
    while (limiter.allow(punt_class, now))
        ++count;
    return count;
}

TEST_CASE("every class may start with its burst and then goes at its rate") {
    for (std::size_t i = 0; i < punt_class_count; ++i) {
        const auto punt_class = static_cast<PuntClass>(i);
        CAPTURE(to_string(punt_class));
        PuntLimiter limiter;
        const auto budget = PuntLimiter::budget(punt_class);
        CHECK(allowed_at(limiter, punt_class, second) == budget.burst);
        std::uint32_t in_a_second = 0;
        for (std::uint64_t ms = 1; ms <= 1000; ++ms)
            in_a_second += allowed_at(limiter, punt_class, second + ms * 1'000'000);
        CHECK(in_a_second >= budget.rate - 1);
        CHECK(in_a_second <= budget.rate);
    }
}

TEST_CASE("a flood of one class leaves the others their share") {
    PuntLimiter limiter;
    allowed_at(limiter, PuntClass::echo, second);
    allowed_at(limiter, PuntClass::local, second);
    allowed_at(limiter, PuntClass::neighbour, second);
    CHECK(limiter.allow(PuntClass::session, second));
}

TEST_CASE("credit never grows beyond the burst") {
    PuntLimiter limiter;
    CHECK(allowed_at(limiter, PuntClass::session, 1'000'000 * second) ==
          PuntLimiter::budget(PuntClass::session).burst);
}

TEST_CASE("a clock that stands still or steps back gives no credit and takes none") {
    PuntLimiter limiter;
    allowed_at(limiter, PuntClass::error, 10 * second);
    CHECK_FALSE(limiter.allow(PuntClass::error, 9 * second));
    CHECK_FALSE(limiter.allow(PuntClass::error, 10 * second));
    CHECK(limiter.allow(PuntClass::error, 11 * second));
}

TEST_CASE("an unresolved address is asked for once a second") {
    PuntLimiter limiter;
    CHECK(limiter.allow_unresolved(0x1234, second));
    CHECK_FALSE(limiter.allow_unresolved(0x1234, second + 1));
    CHECK_FALSE(limiter.allow_unresolved(0x1234, 2 * second - 1));
    CHECK(limiter.allow_unresolved(0x1234, 2 * second));
    CHECK(limiter.allow_unresolved(0x1235, 2 * second));
}

TEST_CASE("a scan of silent addresses is bounded as a whole") {
    PuntLimiter limiter;
    std::uint32_t count = 0;
    for (std::uint64_t address = 1; address <= 100'000; ++address)
        count += limiter.allow_unresolved(address, second) ? 1 : 0;
    CHECK(count == PuntLimiter::budget(PuntClass::unresolved).burst);
}

}  // namespace
}  // namespace detour::node
