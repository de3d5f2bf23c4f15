// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the decision hears: facts, each dated by the `now` it is handed in with. They expire by
// themselves (detector, windows and armed ages look at dates); nobody takes one back but by
// another. The caller numbers its inputs (CauseId, the journal's row) and finds the numbers again
// in every action that they caused.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "conf/types/address.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "controlplane/decision/options.h"

namespace detour::decision {

using CauseId = StrongId<struct CauseTag, std::uint64_t>;
using ActionId = StrongId<struct ActionTag, std::uint64_t>;

// The prefixes of one family of a set: what is watched, placed and moved as one.
struct Block {
    PrefixSetId set;
    Family family = Family::ipv4;

    friend constexpr auto operator<=>(const Block&, const Block&) = default;
};

// ---- probes (detection.md section 1)

enum class ProbeClass : std::uint8_t { control, beacon, sentinel, tunnel, egress };
enum class ProbeKind : std::uint8_t { icmp, tcp, udp };
enum class Result : std::uint8_t { ok, lost, reversed };  // reversed: it was lost, it is ok

struct ProbeOutcome {
    ProbeClass probe_class = ProbeClass::control;
    ProbeKind kind = ProbeKind::icmp;
    Family family = Family::ipv4;
    UplinkId uplink;                 // sent by
    std::optional<PrefixSetId> set;  // B, S, E
    std::uint8_t beacon = 0;         // B: index in SetOptions::beacons
    std::optional<TargetId> target;  // C, B, T, E
    UplinkId sentinel_of;            // S
    std::uint16_t sentinel = 0;      // S
    std::uint32_t pair = 0;          // C, B: the same in both halves
    bool is_full_size = false;       // T
    Instant sent{};
    Result result = Result::lost;
    Duration rtt{};
    std::optional<UplinkId> arrival;  // ok, reversed
};

// ---- facts about an uplink

enum class Presence : std::uint8_t { down, up };

struct LinkState {
    UplinkId uplink;
    Presence state = Presence::up;
};
struct BfdState {
    UplinkId uplink;
    Presence state = Presence::up;
};
enum class SessionState : std::uint8_t {
    down,
    down_restarting,  // graceful restart runs: the routes stay, RFC 4724
    down_refused,     // the neighbour shut it down administratively (RFC 8203) or by max-prefix
    established,      // the family is negotiated and our announcements may be sent
};
// One a family: either session of an uplink may carry both.
struct Session {
    UplinkId uplink;
    Family family = Family::ipv4;
    SessionState state = SessionState::down;
};
// What the port carries inwards, and how much of it that is.
struct PortLoad {
    UplinkId uplink;
    double utilisation = 0;  // 0..1
};
// An AS path learned from `uplink` (or its configured upstreams) leads through `through`'s AS.
struct SharedFate {
    UplinkId uplink;
    UplinkId through;
    bool is_shared = false;
};

// ---- the data plane

enum class Telemetry : std::uint8_t { lost, present };
struct TelemetryState {
    Telemetry state = Telemetry::present;
};
// Forwarding counters since the data plane's start, of one block by one uplink. A value smaller
// than the one before is a restart of the counter.
struct Counters {
    UplinkId uplink;
    Block block;
    std::uint64_t packets_in = 0;
    std::uint64_t packets_out = 0;
    std::uint64_t bytes_in = 0;
};

// ---- our prefixes in the world

struct OriginState {
    Block block;
    enum class State : std::uint8_t { fine, roa_invalid, foreign_origin } state = State::fine;
    AsNumber origin;  // foreign_origin
};

// A neighbour of the uplink tells of a blackhole (RFC 7999) for the block or a part of it. Weight
// and words, never a verdict.
struct BlackholeTold {
    enum class State : std::uint8_t { told, withdrawn };
    UplinkId uplink;
    Block block;
    State state = State::told;
    Prefix prefix;
};
// The largest packet that the uplink's paths carry, measured, beside what it should carry.
struct PathMtu {
    UplinkId uplink;
    Family family = Family::ipv4;
    std::uint16_t mtu = 0;
    std::uint16_t wanted = 0;
};

// ---- vetoes

struct ClockStepped {};
// The event loop slept so long beyond its deadline.
struct SchedulingGap {
    Duration length{};
};
struct Reload {
    enum class Phase : std::uint8_t { begun, ended } phase = Phase::begun;
};

// ---- the operator

enum class Urgency : std::uint8_t { when_ready, now };
struct OperatorMove {
    PrefixSetId set;
    UplinkId to;
};
struct OperatorFailback {
    PrefixSetId set;
    // now: without the stable time; the canary and the stair still watch.
    Urgency urgency = Urgency::when_ready;
};
// Give up the move in progress: announced where it was before, and nowhere else.
struct OperatorAbort {
    PrefixSetId set;
};
struct OperatorMode {
    Mode mode = Mode::advise;
};
struct OperatorFreeze {
    enum class State : std::uint8_t { frozen, thawed } state = State::frozen;
};

// ---- acknowledgements: what became of an action, by the action's id

struct Acknowledgement {
    ActionId action;
    enum class Fact : std::uint8_t {
        sent,    // SetAnnouncement: the UPDATE is in the socket
        done,    // SetAnnouncement: TCP has acknowledged it (a withdrawal too; with the session
                 // down there is nothing to say and it is done); SetForwarding: the kernel has
                 // confirmed it; Persist: it is on the disk
        failed,  // it will not be carried out
    } fact = Fact::done;
};

// Time passed.
struct Tick {};
// The first input: the answer holds what stands on the disk, to be made true.
struct Start {};

using Evidence =
    std::variant<Tick, Start, ProbeOutcome, LinkState, BfdState, Session, PortLoad, SharedFate,
                 TelemetryState, Counters, OriginState, ClockStepped, SchedulingGap, Reload,
                 OperatorMove, OperatorFailback, OperatorAbort, OperatorMode, OperatorFreeze,
                 Acknowledgement, BlackholeTold, PathMtu>;

}  // namespace detour::decision
