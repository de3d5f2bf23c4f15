// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The judge of verdicts and moves: it knows when packets to a block really vanished on an uplink
// (Internet::is_interrupted), and holds each verdict against that.
//   missed    a null route that lasted, while nothing else was wrong and everything that a verdict
//             needs was there, and no verdict came in time
//   wrong     NULLROUTED or ATTACKED without an interruption of T_min
//   needless  an escape from a verdict that was wrong, or from an uplink or session that was well
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "tests/sim/judge/finding.h"
#include "tests/sim/stage/box.h"

namespace sim {

class Truth : public Box::Watcher {
 public:
    Truth(Agenda& agenda, const detour::model::Config& config, Internet& internet,
          Sessions& sessions, Box& box, Score& score, Instant zero, Duration slack);

    void on_start(const std::optional<detour::decision::State>&, Duration) override;
    void on_record(const detour::controller::Record& record) override;
    void on_send(const detour::probe::Send& send) override;
    void on_reply(const Packet& packet) override;

    // The world has changed: interruptions begin or end here.
    void look();
    // A disturbing event begins (+1), ends (-1) or is over at once (0): no verdict is owed
    // meanwhile and a while after.
    void disturb(int change);
    // A share of all packets is lost: verdicts may take longer.
    void set_loss(double share) { loss_ = share; }

    // What is announced of a block has changed: the world may choose another way.
    void on_route(std::uint32_t territory);
    // An interruption that has lasted T_min, now or a moment ago.
    [[nodiscard]] bool was_cut(std::uint32_t uplink, std::uint32_t territory) const {
        return was_cut(sides_[uplink * territories_ + territory]);
    }

    // What the box could know of its ways out; the guard is held against it.
    [[nodiscard]] std::optional<Instant> last_proof(std::uint32_t uplink,
                                                    std::uint8_t family) const {
        return proof_[uplink * 2 + family];
    }
    [[nodiscard]] std::optional<Instant> last_full_proof(std::uint32_t uplink,
                                                         std::uint8_t family) const {
        return full_proof_[uplink * 2 + family];
    }
    [[nodiscard]] std::optional<Instant> last_egress(std::uint32_t uplink,
                                                     std::uint32_t territory) const {
        return sides_[uplink * territories_ + territory].egress;
    }
    [[nodiscard]] detour::decision::Verdict verdict(std::uint32_t uplink,
                                                    std::uint32_t territory) const {
        return sides_[uplink * territories_ + territory].verdict;
    }
    [[nodiscard]] std::optional<std::uint32_t> territory_of(
        const detour::decision::Block& block) const;
    // For whoever prints a timeline.
    std::function<void(const std::string&)> tell;

 private:
    struct Cut {
        Instant begin;
        std::optional<Instant> end = {};
        std::optional<Instant> owed_since = {};
        bool is_owed_at_once = false;
        bool is_answered = false;
        bool is_missed = false;
        bool is_claimed = false;  // by a verdict that came before T_min was over
    };
    // One (uplink, block).
    struct Side {
        std::deque<Cut> cuts;
        detour::decision::Verdict verdict = detour::decision::Verdict::unclear;
        bool is_verdict_wrong = false;
        std::uint64_t good_beacons = 0;
        std::optional<Instant> announced_since;
        std::optional<Instant> egress;
        bool is_watched_over = false;
    };

    void on_verdict(const detour::decision::VerdictChanged& changed);
    void on_step(const detour::decision::MoveStepped& step);
    void watch_over(std::size_t side);
    [[nodiscard]] bool is_owed(std::size_t side) const;
    [[nodiscard]] bool was_cut(const Side& side) const;
    // What a verdict rests on: an interruption that has lasted, or that lasts still and will be
    // judged when it ends.
    [[nodiscard]] bool claim(Side& side);
    void close(std::size_t side);
    [[nodiscard]] bool has_reason(std::uint32_t uplink, std::uint32_t territory) const;
    [[nodiscard]] Duration patience() const;
    void find(Fault fault, std::string text);
    [[nodiscard]] std::string name(std::size_t side) const;

    Agenda& agenda_;
    const detour::model::Config& config_;
    Internet& internet_;
    Sessions& sessions_;
    Box& box_;
    Score& score_;
    Instant zero_;
    Duration slack_;  // what round trips add: a reply lost was sent before
    std::size_t territories_;
    std::vector<Side> sides_;                    // by uplink, territory
    std::vector<std::uint64_t> good_controls_;   // by uplink, family
    std::vector<std::optional<Instant>> proof_;  // by uplink, family
    std::vector<std::optional<Instant>> full_proof_;
    std::vector<Instant> rerouted_;  // by territory
    std::vector<Instant> unwell_;    // by uplink: not alive until then
    std::vector<Instant> without_session_;
    int disturbances_ = 0;
    Instant disturbed_until_;
    double loss_ = 0;
};

}  // namespace sim
