// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace detour::bgp {

namespace {

// Bytes that may wait for the peer before no more UPDATEs are made: what waits longer stays a
// difference in the Adj-RIB-Out.
constexpr std::uint64_t send_window = 256 * 1024;

bool is_waiting(State state) {
    return state == State::idle || state == State::active;
}

SessionError error(DownReason reason, std::string text) {
    return {reason, std::nullopt, std::move(text)};
}

// Same TCP connection, same OPEN, same next hops: the session may stay.
bool keeps_session(const PeerConfig& before, const PeerConfig& after) {
    return before.transport == after.transport && before.asn == after.asn &&
           before.timers.hold == after.timers.hold &&
           before.timers.restart == after.timers.restart && before.next_hops == after.next_hops &&
           before.covers_notifications == after.covers_notifications && before.role == after.role &&
           before.requires_role == after.requires_role;
}

// RFC 8538 4: what is meant for good is said as a Hard Reset, where an ordinary Cease would make
// the peer keep our routes.
Notification as_final(const Notification& notification, const Negotiated& negotiated) {
    const bool is_for_good = notification.is(CeaseReason::administrative_shutdown) ||
                             notification.is(CeaseReason::peer_deconfigured) ||
                             notification.is(CeaseReason::other_configuration_change) ||
                             notification.is(CeaseReason::max_prefixes);
    return is_for_good && negotiated.has_graceful_notifications
               ? Notification::hard_reset(notification)
               : notification;
}

}  // namespace

Session::Session(LocalEnd& local, PeerConfig config, Instant now)
    : local_(local), config_(std::move(config)), opening_(config_.opening), state_since_(now) {
    primary_ = new_link();
    declare();
    set_filter();
}

void Session::declare() {
    out_.declare(local_.declared, {local_.asn, scope(), config_.role, config_.next_hops});
}

void Session::begin(Turn turn) {
    turn.out.emplace_back(Listen{config_.id, config_.transport});
    if (!is_stopped_)
        apply(turn, *primary_, {Event::automatic_start});
    settle(turn);
}

void Session::reconfigure(Turn turn, PeerConfig config, const LocalEnd& before) {
    const bool is_same_speaker = before.asn == local_.asn && before.router_id == local_.router_id;
    if (is_same_speaker && keeps_session(config_, config)) {
        return adjust(turn, std::move(config));
    }
    stop_all(turn, Notification(CeaseReason::other_configuration_change),
             error(DownReason::reconfigured, "the configuration of the session changed"));
    turn.out.emplace_back(StopListening{config_.id});
    config_ = std::move(config);
    opening_ = config_.opening;
    primary_ = new_link();
    declare();
    set_filter();
    begin(turn);
}

void Session::deconfigure(Turn turn) {
    stop_all(turn, Notification(CeaseReason::peer_deconfigured),
             error(DownReason::reconfigured, "the peer is not configured any more"));
    turn.out.emplace_back(StopListening{config_.id});
}

void Session::start(Turn turn) {
    is_stopped_ = is_over_limit_ = false;
    set_opening(config_.opening);
    apply(turn, *primary_, {Event::manual_start});
    settle(turn);
}

void Session::stop(Turn turn, const std::string& communication) {
    is_stopped_ = true;
    stop_all(turn, Notification::shutdown(CeaseReason::administrative_shutdown, communication),
             error(DownReason::stopped, "stopped by the operator"));
}

void Session::reset(Turn turn, const std::string& communication) {
    stop_all(turn, Notification::shutdown(CeaseReason::administrative_reset, communication),
             error(DownReason::stopped, "reset by the operator"));
    start(turn);
}

void Session::stop_all(Turn turn, const Notification& notification, const SessionError& cause) {
    if (rival_)
        apply(turn, *rival_, {Event::manual_stop, notification}, cause);
    rival_.reset();
    apply(turn, *primary_, {Event::manual_stop, notification}, cause);
    sweep_all(turn);
    settle(turn);
}

void Session::tick(Turn turn) {
    if (rival_)
        run_timers(turn, *rival_);
    run_timers(turn, *primary_);
    run_restart_timers(turn);
    settle(turn);
}

