// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a session tells of itself to who asks.
#include <algorithm>

#include "controlplane/bgp/session/session.h"

namespace detour::bgp {

namespace {

RouteView view_of(const AdjRibIn::Entry& entry) {
    const auto& [prefix, route] = entry;
    return {prefix, route.attributes, to_string(route.refusal, route.rule), route.is_stale};
}

}  // namespace

bool RouteSelection::means(const Prefix& route) const {
    if (!prefix)
        return true;
    switch (match) {
        case Match::exact:
            return route == *prefix;
        case Match::longer:
            return prefix->contains(route);
        case Match::covering:
            return route.contains(*prefix);
    }
    return false;
}

PeerView Session::view() const {
    PeerView view;
    view.id = config_.id;
    view.name = config_.name;
    view.remote = config_.transport.remote;
    view.asn = config_.asn;
    view.state = state();
    view.is_stopped = is_stopped_;
    view.since = state_since_;
    if (view.state == State::established) {
        view.router_id = primary_->their_open->router_id;
        view.negotiated = primary_->negotiated;
        if (const auto& graceful = primary_->their_open->capabilities.graceful)
            view.graceful_restart_time = graceful->time;
    }
    view.restarting_until = restart_deadline_;
    view.kept_until = kept_deadline_;
    view.max_prefixes = config_.max_prefixes;
    for (const Family family : families) {
        const auto index = static_cast<std::size_t>(family);
        view.received[index] = in_.route_count(family);
        view.accepted[index] = in_.accepted_count(family);
        view.is_near_limit[index] = is_near_limit(family);
        view.stale[index] = in_.stale_count(family);
        view.announced[index] = out_.announced_count(family);
    }
    view.in = in_counters_;
    view.out = out_counters_;
    view.established_count = established_count_;
    view.treated_as_withdraw = treated_as_withdraw_;
    view.discarded_attributes = discarded_attributes_;
    view.unacknowledged = primary_->connection() ? primary_->unacknowledged() : 0;
    view.last_error = last_error_;
    view.last_error_at = last_error_at_;
    return view;
}

void Session::list_eligible(const RouteSelection& selection, std::vector<Prefix>& out) const {
    if (!has_policy())
        return;
    for (const auto& [prefix, route] : in_.routes())
        if (route.refusal == Refusal::none && selection.means(prefix))
            out.push_back(prefix);
}

const AdjRibIn::Route* Session::eligible(const Prefix& prefix) const {
    const AdjRibIn::Entry* entry = has_policy() ? in_.find(prefix) : nullptr;
    return entry && entry->second.refusal == Refusal::none ? &entry->second : nullptr;
}

Candidate Session::candidate(const AdjRibIn::Route& route) const {
    return {route.attributes.get(), scope(), peer_router_id_, config_.transport.remote};
}

SelectedRoutes Session::routes(const RouteSelection& selection) const {
    std::vector<const AdjRibIn::Entry*> found;
    if (selection.prefix && selection.match == RouteSelection::Match::exact) {
        if (const AdjRibIn::Entry* entry = in_.find(*selection.prefix))
            found.push_back(entry);
    } else {
        for (const AdjRibIn::Entry& entry : in_.routes())
            if (selection.means(entry.first))
                found.push_back(&entry);
    }
    const std::size_t count = std::min(found.size(), selection.limit);
    const auto shown = found.begin() + static_cast<std::ptrdiff_t>(count);
    std::ranges::partial_sort(found, shown, {}, [](const auto* entry) { return entry->first; });
    SelectedRoutes selected;
    selected.left_off = found.size() - count;
    selected.routes.reserve(count);
    for (auto entry = found.begin(); entry != shown; ++entry)
        selected.routes.push_back(view_of(**entry));
    return selected;
}

std::optional<RouteView> Session::longest_match(const Address& address) const {
    const AdjRibIn::Entry* entry = in_.longest_match(address);
    return entry ? std::optional(view_of(*entry)) : std::nullopt;
}

}  // namespace detour::bgp
