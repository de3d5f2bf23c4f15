// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the events of a scenario to what changes in the world, and back when their time is over.
#pragma once

#include <functional>

#include "tests/sim/judge/invariants.h"
#include "tests/sim/judge/truth.h"
#include "tests/sim/script/event.h"
#include "tests/sim/stage/box.h"

namespace sim {

class Faults {
 public:
    struct Parts {
        Agenda& agenda;
        const detour::model::Config& config;
        Internet& internet;
        Sessions& sessions;
        Box& box;
        Truth& truth;
        Invariants& invariants;
    };
    explicit Faults(Parts parts) : parts_(parts) {}

    void begin(const Event& event);

 private:
    void on_block(const Event& event, std::uint32_t territory);
    void on_uplink(const Event& event, std::uint32_t uplink);
    void on_bgp(const Event& event, std::uint32_t uplink);
    void on_world(const Event& event);
    void on_box(const Event& event);
    void on_operator(const Event& event);
    void null_route(const Event& event, std::uint32_t territory);
    void alternate(const Event& event, std::uint32_t territory, Instant until);
    void flap(const Event& event, std::uint32_t uplink, Instant until);
    void set_carrier(std::uint32_t uplink, int change);
    // Done now, undone when the event's time is over, if it has one.
    void during(const Event& event, const std::function<void(int change)>& deed);
    [[nodiscard]] std::uint32_t uplink_of(const std::string& name) const;

    Parts parts_;
};

}  // namespace sim
