// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Graceful restart as the helper (RFC 4724 4.2, RFC 8538 4): what a peer told us stays while it
// restarts, and what it does not tell again goes. Kept is only what the way through the peer can
// still carry: who looks at packets has the last word (ForwardingJudged).
#include <algorithm>
#include <utility>

#include "controlplane/bgp/session/session.h"

namespace detour::bgp {

bool Session::keeps_routes(const Link& link, const std::optional<SessionError>& cause) const {
    if (!link.negotiated.has_graceful_restart || is_forwarding_dead_ || !cause)
        return false;
    const GracefulRestart& theirs = *link.their_open->capabilities.graceful;
    // Many say that they know the procedure, for others, and preserve nothing themselves.
    if (std::ranges::none_of(families, [&](Family family) { return theirs.lists(family); }))
        return false;
    switch (cause->reason) {
        case DownReason::connection_lost:
            return true;
        // RFC 8538 4: also after a NOTIFICATION, but for a Hard Reset. It counts the hold timer
        // among them; we do not: silence is what a dead way looks like, and a route that is kept
        // for two minutes on a guess is worse than one that is learned again.
        case DownReason::protocol_error:
        case DownReason::notification_received:
        case DownReason::peer_shut_down:
            return link.negotiated.has_graceful_notifications &&
                   !(cause->notification && cause->notification->is(CeaseReason::hard_reset));
        default:
            return false;
    }
}

// RFC 4724 4.2, from the other side: who lost the connection does not hear of it later than we do,
// or finds out by our next OPEN, and keeps what it has from us meanwhile.
bool Session::is_kept_by_peer(const Link& link, const std::optional<SessionError>& cause) const {
    return link.negotiated.has_graceful_restart && !is_forwarding_dead_ && cause &&
           cause->reason == DownReason::connection_lost;
}

void Session::keep_routes(Turn turn, const Link& link) {
    const GracefulRestart& theirs = *link.their_open->capabilities.graceful;
    for (const Family family : families) {
        // RFC 4724 4.2: "if the peer restarts again ... the routes previously marked as stale MUST
        // be deleted"; and what it does not preserve is not kept.
        sweep(turn, family);
        in_.mark_stale(family);
        if (!theirs.lists(family))
            sweep(turn, family);
    }
    restart_deadline_ = turn.now + std::min<Duration>(theirs.time, config_.timers.stale);
    run_restart_timers(turn);  // a time of zero: nothing is kept
}

bool Session::is_superseded_by(const Link& link) const {
    return &link != primary_.get() && primary_->fsm.state() == State::established &&
           primary_->negotiated.has_graceful_restart;
}

// RFC 4724 4.2: "if the F bit for a specific address family is not set ..., or if a specific
// address family is not included ..., or if the capability is not received ... at all, then the
// Receiving Speaker MUST immediately remove all the stale routes".
void Session::return_from_restart(Turn turn, const Link& link) {
    kept_deadline_.reset();
    if (!std::exchange(restart_deadline_, std::nullopt))
        return;
    const auto& theirs = link.their_open->capabilities.graceful;
    for (const Family family : families)
        if (!theirs || !theirs->keeps_forwarding(family) || !link.negotiated.carries(family))
            sweep(turn, family);
    if (in_.stale_count(Family::ipv4) + in_.stale_count(Family::ipv6) != 0)
        stale_deadline_ = turn.now + config_.timers.stale;
}

void Session::forwarding_judged(Turn turn, ForwardingJudged::Verdict verdict) {
    is_forwarding_dead_ = verdict == ForwardingJudged::Verdict::dead;
    if (is_forwarding_dead_)
        sweep_all(turn);
}

void Session::forget_kept(Turn turn) {
    if (std::exchange(kept_deadline_, std::nullopt))
        turn.out.emplace_back(RestartEnded{config_.id});
}

void Session::run_restart_timers(Turn turn) {
    const auto is_due = [&](const std::optional<Instant>& deadline) {
        return deadline && *deadline <= turn.now;
    };
    if (is_due(kept_deadline_))
        forget_kept(turn);
    if (is_due(restart_deadline_) || is_due(stale_deadline_))
        sweep_all(turn);
}

void Session::sweep(Turn turn, Family family) {
    if (auto prefixes = in_.sweep(family); !prefixes.empty())
        turn.out.emplace_back(RoutesWithdrawn{config_.id, std::move(prefixes)});
    if (in_.stale_count(Family::ipv4) + in_.stale_count(Family::ipv6) == 0)
        stale_deadline_.reset();
}

void Session::sweep_all(Turn turn) {
    if (!restart_deadline_ && !stale_deadline_ && !kept_deadline_)
        return;
    for (const Family family : families)
        sweep(turn, family);
    if (restart_deadline_ || kept_deadline_)
        turn.out.emplace_back(RestartEnded{config_.id});
    restart_deadline_.reset();
    kept_deadline_.reset();
    stale_deadline_.reset();
}

}  // namespace detour::bgp
