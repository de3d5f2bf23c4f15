// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How a forwarding state reaches the workers and how the old one is freed: one writer publishes,
// any number of readers load the pointer once per burst and say between bursts that they hold
// nothing (quiescent-state based reclamation). Readers never wait and never write a shared line:
// each has its own. Our own few lines and not rte_rcu_qsbr, so that unit tests and the mirror's
// test driver run the shipping code without an EAL.
//
// The writer thread:      publish(state); from time to time reclaim()
// A reader thread (i):    publisher.enter(i);                       // before its first load
//                         for (;;) { state = publisher.load(); ...a burst...; publisher.quiesce(i);
//                         } publisher.leave(i);                       // before it sleeps or ends
// A pointer that load() gave is valid until the same reader's next quiesce() or leave(). A reader
// that left does not hold back anything; after enter() it must load() again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "dataplane/fib/forwarding_state.h"

namespace detour::fib {

class Publisher {
 public:
    explicit Publisher(std::size_t reader_count);
    // All readers must have left.
    ~Publisher() = default;
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    // Writer. The state before goes to the waiting list, then what may be freed is freed.
    void publish(std::unique_ptr<const ForwardingState> state);
    // Writer: frees the states that no reader can hold any more; returns how many still wait.
    std::size_t reclaim();

    // Any thread: a moment to wait for. What was taken away from the readers before it, no reader
    // holds any more once has_passed() it.
    [[nodiscard]] std::uint64_t mark();
    [[nodiscard]] bool has_passed(std::uint64_t mark) const;

    // The state published last; null before the first.
    [[nodiscard]] const ForwardingState* load() const {
        return current_.load(std::memory_order_acquire);
    }
    // Reader `reader` (from 0): about to load.
    void enter(std::size_t reader) {
        readers_[reader].seen.store(epoch_.load(std::memory_order_relaxed),
                                    std::memory_order_relaxed);
        // Either the writer sees us here, or we see its new pointer.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    // Reader: holds nothing that it loaded before. Two plain moves and a load on x86.
    void quiesce(std::size_t reader) {
        readers_[reader].seen.store(epoch_.load(std::memory_order_acquire),
                                    std::memory_order_release);
    }
    // Reader: holds nothing, and will not load before it enters again.
    void leave(std::size_t reader) { readers_[reader].seen.store(away, std::memory_order_release); }

 private:
    static constexpr std::uint64_t away = ~0ULL;

    struct alignas(64) Reader {
        std::atomic<std::uint64_t> seen{away};  // the epoch at its last quiet moment; its own line
    };
    struct Retired {
        std::unique_ptr<const ForwardingState> state;
        std::uint64_t epoch;  // readers that saw it cannot hold the state
    };

    [[nodiscard]] std::uint64_t oldest_seen() const;

    std::atomic<const ForwardingState*> current_{nullptr};
    std::atomic<std::uint64_t> epoch_{0};
    std::vector<Reader> readers_;
    std::unique_ptr<const ForwardingState> owned_;  // what current_ points to
    std::deque<Retired> retired_;                   // oldest first
};

}  // namespace detour::fib
