// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Inside of the decider; internal to controlplane/decision. One file for each question:
//   decider.cpp    who is called for which evidence; deadlines
//   intake.cpp     probes and counters into detectors and windows
//   second.cpp     the second kind of probe: does it agree?
//   judge.cpp      facts of one (uplink, block), and what a verdict sets off
//   guard.cpp      armed? may we?
//   placement.cpp  the only place where something is announced or withdrawn
//   move.cpp       escape and planned move, step by step
//   failback.cpp   ready, canary, stair
//   memory.cpp     State in and out, views
//   reconfigure.cpp  another configuration takes the place of this one
// Uplinks, sets and targets are indices here; block b is set * 2 + family.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "controlplane/decision/decider.h"
#include "controlplane/decision/detector.h"
#include "controlplane/decision/ladder.h"
#include "controlplane/decision/measure.h"
#include "controlplane/decision/passive.h"

namespace detour::decision {

inline constexpr std::uint32_t nowhere = 0xffffffff;

// The criterion of section 4 that a moment brings; what misses only that is not said yet.
inline constexpr std::string_view escapes_are_spent = "the escapes of this hour are spent";
inline constexpr std::string_view no_proof_since_onset = "T was not good since the onset";
// What an operator's word makes up for.
inline constexpr std::string_view mode_is_advise = "mode is advise";
inline constexpr std::string_view verdict_advises = "this verdict advises only";
inline constexpr std::string_view failback_is_manual = "fail-back is manual";

// The table answers it with advice.
[[nodiscard]] inline bool is_advising(Verdict verdict) {
    return verdict == Verdict::congested || verdict == Verdict::attacked ||
           verdict == Verdict::partial;
}

[[nodiscard]] inline bool contains(const std::vector<std::uint32_t>& list, std::uint32_t value) {
    return std::ranges::find(list, value) != list.end();
}

// C of one kind, counted for condition (5).
struct ControlCount {
    ControlTally tally;
    HourShare hour;
    RecentShare recent;

    void add(Instant now, Result result);
};

// One (uplink, family): what C and T say, and its BGP.
struct Way {
    struct Half {
        std::uint32_t pair = 0;
        Detector::Control control = Detector::Control::good;
    };
    struct Waiting {  // a lost B whose C is not known yet
        std::uint32_t pair = 0;
        std::uint32_t block = 0;
        std::uint32_t target = 0;
        std::uint8_t beacon = 0;
        Instant sent{};
        ProbeKind kind = ProbeKind::icmp;
    };
    Silence control;  // C alone
    Silence proof;    // C and T: the uplink carries packets
    LastTen control_ten;
    LastTen proof_ten;
    std::optional<Instant> full_size_good;
    ControlCount counted;         // C of ICMP
    ControlCount second_counted;  // C of the second kind
    std::uint64_t good_controls = 0;
    std::array<Half, 1024> halves{};  // by pair % 1024
    std::vector<Waiting> waiting;
    std::optional<Instant> asked_proof;
    std::optional<PathMtu> path_mtu;
    SessionState session = SessionState::down;
    Instant session_changed{};
};

struct Uplink {
    bool is_link_up = true;
    bool has_been_up = false;  // since the start; at the start itself links are told as down
    Instant link_changed = Instant::min();
    bool has_bfd_been_up = false;
    std::optional<Instant> bfd_down;
    Instant bfd_changed = Instant::min();
    double utilisation = 0;
    std::vector<bool> shares_fate;  // by the uplink led through
};

// A target, whichever way it is asked.
struct Heard {
    std::optional<Instant> silent_since;  // first lost C since the last good one
    std::optional<Instant> retired;
};

// One (uplink, block).
struct Watched {
    explicit Watched(const Thresholds& thresholds) : passive(thresholds) {}

