// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The rtnetlink sockets and the requests that the mirror writes. Nothing is interpreted here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "conf/types/ids.h"
#include "dataplane/mirror/kernel_state.h"

namespace detour::mirror {

// How one attempt to read ended.
enum class Arrival : std::uint8_t {
    bytes,    // one datagram
    nothing,  // the queue is empty
    overrun,  // the kernel dropped messages for us (ENOBUFS)
    failure,  // anything else; errno says
};

class NetlinkSocket {
 public:
    // Subscribed to all changes that forwarding depends on, with a receive buffer of 128 MB where
    // we may (lab: the default loses 15 % of a million routes).
    [[nodiscard]] static std::expected<NetlinkSocket, std::string> for_events();
    // For requests; dumps are filtered strictly (NETLINK_GET_STRICT_CHK).
    [[nodiscard]] static std::expected<NetlinkSocket, std::string> for_requests();

    NetlinkSocket(NetlinkSocket&& other) noexcept;
    NetlinkSocket& operator=(NetlinkSocket&&) = delete;
    ~NetlinkSocket();

    [[nodiscard]] int descriptor() const { return descriptor_; }
    // Never waits. The bytes are valid until the next call.
    Arrival receive(std::span<const std::uint8_t>& bytes);
    [[nodiscard]] bool send(std::span<const std::uint8_t> message) const;

 private:
    explicit NetlinkSocket(int descriptor);

    int descriptor_ = -1;
    // std::uint64_t for the alignment of message headers. Dumps fill what they are given, up to
    // 32 kB.
    std::vector<std::uint64_t> buffer_;
};

[[nodiscard]] std::vector<std::uint8_t> dump_request(const Dump& dump, std::uint32_t sequence);

// What we ask of the kernel for a neighbour.
// Both flags take NUD_PERMANENT from an entry that has it, so nothing is asked about such a one,
// and one that we have not seen is only made, never changed: an administrator may have just made
// it.
enum class NeighbourWish : std::uint8_t {
    discover,  // NTF_EXT_MANAGED: resolve now and keep it resolved, unless it exists
    manage,    // the same for one that is there
    use,       // NTF_USE: as if a packet had been sent there; also ends what `manage` began
};
[[nodiscard]] std::vector<std::uint8_t> neighbour_request(const NeighbourKey& key,
                                                          NeighbourWish wish,
                                                          std::uint32_t sequence);

}  // namespace detour::mirror
