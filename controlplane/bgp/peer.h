// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A peer: what the speaker must be told about it, and what it can tell of it. Ids are local to the
// island; the controller maps its uplinks' sessions to them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "controlplane/bgp/policy/filter.h"
#include "controlplane/bgp/wire/notification.h"

namespace detour::bgp {

using PeerId = StrongId<struct BgpPeerTag, std::uint16_t>;

// A TCP connection. The speaker numbers those it asks for, the transport those it accepts; a number
// is never used twice, so that an event of a connection long gone is recognised as such.
struct ConnectionId {
    enum class Origin : std::uint8_t { opened, accepted };

    Origin origin = Origin::opened;
    std::uint64_t number = 0;

    friend constexpr auto operator<=>(const ConnectionId&, const ConnectionId&) = default;
};

// Everything the transport needs to call a peer, and to listen for its calls.
struct Transport {
    Address local;             // bound before connecting; the address listened on
    Address remote;            // only this one is accepted
    std::uint16_t port = 179;  // of both sides
    std::string device;        // SO_BINDTODEVICE; empty: none
    std::string password;      // TCP MD5 (RFC 2385); empty: none
    std::optional<std::uint8_t> ttl_security_hops;  // GTSM (RFC 5082): 1 is a neighbour on the link

    friend bool operator==(const Transport&, const Transport&) = default;
};

// RFC 9234 3.1: what we are to the peer; the numbers of the capability.
enum class Role : std::uint8_t {
    provider = 0,
    route_server = 1,
    route_server_client = 2,
    customer = 3,
    peer = 4,
};

enum class Opening : std::uint8_t {
    active,   // calls, and answers calls
    passive,  // answers calls only
};

struct Timers {
    Duration hold = std::chrono::seconds(90);  // offered; whole seconds, 0 or at least 3 s
    Duration connect_retry = std::chrono::seconds(5);
    Duration idle_hold = std::chrono::seconds(1);  // after a session's end, doubled up to
    Duration idle_hold_limit = std::chrono::seconds(60);
    // How long a session stays away that brought too many prefixes; nothing: until it is started.
    std::optional<Duration> max_prefix_restart = std::chrono::minutes(15);
    // RFC 4724, in whole seconds: how long the peer may keep our routes while we restart, which is
    // how long a route lives on after us if we do not come back. 0: neither side keeps anything.
    Duration restart = std::chrono::seconds(30);
    // RFC 4724 4.2, the upper bound on what is kept for a peer's sake: while it restarts, whatever
    // time it asks for (the field allows 68 minutes), and while it sends everything again.
    Duration stale = std::chrono::minutes(3);

    friend bool operator==(const Timers&, const Timers&) = default;
};

struct PeerConfig {
    PeerId id;
    std::string name;  // for people: "provider/192.0.2.1"
    Transport transport;
    AsNumber asn;
    Opening opening = Opening::active;
    Timers timers;
    // Our address of each family on this peer's link, by Family: the next hop of what we announce.
    // A family is offered when it is given, over whichever family the session runs. An IPv6 address
    // for IPv4 is RFC 8950: the family is then spoken with peers that take it.
    std::array<std::optional<Address>, 2> next_hops;
    // RFC 8538: a peer keeps our routes also when the hold timer ends the session, which is what a
    // dead way looks like; hence not unless asked for. TCP's end is enough for a restart of ours.
    bool covers_notifications = false;
    std::optional<Role> role;    // RFC 9234; nothing: none is said, and no leak is looked for
    bool requires_role = false;  // RFC 9234 4.2: strict mode
    std::uint32_t max_prefixes = 1000;       // of a family, believed or not; more end the session
    std::uint8_t max_prefixes_warning = 80;  // percent of it, of which is warned; 100: never
    // What our operator wants to hear. Nothing: no policy was stated, and all that may be believed
    // is (RFC 8212: as evidence; nothing is forwarded by it, or told to others).
    std::optional<std::vector<ImportRule>> import;

