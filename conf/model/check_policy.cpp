// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <array>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

using namespace std::chrono_literals;

constexpr Duration longest_timer = 7 * 24h;

// Waits that may be left out altogether.
bool may_be_zero(Duration Timing::*member) {
    static constexpr std::array allowed{&Timing::start_up_grace, &Timing::link_up_grace,
                                        &Timing::withdraw_gate, &Timing::overlap};
    for (const auto candidate : allowed)
        if (candidate == member)
            return true;
    return false;
}

void check_override(const TimingOverride& override, const Timing& profile,
                    const Complaints& complaints) {
    const auto& [duration, place] = override.duration;
    if (duration == Duration::zero() && !may_be_zero(override.member))
        complaints.error(place, fmt::format("may not be 0; the profile's value is {}",
                                            detour::to_string(profile.*override.member)));
    else if (duration > longest_timer)
        complaints.error(place, "longer than 7 days; is the unit right?");
    else if (override.member == &Timing::forgiven_gap && duration < profile.forgiven_gap)
        complaints.warning(
            place, fmt::format("shorter than the profile's {}: gaps that the Internet heals "
                               "by itself will be taken for null routes",
                               detour::to_string(profile.forgiven_gap)));
}

}  // namespace

void check_policy(const Draft& draft, const Complaints& complaints) {
    const Timing profile = timing_of(draft.profile ? draft.profile->value : Profile::careful);
    for (const TimingOverride& override : draft.timing_overrides)
        check_override(override, profile, complaints);
    if (draft.fail_back && draft.fail_back->value == FailBack::window &&
        !draft.fail_back_window.was_given)
        complaints.error(draft.fail_back->place,
                         "say when: fail-back-window: 02:00-05:00 (every day, UTC)");
}

}  // namespace detour::model