    std::vector<Detector> detectors;  // by prefix; ICMP
    std::vector<Detector> seconds;    // by prefix; the second kind, which never speaks alone
    // Of both kinds.
    void each_detector(void (Detector::*deed)()) {
        for (auto* list : {&detectors, &seconds})
            for (auto& each : *list)
                (each.*deed)();
    }
    Silence beacon;
    LastTen beacon_ten;
    std::vector<LastTen> target_ten;   // by target of the family
    std::vector<LastTen> beacon_tens;  // by beacon of the set
    Silence sentinel;
    LastTen sentinel_ten;
    Passive passive;
    std::optional<Instant> egress_good;  // sent
    std::uint32_t egress_by = nowhere;   // and the uplink by which its reply came in
    std::uint64_t good_beacons = 0;
    std::optional<Prefix> blackhole;     // told by a neighbour here
    std::optional<Instant> half_since;   // some alive, some dead
    std::optional<Instant> ready_since;  // S and C good, for fail-back
    std::optional<Instant> last_canary;
    bool has_sentinel_latch = false;
    bool canary_leaks = false;
    Watch watch = Watch::away;
    Verdict verdict = Verdict::unclear;
    Place place = Place::unknown;
    Instant since{};
    std::optional<Instant> doubted;  // it reads otherwise since, too shortly to be said
    CauseId cause;                   // of the verdict
    CauseId onset_cause;             // of the first loss
    Explanation why;
};

struct Move {
    MoveKind kind = MoveKind::escape;
    MoveStep step = MoveStep::idle;
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    Verdict reason = Verdict::healthy;
    Place place = Place::unknown;
    std::optional<Instant> onset;
    Instant began{};
    Instant stepped{};
    Instant asked{};               // when the step's action was last said
    std::optional<Instant> acked;  // the announcement on `to`
    std::uint32_t stair = 0;
    bool has_life = false;
    std::uint64_t life = 0;      // targets with B@to, bits
    std::uint64_t old_life = 0;  // targets with B@from since the announcement
    double reference = 0;        // inbound packets/s of the minute before
    std::optional<Instant> short_since;
    std::vector<std::uint32_t> canary_replies;  // by sentinel
    double stair_score = 0;
    double stair_base = 0;
    CauseId cause;
};

struct Leaving {
    std::uint32_t uplink = 0;
    Instant not_before{};
};

// Where a block is, and its brakes.
struct Placed {
    struct Said {
        ActionId action;
        bool is_done = false;
        Instant done{};  // when its acknowledgement came
    };
    bool exists = false;
    OriginState::State origin = OriginState::State::fine;
    AsNumber foreign_origin;  // where origin is foreign_origin
    std::uint32_t home = nowhere;
    std::uint32_t carrier = nowhere;
    std::uint32_t egress = nowhere;
    std::vector<std::optional<Announcement>> announced;  // by uplink
    std::vector<Said> said;                              // by uplink
    std::vector<std::deque<Instant>> updates;            // by uplink, within the hour
    Said forwarding;
    Instant since{};
    Verdict placed_by = Verdict::healthy;
    std::vector<std::uint32_t> tried;
    std::vector<Leaving> leaving;
    std::optional<Move> move;
    std::deque<Instant> escapes;
    std::deque<Instant> returns;
    std::optional<Instant> last_return;
    std::optional<Instant> late_check;
    std::uint32_t late_uplink = 0;
    std::uint32_t failed_returns = 0;
    bool is_return_latched = false;
    std::optional<Urgency> asked_home;
    struct Holding {
        std::string_view reason;  // empty: nothing is held back
        std::optional<Advice> advice;
    };
    Holding held;                                                       // now
    std::vector<std::pair<std::string_view, std::uint32_t>> held_said;  // for this verdict
    std::optional<Instant> localised;       // the last walk that was asked for
    std::optional<Instant> choosing_until;  // a return was given up: the world chooses again
    std::optional<Instant> incident;        // onset of the first escape since it was well at home
};

struct Decider::Machine {
    Machine(Options given, std::optional<State> state, Duration since_snapshot);

    // decider.cpp
    void build();
    void take(const Evidence& evidence);
    void on(const Tick&);
    void on(const Start&);
    void on(const ProbeOutcome& input);
    void on(const LinkState& input);
    void on(const BfdState& input);
    void on(const Session& input);
    void on(const PortLoad& input);
    void on(const SharedFate& input);
    void on(const TelemetryState& input);
    void on(const Counters& input);
    void on(const OriginState& input);
    void on(const ClockStepped& input);
    void on(const SchedulingGap& input);
    void on(const Reload& input);
    void on(const OperatorMove& input);
    void on(const OperatorFailback& input);
    void on(const OperatorAbort& input);
    void on(const OperatorMode& input);
    void on(const OperatorFreeze& input);
    void on(const Acknowledgement& input);
    void on(const BlackholeTold& input);
    void on(const PathMtu& input);
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] std::string_view veto(std::uint32_t uplink) const;
    void forget_evidence();
    void save_in_time();

