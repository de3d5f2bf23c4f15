// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Wakes a thread that waits for work on rings: an eventfd that is written only while the other side
// says that it sleeps, so that two busy threads make no system call for each other. The sleeper:
//     bell.announce(); if (rings are empty) epoll_wait(descriptor()); bell.answer();
// The ringer enqueues first and rings then. Either it sees the announcement, or the sleeper sees
// what was enqueued.
#pragma once

#include <atomic>

namespace detour::node {

class Bell {
 public:
    // Aborts when the process has no descriptor left: nothing works then.
    Bell();
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    // Any thread, after it enqueued.
    void ring() {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (sleeps_.load(std::memory_order_relaxed))
            wake();
    }
    // The sleeper, before it looks at its rings for the last time.
    void announce() {
        sleeps_.store(true, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    // The sleeper, awake again after it announced: takes the rings of the bell back.
    void answer();
    // Readable after a ring.
    [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
    void wake();

    int descriptor_;
    std::atomic<bool> sleeps_{false};  // the sleeper writes, ringers read and clear
};

}  // namespace detour::node
