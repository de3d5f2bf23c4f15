// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One TCP connection of a session, or the attempt at one: its state machine, what came in and is
// not yet a message, and how far its outgoing stream has come.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "conf/types/bytes.h"
#include "controlplane/bgp/events.h"
#include "controlplane/bgp/session/fsm.h"
#include "controlplane/bgp/wire/framer.h"
#include "controlplane/bgp/wire/open.h"

namespace detour::bgp {

class Link {
 public:
    Link(const Timers& timers, Opening opening, const std::function<double()>& jitter)
        : fsm(timers, opening, jitter) {}

    // A new connection, or an attempt at one: streams begin at zero.
    void attach(ConnectionId id);
    void detach() { connection_.reset(); }
    [[nodiscard]] std::optional<ConnectionId> connection() const { return connection_; }
    [[nodiscard]] bool is(ConnectionId id) const { return connection_ == id; }

    // Bytes to send in this turn.
    void queue(std::span<const std::uint8_t> bytes, Instant now);
    // The end of this stream, with what is queued.
    [[nodiscard]] std::uint64_t end() const { return end_; }
    // The Send of this turn, if there is anything to send.
    [[nodiscard]] std::optional<Send> flush();
    void want_acknowledgement() { wants_acknowledgement_ = true; }
    void progress(Instant now, const StreamProgress& progress);

    [[nodiscard]] std::uint64_t unwritten() const { return end_ - written_; }
    [[nodiscard]] std::uint64_t unacknowledged() const { return end_ - acknowledged_; }
    [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
    // RFC 9687 2: when the peer has read nothing for too long; nothing while nothing waits.
    [[nodiscard]] std::optional<Instant> send_hold_deadline() const;

    Fsm fsm;
    Framer framer;
    std::optional<Open> their_open;
    Negotiated negotiated;  // once their_open was accepted

 private:
    std::optional<ConnectionId> connection_;
    Bytes outgoing_;
    std::uint64_t end_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t acknowledged_ = 0;
    bool wants_acknowledgement_ = false;
    Instant progress_at_;  // when bytes were last written, or began to wait
};

}  // namespace detour::bgp
