// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/speaker.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

#include "conf/types/overloaded.h"
#include "controlplane/bgp/session/session.h"

namespace detour::bgp {

Speaker::Speaker(JitterSource jitter) : local_(std::make_unique<LocalEnd>()) {
    local_->jitter = std::move(jitter);
}
Speaker::~Speaker() = default;
Speaker::Speaker(Speaker&&) noexcept = default;
Speaker& Speaker::operator=(Speaker&&) noexcept = default;

Outputs Speaker::configure(Instant now, const SpeakerConfig& config) {
    assert(config.router_id.family() == Family::ipv4);
    Outputs out;
    const Turn turn{now, out};
    const LocalEnd before = *local_;
    local_->asn = config.asn;
    local_->router_id = config.router_id;
    local_->is_resumed = config.is_resumed;
    local_->declared = {config.declared.begin(), config.declared.end()};

    std::set<PeerId> configured;
    for (const PeerConfig& peer : config.peers) {
        [[maybe_unused]] const bool is_new = configured.insert(peer.id).second;
        assert(is_new && "peer ids are unique");
    }
    // Those that go first: one that comes may have the same addresses.
    std::erase_if(sessions_, [&](auto& item) {
        const bool is_gone = !configured.contains(item.first);
        if (is_gone)
            item.second->deconfigure(turn);
        return is_gone;
    });
    for (const PeerConfig& peer : config.peers) {
        auto& session = sessions_[peer.id];
        if (session) {
            session->reconfigure(turn, peer, before);
        } else {
            session = std::make_unique<Session>(*local_, peer, now);
            session->begin(turn);
        }
    }
    return out;
}

Outputs Speaker::handle(Instant now, const Input& input) {
    Outputs out;
    const Turn turn{now, out};
    const auto at_peer = [&](PeerId id, auto act) {
        if (const auto session = sessions_.find(id); session != sessions_.end())
            act(*session->second);
    };
    const auto at_owner = [&](ConnectionId connection, auto act) {
        if (Session* session = owner_of(connection))
            act(*session);
    };
    std::visit(
        Overloaded{
            [&](const Tick&) {
                for (const auto& [id, session] : sessions_)
                    session->tick(turn);
            },
            [&](const Start& event) {
                at_peer(event.peer, [&](Session& session) { session.start(turn); });
            },
            [&](const Stop& event) {
                at_peer(event.peer,
                        [&](Session& session) { session.stop(turn, event.communication); });
            },
            [&](const Reset& event) {
                at_peer(event.peer,
                        [&](Session& session) { session.reset(turn, event.communication); });
            },
            [&](const Resend& event) {
                at_peer(event.peer, [&](Session& session) { session.resend(turn); });
            },
            [&](const Connected& event) {
                at_owner(event.connection,
                         [&](Session& session) { session.connected(turn, event.connection); });
            },
            [&](const ConnectFailed& event) {
                at_owner(event.connection,
                         [&](Session& session) { session.connect_failed(turn, event); });
            },
            [&](const Accepted& event) {
                if (Session* session = caller(event))
                    session->accepted(turn, event.connection);
                else
                    out.emplace_back(Close{event.connection});
            },
            [&](const Received& event) {
                at_owner(event.connection,
                         [&](Session& session) { session.received(turn, event); });
            },
            [&](const StreamProgress& event) {
                at_owner(event.connection,
                         [&](Session& session) { session.progressed(turn, event); });
            },
            [&](const Closed& event) {
                at_owner(event.connection, [&](Session& session) { session.closed(turn, event); });
            },
            [&](const Announce& event) {
                at_peer(event.peer, [&](Session& session) { session.announce(turn, event.set); });
            },
            [&](const ChangeAnnouncements& event) {
                at_peer(event.peer, [&](Session& session) {
                    session.change_announcements(turn, event.changes);
                });
            },
            [&](const ForwardingJudged& event) {
                at_peer(event.peer,
                        [&](Session& session) { session.forwarding_judged(turn, event.verdict); });
            },
            [&](const RequestRefresh& event) {
                at_peer(event.peer,
                        [&](Session& session) { session.request_refresh(turn, event.family); });
            },
        },
        input);
    return out;
}

std::optional<Instant> Speaker::next_deadline() const {
    std::optional<Instant> next;
    for (const auto& [id, session] : sessions_)
        if (const auto deadline = session->next_deadline();
            deadline && (!next || *deadline < *next))
            next = deadline;
    return next;
}

std::vector<PeerView> Speaker::peers() const {
    std::vector<PeerView> views;
    views.reserve(sessions_.size());
    for (const auto& [id, session] : sessions_)
        views.push_back(session->view());
    return views;
}

std::optional<PeerView> Speaker::peer(PeerId id) const {
    const auto session = sessions_.find(id);
    if (session == sessions_.end())
        return std::nullopt;
    return session->second->view();
}

std::vector<AnnouncementView> Speaker::announcements(PeerId id) const {
    const auto session = sessions_.find(id);
    return session == sessions_.end() ? std::vector<AnnouncementView>{}
                                      : session->second->announcements();
}

WishProgress Speaker::progress(PeerId id, const Prefix& prefix) const {
    const auto session = sessions_.find(id);
    return session == sessions_.end() ? WishProgress{} : session->second->progress(prefix);
}

std::vector<RouteView> Speaker::routes(PeerId id) const {
    return routes(id, {}).routes;
}

SelectedRoutes Speaker::routes(PeerId id, const RouteSelection& selection) const {
    const auto session = sessions_.find(id);
    return session == sessions_.end() ? SelectedRoutes{} : session->second->routes(selection);
}

BestRoutes Speaker::best(const RouteSelection& selection) const {
    std::vector<Prefix> prefixes;
    for (const auto& [id, session] : sessions_)
        session->list_eligible(selection, prefixes);
    std::ranges::sort(prefixes);
    const auto repeated = std::ranges::unique(prefixes);
    prefixes.erase(repeated.begin(), repeated.end());
    BestRoutes best;
    for (const Prefix& prefix : prefixes)
        if (best.routes.size() < selection.limit)
            best.routes.push_back(best_of(prefix));
        else
            ++best.left_off;
    return best;
}

BestRoute Speaker::best_of(const Prefix& prefix) const {
    BestRoute result{prefix, {}};
    std::vector<Candidate> candidates;
    for (const auto& [id, session] : sessions_)
        if (const AdjRibIn::Route* route = session->eligible(prefix)) {
            result.paths.push_back({id, route->attributes});
            candidates.push_back(session->candidate(*route));
        }
    const std::vector<PathStep> steps = compare_paths(candidates);
    for (std::size_t i = 0; i < steps.size(); ++i)
        result.paths[i].lost_at = steps[i];
    // Then those that fell behind last.
    std::ranges::stable_sort(result.paths, std::ranges::greater{}, [](const auto& path) {
        return std::pair(path.lost_at == PathStep::none, path.lost_at);
    });
    return result;
}

std::optional<RouteView> Speaker::longest_match(PeerId id, const Address& address) const {
    const auto session = sessions_.find(id);
    return session == sessions_.end() ? std::nullopt : session->second->longest_match(address);
}

Session* Speaker::owner_of(ConnectionId connection) {
    for (const auto& [id, session] : sessions_)
        if (session->owns(connection))
            return session.get();
    return nullptr;
}

Session* Speaker::caller(const Accepted& call) {
    for (const auto& [id, session] : sessions_)
        if (session->config().transport.remote == call.remote &&
            session->config().transport.local == call.local)
            return session.get();
    return nullptr;
}

}  // namespace detour::bgp
