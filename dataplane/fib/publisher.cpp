// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/publisher.h"

#include <algorithm>
#include <utility>

namespace detour::fib {

Publisher::Publisher(std::size_t reader_count) : readers_(reader_count) {}

void Publisher::publish(std::unique_ptr<const ForwardingState> state) {
    current_.store(state.get(), std::memory_order_release);
    // A reader that reads this epoch reads the new pointer afterwards (release, acquire).
    const std::uint64_t epoch = mark();
    if (owned_)
        retired_.push_back({std::move(owned_), epoch});
    owned_ = std::move(state);
    reclaim();
}

std::size_t Publisher::reclaim() {
    if (retired_.empty())
        return 0;
    const std::uint64_t oldest = oldest_seen();
    while (!retired_.empty() && retired_.front().epoch <= oldest)
        retired_.pop_front();
    return retired_.size();
}

std::uint64_t Publisher::mark() {
    return epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
}

bool Publisher::has_passed(std::uint64_t mark) const {
    return mark <= oldest_seen();
}

std::uint64_t Publisher::oldest_seen() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with enter()
    std::uint64_t oldest = away;
    for (const Reader& reader : readers_)
        oldest = std::min(oldest, reader.seen.load(std::memory_order_acquire));
    return oldest;
}

}  // namespace detour::fib
