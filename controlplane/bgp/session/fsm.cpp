// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/session/fsm.h"

#include <algorithm>
#include <array>
#include <utility>

namespace detour::bgp {

namespace {

using Kind = FsmAction::Kind;

// RFC 4271 8.2.2: "sets the HoldTimer to a large value. ... A HoldTimer value of 4 minutes is
// suggested".
constexpr Duration large_hold = std::chrono::minutes(4);
// A session that lived this long wipes out what failed before it.
constexpr Duration stable_time = std::chrono::minutes(1);

bool has_transport(State state) {
    return state == State::open_sent || state == State::open_confirm || state == State::established;
}

}  // namespace

Fsm::Fsm(const Timers& timers, Opening opening, const std::function<double()>& jitter)
    : timers_(timers), opening_(opening), jitter_(&jitter) {}

std::vector<FsmAction> Fsm::handle(Instant now, const FsmInput& input) {
    now_ = now;
    Actions actions;
    switch (state_) {
        case State::idle:
            in_idle(input, actions);
            break;
        case State::connect:
            in_connect(input, actions);
            break;
        case State::active:
            in_active(input, actions);
            break;
        case State::open_sent:
            in_open_sent(input, actions);
            break;
        case State::open_confirm:
            in_open_confirm(input, actions);
            break;
        case State::established:
            in_established(input, actions);
            break;
    }
    return actions;
}

std::optional<Event> Fsm::expired(Instant now) const {
    const auto is_due = [&](const std::optional<Instant>& timer) { return timer && *timer <= now; };
    // What ends the session first: nothing else matters then.
    if (is_due(hold_timer_))
        return Event::hold_timer_expires;
    if (is_due(idle_hold_timer_))
        return Event::idle_hold_timer_expires;
    if (is_due(connect_retry_timer_))
        return Event::connect_retry_timer_expires;
    if (is_due(keepalive_timer_))
        return Event::keepalive_timer_expires;
    return std::nullopt;
}

std::optional<Instant> Fsm::next_deadline() const {
    std::optional<Instant> next;
    for (const auto& timer :
         {connect_retry_timer_, hold_timer_, keepalive_timer_, idle_hold_timer_})
        if (timer && (!next || *timer < *next))
            next = timer;
    return next;
}

void Fsm::listen() {
    state_ = State::active;
    connect_retry_timer_.reset();
    idle_hold_timer_.reset();
}

void Fsm::in_idle(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_start:
            connect_retry_counter_ = 0;
            return start(actions);
        case Event::automatic_start:
        case Event::idle_hold_timer_expires:
            return start(actions);
        case Event::manual_stop:
        case Event::automatic_stop:
            idle_hold_timer_.reset();
            return;
        default:
            return;  // "ignored in the Idle state"
    }
}

void Fsm::in_connect(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_start:
        case Event::automatic_start:
            return;
        case Event::manual_stop:
        case Event::automatic_stop:
            return stop(input, actions);
        case Event::connect_retry_timer_expires:
            // "drops the TCP connection, restarts the ConnectRetryTimer, ... initiates a TCP
            // connection to the other BGP peer, ... stays in the Connect state"
            actions.push_back({Kind::abandon_connection});
            return call(actions);
        case Event::connection_established:
        case Event::connection_confirmed:
            return open(actions);
        case Event::connection_fails:
            // The difference named in the header: restart the timer, listen.
            arm(connect_retry_timer_, jittered(timers_.connect_retry));
            state_ = State::active;
            return;
        case Event::open_collision_dump:
            return go_idle(actions, {});
        default:
            return fail(actions, {});
    }
}

void Fsm::in_active(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_start:
            // The operator does not want to wait for the timer.
            return call(actions);
        case Event::automatic_start:
        case Event::connection_fails:
            return;
        case Event::manual_stop:
        case Event::automatic_stop:
            return stop(input, actions);
        case Event::connect_retry_timer_expires:
            return call(actions);
        case Event::connection_established:
        case Event::connection_confirmed:
            return open(actions);
        case Event::open_collision_dump:
            return go_idle(actions, {});
        default:
            return fail(actions, {});
    }
}

void Fsm::in_open_sent(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_start:
        case Event::automatic_start:
            return;
        case Event::connection_fails:
            // "closes the BGP connection, restarts the ConnectRetryTimer, continues to listen for a
            // connection ..., changes its state to Active"
            actions.push_back({Kind::abandon_connection});
            hold_timer_.reset();
            if (opening_ == Opening::active)
                arm(connect_retry_timer_, jittered(timers_.connect_retry));
            state_ = State::active;
            return;
        case Event::open_received:
            // "sends a KEEPALIVE message, sets a KeepaliveTimer, sets the HoldTimer according to
            // the negotiated value, changes its state to OpenConfirm"
            connect_retry_timer_.reset();
            hold_ = input.hold;
            actions.push_back({Kind::send_keepalive});
            arm_keepalive();
            arm_hold();
            state_ = State::open_confirm;
            return;
        default:
            return fail_by(input, actions);
    }
}

