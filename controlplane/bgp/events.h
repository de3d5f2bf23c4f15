// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the speaker hears and what it says. Streams are counted in bytes from the start of each
// connection: a Send ends at `end`, the transport reports how far it has come.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "conf/types/bytes.h"
#include "controlplane/bgp/announcement.h"
#include "controlplane/bgp/peer.h"

namespace detour::bgp {

// --- in -----------------------------------------------------------------------------------------

// Time has passed; call at next_deadline().
struct Tick {};
// The operator's will. A peer starts by itself when it is configured; Start also ends every waiting
// (idle hold, max-prefix restart, a peer that shut us down).
struct Start {
    PeerId peer;
};
struct Stop {
    PeerId peer;
    std::string communication;  // to the peer's operator (RFC 9003)
};
// Ends the session and begins it anew: Cease/Administrative Reset. Where graceful restart covers
// notifications both sides keep their routes meanwhile.
struct Reset {
    PeerId peer;
    std::string communication;
};
// Our Connect came about, or did not.
struct Connected {
    ConnectionId connection;
};
struct ConnectFailed {
    ConnectionId connection;
    std::string error;
};
// A call on a listening socket; the speaker finds the peer or closes it.
struct Accepted {
    ConnectionId connection;
    Address local;
    Address remote;
};
struct Received {
    ConnectionId connection;
    std::span<const std::uint8_t> bytes;  // read during the call only
};
// How many bytes of the stream went to the kernel, and how many the peer's TCP has acknowledged.
struct StreamProgress {
    ConnectionId connection;
    std::uint64_t written = 0;
    std::uint64_t acknowledged = 0;
};
// The connection ended: the peer closed it (empty error), or it broke. Not after our own Close.
struct Closed {
    ConnectionId connection;
    std::string error;
};
// What should be announced to the peer from now on, completely: what is missing is withdrawn. Kept
// while there is no session, made true when there is one.
struct Announce {
    PeerId peer;
    AnnouncementSet set;
};
// The same as a difference: a move of a few prefixes costs nothing for the others.
struct ChangeAnnouncements {
    PeerId peer;
    std::vector<AnnouncementChange> changes;
};
// Ask the peer to send everything again (RFC 2918).
struct RequestRefresh {
    PeerId peer;
    Family family = Family::ipv4;
};

// Send everything again, between the marks of RFC 7313 where they are known.
struct Resend {
    PeerId peer;
};
// What those who look at packets hold of the way through the peer. A route of a peer whose way is
// dead is not kept while it restarts, however graceful the restart.
struct ForwardingJudged {
    enum class Verdict : std::uint8_t { alive, dead };

    PeerId peer;
    Verdict verdict = Verdict::alive;
};

using Input = std::variant<Tick, Start, Stop, Reset, Resend, Connected, ConnectFailed, Accepted,
                           Received, StreamProgress, Closed, Announce, ChangeAnnouncements,
                           RequestRefresh, ForwardingJudged>;

// --- out ----------------------------------------------------------------------------------------

// Listen for this peer (a key of MD5 belongs to a listening socket's peer), until told otherwise.
struct Listen {
    PeerId peer;
    Transport transport;
};
struct StopListening {
    PeerId peer;
};
struct Connect {
    PeerId peer;
    ConnectionId connection;
    Transport transport;
};
struct Send {
    ConnectionId connection;
    Bytes bytes;
    std::uint64_t end = 0;  // offset of the stream after these bytes
    // Progress must be reported when the peer's TCP has acknowledged `end`; else only `written`.
    bool wants_acknowledgement = false;
};
// Write what was sent before, then close; of a Connect that has not come about: give it up. Nothing
// about this connection comes after, and nothing is to be reported about it.
struct Close {
    ConnectionId connection;
};

struct StateChanged {
    PeerId peer;
    State from = State::idle;
    State to = State::idle;
    std::optional<SessionError> error;  // when a session or an attempt ended
};
// Routes that the import rules accept, new or with other attributes than before.
struct RoutesLearned {
    PeerId peer;
    std::shared_ptr<const PathAttributes> attributes;
    std::vector<Prefix> prefixes;  // of one family
};
// Learned before and gone: withdrawn, no longer acceptable, or the session ended.
struct RoutesWithdrawn {
    PeerId peer;
    std::vector<Prefix> prefixes;
};
// The peer has sent all it had at first (RFC 4724 2).
struct EndOfRib {
    PeerId peer;
    Family family = Family::ipv4;
};
// A restart was not over in its time, or its way is dead: nothing is kept any more, of the peer's
// here or of ours there (RFC 4724 4.2).
struct RestartEnded {
    PeerId peer;
};
// Wishes of an Announce that came one step further; prefixes of both families.
struct AnnouncementProgress {
    PeerId peer;
    Progress progress = Progress::sent;
    std::vector<Prefix> announced;
    std::vector<Prefix> withdrawn;
};
// A wish that will not be granted: the configuration does not declare the prefix, the session has
// no next hop of its family configured, or its attributes do not fit a message. Not announced,
// ever.
struct AnnouncementRefused {
    PeerId peer;
    Prefix prefix;
    std::string reason;
};
// Worth a line in a log; the rate is limited by who writes it.
struct Remark {
    enum class Level : std::uint8_t { notice, warning };

    PeerId peer;
    Level level = Level::notice;
    std::string text;
};

using Output = std::variant<Listen, StopListening, Connect, Send, Close, StateChanged,
                            RoutesLearned, RoutesWithdrawn, EndOfRib, RestartEnded,
                            AnnouncementProgress, AnnouncementRefused, Remark>;
using Outputs = std::vector<Output>;

}  // namespace detour::bgp
