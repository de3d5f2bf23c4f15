// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Copies of packets on their way from a worker to the capture thread: one writer, one reader, no
// lock, records of any size in one piece. Full is full: the writer is told and goes on, it never
// waits and never overwrites. Memory is touched as it is used, and used again from the start.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace detour::engine {

class ByteRing {
 public:
    // `capacity` is a power of two.
    explicit ByteRing(std::size_t capacity)
        : mask_(capacity - 1), bytes_(new std::uint8_t[capacity]) {
        assert(std::has_single_bit(capacity) && capacity >= 64);
    }

    // Writer: room for `size` bytes (a multiple of 8, at least 8), or null. The first 32 bits of
    // what is written there are `size` again. Nothing is seen of it before commit().
    std::uint8_t* reserve(std::uint32_t size) {
        const std::uint64_t head = head_.load(std::memory_order_relaxed);
        const std::size_t to_end = mask_ + 1 - (head & mask_);
        const std::size_t wasted = to_end < size ? to_end : 0;
        const std::uint64_t used = head - tail_.load(std::memory_order_acquire);
        if (used + wasted + size > mask_ + 1)
            return nullptr;
        if (wasted != 0)
            std::memset(at(head), 0, sizeof(std::uint32_t));  // size 0: go on at the start
        next_ = head + wasted + size;
        return at(head + wasted);
    }
    void commit() { head_.store(next_, std::memory_order_release); }

    // Reader: the oldest record, empty if there is none; it stays until pop().
    std::span<const std::uint8_t> front() {
        for (;;) {
            const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
            if (tail == head_.load(std::memory_order_acquire))
                return {};
            std::uint32_t size = 0;
            std::memcpy(&size, at(tail), sizeof size);
            if (size != 0)
                return {at(tail), size};
            tail_.store(tail + mask_ + 1 - (tail & mask_), std::memory_order_release);
        }
    }
    void pop() {
        const std::size_t size = front().size();
        tail_.store(tail_.load(std::memory_order_relaxed) + size, std::memory_order_release);
    }

 private:
    std::uint8_t* at(std::uint64_t position) { return bytes_.get() + (position & mask_); }

    const std::size_t mask_;
    const std::unique_ptr<std::uint8_t[]> bytes_;
    std::uint64_t next_ = 0;  // the writer's, between reserve() and commit()
    alignas(64) std::atomic<std::uint64_t> head_{0};  // written by the writer
    alignas(64) std::atomic<std::uint64_t> tail_{0};  // written by the reader
};

}  // namespace detour::engine