void Session::run_timers(Turn turn, Link& link) {
    while (const auto event = link.fsm.expired(turn.now)) {
        std::optional<SessionError> cause;
        if (*event == Event::hold_timer_expires)
            cause = error(DownReason::hold_timer, "nothing heard for the hold time");
        else if (*event == Event::connect_retry_timer_expires)
            cause = error(DownReason::connect_failed, "no answer");
        apply(turn, link, {*event}, cause);
    }
    if (const auto deadline = link.send_hold_deadline(); deadline && *deadline <= turn.now)
        apply(turn, link,
              {Event::automatic_stop, Notification(ErrorCode::send_hold_timer_expired, 0)},
              error(DownReason::send_hold_timer, "the peer stopped reading"));
}

void Session::connected(Turn turn, ConnectionId connection) {
    if (Link* link = find(connection); link && link->fsm.state() == State::connect)
        apply(turn, *link, {Event::connection_established});
    settle(turn);
}

void Session::connect_failed(Turn turn, const ConnectFailed& failure) {
    if (Link* link = find(failure.connection)) {
        link->detach();
        apply(turn, *link, {Event::connection_fails},
              error(DownReason::connect_failed, failure.error));
    }
    settle(turn);
}

void Session::closed(Turn turn, const Closed& closed) {
    if (Link* link = find(closed.connection)) {
        link->detach();
        apply(turn, *link, {Event::connection_fails},
              error(DownReason::connection_lost,
                    closed.error.empty() ? "the peer closed the connection" : closed.error));
    }
    settle(turn);
}

void Session::accepted(Turn turn, ConnectionId connection) {
    const State state = primary_->fsm.state();
    // RFC 4724 5: with graceful restart "the second connection SHALL be tracked until it sends an
    // OPEN message".
    const bool may_supersede = primary_->negotiated.has_graceful_restart;
    if (state == State::active) {
        primary_->attach(connection);
        apply(turn, *primary_, {Event::connection_confirmed});
    } else if (state != State::idle && (state != State::established || may_supersede) && !rival_) {
        // Our own call may still be answered: dropping it now, while the peer does the same with
        // its own, would lose both. RFC 4271 6.8 decides when an OPEN has come.
        rival_ = new_link();
        rival_->fsm.listen();
        rival_->attach(connection);
        apply(turn, *rival_, {Event::connection_confirmed});
    } else {
        // Idle refuses (RFC 4271 8.2.2), and an established session is not given up for a call.
        turn.out.emplace_back(Close{connection});
    }
    settle(turn);
}

void Session::progressed(Turn turn, const StreamProgress& progress) {
    Link* link = find(progress.connection);
    if (!link)
        return;
    link->progress(turn.now, progress);
    if (link->fsm.state() != State::established)
        return;
    AdjRibOut::Step step = out_.acknowledged(link->acknowledged());
    if (!step.empty())
        turn.out.emplace_back(AnnouncementProgress{config_.id, Progress::acknowledged,
                                                   std::move(step.announced),
                                                   std::move(step.withdrawn)});
    pump(turn);
}

void Session::announce(Turn turn, const AnnouncementSet& set) {
    tell_refused(turn, out_.want(set));
    pump(turn);
}

void Session::change_announcements(Turn turn, const std::vector<AnnouncementChange>& changes) {
    for (const AnnouncementChange& change : changes)
        tell_refused(turn, out_.change(change));
    pump(turn);
}

void Session::tell_refused(Turn turn, std::vector<AdjRibOut::Refused> refused) const {
    for (AdjRibOut::Refused& each : refused)
        turn.out.emplace_back(AnnouncementRefused{config_.id, each.prefix, std::move(each.reason)});
}

void Session::request_refresh(Turn turn, Family family) {
    Link& link = *primary_;
    if (link.fsm.state() != State::established || !link.negotiated.has_route_refresh ||
        !link.negotiated.carries(family))
        return;
    link.queue(encode(RouteRefresh{family}), turn.now);
    ++out_counters_.refreshes;
    flush(turn, link);
}

