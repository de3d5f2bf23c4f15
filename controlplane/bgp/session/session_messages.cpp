// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The session's ear: bytes to messages to events of the state machine.
#include <fmt/format.h>

#include <utility>

#include "controlplane/bgp/session/session.h"

namespace detour::bgp {

namespace {

SessionError received_error(DownReason reason, Notification notification) {
    std::string text = "received " + to_string(notification);
    return {reason, std::move(notification), std::move(text)};
}

SessionError unexpected(std::string text) {
    return {DownReason::protocol_error, std::nullopt, std::move(text)};
}

bool has_stream(State state) {
    return state == State::open_sent || state == State::open_confirm || state == State::established;
}

}  // namespace

void Session::received(Turn turn, const Received& received) {
    Link* link = find(received.connection);
    if (!link || !has_stream(link->fsm.state()))
        return;
    in_counters_.bytes += received.bytes.size();
    link->framer.feed(received.bytes);
    // A message may end this connection or the other: look again each time.
    while (link && has_stream(link->fsm.state())) {
        auto frame = link->framer.next();
        if (!frame)
            fail(turn, *link, Event::header_error, frame.error());
        else if (!*frame)
            break;
        else
            take_frame(turn, *link, **frame);
        settle(turn);
        link = find(received.connection);
    }
    settle(turn);
}

void Session::take_frame(Turn turn, Link& link, const Frame& frame) {
    switch (frame.type) {
        case MessageType::open:
            ++in_counters_.opens;
            return take_open(turn, link, frame.body);
        case MessageType::update:
            ++in_counters_.updates;
            return take_update(turn, link, frame.body);
        case MessageType::notification:
            ++in_counters_.notifications;
            return take_notification(turn, link, frame.body);
        case MessageType::keepalive:
            ++in_counters_.keepalives;
            return apply(turn, link, {Event::keepalive_received},
                         unexpected("KEEPALIVE before OPEN"));
        case MessageType::route_refresh:
            ++in_counters_.refreshes;
            return take_refresh(turn, link, frame.body);
    }
}

void Session::take_open(Turn turn, Link& link, std::span<const std::uint8_t> body) {
    if (link.fsm.state() != State::open_sent)
        return apply(turn, link, {Event::open_received}, unexpected("a second OPEN"));
    auto open = decode_open(body);
    if (!open)
        return fail(turn, link, Event::open_error, open.error());
    auto negotiated = judge(our_open(), *open, config_);
    if (!negotiated)
        return fail(turn, link, Event::open_error, negotiated.error());
    link.their_open = std::move(*open);
    link.negotiated = *negotiated;
    if (!survives_collision(turn, link))
        return;
    FsmInput input{Event::open_received};
    input.hold = link.negotiated.hold;
    apply(turn, link, input);
}

// RFC 4271 6.8, on a connection that has just brought a valid OPEN; RFC 6286 2.3 for equal
// identifiers.
bool Session::survives_collision(Turn turn, Link& link) {
    Link* rival = other(link);
    if (!rival || !has_stream(rival->fsm.state()))
        return true;
    if (is_superseded_by(link)) {
        apply(turn, *rival, {Event::connection_fails},
              SessionError{DownReason::connection_lost, std::nullopt,
                           "the peer has restarted and called again"});
        return true;
    }
    const auto ours = std::pair(local_.router_id, local_.asn);
    const auto theirs = std::pair(link.their_open->router_id, link.their_open->asn());
    // "the local system closes the BGP connection that already exists ... and accepts the BGP
    // connection initiated by the remote system" if its identifier is the lower, the other way
    // round if not.
    const auto kept = ours < theirs ? ConnectionId::Origin::accepted : ConnectionId::Origin::opened;
    const bool is_decided = link.connection()->origin != rival->connection()->origin &&
                            rival->fsm.state() != State::established;
    const bool survives = is_decided ? link.connection()->origin == kept : &link == primary_.get();
    apply(turn, survives ? *rival : link, {Event::open_collision_dump});
    return survives;
}

void Session::take_update(Turn turn, Link& link, std::span<const std::uint8_t> body) {
    if (link.fsm.state() != State::established)
        return apply(turn, link, {Event::update_received},
                     unexpected("UPDATE before the session was established"));
    auto update = decode_update(body, link.negotiated, scope());
    if (!update)
        return fail(turn, link, Event::update_error, update.error());
    apply(turn, link, {Event::update_received});
    take_faults(turn, *update);
    take_withdrawn(turn, *update);
    for (const ReachableRoutes& routes : update->reachable)
        if (!take_reachable(turn, routes))
            return exceed_prefixes(turn, link, routes.family);
    if (update->end_of_rib)
        take_end_of_rib(turn, *update->end_of_rib);
}

void Session::take_end_of_rib(Turn turn, Family family) {
    has_end_of_rib_[static_cast<std::size_t>(family)] = true;
    // RFC 4724 4.2: "the Receiving Speaker MUST immediately remove any routes from the peer that
    // are still marked as stale for that address family."
    if (stale_deadline_)
        sweep(turn, family);
    turn.out.emplace_back(EndOfRib{config_.id, family});
}

void Session::take_faults(Turn turn, const Update& update) {
    treated_as_withdraw_ += update.is_treated_as_withdraw() ? 1U : 0U;
    if (update.faults.empty())
        return;
    const AttributeFault* worst = &update.faults.front();
    for (const AttributeFault& fault : update.faults) {
        discarded_attributes_ += fault.action == ErrorAction::discard ? 1U : 0U;
        if (fault.action > worst->action)
            worst = &fault;
    }
    // One line an UPDATE, whatever a peer makes of it.
    remark(turn, Remark::Level::warning,
           fmt::format("UPDATE with {} attribute faults: {}: {} (RFC 7606)", update.faults.size(),
                       worst->text, to_string(worst->action)));
}

void Session::take_notification(Turn turn, Link& link, std::span<const std::uint8_t> body) {
    Notification notification = decode_notification(body);
    const bool is_version =
        notification == Notification(OpenError::unsupported_version, notification.data);
    const bool is_shutdown = notification.inner().is(CeaseReason::administrative_shutdown);
    // It has said its last word about us: what it kept of ours goes with it.
    forget_kept(turn);
    // A peer whose operator wants no session is not called again; it may call.
    if (is_shutdown)
        set_opening(Opening::passive);
    apply(
        turn, link, {is_version ? Event::notification_version_error : Event::notification_received},
        received_error(is_shutdown ? DownReason::peer_shut_down : DownReason::notification_received,
                       std::move(notification)));
}

void Session::take_refresh(Turn turn, Link& link, std::span<const std::uint8_t> body) {
    if (link.fsm.state() != State::established)
        return apply(turn, link, {Event::update_received},
                     unexpected("ROUTE-REFRESH before the session"));
    const auto refresh = decode_route_refresh(body);
    if (!refresh)
        return fail(turn, link, Event::update_error, refresh.error());
    apply(turn, link, {Event::update_received});
    // RFC 2918 4: of a family that was not agreed on: "the receiver SHOULD ignore such a message".
    if (!*refresh || !link.negotiated.carries((*refresh)->family))
        return;
    const Family family = (*refresh)->family;
    const auto index = static_cast<std::size_t>(family);
    const bool is_marked = link.negotiated.has_enhanced_refresh;
    switch ((*refresh)->kind) {
        case RouteRefresh::Kind::request:
            owes_refresh_[index] = true;
            return;
        case RouteRefresh::Kind::begin:
            // RFC 7313 4: "MUST ignore any BoRRs for an <AFI, SAFI> from the neighbor before the
            // speaker receives the EoR for the given <AFI, SAFI>".
            if (is_marked && (!link.negotiated.has_graceful_restart || has_end_of_rib_[index]))
                in_.mark_stale(family);
            return;
        case RouteRefresh::Kind::end:
            if (is_marked && !stale_deadline_)
                sweep(turn, family);
            return;
    }
}

void Session::resend(Turn turn) {
    if (primary_->fsm.state() != State::established)
        return;
    for (const Family family : families)
        owes_refresh_[static_cast<std::size_t>(family)] = primary_->negotiated.carries(family);
    settle(turn);
}

void Session::fail(Turn turn, Link& link, Event event, const Notification& notification) {
    FsmInput input{event};
    input.notification = notification;
    apply(turn, link, input, unexpected("sent " + to_string(notification)));
}

void Session::remark(Turn turn, Remark::Level level, std::string text) const {
    turn.out.emplace_back(Remark{config_.id, level, std::move(text)});
}

PeerScope Session::scope() const {
    return config_.asn == local_.asn ? PeerScope::internal : PeerScope::external;
}

}  // namespace detour::bgp