    // intake.cpp
    void take_control(const ProbeOutcome& input);
    [[nodiscard]] std::uint64_t settle_pair(const ProbeOutcome& input);
    void take_beacon(const ProbeOutcome& input);
    void lose_beacon(const ProbeOutcome& input);
    void take_tunnel(const ProbeOutcome& input);
    void take_sentinel(const ProbeOutcome& input);
    void take_egress(const ProbeOutcome& input);
    void settle_lost(std::uint32_t uplink, const Way::Waiting& lost, Detector::Control control);
    void hear_target(TargetId target, Family family, Result result, Instant sent);
    void ask_again();
    void update_half(Watched& watched);
    void update_ready(std::uint32_t uplink, std::uint32_t block);
    [[nodiscard]] Detector& detector(std::uint32_t uplink, std::uint32_t block, std::uint8_t beacon,
                                     ProbeKind kind = ProbeKind::icmp);
    [[nodiscard]] std::uint8_t beacon_in_prefix(std::uint32_t block, std::uint8_t beacon) const;

    // second.cpp
    void take_second_control(const ProbeOutcome& input);
    void take_second_beacon(const ProbeOutcome& input);
    [[nodiscard]] SecondKindFacts second_kind(std::uint32_t uplink, std::uint32_t block,
                                              Instant onset) const;

    // judge.cpp
    void evaluate(std::uint32_t uplink, std::uint32_t block);
    void revive();
    void evaluate_uplink(std::uint32_t uplink);
    void evaluate_all();
    [[nodiscard]] bool is_quiet(std::uint32_t uplink, std::uint32_t block) const;
    [[nodiscard]] Facts facts(std::uint32_t uplink, std::uint32_t block);
    void add_passive(Facts& facts, std::uint32_t uplink, std::uint32_t block);
    void add_other_uplinks(Facts& facts, std::uint32_t uplink, Family family) const;
    [[nodiscard]] std::optional<Instant> onset(std::uint32_t uplink, std::uint32_t block) const;
    [[nodiscard]] Instant first_sign(std::uint32_t uplink, std::uint32_t block, Instant told) const;
    [[nodiscard]] const Detector* loudest(const Watched& watched) const;
    [[nodiscard]] bool is_dead(const Silence& silence, Family family) const;
    [[nodiscard]] bool are_links_down() const;
    [[nodiscard]] bool are_all_dead(std::uint32_t uplink, std::uint32_t block, Instant onset) const;
    [[nodiscard]] SentinelFacts sentinel(const Watched& watched,
                                         std::optional<Instant> onset) const;
    void update_watch(std::uint32_t uplink, std::uint32_t block);
    void forget_old_times(std::uint32_t uplink, std::uint32_t block);
    void unsettle(std::uint32_t uplink, std::uint32_t block);
    [[nodiscard]] bool has_home_answered(std::uint32_t block) const;
    [[nodiscard]] Duration patience(const Watched& watched, Verdict next) const;
    void localise(std::uint32_t uplink, std::uint32_t block);
    void raise(std::uint32_t uplink, std::uint32_t block);
    void consider(std::uint32_t block);
    void flee(std::uint32_t block);

    // guard.cpp
    struct Ask {
        std::uint32_t block = 0;
        std::uint32_t to = 0;
        std::uint32_t from = 0;
        std::optional<Instant> onset;  // nothing: a planned move
        Verdict reason = Verdict::healthy;
        Place place = Place::unknown;
        // Whether it must have the capacity. Never announced nowhere comes before that.
        enum class Strength : std::uint8_t { required, waived } strength = Strength::required;
    };
    [[nodiscard]] Explanation armed(const Ask& ask) const;
    void require_egress(Explanation& why, const Ask& ask) const;
    void require_strength(Explanation& why, const Ask& ask) const;
    [[nodiscard]] bool is_spent(std::uint32_t block, std::uint32_t uplink) const;
    [[nodiscard]] bool is_announced_somewhere(std::uint32_t block) const;
    [[nodiscard]] std::string_view may_escape(std::uint32_t block) const;
    [[nodiscard]] bool is_mass_brake_on(std::uint32_t block) const;
    void hold(std::uint32_t block, std::uint32_t to, Explanation why);
    void prove_others(std::uint32_t uplink, Family family);
    [[nodiscard]] bool has_update_budget(std::uint32_t block, std::uint32_t uplink,
                                         std::size_t wanted) const;

