// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/punt_limiter.h"

#include <algorithm>

namespace detour::node {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

struct Row {
    std::string_view text;
    PuntLimiter::Budget budget;
};

// A write into a twin costs the exchange about 2 us, so all of these together stay within what one
// busy core can hand over; the first four are far above what sessions need.
constexpr std::array<Row, punt_class_count> rows{{
    {"session", {20'000, 4'000}},
    {"stranger", {10'000, 2'000}},
    {"neighbour", {5'000, 1'000}},
    {"echo", {10'000, 1'000}},
    {"local", {50'000, 1'000}},
    {"unresolved", {2'000, 500}},
    {"error", {1'000, 200}},  // the kernel sends no more than icmp_msgs_per_sec = 1000 itself
    {"fragment", {20'000, 500}},
    {"other", {2'000, 500}},
}};

}  // namespace

std::string_view to_string(PuntClass punt_class) {
    return rows.at(static_cast<std::size_t>(punt_class)).text;
}

PuntLimiter::Budget PuntLimiter::budget(PuntClass punt_class) {
    return rows.at(static_cast<std::size_t>(punt_class)).budget;
}

PuntLimiter::PuntLimiter() : asked_(std::make_unique<std::array<Asked, asked_count>>()) {
    for (std::size_t i = 0; i < punt_class_count; ++i)
        buckets_[i].credit = rows[i].budget.burst * (second / rows[i].budget.rate);
}

bool PuntLimiter::allow(PuntClass punt_class, std::uint64_t now) {
    const auto index = static_cast<std::size_t>(punt_class);
    const Budget& budget = rows[index].budget;
    Bucket& bucket = buckets_[index];
    const std::uint64_t cost = second / budget.rate;
    if (now > bucket.last) {
        bucket.credit = std::min(bucket.credit + (now - bucket.last), budget.burst * cost);
        bucket.last = now;
    }
    if (bucket.credit < cost)
        return false;
    bucket.credit -= cost;
    return true;
}

bool PuntLimiter::allow_unresolved(std::uint64_t address_hash, std::uint64_t now) {
    Asked& asked = (*asked_)[address_hash % asked_count];
    // A place never used has the time zero; hash zero is as good as any other.
    if (asked.when != 0 && asked.address_hash == address_hash && now - asked.when < second)
        return false;
    if (!allow(PuntClass::unresolved, now))
        return false;
    asked = {address_hash, std::max<std::uint64_t>(now, 1)};
    return true;
}

}  // namespace detour::node
