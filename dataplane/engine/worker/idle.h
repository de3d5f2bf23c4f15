// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a worker does when there is nothing to do. With `poll: adaptive` it sleeps after a number of
// empty rounds: on the sockets of its ports where the drivers have any, so that a frame wakes it
// at once; on a short timer where they have none. With `poll: busy` it never sleeps.
#pragma once

#include <ctime>
#include <span>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/descriptor.h"
#include "dataplane/node/bell.h"

namespace detour::engine {

class Idle {
 public:
    // `sockets`: of the queues this worker polls. `blind_queues`: how many queues have none.
    Idle(model::PollMode mode, std::span<const int> sockets, std::size_t blind_queues,
         node::Bell& bell);

    // At the start of the thread that will sleep.
    void settle();
    // A round without work; true when it is time to sleep.
    [[nodiscard]] bool is_tired() {
        return mode_ == model::PollMode::adaptive && ++empty_rounds_ >= rounds_before_sleep;
    }
    void refresh() {
        empty_rounds_ = 0;
        nap_ = first_nap;
    }
    // Sleeps until a frame, a ring of the bell, or the timer. The caller has announced the bell.
    void sleep();

 private:
    // A round is some 50 ns a port: a few microseconds of patience, about what a sleep costs.
    static constexpr unsigned rounds_before_sleep = 64;

    // Where there is nothing to sleep on; nanoseconds. Each nap in a row is twice the one before.
    static constexpr long first_nap = 50'000;
    static constexpr long longest_nap = 1'000'000;

    [[nodiscard]] timespec next_limit();

    model::PollMode mode_;
    bool is_blind_;
    unsigned empty_rounds_ = 0;
    long nap_ = first_nap;  // the next
    Descriptor poll_;
};

}  // namespace detour::engine