void Session::apply(Turn turn, Link& link, const FsmInput& input,
                    std::optional<SessionError> cause) {
    const State before = link.fsm.state();
    for (FsmAction& action : link.fsm.handle(turn.now, input))
        perform(turn, link, std::move(action), cause);
    const State after = link.fsm.state();
    // A connection that lost against the other is no news.
    const bool has_ended = before != State::idle && is_waiting(after) && before != after;
    if (has_ended && input.event != Event::open_collision_dump)
        ending_ = std::move(cause);
}

void Session::perform(Turn turn, Link& link, FsmAction action, std::optional<SessionError>& cause) {
    using Kind = FsmAction::Kind;
    switch (action.kind) {
        case Kind::connect: {
            const ConnectionId id{ConnectionId::Origin::opened, local_.next_connection++};
            link.attach(id);
            turn.out.emplace_back(Connect{config_.id, id, config_.transport});
            return;
        }
        case Kind::abandon_connection:
            flush(turn, link);
            if (const auto connection = link.connection())
                turn.out.emplace_back(Close{*connection});
            link.detach();
            return;
        case Kind::send_open:
            link.queue(encode(our_open()), turn.now);
            ++out_counters_.opens;
            return;
        case Kind::send_keepalive:
            link.queue(encode_keepalive(), turn.now);
            ++out_counters_.keepalives;
            return;
        case Kind::send_notification:
            if (link.connection()) {
                link.queue(encode(as_final(*action.notification, link.negotiated)), turn.now);
                ++out_counters_.notifications;
            }
            if (cause)
                cause->notification = std::move(action.notification);
            return;
        case Kind::come_up:
            return come_up(turn, link);
        case Kind::go_down:
            return go_down(turn, link, cause);
    }
}

Open Session::our_open() const {
    std::optional<GracefulRestart> restart;
    if (config_.timers.restart > Duration::zero()) {
        const bool is_first = established_count_ == 0;
        const auto forwarding = is_first && !local_.is_resumed ? GracefulRestart::Forwarding::lost
                                                               : GracefulRestart::Forwarding::kept;
        restart.emplace();
        restart->is_restarting = is_first && local_.is_resumed;
        restart->covers_notifications = config_.covers_notifications;
        restart->time = config_.timers.restart;
        for (const Family family : families)
            if (config_.next_hops[static_cast<std::size_t>(family)])
                restart->families[static_cast<std::size_t>(family)] = forwarding;
    }
    return bgp::our_open(local_.asn, local_.router_id, config_, restart);
}

void Session::come_up(Turn turn, Link& link) {
    if (Link* loser = other(link))
        apply(turn, *loser, {Event::open_collision_dump});
    set_opening(config_.opening);
    is_over_limit_ = false;
    peer_router_id_ = link.their_open->router_id;
    ++established_count_;
    if (link.negotiated.has_extended_messages)
        link.framer.allow_extended_messages();
    out_.open(link.negotiated);
    owes_end_of_rib_ = link.negotiated.families;
    return_from_restart(turn, link);
}

void Session::go_down(Turn turn, const Link& link, const std::optional<SessionError>& cause) {
    out_.close();
    owes_end_of_rib_ = owes_refresh_ = owes_refresh_end_ = has_end_of_rib_ = has_warned_ = {};
    stale_deadline_.reset();
    if (is_kept_by_peer(link, cause))
        kept_deadline_ = turn.now + config_.timers.restart;
    if (keeps_routes(link, cause))
        return keep_routes(turn, link);
    if (auto prefixes = in_.clear(); !prefixes.empty())
        turn.out.emplace_back(RoutesWithdrawn{config_.id, std::move(prefixes)});
}

