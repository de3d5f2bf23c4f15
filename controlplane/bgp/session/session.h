// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Everything about one peer: its connections (usually one; two while both sides call at once, RFC
// 4271 6.8), what it told us, and what it should have from us. Called by the speaker alone.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/bgp/events.h"
#include "controlplane/bgp/rib/adj_rib_in.h"
#include "controlplane/bgp/rib/adj_rib_out.h"
#include "controlplane/bgp/session/link.h"
#include "controlplane/bgp/speaker.h"
#include "controlplane/bgp/wire/update.h"

namespace detour::bgp {

// What all sessions of a speaker share.
struct LocalEnd {
    AsNumber asn;
    Address router_id;
    std::set<Prefix> declared;
    JitterSource jitter;
    std::uint64_t next_connection = 1;
    bool is_resumed = false;  // SpeakerConfig
};

// The time of an event and where its consequences go.
struct Turn {
    Instant now;
    Outputs& out;
};

class Session {
 public:
    // `local` must outlive the session.
    Session(LocalEnd& local, PeerConfig config, Instant now);

    // Listens and starts.
    void begin(Turn turn);
    // A new configuration; `before` is what the local end was until now.
    void reconfigure(Turn turn, PeerConfig config, const LocalEnd& before);
    // The peer is not configured any more; the session object is not used after that.
    void deconfigure(Turn turn);

    void tick(Turn turn);
    void start(Turn turn);
    void stop(Turn turn, const std::string& communication);
    void reset(Turn turn, const std::string& communication);
    void resend(Turn turn);
    void connected(Turn turn, ConnectionId connection);
    void connect_failed(Turn turn, const ConnectFailed& failure);
    void accepted(Turn turn, ConnectionId connection);
    void received(Turn turn, const Received& received);
    void progressed(Turn turn, const StreamProgress& progress);
    void closed(Turn turn, const Closed& closed);
    void announce(Turn turn, const AnnouncementSet& set);
    void change_announcements(Turn turn, const std::vector<AnnouncementChange>& changes);
    void request_refresh(Turn turn, Family family);
    void forwarding_judged(Turn turn, ForwardingJudged::Verdict verdict);

    [[nodiscard]] bool owns(ConnectionId connection) const;
    [[nodiscard]] const PeerConfig& config() const { return config_; }
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] PeerView view() const;
    [[nodiscard]] std::vector<AnnouncementView> announcements() const { return out_.view(); }
    [[nodiscard]] WishProgress progress(const Prefix& prefix) const {
        return out_.progress(prefix);
    }
    // What may take part in the decision process: accepted, and by a policy that was stated, which
    // RFC 8212 asks of external peers.
    void list_eligible(const RouteSelection& selection, std::vector<Prefix>& out) const;
    [[nodiscard]] const AdjRibIn::Route* eligible(const Prefix& prefix) const;
    [[nodiscard]] Candidate candidate(const AdjRibIn::Route& route) const;
    [[nodiscard]] SelectedRoutes routes(const RouteSelection& selection) const;
    [[nodiscard]] std::optional<RouteView> longest_match(const Address& address) const;

 private:
    void adjust(Turn turn, PeerConfig config);

    // --- the connections (session.cpp)
    [[nodiscard]] std::unique_ptr<Link> new_link() const;
    [[nodiscard]] Link* find(ConnectionId connection) const;
    [[nodiscard]] Link* other(const Link& link) const;
    [[nodiscard]] State state() const;
    void set_opening(Opening opening);
    void apply(Turn turn, Link& link, const FsmInput& input,
               std::optional<SessionError> cause = {});
    void perform(Turn turn, Link& link, FsmAction action, std::optional<SessionError>& cause);
    void run_timers(Turn turn, Link& link);
    void come_up(Turn turn, Link& link);
    void go_down(Turn turn, const Link& link, const std::optional<SessionError>& cause);
    void stop_all(Turn turn, const Notification& notification, const SessionError& cause);
    // After every event: drops what lost, sends, and tells of a new state.
    void settle(Turn turn);
    void pump(Turn turn);
    void send_updates(Turn turn, Link& link);
    [[nodiscard]] bool send_markers(Turn turn, Link& link);
    void flush(Turn turn, Link& link);
    void declare();
    [[nodiscard]] Open our_open() const;
    void tell_refused(Turn turn, std::vector<AdjRibOut::Refused> refused) const;

