// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The state machine of RFC 4271 section 8, one per TCP connection (8.2.1): events in, actions out,
// nothing else. It owns the state and the timers; the session around it owns the bytes.
//
// Optional attributes of 8.1.1 as they are here: AllowAutomaticStart, AllowAutomaticStop,
// DampPeerOscillations and SendNOTIFICATIONwithoutOPEN true, PassiveTcpEstablishment by
// configuration, DelayOpen and CollisionDetectEstablishedState false. Two deliberate differences:
// - A connection attempt that fails in Connect leads to Active, as the RFC has it only with
//   DelayOpen: a peer that is rebooting must find us listening, not idle.
// - A NOTIFICATION is never answered by one, also where 8.2.2 counts it among "any other event".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/bgp/wire/notification.h"

namespace detour::bgp {

// RFC 4271 8.1, by number. Events that only DelayOpen can cause are not here.
enum class Event : std::uint8_t {
    manual_start = 1,
    manual_stop = 2,
    automatic_start = 3,
    automatic_stop = 8,
    connect_retry_timer_expires = 9,
    hold_timer_expires = 10,
    keepalive_timer_expires = 11,
    idle_hold_timer_expires = 13,
    connection_established = 16,  // Tcp_CR_Acked: our call was answered
    connection_confirmed = 17,    // TcpConnectionConfirmed: we answered a call
    connection_fails = 18,
    open_received = 19,
    header_error = 21,
    open_error = 22,
    open_collision_dump = 23,
    notification_version_error = 24,
    notification_received = 25,
    keepalive_received = 26,
    update_received = 27,
    update_error = 28,
};

struct FsmInput {
    Event event = Event::manual_start;
    // What to tell the peer: of the stops (Cease), of the errors (21, 22, 28).
    std::optional<Notification> notification = {};
    Duration hold = {};                      // open_received: as agreed
    std::optional<Duration> idle_hold = {};  // of a stop: instead of the backoff
};

struct FsmAction {
    enum class Kind : std::uint8_t {
        connect,             // initiate a TCP connection
        abandon_connection,  // forget the attempt, or close the connection
        send_open,
        send_keepalive,
        send_notification,
        come_up,  // Established: the session begins
        go_down,  // not Established any more: forget what was learned
    };

    Kind kind = Kind::connect;
    std::optional<Notification> notification = {};
};

class Fsm {
 public:
    // `jitter` must outlive the machine.
    Fsm(const Timers& timers, Opening opening, const std::function<double()>& jitter);

    // The actions in the order in which they are to be done.
    [[nodiscard]] std::vector<FsmAction> handle(Instant now, const FsmInput& input);
    // The event of a timer that has run out; call until there is none.
    [[nodiscard]] std::optional<Event> expired(Instant now) const;
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] unsigned connect_retry_counter() const { return connect_retry_counter_; }
    // For the next start; a peer that shut us down is listened to and not called.
    void set_opening(Opening opening) { opening_ = opening; }
    void set_timers(const Timers& timers) { timers_ = timers; }
    // Continues another machine's failure count: the connection that replaces a failed one.
    void set_connect_retry_counter(unsigned count) { connect_retry_counter_ = count; }
    // A connection that was accepted while another machine is busy: listening, without timers.
    void listen();

 private:
    using Actions = std::vector<FsmAction>;

    void in_idle(const FsmInput& input, Actions& actions);
    void in_connect(const FsmInput& input, Actions& actions);
    void in_active(const FsmInput& input, Actions& actions);
    void in_open_sent(const FsmInput& input, Actions& actions);
    void in_open_confirm(const FsmInput& input, Actions& actions);
    void in_established(const FsmInput& input, Actions& actions);

    void start(Actions& actions);
    void call(Actions& actions);
    void open(Actions& actions);
    void stop(const FsmInput& input, Actions& actions);
    void fail(Actions& actions, std::optional<Notification> notification,
              std::optional<Duration> idle_hold = {});
    void fail_by(const FsmInput& input, Actions& actions);
    void go_idle(Actions& actions, std::optional<Notification> notification);
    void arm(std::optional<Instant>& timer, Duration duration);
    void arm_keepalive();
    void arm_hold();
    [[nodiscard]] Duration jittered(Duration duration) const;

    Timers timers_;
    Opening opening_;
    const std::function<double()>* jitter_;
    State state_ = State::idle;
    unsigned connect_retry_counter_ = 0;
    Duration hold_{};  // agreed
    Instant now_;      // of the event being handled
    Instant up_since_;
    std::optional<Instant> connect_retry_timer_;
    std::optional<Instant> hold_timer_;
    std::optional<Instant> keepalive_timer_;
    std::optional<Instant> idle_hold_timer_;
};

}  // namespace detour::bgp
