// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// ICMP echo on raw sockets: probes leave pinned to an interface, replies are heard on any, with the
// interface they came in by (detection.md section 1: a bound socket never hears an asymmetric
// reply). The bytes are made and read by controlplane/probe; this room only carries them. One
// thread, the event loop's.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "conf/types/address.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"

namespace detour::io {

struct IcmpReply {
    Address source;
    Address destination;
    InterfaceIndex interface;             // the one it arrived on
    Instant at;                           // when it was read
    std::span<const std::uint8_t> bytes;  // the ICMP message, valid during the call
};

class IcmpSocket {
 public:
    using Handler = std::function<void(const IcmpReply&)>;

    // Opens one raw socket a family, filtered to echo replies in the kernel. Needs CAP_NET_RAW.
    [[nodiscard]] static std::expected<std::unique_ptr<IcmpSocket>, std::error_code> open(
        asio::io_context& loop, Handler handler);

    // Sends the ICMP message from `source` to `target` by `interface` and by no other: the route is
    // looked up with that output interface (rule 300 of design.md 2.1). An error is the probe's
    // loss, not ours.
    [[nodiscard]] std::error_code send(InterfaceIndex interface, const Address& source,
                                       const Address& target,
                                       std::span<const std::uint8_t> message);

 private:
    IcmpSocket(asio::io_context& loop, Handler handler, int ipv4, int ipv6);
    void wait(Family family);
    void drain(Family family);

    std::array<asio::posix::stream_descriptor, 2> sockets_;  // by Family
    Handler handler_;
};

}  // namespace detour::io
