// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How long a null route takes to be a verdict (detection.md section 2's table), and that loss alone
// never becomes one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

#include "tests/unit/decision/world.h"

using namespace std::chrono_literals;
using detour::Duration;
using detour::decision::Place;
using detour::decision::Verdict;
using world::World;

namespace {

struct Timing {
    std::vector<double> seconds;
    unsigned missed = 0;

    [[nodiscard]] double quantile(double q) {
        std::ranges::sort(seconds);
        return seconds.empty()
                   ? -1
                   : seconds[static_cast<std::size_t>(q * static_cast<double>(seconds.size() - 1))];
    }
};

Timing time_verdicts(detour::model::Profile profile, double loss, Duration rtt, unsigned runs) {
    Timing timing;
    for (unsigned run = 0; run < runs; ++run) {
        World box({.profile = profile,
                   .loss = loss,
                   .rtt = rtt,
                   .seed = run + 1,
                   .mode = detour::decision::Mode::advise});
        box.settle();
        box.run(Duration(std::int64_t{137'000'000} * run % 1'000'000'000));
        const auto start = box.now();
        box.null_route(0, 0, World::Null::inside);
        const auto done = [&] { return box.verdict(0, 0) == Verdict::nullrouted; };
        if (!box.run_until(done, 60s)) {
            ++timing.missed;
            continue;
        }
        timing.seconds.push_back(static_cast<double>((box.now() - start).count()) / 1e9);
        CHECK(box.verdict(0, 1) != Verdict::nullrouted);
        CHECK(box.change(0, 0)->place != Place::beyond);
    }
    return timing;
}

}  // namespace

TEST_CASE("a null route is a verdict within the time of the profile's table") {
    struct Row {
        detour::model::Profile profile;
        double loss;
        Duration rtt;
        double median, worst;
    };
    using detour::model::Profile;
    const std::vector<Row> rows{
        {Profile::careful, 0.01, 20ms, 6.4, 7.0}, {Profile::careful, 0.2, 20ms, 7.0, 12.0},
        {Profile::quick, 0.01, 20ms, 3.9, 4.5},   {Profile::quick, 0.2, 20ms, 4.4, 8.0},
        {Profile::fast, 0.01, 1ms, 0.34, 0.5},    {Profile::fast, 0.2, 1ms, 0.5, 1.5},
    };
    for (const auto& row : rows) {
        CAPTURE(static_cast<int>(row.profile));
        CAPTURE(row.loss);
        auto timing = time_verdicts(row.profile, row.loss, row.rtt, 40);
        const double median = timing.quantile(0.5);
        const double worst = timing.quantile(1);
        MESSAGE("profile " << static_cast<int>(row.profile) << " loss " << row.loss << ": median "
                           << median << " s, worst " << worst << " s");
        CHECK(timing.missed == 0);
        CHECK(median <= row.median);
        CHECK(worst <= row.worst);
    }
}
