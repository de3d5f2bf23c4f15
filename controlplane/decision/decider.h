// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The brain: evidence -> verdict -> plan -> guard -> actions (detection.md sections 2 to 6). Pure:
// no socket, no clock, no file; the same inputs give the same actions, and a journal replayed gives
// the same decisions.
//
// Evidence and verdicts belong to (uplink, block), a block being one family of a prefix set. What
// should be true (placement) changes by moves only; a move is a row of steps, each fired by the
// acknowledged fact of the one before. Invariants, whatever the inputs: a block that was announced
// is never announced nowhere; the last announcement is never withdrawn; nothing moves to an uplink
// that is not armed, or on one kind of evidence alone, but by an operator's word.
//
// What is not built: shedding and drills, and the fail-back window: each holds and says so.
//
// One caller. Start is the first input: its actions make the world what the State says.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/renumbering.h"
#include "controlplane/decision/action.h"
#include "controlplane/decision/evidence.h"
#include "controlplane/decision/options.h"
#include "controlplane/decision/state.h"

namespace detour::decision {

// Of one (uplink, block), for status.
struct WatchView {
    UplinkId uplink;
    Block block;
    Verdict verdict = Verdict::unclear;
    Place place = Place::unknown;
    Instant since{};
    Watch watch = Watch::away;
    double confidence = 0;            // score / h
    std::uint32_t lost_targets = 0;   // n of
    std::uint32_t homed_targets = 0;  // m
    // Of the last ten; nothing when there were none.
    std::optional<double> control_loss;
    std::optional<double> beacon_loss;
    std::optional<double> sentinel_loss;
    // Ages of the last good ones; nothing when there never was one.
    std::optional<Duration> tunnel_age;
    std::optional<Duration> egress_age;
    std::optional<double> packets_per_second;
    bool is_armed = false;  // could take the block now
    Explanation why;        // of the verdict
    Explanation armed;      // of is_armed: the first criterion that is missing
};

struct BlockView {
    Block block;
    UplinkId home;
    UplinkId egress;
    Instant since{};
    Verdict placed_by = Verdict::healthy;
    std::vector<AnnouncedState> announced;
    std::optional<MoveKind> move;
    MoveStep step = MoveStep::idle;
    std::optional<UplinkId> to;
    std::optional<Instant> next_at;  // when it will do the next thing by time alone
    Explanation next;                // what it will do next, or why it does nothing
    std::optional<Advice> advice;    // nothing but an operator's word is missing
};

struct Views {
    std::vector<WatchView> watches;
    std::vector<BlockView> blocks;
    Mode mode = Mode::advise;
    bool is_frozen = false;
    std::string_view veto;  // that holds now; empty: none
};

class Decider {
 public:
    // `since_snapshot`: how long ago the state was taken, by the wall clock. A block that the state
    // does not know starts on the first uplink that can carry it.
    explicit Decider(Options options, std::optional<State> state = {},
                     Duration since_snapshot = {});
    Decider(Decider&&) noexcept;
    Decider& operator=(Decider&&) noexcept;
    ~Decider();

    [[nodiscard]] std::vector<Action> handle(Instant now, CauseId cause, const Evidence& evidence);
    // Another configuration takes the place of the one given at the birth; `ids` says what became
    // of each uplink, set and target. Placements, moves, evidence and brakes go on; what should be
    // true is said once more where anything is counted by position. A block whose uplink is gone
    // comes home.
    [[nodiscard]] std::vector<Action> reconfigure(Instant now, CauseId cause, Options options,
                                                  const Renumbering& ids);
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] Views views(Instant now) const;
    [[nodiscard]] State snapshot(Instant now) const;

 private:
    struct Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace detour::decision
