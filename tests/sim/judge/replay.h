// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// "Replaying the journal gives the same decisions": a second decider is given the evidence as the
// journal has it, row by row, and must take the same actions at the same rows.
#pragma once

#include <deque>
#include <memory>

#include "controlplane/decision/decider.h"
#include "tests/sim/judge/finding.h"
#include "tests/sim/stage/box.h"

namespace sim {

class Replay : public Box::Watcher {
 public:
    Replay(const detour::model::Config& config, Score& score, Instant zero)
        : config_(config), score_(score), zero_(zero) {}

    void on_start(const std::optional<detour::decision::State>& state, Duration age) override;
    void on_record(const detour::controller::Record& record) override;

 private:
    void differ(Instant at, std::string text);

    const detour::model::Config& config_;
    Score& score_;
    Instant zero_;
    std::unique_ptr<detour::decision::Decider> decider_;
    std::deque<detour::decision::Action> expected_;
    bool has_differed_ = false;
};

}  // namespace sim
