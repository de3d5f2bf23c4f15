// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The BGP speaker, an island: no sockets, no clock, no thread. The transport and the clock are its
// caller's, who hands in events with the time and carries out what comes back, in order:
//
//     transport, timers, wishes --Input--> Speaker --Output--> Connect, Send, Close, routes, states
//
// What it promises:
// - A peer is announced exactly the Announce set last given, as changed since, and only declared
//   prefixes: the Adj-RIB-Out has no place for any other. A change is a replacement in place, never
//   a withdrawal and an announcement; nothing is sent that the peer already has.
// - Either session of an uplink carries both families when both sides say so (RFC 4760); the next
//   hops are ours on the peer's link.
// - Everything that a peer can make grow is bounded: partial messages, routes (max-prefixes), bytes
//   not yet written. It never waits for a peer: what does not fit stays a difference between wish
//   and truth and is computed again.
// - Bad input is a transition: RFC 7606 decides between discard, withdraw and reset.
//
// - A peer that restarts finds its routes kept, unless the way through it is held for dead; what we
//   offer to have kept while we restart ends after 30 s (Timers::restart).
//
// RFCs: the table in RFCS.md, which is made from the tests.
//
// One thread: the event loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/bgp/events.h"
#include "controlplane/bgp/rib/best_path.h"

namespace detour::bgp {

class Session;
struct LocalEnd;

// A number in [0, 1) for every call; timers are shortened by up to a quarter with it (RFC 4271 10).
using JitterSource = std::function<double()>;

struct RouteView {
    Prefix prefix;
    std::shared_ptr<const PathAttributes> attributes;
    std::string refusal;    // why the import rules do not accept it; empty: accepted
    bool is_stale = false;  // not heard again since the peer restarted, or began to send it again
};

// Which routes are asked for, of a table that may have a million.
struct RouteSelection {
    enum class Match : std::uint8_t { exact, longer, covering };

    std::optional<Prefix> prefix = {};  // nothing: every route
    Match match = Match::exact;
    std::size_t limit = std::numeric_limits<std::size_t>::max();

    [[nodiscard]] bool means(const Prefix& route) const;
};

struct SelectedRoutes {
    std::vector<RouteView> routes;  // the first by prefix
    std::size_t left_off = 0;       // beyond the limit
};

// What the decision process (RFC 4271 9.1) makes of one prefix.
struct BestRoute {
    struct Path {
        PeerId peer;
        std::shared_ptr<const PathAttributes> attributes;
        PathStep lost_at = PathStep::none;
    };

    Prefix prefix;
    std::vector<Path> paths;  // the best first
};

struct BestRoutes {
    std::vector<BestRoute> routes;  // by prefix
    std::size_t left_off = 0;       // beyond the limit
};

class Speaker {
 public:
    explicit Speaker(JitterSource jitter);
    ~Speaker();
    Speaker(Speaker&&) noexcept;
    Speaker& operator=(Speaker&&) noexcept;

    // The first configuration or a new one. Peers whose session parameters did not change keep
    // their sessions; new ones start; sessions that must change end with Cease. What is no longer
    // declared is withdrawn. Peer ids are unique.
    [[nodiscard]] Outputs configure(Instant now, const SpeakerConfig& config);

    // Events of unknown peers and connections are ignored: they are late, not wrong.
    [[nodiscard]] Outputs handle(Instant now, const Input& input);

    // When a Tick is due; earlier ones do no harm.
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    [[nodiscard]] std::vector<PeerView> peers() const;  // by id
    [[nodiscard]] std::optional<PeerView> peer(PeerId id) const;
    [[nodiscard]] std::vector<AnnouncementView> announcements(
        PeerId id) const;  // the wish, by prefix
    [[nodiscard]] WishProgress progress(PeerId id, const Prefix& prefix) const;
    [[nodiscard]] std::vector<RouteView> routes(PeerId id) const;  // the Adj-RIB-In, by prefix
    [[nodiscard]] SelectedRoutes routes(PeerId id, const RouteSelection& selection) const;
    // Of all peers together: of those whose import policy was stated (RFC 8212), what was accepted.
    [[nodiscard]] BestRoutes best(const RouteSelection& selection) const;
    // The accepted route that packets to the address would take; asked of a full table all the
    // time.
    [[nodiscard]] std::optional<RouteView> longest_match(PeerId id, const Address& address) const;

 private:
    Session* owner_of(ConnectionId connection);
    Session* caller(const Accepted& call);
    [[nodiscard]] BestRoute best_of(const Prefix& prefix) const;

    std::unique_ptr<LocalEnd> local_;  // sessions refer to it
    std::map<PeerId, std::unique_ptr<Session>> sessions_;
};

}  // namespace detour::bgp