    // placement.cpp
    void announce(std::uint32_t block, std::uint32_t uplink, const Announcement& announcement);
    [[nodiscard]] bool withdraw(std::uint32_t block, std::uint32_t uplink);
    void say_announcement(std::uint32_t block, std::uint32_t uplink);
    void set_egress(std::uint32_t block, std::uint32_t uplink);
    void say_forwarding(std::uint32_t block);
    void set_carrier(std::uint32_t block, std::uint32_t uplink, Verdict reason);
    [[nodiscard]] bool is_acked(std::uint32_t block, std::uint32_t uplink) const;
    [[nodiscard]] bool is_live(std::uint32_t block, std::uint32_t uplink) const;
    [[nodiscard]] bool is_proven_live(std::uint32_t block, std::uint32_t uplink) const;
    void prove_live(std::uint32_t block, std::uint32_t uplink);
    [[nodiscard]] bool can_withdraw(std::uint32_t block, std::uint32_t uplink) const;
    void leave(std::uint32_t block, std::uint32_t uplink, Instant not_before);
    [[nodiscard]] bool is_needed(std::uint32_t block, std::uint32_t uplink) const;
    void run_leaving(std::uint32_t block);
    void make_way(std::uint32_t block, std::uint32_t to);
    void keep_announced(std::uint32_t block);

    // move.cpp
    void start_move(MoveKind kind, const Ask& ask);
    void enter(std::uint32_t block, MoveStep step, Explanation why = {});
    void advance(std::uint32_t block);
    [[nodiscard]] bool step_move(std::uint32_t block);
    [[nodiscard]] bool step_forwarding(std::uint32_t block);
    [[nodiscard]] bool step_announce(std::uint32_t block);
    [[nodiscard]] bool step_overlap(std::uint32_t block);
    [[nodiscard]] bool step_gate(std::uint32_t block);
    [[nodiscard]] bool step_verify(std::uint32_t block);
    void give_back(std::uint32_t block, std::string_view reason);
    void no_life(std::uint32_t block);
    void close_dead_session(std::uint32_t uplink, Verdict reason);
    void finish(std::uint32_t block, std::string_view how);
    [[nodiscard]] bool is_old_way_back(std::uint32_t block) const;
    [[nodiscard]] bool is_old_way_dead(std::uint32_t block) const;
    void hear_life(std::uint32_t block, std::uint32_t arrival, std::uint32_t target, Instant sent);
    void session_fell(std::uint32_t uplink, Family family);
    [[nodiscard]] bool is_conserved(std::uint32_t block);
    [[nodiscard]] double inbound(std::uint32_t block, Duration length) const;
    [[nodiscard]] std::optional<Instant> step_deadline(const Placed& placed) const;
    void step_said(std::uint32_t block, MoveStep step, Explanation why);

    // failback.cpp
    void consider_returns();
    [[nodiscard]] Explanation ready(std::uint32_t block) const;
    [[nodiscard]] bool needs_canary(std::uint32_t block) const;
    void start_failback(std::uint32_t block);
    [[nodiscard]] bool step_failback(std::uint32_t block);
    [[nodiscard]] bool step_canary(std::uint32_t block);
    [[nodiscard]] bool step_stair(std::uint32_t block);
    void climb(std::uint32_t block, std::uint32_t stair);
    void fail_canary(std::uint32_t block, std::string_view reason);
    void abort_return(std::uint32_t block, std::string_view reason);
    void hear_canary(std::uint32_t block, const ProbeOutcome& input);
    void choose_again(std::uint32_t block);
    void hear_stair(std::uint32_t uplink, std::uint32_t block, Detector::Control beacon);
    [[nodiscard]] Duration stable_time(const Placed& placed) const;
    void check_late(std::uint32_t block);

