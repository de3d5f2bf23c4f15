// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the decision wants done or said. Actions of one turn are carried out in their order. Those
// that change the world (SetForwarding, SetAnnouncement, Persist) are answered by an
// Acknowledgement with their id; all are idempotent: said again after a restart they change nothing
// that is so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/decision/evidence.h"
#include "controlplane/decision/explanation.h"
#include "controlplane/decision/verdict.h"

namespace detour::decision {

// How a block is announced on an uplink.
struct Announcement {
    std::uint32_t prepends = 0;                // our AS so often more
    bool is_graceful_shutdown = false;         // GRACEFUL_SHUTDOWN, RFC 8326
    bool is_no_export = false;                 // NO_EXPORT, RFC 1997
    std::vector<std::uint32_t> communities{};  // others

    friend bool operator==(const Announcement&, const Announcement&) = default;
};

// The block leaves by `egress`; packets for it are accepted from every uplink in `accept`.
struct SetForwarding {
    Block block;
    UplinkId egress;
    std::vector<UplinkId> accept;
};
// The whole truth for (uplink, block): announced so, or withdrawn (nothing).
struct SetAnnouncement {
    UplinkId uplink;
    Block block;
    std::optional<Announcement> announcement;
    bool is_proof_wanted = false;  // sent again though it stands: only then is what acknowledges it
                                   // a word of this moment
};
// Watch (uplink, block) so closely; counters likewise (at the suspect interval when `suspect`).
enum class Watch : std::uint8_t { away, watched, suspect, canary };
struct SetWatch {
    UplinkId uplink;
    Block block;
    Watch watch = Watch::away;
};
// The block is carried by this uplink from now on: E probes go by the others.
struct SetCarried {
    Block block;
    UplinkId uplink;
};
// T by this uplink now: a move waits for one since the onset. (Probe: ProveTunnel.)
struct ProveTunnel {
    UplinkId uplink;
    Family family = Family::ipv4;
};
// Close the session with Cease (the uplink's data path is dead while TCP still passes), so that the
// neighbour withdraws at once.
struct CeaseSession {
    UplinkId uplink;
};
// A target that spoke no more for ten minutes, or speaks again.
struct RetireTarget {
    TargetId target;
    bool is_retired = true;
};
// Find out where packets of the block vanish: a walk on this uplink, from the block and from
// outside it. What comes of it is for people; nothing waits for it.
struct Localise {
    UplinkId uplink;
    Block block;
};
// Write the State to disk before the actions that follow in this turn.
struct Persist {};

struct VerdictChanged {
    UplinkId uplink;
    Block block;
    Verdict from = Verdict::unclear;
    Verdict to = Verdict::unclear;
    Place place = Place::unknown;
    Explanation why;
};
// A move, a fail-back or a single step of one.
struct MoveStepped {
    Block block;
    UplinkId from;
    UplinkId to;
    MoveKind kind = MoveKind::escape;
    MoveStep step = MoveStep::idle;
    Explanation why;
};
// What an operator may ask for when nothing but his word is missing.
struct Advice {
    MoveKind kind = MoveKind::planned;  // planned, failback
    UplinkId to;
    Verdict reason = Verdict::healthy;  // planned: what is the matter where the block is
};
// Something would be done and is not: advise mode, freeze, a brake, no armed uplink. Said once for
// each reason, not each time it is looked at.
struct Held {
    UplinkId uplink;
    Block block;
    std::optional<UplinkId> to;  // where it would go
    Explanation why;
    std::optional<Advice> advice{};
};
enum class Severity : std::uint8_t { notice, warning, page };
struct Said {
    Severity severity = Severity::notice;
    std::optional<UplinkId> uplink;
    std::optional<Block> block;
    Explanation why;
};

using Deed =
    std::variant<SetForwarding, SetAnnouncement, SetWatch, SetCarried, ProveTunnel, CeaseSession,
                 RetireTarget, Localise, Persist, VerdictChanged, MoveStepped, Held, Said>;

struct Action {
    ActionId id;                  // grows from 1; unique within the process
    std::vector<CauseId> causes;  // the input that fired it, then those that led there
    Deed deed;
};

}  // namespace detour::decision
