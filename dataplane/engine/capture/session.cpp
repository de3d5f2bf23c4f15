// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/capture/session.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace detour::engine {
namespace {

using program::capture::Direction;
using program::capture::Kind;
using program::capture::Record;
using program::capture::Reply;
using program::capture::TapCount;

// All rings together, and the least of one: some thousand small packets, a few milliseconds of
// them.
constexpr std::size_t all_rings = 32 << 20;
constexpr std::size_t smallest_ring = 256 << 10;
// All taps of a worker together use an eighth of its time at most.
constexpr std::uint64_t share_of_all = 8;
// Big enough to make few system calls, small enough to come soon.
constexpr std::size_t message_size = 60 * 1024;

std::uint64_t time_of(std::span<const std::uint8_t> record) {
    std::uint64_t time = 0;
    std::memcpy(&time, record.data() + offsetof(Record, time), sizeof time);
    return time;
}

}  // namespace

Session::Session(std::vector<TapPlan> plans, fib::Publisher& publisher)
    : plans_(std::move(plans)), publisher_(publisher) {
    std::size_t count = 0;
    for (const TapPlan& plan : plans_)
        count += std::size_t{plan.receive_queue_count} + plan.transmit_queue_count;
    const std::size_t ring_size =
        std::max(smallest_ring, std::bit_floor(all_rings / std::max(count, std::size_t{1})));
    // A worker has both directions of each.
    const std::uint64_t share = share_of_all * 2 * plans_.size();
    for (const TapPlan& plan : plans_) {
        for (std::uint16_t queue = 0; queue < plan.receive_queue_count; ++queue)
            sources_.push_back(
                {plan.number, std::make_unique<Tap>(plan, Direction::in, queue, ring_size, share)});
        for (std::uint16_t queue = 0; queue < plan.transmit_queue_count; ++queue)
            sources_.push_back({plan.number, std::make_unique<Tap>(plan, Direction::out, queue,
                                                                   ring_size, share)});
    }
}

Session::~Session() {
    detach();
}

bool Session::attach() {
    is_attached_ = true;
    return std::ranges::all_of(sources_, [](Source& source) { return source.tap->attach(); });
}

void Session::detach() {
    if (!std::exchange(is_attached_, false))
        return;
    for (Source& source : sources_)
        source.tap->detach();
    // A worker that is asleep has left; one that is awake is quiet after its burst.
    const std::uint64_t mark = publisher_.mark();
    while (!publisher_.has_passed(mark))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

Session::Source* Session::oldest(std::uint64_t until) {
    Source* first = nullptr;
    std::uint64_t least = until;
    for (Source& source : sources_) {
        const auto record = source.tap->ring().front();
        if (record.empty() || time_of(record) > least)
            continue;
        least = time_of(record);
        first = &source;
    }
    return first;
}

std::span<const std::uint8_t> Session::message(std::uint64_t until) {
    if (!message_.empty())
        return message_;
    const Reply head{.kind = Kind::packets};
    for (Source* source = oldest(until); source != nullptr; source = oldest(until)) {
        ByteRing& ring = source->tap->ring();
        const auto record = ring.front();
        if (!message_.empty() && message_.size() + record.size() > message_size)
            break;
        if (message_.empty()) {
            message_.resize(sizeof head);
            std::memcpy(message_.data(), &head, sizeof head);
        }
        message_.insert(message_.end(), record.begin(), record.end());
        ring.pop();
    }
    return message_;
}

std::vector<TapCount> Session::counts() const {
    std::vector<TapCount> counts(plans_.size());
    for (const Source& source : sources_)
        source.tap->add_to(counts[source.number]);
    return counts;
}

}  // namespace detour::engine