    // memory.cpp
    void restore(const State& state, Instant taken);
    void restore_watch(const WatchState& saved, Instant taken);
    [[nodiscard]] bool restore_block(std::uint32_t block, const BlockState& saved, Instant taken);
    void restore_move(std::uint32_t block, const MoveState& saved, Instant taken);
    [[nodiscard]] State snapshot(Instant at) const;
    [[nodiscard]] Views views(Instant at);
    [[nodiscard]] BlockView block_view(std::uint32_t block, Instant at) const;
    [[nodiscard]] WatchView watch_view(std::uint32_t uplink, std::uint32_t block, Instant at);

    // reconfigure.cpp
    struct Before;
    void reconfigure(Options given, const Renumbering& ids);
    void take_over_uplinks(Before& before, const std::vector<std::uint32_t>& of_uplinks,
                           const Renumbering& ids);
    void take_over_block(Before& before, std::uint32_t from, std::uint32_t to,
                         const std::vector<std::uint32_t>& of_uplinks);
    void take_over_watch(const Before& before, Watched kept, std::uint32_t from,
                         std::pair<std::uint32_t, std::uint32_t> to);
    void settle_in();
    void say_watches();

    // Lookups.
    [[nodiscard]] std::uint32_t uplink_count() const {
        return static_cast<std::uint32_t>(options.uplinks.size());
    }
    [[nodiscard]] std::uint32_t block_count() const {
        return static_cast<std::uint32_t>(placed.size());
    }
    [[nodiscard]] std::uint32_t uplink_of(UplinkId id) const;
    [[nodiscard]] std::uint32_t block_of(PrefixSetId set, Family family) const;
    [[nodiscard]] std::uint32_t target_of(TargetId id) const { return target_index.at(id.value); }
    [[nodiscard]] Family family_of(std::uint32_t block) const {
        return block % 2 == 0 ? Family::ipv4 : Family::ipv6;
    }
    [[nodiscard]] Block name_of(std::uint32_t block) const {
        return {options.sets[block / 2].id, family_of(block)};
    }
    [[nodiscard]] UplinkId id_of(std::uint32_t uplink) const { return options.uplinks[uplink].id; }
    [[nodiscard]] bool carries(std::uint32_t uplink, Family family) const {
        const auto& of = options.uplinks[uplink];
        return of.has_session && (family == Family::ipv4 ? of.carries_ipv4 : of.carries_ipv6);
    }
    [[nodiscard]] Way& way(std::uint32_t uplink, Family family) {
        return ways[uplink * 2 + static_cast<std::uint32_t>(family)];
    }
    [[nodiscard]] const Way& way(std::uint32_t uplink, Family family) const {
        return ways[uplink * 2 + static_cast<std::uint32_t>(family)];
    }
    [[nodiscard]] Watched& watched(std::uint32_t uplink, std::uint32_t block) {
        return watches[uplink * block_count() + block];
    }
    [[nodiscard]] const Watched& watched(std::uint32_t uplink, std::uint32_t block) const {
        return watches[uplink * block_count() + block];
    }
    [[nodiscard]] std::uint32_t target_count(Family family) const {
        return static_cast<std::uint32_t>(asns[static_cast<std::size_t>(family)].size());
    }
    ActionId say(Deed deed, CauseId led_here = {});
    [[nodiscard]] const Thresholds& limits() const { return options.thresholds; }

    Options options;
    std::optional<State> pending_state;
    Duration since_snapshot;
    std::array<std::vector<std::uint32_t>, 2> asns;  // by family, by target of the family
    std::vector<std::uint32_t> target_index;         // TargetId -> index within its family
    std::vector<Heard> heard;                        // by TargetId
    std::vector<Uplink> uplinks;
    std::vector<Way> ways;
    std::vector<Placed> placed;
    std::vector<Watched> watches;
    bool is_telemetry_lost = false;
    bool is_reloading = false;
    bool is_frozen = false;
    bool is_started = false;
    std::optional<Instant> started;
    std::optional<Instant> void_until;  // clock step, scheduling gap
    std::string_view void_reason;
    std::vector<Instant> wakeups;  // when a fact changes by time alone
    Instant save_at{};             // when the State is written at the latest
    Instant now{};
    CauseId cause;
    ActionId last_action;
    std::vector<Action> actions;
};

}  // namespace detour::decision