    friend bool operator==(const PeerConfig&, const PeerConfig&) = default;
};

struct SpeakerConfig {
    AsNumber asn;
    Address router_id;             // IPv4
    std::vector<Prefix> declared;  // the only prefixes that can ever be announced
    std::vector<PeerConfig> peers;
    // The process took over from one that ran until a moment ago, and packets were forwarded all
    // the while: peers are asked to keep what they have until we have said it again (RFC 4724 4.1).
    bool is_resumed = false;
};

enum class State : std::uint8_t { idle, connect, active, open_sent, open_confirm, established };

// Why a session is not there any more.
enum class DownReason : std::uint8_t {
    stopped,                // by our operator
    reconfigured,           // the peer's configuration changed or went away
    connect_failed,         // the TCP connection did not come about
    connection_lost,        // it ended without a NOTIFICATION
    hold_timer,             // nothing heard for the hold time
    send_hold_timer,        // the peer stopped reading (RFC 9687)
    max_prefixes,           // it sent more than we allow
    protocol_error,         // it sent what we cannot accept; the notification says what
    notification_received,  // it said why: the notification
    peer_shut_down,         // it was shut down by its operator: we listen, and do not call
};

struct SessionError {
    DownReason reason = DownReason::stopped;
    std::optional<Notification> notification;  // sent or received, as `reason` says
    std::string text;                          // a sentence for people
};

struct Counters {
    std::uint64_t opens = 0;
    std::uint64_t updates = 0;
    std::uint64_t keepalives = 0;
    std::uint64_t notifications = 0;
    std::uint64_t refreshes = 0;
    std::uint64_t bytes = 0;
};

// What both sides agreed on.
struct Negotiated {
    std::array<bool, 2> families{};  // by Family
    Duration hold{};                 // 0: no keepalives
    bool has_four_octet_as = false;
    bool has_route_refresh = false;
    bool has_enhanced_refresh = false;
    bool has_extended_messages = false;
    bool has_extended_next_hop = false;
    bool has_graceful_restart = false;        // both said they know it, RFC 4724
    bool has_graceful_notifications = false;  // and RFC 8538

    [[nodiscard]] bool carries(Family family) const {
        return families[static_cast<std::size_t>(family)];
    }
    friend bool operator==(const Negotiated&, const Negotiated&) = default;
};

struct PeerView {
    PeerId id;
    std::string name;
    Address remote;
    AsNumber asn;
    State state = State::idle;
    bool is_stopped = false;                        // by our operator
    Instant since;                                  // of the state
    std::optional<Address> router_id;               // Established: the peer's
    std::optional<Negotiated> negotiated;           // Established
    std::optional<Duration> graceful_restart_time;  // offered by the peer (RFC 4724)
    std::optional<Instant> restarting_until;        // its routes are kept so long, RFC 4724 4.2
    std::optional<Instant> kept_until;              // ours may stay with it so long, likewise
    std::array<std::size_t, 2> stale{};             // of `received`, not heard again yet
    std::array<std::size_t, 2> received{};          // routes in the Adj-RIB-In, by Family
    std::array<std::size_t, 2> accepted{};          // of these, what the import rules let pass
    std::uint32_t max_prefixes = 0;                 // of `received`, for each family
    std::array<bool, 2> is_near_limit{};            // so many came that it was warned of
    std::array<std::size_t, 2> announced{};         // prefixes the peer has from us, by Family
    Counters in;
    Counters out;
    std::uint64_t established_count = 0;
    std::uint64_t treated_as_withdraw = 0;   // UPDATEs (RFC 7606)
    std::uint64_t discarded_attributes = 0;  // RFC 7606
    std::uint64_t unacknowledged = 0;        // bytes
    std::optional<SessionError> last_error;
    Instant last_error_at;
};

[[nodiscard]] std::string_view to_string(State state);  // "OpenSent"
[[nodiscard]] std::string_view to_string(DownReason reason);

}  // namespace detour::bgp