void Session::settle(Turn turn) {
    // The rival takes the place of a connection that ended, or goes.
    if (rival_ && !is_waiting(rival_->fsm.state()) &&
        (is_waiting(primary_->fsm.state()) || rival_->fsm.state() == State::established)) {
        rival_->fsm.set_connect_retry_counter(primary_->fsm.connect_retry_counter());
        primary_ = std::move(rival_);
    } else if (rival_ && is_waiting(rival_->fsm.state())) {
        rival_.reset();
    }
    pump(turn);
    flush(turn, *primary_);
    if (rival_)
        flush(turn, *rival_);

    // Nothing has ended while the other connection goes on.
    if (state() == reported_state_ ||
        (!is_waiting(state()) && reported_state_ != State::established))
        ending_.reset();
    if (state() == reported_state_)
        return;
    if (ending_) {
        last_error_ = ending_;
        last_error_at_ = turn.now;
    }
    turn.out.emplace_back(StateChanged{config_.id, std::exchange(reported_state_, state()), state(),
                                       std::exchange(ending_, std::nullopt)});
    state_since_ = turn.now;
}

void Session::pump(Turn turn) {
    Link& link = *primary_;
    if (link.fsm.state() != State::established)
        return;
    do {
        send_updates(turn, link);
    } while (!out_.has_pending() && send_markers(turn, link));
    flush(turn, link);
}

void Session::send_updates(Turn turn, Link& link) {
    while (out_.has_pending() && link.unwritten() < send_window) {
        Bytes updates;
        AdjRibOut::Step step = out_.take(updates, send_window - link.unwritten());
        out_counters_.updates += step.message_count;
        link.queue(updates, turn.now);
        link.want_acknowledgement();
        out_.sent(step, link.end());
        flush(turn, link);
        turn.out.emplace_back(AnnouncementProgress{
            config_.id, Progress::sent, std::move(step.announced), std::move(step.withdrawn)});
    }
}

// What stands behind the announcements that have gone out. True when it begins others.
bool Session::send_markers(Turn turn, Link& link) {
    bool has_more = false;
    for (const Family family : families) {
        const auto index = static_cast<std::size_t>(family);
        if (std::exchange(owes_end_of_rib_[index], false)) {
            Bytes marker;
            encode_end_of_rib(marker, family);
            link.queue(marker, turn.now);
            ++out_counters_.updates;
        }
        if (std::exchange(owes_refresh_end_[index], false))
            link.queue(encode(RouteRefresh{family, RouteRefresh::Kind::end}), turn.now);
        // RFC 7313 4: not before End-of-RIB, which is why it waits here.
        if (std::exchange(owes_refresh_[index], false)) {
            if (link.negotiated.has_enhanced_refresh)
                link.queue(encode(RouteRefresh{family, RouteRefresh::Kind::begin}), turn.now);
            owes_refresh_end_[index] = link.negotiated.has_enhanced_refresh;
            out_.resend(family);
            has_more = true;
        }
    }
    return has_more;
}

void Session::flush(Turn turn, Link& link) {
    if (auto send = link.flush()) {
        out_counters_.bytes += send->bytes.size();
        turn.out.emplace_back(std::move(*send));
    }
}

bool Session::owns(ConnectionId connection) const {
    return find(connection) != nullptr;
}

std::unique_ptr<Link> Session::new_link() const {
    return std::make_unique<Link>(config_.timers, opening_, local_.jitter);
}

Link* Session::find(ConnectionId connection) const {
    if (primary_->is(connection))
        return primary_.get();
    return rival_ && rival_->is(connection) ? rival_.get() : nullptr;
}

Link* Session::other(const Link& link) const {
    return &link == primary_.get() ? rival_.get() : primary_.get();
}

State Session::state() const {
    const State first = primary_->fsm.state();
    return rival_ ? std::max(first, rival_->fsm.state()) : first;
}

void Session::set_opening(Opening opening) {
    opening_ = opening;
    primary_->fsm.set_opening(opening);
    if (rival_)
        rival_->fsm.set_opening(opening);
}

std::optional<Instant> Session::next_deadline() const {
    std::optional<Instant> next;
    const auto consider = [&](std::optional<Instant> deadline) {
        if (deadline && (!next || *deadline < *next))
            next = deadline;
    };
    consider(primary_->fsm.next_deadline());
    consider(primary_->send_hold_deadline());
    consider(restart_deadline_);
    consider(stale_deadline_);
    consider(kept_deadline_);
    if (rival_) {
        consider(rival_->fsm.next_deadline());
        consider(rival_->send_hold_deadline());
    }
    return next;
}

}  // namespace detour::bgp