void Fsm::in_open_confirm(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_start:
        case Event::automatic_start:
            return;
        case Event::keepalive_timer_expires:
            actions.push_back({Kind::send_keepalive});
            return arm_keepalive();
        case Event::keepalive_received:
            arm_hold();
            state_ = State::established;
            up_since_ = now_;
            actions.push_back({Kind::come_up});
            return;
        default:
            return fail_by(input, actions);
    }
}

void Fsm::in_established(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_start:
        case Event::automatic_start:
            return;
        case Event::keepalive_timer_expires:
            actions.push_back({Kind::send_keepalive});
            return arm_keepalive();
        case Event::keepalive_received:
        case Event::update_received:  // which the session processes
            return arm_hold();
        default:
            return fail_by(input, actions);
    }
}

void Fsm::start(Actions& actions) {
    idle_hold_timer_.reset();
    call(actions);
}

void Fsm::call(Actions& actions) {
    if (opening_ == Opening::passive) {
        connect_retry_timer_.reset();
        state_ = State::active;
        return;
    }
    arm(connect_retry_timer_, jittered(timers_.connect_retry));
    state_ = State::connect;
    actions.push_back({Kind::connect});
}

void Fsm::open(Actions& actions) {
    connect_retry_timer_.reset();
    actions.push_back({Kind::send_open});
    arm(hold_timer_, large_hold);
    state_ = State::open_sent;
}

void Fsm::stop(const FsmInput& input, Actions& actions) {
    const bool says_why = has_transport(state_);
    // "sets ConnectRetryCounter to zero" by hand, "increments" it otherwise.
    if (input.event == Event::manual_stop) {
        connect_retry_counter_ = 0;
        return go_idle(actions, says_why ? input.notification : std::nullopt);
    }
    fail(actions, says_why ? input.notification : std::nullopt, input.idle_hold);
}

// The events that end a connection in OpenSent, OpenConfirm and Established alike.
void Fsm::fail_by(const FsmInput& input, Actions& actions) {
    switch (input.event) {
        case Event::manual_stop:
        case Event::automatic_stop:
            return stop(input, actions);
        case Event::hold_timer_expires:
            return fail(actions, Notification(ErrorCode::hold_timer_expired, 0));
        case Event::header_error:
        case Event::open_error:
        case Event::update_error:
            return fail(actions, input.notification);
        case Event::open_collision_dump:
            return go_idle(actions, Notification(CeaseReason::collision_resolution));
        case Event::notification_version_error:
        case Event::notification_received:
        case Event::connection_fails:
            return fail(actions, {});
        default:
            break;
    }
    // "sends the NOTIFICATION with the Error Code Finite State Machine Error"; subcodes: RFC
    // 6608 4.
    if (state_ == State::open_sent)
        return fail(actions, Notification(FsmError::in_open_sent));
    if (state_ == State::open_confirm)
        return fail(actions, Notification(FsmError::in_open_confirm));
    fail(actions, Notification(FsmError::in_established));
}

void Fsm::fail(Actions& actions, std::optional<Notification> notification,
               std::optional<Duration> idle_hold) {
    if (state_ == State::established && now_ - up_since_ >= stable_time)
        connect_retry_counter_ = 0;
    go_idle(actions, std::move(notification));
    // DampPeerOscillations: each failure in a row doubles the time in Idle.
    const unsigned doublings = std::min(connect_retry_counter_++, 16U);
    const Duration backoff =
        std::min<Duration>(timers_.idle_hold * (1L << doublings), timers_.idle_hold_limit);
    arm(idle_hold_timer_, idle_hold.value_or(jittered(backoff)));
}

void Fsm::go_idle(Actions& actions, std::optional<Notification> notification) {
    if (notification)
        actions.push_back({Kind::send_notification, std::move(notification)});
    actions.push_back({Kind::abandon_connection});
    if (state_ == State::established)
        actions.push_back({Kind::go_down});
    connect_retry_timer_.reset();
    hold_timer_.reset();
    keepalive_timer_.reset();
    idle_hold_timer_.reset();
    state_ = State::idle;
}

void Fsm::arm(std::optional<Instant>& timer, Duration duration) {
    timer = now_ + duration;
}

// "If the negotiated hold time value is zero, then the HoldTimer and KeepaliveTimer are not
// started."
void Fsm::arm_keepalive() {
    keepalive_timer_.reset();
    if (hold_ != Duration::zero())
        arm(keepalive_timer_, jittered(hold_ / 3));
}

void Fsm::arm_hold() {
    hold_timer_.reset();
    if (hold_ != Duration::zero())
        arm(hold_timer_, hold_);
}

// RFC 4271 10: "a random amount, uniformly distributed in the range from 0.75 to 1.0".
Duration Fsm::jittered(Duration duration) const {
    const double factor = 0.75 + 0.25 * (*jitter_)();
    return Duration(static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor));
}

}  // namespace detour::bgp
