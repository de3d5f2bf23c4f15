// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What must hold at every step, read from what the box does (bytes that neighbours hear, probes
// that leave) and not from what it says of itself:
//   - the last announcement is never withdrawn, and a block is not left announced nowhere while a
//     good way stands;
//   - what is announced is declared, with our AS as its only origin;
//   - an escape goes to an uplink that was proven within the armed age and has a session, and from
//   a
//     null route inside a provider not to one behind it;
//   - NULLROUTED rests on more than one kind of evidence;
//   - rate caps: per target and second at most the suspicion rate, over time no more than the idle
//     rate and what the suspicion tank holds; four escapes an hour, two automatic returns a day;
//   - when everything is over, the box is at rest.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "tests/sim/judge/truth.h"

namespace sim {

class Invariants : public Box::Watcher {
 public:
    Invariants(Agenda& agenda, const detour::model::Config& config, const Shape& shape,
               Internet& internet, Sessions& sessions, Box& box, const Truth& truth, Score& score,
               Instant zero);

    void on_start(const std::optional<detour::decision::State>&, Duration) override;
    void on_record(const detour::controller::Record& record) override;
    void on_send(const detour::probe::Send& send) override;
    void on_route(std::uint32_t uplink, const detour::Prefix& prefix,
                  const detour::bgp::PathAttributes* attributes);
    // Once a second.
    void look();
    // The end of the run, long after the last event.
    void check_rest();
    // The operator has spoken: what he brings about is his.
    void note_operator() { is_operators_ = true; }

 private:
    // Sends to one host.
    struct Meter {
        std::vector<Instant> last;  // as many as the suspicion rate allows in a second
        std::size_t next = 0;
        double tank = 0;
        Instant filled{};
    };
    struct Block {
        std::vector<Instant> escapes;
        std::vector<Instant> returns;
        std::optional<Instant> nowhere_since;
        bool is_nowhere_said = false;
    };

    void on_step(const detour::decision::MoveStepped& step);
    void check_escape(const detour::decision::MoveStepped& step, std::uint32_t territory);
    void check_kinds(const detour::decision::VerdictChanged& changed);
    [[nodiscard]] bool is_announced_elsewhere(std::uint32_t uplink,
                                              const detour::Prefix& prefix) const;
    [[nodiscard]] bool is_good_way(std::uint32_t uplink, std::uint32_t territory) const;
    void check_somewhere(std::uint32_t uplink, const detour::Prefix& prefix);
    void find(std::string text);

    Agenda& agenda_;
    const detour::model::Config& config_;
    const Shape& shape_;
    Internet& internet_;
    Sessions& sessions_;
    Box& box_;
    const Truth& truth_;
    Score& score_;
    Instant zero_;
    std::map<detour::Address, Meter> meters_;
    std::vector<Block> blocks_;                    // by territory
    std::vector<detour::decision::Place> places_;  // by uplink, territory
    bool is_operators_ = false;
    std::set<std::string> said_;
};

}  // namespace sim
