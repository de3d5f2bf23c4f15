// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/packet_ring.h"

#include <fmt/format.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace detour::engine {
namespace {

// What the driver takes when it is told nothing.
constexpr std::size_t usual_frame_size = 2048;
constexpr std::size_t usual_frame_count = 512;
// Before the frame in its slot.
constexpr std::size_t head_size = TPACKET2_HDRLEN - sizeof(sockaddr_ll);

tpacket2_hdr& header_of(std::uint8_t* slot) {
    return *reinterpret_cast<tpacket2_hdr*>(slot);
}

// Where this process has mapped the socket, receive ring and transmit ring.
std::uint8_t* mapping_of(int socket, std::size_t size) {
    struct stat about {};
    if (fstat(socket, &about) != 0)
        return nullptr;
    const std::string wanted = fmt::format("socket:[{}]", about.st_ino);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::istringstream fields(line);
        void* begin = nullptr;
        void* end = nullptr;
        char dash = 0;
        std::string rights, offset, device, path;
        std::uint64_t inode = 0;
        fields >> begin >> dash >> end >> rights >> offset >> device >> inode >> path;
        auto* const start = static_cast<std::uint8_t*>(begin);
        if (inode == about.st_ino && path == wanted &&
            static_cast<std::uint8_t*>(end) == start + size)
            return start;
    }
    return nullptr;
}

}  // namespace

RingShape ring_shape(const DeviceName& name, std::uint16_t mtu) {
    const DeviceName whole = DeviceName::parse(name.arguments(mtu)).value_or(name);
    const auto number = [&](std::string_view key, std::size_t usual) {
        std::size_t value = 0;
        if (const auto text = whole.argument(key))
            std::from_chars(text->data(), text->data() + text->size(), value);
        return value != 0 ? value : usual;
    };
    return {.frame_size = number("framesz", usual_frame_size),
            .frame_count = number("framecnt", usual_frame_count),
            .block_size = number("blocksz", static_cast<std::size_t>(getpagesize()))};
}

std::expected<std::unique_ptr<PacketRing>, Error> PacketRing::find(int socket,
                                                                   const RingShape& shape) {
    std::uint8_t* const both = mapping_of(socket, 2 * shape.bytes());
    if (both == nullptr)
        return std::unexpected(Error{"the rings of its socket are not where they are expected"});
    const auto request = [socket] {
        return sendto(socket, nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0 && errno == ENOBUFS;
    };
    return std::make_unique<PacketRing>(std::span(both + shape.bytes(), shape.bytes()), shape,
                                        request);
}

PacketRing::PacketRing(std::span<std::uint8_t> slots, const RingShape& shape, Request request)
    : SendRing(shape.frame_size - head_size),
      slots_(slots),
      shape_(shape),
      request_(std::move(request)) {}

std::uint8_t* PacketRing::slot(std::uint64_t number) const {
    return slots_.data() + number % shape_.frame_count * shape_.frame_size;
}

bool PacketRing::is_waiting(std::uint64_t number) const {
    // The kernel writes it, from whatever processor has sent the frame.
    const std::atomic_ref status(header_of(slot(number)).tp_status);
    return (status.load(std::memory_order_acquire) & TP_STATUS_SEND_REQUEST) != 0;
}

void PacketRing::settle() {
    if (put_ - settled_ > shape_.frame_count)
        settled_ = put_ - shape_.frame_count;
    while (settled_ != put_ && !is_waiting(settled_))
        ++settled_;
}

// As the kernel sees it: shorter than an Ethernet header.
void PacketRing::spoil(std::uint64_t number) {
    tpacket2_hdr& header = header_of(slot(number));
    refused_size_.store(header.tp_len, std::memory_order_relaxed);
    refused_count_.store(refused_count_.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
    header.tp_len = 1;
}

node::SendRing::Look PacketRing::look_closer(std::uint64_t now) {
    // Nearly always: the last one is on its way, and so are those before it.
    if (!is_waiting(put_ - 1)) [[likely]] {
        settled_ = put_;
        return {};
    }
    settle();
    if (stopped_at_ != settled_) {
        stopped_at_ = settled_;
        stopped_since_ = now;
        is_hopeful_ = true;
        return {.is_waiting = true};
    }
    if (now - stopped_since_ < patience)
        return {.is_waiting = is_hopeful_};
    stopped_since_ = now;
    is_hopeful_ = false;
    Look look;
    while (request_() && look.refused < most_at_once) {
        settle();
        if (settled_ == put_)
            break;
        spoil(settled_);
        ++look.refused;
    }
    settle();
    return look;
}

}  // namespace detour::engine