    // --- what is kept while the peer restarts (session_restart.cpp)
    [[nodiscard]] bool keeps_routes(const Link& link,
                                    const std::optional<SessionError>& cause) const;
    void keep_routes(Turn turn, const Link& link);
    [[nodiscard]] bool is_kept_by_peer(const Link& link,
                                       const std::optional<SessionError>& cause) const;
    void forget_kept(Turn turn);
    // RFC 4724 4.2, 5: the peer restarted without our noticing, and calls.
    [[nodiscard]] bool is_superseded_by(const Link& link) const;
    void return_from_restart(Turn turn, const Link& link);
    void sweep(Turn turn, Family family);
    void sweep_all(Turn turn);
    void run_restart_timers(Turn turn);

    // --- the messages (session_messages.cpp)
    void take_frame(Turn turn, Link& link, const Frame& frame);
    void take_open(Turn turn, Link& link, std::span<const std::uint8_t> body);
    [[nodiscard]] bool survives_collision(Turn turn, Link& link);
    void take_update(Turn turn, Link& link, std::span<const std::uint8_t> body);
    void take_faults(Turn turn, const Update& update);
    void take_notification(Turn turn, Link& link, std::span<const std::uint8_t> body);
    void take_end_of_rib(Turn turn, Family family);
    void take_refresh(Turn turn, Link& link, std::span<const std::uint8_t> body);
    void fail(Turn turn, Link& link, Event event, const Notification& notification);
    void remark(Turn turn, Remark::Level level, std::string text) const;
    [[nodiscard]] PeerScope scope() const;
    [[nodiscard]] bool has_policy() const {
        return config_.import || scope() == PeerScope::internal;
    }

    // --- what is believed of what it told (session_import.cpp)
    void take_withdrawn(Turn turn, const Update& update);
    [[nodiscard]] bool take_reachable(Turn turn, const ReachableRoutes& routes);
    void warn_of_prefixes(Turn turn, Family family);
    void exceed_prefixes(Turn turn, Link& link, Family family);
    [[nodiscard]] bool is_near_limit(Family family) const;
    void set_filter();
    void judge_again(Turn turn);
    [[nodiscard]] std::vector<Address> own_addresses() const;

    LocalEnd& local_;
    PeerConfig config_;
    Opening opening_;                     // what the next start does
    std::unique_ptr<Link> primary_;       // always there
    std::unique_ptr<Link> rival_;         // a second connection, until one of both is chosen
    std::optional<ImportFilter> filter_;  // of config_.import
    AdjRibIn in_;
    AdjRibOut out_;
    // By Family: what stands behind the announcements that are under way, and before the next ones.
    std::array<bool, 2> owes_end_of_rib_{};
    std::array<bool, 2> owes_refresh_{};      // asked for and not yet begun
    std::array<bool, 2> owes_refresh_end_{};  // RFC 7313
    std::array<bool, 2> has_end_of_rib_{};    // of the peer's, in this session
    std::array<bool, 2> has_warned_{};        // of many prefixes, in this session
    bool is_over_limit_ = false;              // it brought too many prefixes, and waits
    // RFC 4724 4.2: until when the peer must be back, and until when it must have said everything.
    std::optional<Instant> restart_deadline_;
    std::optional<Instant> stale_deadline_;
    std::optional<Instant> kept_deadline_;  // until when the peer keeps what is ours
    bool is_forwarding_dead_ = false;
    bool is_stopped_ = false;

    Address peer_router_id_;  // of the last session: routes may outlive one
    State reported_state_ = State::idle;
    Instant state_since_;
    std::optional<SessionError> ending_;  // not yet reported
    std::optional<SessionError> last_error_;
    Instant last_error_at_;
    Counters in_counters_;
    Counters out_counters_;
    std::uint64_t established_count_ = 0;
    std::uint64_t treated_as_withdraw_ = 0;
    std::uint64_t discarded_attributes_ = 0;
};

}  // namespace detour::bgp
