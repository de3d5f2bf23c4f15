// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/judge/replay.h"

#include <fmt/format.h>

#include "controlplane/controller/options.h"

namespace sim {

namespace decision = detour::decision;

namespace {

// What it is, and what it is about: enough to see that two are the same.
std::string summary(const decision::Deed& deed) {
    const auto block = [](const decision::Block& of) {
        return fmt::format("{}/{}", of.set.value, detour::to_string(of.family));
    };
    if (const auto* verdict = std::get_if<decision::VerdictChanged>(&deed))
        return fmt::format("{} {} on {}", block(verdict->block), decision::to_string(verdict->to),
                           verdict->uplink.value);
    if (const auto* step = std::get_if<decision::MoveStepped>(&deed))
        return fmt::format("{} {} {}", block(step->block), decision::to_string(step->kind),
                           decision::to_string(step->step));
    if (const auto* announcement = std::get_if<decision::SetAnnouncement>(&deed))
        return fmt::format("{} {} on {}", block(announcement->block),
                           announcement->announcement ? "announced" : "withdrawn",
                           announcement->uplink.value);
    return fmt::format("action of kind {}", deed.index());
}

}  // namespace

void Replay::on_start(const std::optional<decision::State>& state, Duration age) {
    decider_ = std::make_unique<decision::Decider>(detour::controller::decision_options(config_),
                                                   state, age);
    expected_.clear();
    has_differed_ = false;
}

void Replay::differ(Instant at, std::string text) {
    has_differed_ = true;
    score_.findings.push_back(
        {at - zero_, Fault::violation, "a replay differs: " + std::move(text)});
}

void Replay::on_record(const detour::controller::Record& record) {
    if (has_differed_)
        return;
    if (const auto* evidence = std::get_if<decision::Evidence>(&record.body)) {
        if (!expected_.empty())
            return differ(record.at, "the journal lacks " + summary(expected_.front().deed));
        for (auto& action :
             decider_->handle(record.at, decision::CauseId{record.number}, *evidence))
            expected_.push_back(std::move(action));
        return;
    }
    const auto* action = std::get_if<decision::Action>(&record.body);
    if (action == nullptr)
        return;
    if (expected_.empty())
        return differ(record.at, "only the journal has " + summary(action->deed));
    const decision::Action expected = std::move(expected_.front());
    expected_.pop_front();
    if (summary(expected.deed) != summary(action->deed) || expected.id != action->id)
        differ(record.at, summary(expected.deed) + " instead of " + summary(action->deed));
}

}  // namespace sim
