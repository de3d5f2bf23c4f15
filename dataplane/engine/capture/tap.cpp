// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/capture/tap.h"

#include <pcap/bpf.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <utility>

#include "dataplane/packet/vlan.h"

namespace detour::engine {
namespace {

using program::capture::Direction;
using program::capture::Instruction;
using program::capture::Record;

static_assert(sizeof(Instruction) == sizeof(bpf_insn));

// What a tap may use at once after a pause: a burst of 64 frames takes some 10 microseconds.
std::int64_t longest_credit() {
    return static_cast<std::int64_t>(rte_get_tsc_hz() / 10'000);
}

const bpf_insn* as_bpf(std::span<const Instruction> filter) {
    return reinterpret_cast<const bpf_insn*>(filter.data());
}

std::uint64_t now_since_1970() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);  // a read of a page that the kernel shares: no call
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint16_t on_receive(std::uint16_t /*port*/, std::uint16_t /*queue*/, rte_mbuf** frames,
                         std::uint16_t count, std::uint16_t /*room*/, void* tap) {
    if (count != 0)
        static_cast<Tap*>(tap)->take({frames, count});
    return count;
}

std::uint16_t on_transmit(std::uint16_t /*port*/, std::uint16_t /*queue*/, rte_mbuf** frames,
                          std::uint16_t count, void* tap) {
    if (count != 0)
        static_cast<Tap*>(tap)->take({frames, count});
    return count;
}

}  // namespace

bool is_sound(std::span<const Instruction> filter) {
    return filter.empty() || bpf_validate(as_bpf(filter), static_cast<int>(filter.size())) != 0;
}

Tap::Tap(const TapPlan& plan, Direction direction, std::uint16_t queue, std::size_t ring_size,
         std::uint64_t share)
    : plan_(plan),
      direction_(direction),
      queue_(queue),
      share_(share),
      ring_(ring_size),
      untagged_(plan.vlan == 0 ? 0 : UINT16_MAX),
      last_(rte_rdtsc()) {}

Tap::~Tap() {
    // DPDK made it and leaves it to us.
    rte_free(const_cast<rte_eth_rxtx_callback*>(callback_));
}

bool Tap::attach() {
    callback_ = direction_ == Direction::in
                    ? rte_eth_add_rx_callback(plan_.device, queue_, on_receive, this)
                    : rte_eth_add_tx_callback(plan_.device, queue_, on_transmit, this);
    is_attached_ = callback_ != nullptr;
    return is_attached_;
}

void Tap::detach() {
    if (!std::exchange(is_attached_, false))
        return;
    if (direction_ == Direction::in)
        rte_eth_remove_rx_callback(plan_.device, queue_, callback_);
    else
        rte_eth_remove_tx_callback(plan_.device, queue_, callback_);
}

void Tap::take(std::span<rte_mbuf* const> frames) {
    const std::uint64_t start = rte_rdtsc();
    credit_ =
        std::min(credit_ + static_cast<std::int64_t>((start - last_) / share_), longest_credit());
    last_ = start;
    seen_.add(frames.size());
    if (credit_ < 0) {
        skipped_.add(frames.size());
        return;
    }
    const std::uint64_t time = now_since_1970();
    for (const rte_mbuf* frame : frames)
        look_at(frame, time);
    credit_ -= static_cast<std::int64_t>(rte_rdtsc() - start);
}

void Tap::look_at(const rte_mbuf* frame, std::uint64_t time) {
    std::span<const std::uint8_t> bytes{rte_pktmbuf_mtod(frame, const std::uint8_t*),
                                        frame->data_len};
    std::size_t original = frame->pkt_len;
    if (plan_.vlan != 0) {
        bytes = untagged(bytes);
        if (bytes.empty())
            return;
        original -= sizeof(packet::VlanTag);
    }
    if (plan_.tunnel) {
        const auto inner = plan_.tunnel->inner(bytes, direction_);
        if (inner.empty())
            return;
        bytes = inner;
        original = inner.size();
    }
    const auto original_size = static_cast<u_int>(original);
    if (!plan_.filter.empty() && bpf_filter(as_bpf(plan_.filter), bytes.data(), original_size,
                                            static_cast<u_int>(bytes.size())) == 0)
        return;
    matched_.add(1);
    keep(bytes.first(std::min<std::size_t>(bytes.size(), plan_.snap)), original, time);
}

std::span<const std::uint8_t> Tap::untagged(std::span<const std::uint8_t> frame) {
    const std::size_t size = frame.size() - sizeof(packet::VlanTag);
    if (!packet::is_tagged(frame) || packet::vlan_of(frame.data()) != plan_.vlan ||
        size > untagged_.size())
        return {};
    std::memcpy(untagged_.data(), frame.data(), packet::vlan_offset);
    std::memcpy(untagged_.data() + packet::vlan_offset,
                frame.data() + packet::vlan_offset + sizeof(packet::VlanTag),
                size - packet::vlan_offset);
    return std::span(untagged_).first(size);
}

void Tap::keep(std::span<const std::uint8_t> bytes, std::size_t original, std::uint64_t time) {
    const Record record{.size = program::capture::padded(sizeof(Record) + bytes.size()),
                        .captured = static_cast<std::uint32_t>(bytes.size()),
                        .original = static_cast<std::uint32_t>(original),
                        .tap = plan_.number,
                        .direction = direction_,
                        .time = time};
    std::uint8_t* const room = ring_.reserve(record.size);
    if (room == nullptr) {
        lost_.add(1);
        return;
    }
    std::memcpy(room, &record, sizeof record);
    std::memcpy(room + sizeof record, bytes.data(), bytes.size());
    ring_.commit();
}

void Tap::add_to(program::capture::TapCount& count) const {
    count.seen += seen_.get();
    count.matched += matched_.get();
    count.lost += lost_.get();
    count.skipped += skipped_.get();
}

}  // namespace detour::engine
