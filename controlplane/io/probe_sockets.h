// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Probes on raw sockets, one a protocol and family: ICMP, TCP, UDP. They leave pinned to an
// interface and are heard on any, with the interface they came in by (detection.md section 1: a
// bound socket never hears an asymmetric reply). The bytes are made and read by controlplane/probe;
// this room only carries them. One thread, the event loop's.
//
// Every packet is sent with DF and whatever the kernel thinks of the path's MTU: a probe of full
// size that does not fit is lost, as it should be, and never cut in two.
//
// TCP: the kernel knows nothing of our SYNs and answers the target's SYN-ACK with a RST. That is
// left as it is: it ends the half-open connection at the target, goes where the block's or the
// control source's packets go, and nobody waits for it. The raw socket hears a copy of the SYN-ACK
// before. Likewise the kernel answers a datagram of an echo service with "port unreachable", one a
// second at most. Filters in the kernel let through only what can be a reply: SYN-ACK and RST, and
// datagrams, to the ports from `first_port` on.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"

namespace detour::io {

enum class ProbeProtocol : std::uint8_t { icmp, tcp, udp };

struct ProbeReply {
    ProbeProtocol protocol = ProbeProtocol::icmp;
    Address source;
    Address destination;
    InterfaceIndex interface;             // the one it arrived on
    Instant at;                           // when it was read
    std::span<const std::uint8_t> bytes;  // from ICMP's, TCP's or UDP's header on, during the call
};

class ProbeSockets {
 public:
    using Handler = std::function<void(const ProbeReply&)>;

    // Needs CAP_NET_RAW. ICMP: echo replies and errors.
    [[nodiscard]] static std::expected<std::unique_ptr<ProbeSockets>, std::error_code> open(
        asio::io_context& loop, std::uint16_t first_port, Handler handler);

    struct Message {
        ProbeProtocol protocol = ProbeProtocol::icmp;
        Address source;
        Address target;
        std::span<const std::uint8_t> bytes;
        std::optional<std::uint8_t> hop_limit{};  // nothing: the kernel's
    };
    // By `interface` and by no other: the route is looked up with that output interface (rule 300
    // of design.md 2.1). An error is the probe's loss, not ours.
    [[nodiscard]] std::error_code send(InterfaceIndex interface, const Message& message);

 private:
    static constexpr std::size_t socket_count = 6;

    ProbeSockets(asio::io_context& loop, Handler handler,
                 const std::array<int, socket_count>& sockets);
    void wait(std::size_t which);
    void drain(std::size_t which);

    std::vector<asio::posix::stream_descriptor> sockets_;  // protocol x family
    Handler handler_;
};

}  // namespace detour::io
