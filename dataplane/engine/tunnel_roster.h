// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The tunnels of this box and their twins, through all its configurations. A fib::TunnelIndex is a
// place in it. What a configuration adds, changes or takes away is taken up while the box runs, in
// two steps, so that what cannot be had is refused with nothing changed:
//
//     plan()    makes the twins of new tunnels, and says whether the workers must stand still
//     commit()  changes the roster; the workers do not run if it said so
//
// A tunnel that is taken away lingers: detourd ends its session and takes its addresses back over
// it, and a TUN that vanished first would leave the neighbour waiting for its hold time. Then
// sweep() takes it out, and dismiss() its twin, once no worker knows it any more.
//
// The engine's thread only.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "conf/types/duration.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/keeper.h"
#include "dataplane/engine/twin.h"
#include "dataplane/engine/undo.h"

namespace detour::engine {

class TunnelRoster {
 public:
    struct Plan {
        std::vector<std::unique_ptr<model::Uplink>> uplinks;  // new ones
        std::vector<Twin> twins;                              // theirs
        bool needs_standstill = false;
    };

    [[nodiscard]] std::expected<Plan, Error> plan(const model::Config& next, Keeper& keeper,
                                                  UndoFile& undo) const;
    void commit(const model::Config& next, Plan plan, Instant now);

    // By TunnelIndex. The pointers hold, and what they point to follows the configuration, until
    // a commit or a sweep that wants a standstill.
    [[nodiscard]] const std::vector<const model::Uplink*>& uplinks() const { return views_; }
    [[nodiscard]] std::span<Twin> twins() { return twins_; }
    [[nodiscard]] std::span<const Twin> twins() const { return twins_; }
    // Who has counters under a configuration: its uplinks, and tunnels of ours that it does not
    // have, which linger.
    struct Counted {
        std::string name;
    };
    [[nodiscard]] std::vector<Counted> counted(const model::Config& config) const;

    // When a tunnel is to be swept.
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    // Takes out those whose time is over; the workers do not run.
    [[nodiscard]] std::vector<Twin> sweep(Instant now);
    // The interface goes.
    static void dismiss(std::vector<Twin> twins, Keeper& keeper, UndoFile& undo);
    void close() { twins_.clear(); }

 private:
    void look_again();

    std::vector<std::unique_ptr<model::Uplink>> uplinks_;
    std::vector<Twin> twins_;
    std::vector<std::optional<Instant>> leaves_at_;  // set: not configured any more
    std::vector<const model::Uplink*> views_;
};

}  // namespace detour::engine
