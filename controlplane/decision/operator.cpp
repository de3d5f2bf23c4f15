// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// An operator's word: a move, the way home, an end to either, the mode, a freeze. What cannot be
// done now is held, and said.
#include "controlplane/decision/brain.h"

namespace detour::decision {

void Decider::Machine::on(const OperatorMove& input) {
    const auto to = uplink_of(input.to);
    for (const Family family : families) {
        const auto b = block_of(input.set, family);
        auto& block = placed[b];
        if (!block.exists || block.carrier == to)
            continue;
        // What the block's trouble has silenced is judged by what was before it.
        const auto verdict = watched(block.carrier, b).verdict;
        const bool is_dead = calls_for_move(verdict);
        Ask ask{b, to, block.carrier, std::nullopt, Verdict::healthy, Place::unknown};
        if (is_dead || is_advising(verdict))
            ask.onset = onset(block.carrier, b);
        auto why = armed(ask);
        if (block.move)
            why.missing = "a move is in progress";
        if (!why.missing.empty()) {
            block.held_said.clear();
            hold(b, to, std::move(why));
            continue;
        }
        // Where the block is dead there is nothing to overlap with.
        ask.reason = is_dead ? verdict : Verdict::healthy;
        if (!is_dead)
            ask.onset.reset();
        start_move(is_dead ? MoveKind::escape : MoveKind::planned, ask);
    }
}

void Decider::Machine::on(const OperatorFailback& input) {
    for (const Family family : families) {
        const auto b = block_of(input.set, family);
        auto& block = placed[b];
        if (!block.exists || block.carrier == block.home)
            continue;
        block.asked_home = input.urgency;
        block.held_said.clear();
        auto why = ready(b);
        if (block.move && why.missing.empty())
            why.missing = "a move is in progress";
        if (!why.missing.empty())
            hold(b, block.home, std::move(why));
    }
}

void Decider::Machine::on(const OperatorAbort& input) {
    for (const Family family : families) {
        const auto b = block_of(input.set, family);
        auto& block = placed[b];
        block.asked_home.reset();
        if (!block.exists || !block.move)
            continue;
        if (block.move->kind == MoveKind::failback)
            abort_return(b, "the operator's word");
        else
            give_back(b, "the operator's word");
    }
}

void Decider::Machine::on(const OperatorMode& input) {
    options.mode = input.mode;
    evaluate_all();
}

void Decider::Machine::on(const OperatorFreeze& input) {
    is_frozen = input.state == OperatorFreeze::State::frozen;
    say(Persist{});
    evaluate_all();
}

}  // namespace detour::decision
