// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What to send, when, from where, by which uplink, and what became of it (detection.md section 1).
// A sans-IO machine: no socket, no clock; random from the seed it is given, so that the same inputs
// give the same probes. It knows nothing of verdicts: which (uplink, prefix set, family) is
// watched, and how closely, it is told by SetLevel.
//
//   C, B  pairs to every target by every uplink that announces a block: one C serves the B of every
//         block within 20 ms of it; C or B first by lot. One B a prefix; its beacons take turns.
//   S     beacon -> sentinels of u, sent by u and by v.
//   T     control source of u -> targets, also at the uplink's full MTU with DF.
//   E     beacon -> targets by the uplinks that do not carry the block. T and E take the targets in
//         turn, one probe per half armed age; one that is lost is followed by another at once.
//   W     a walk of growing hop limits, when it is asked for.
//
// Where T at full size does not come back although small ones do, the path's MTU is searched for.
//
// On suspicion a block's pairs go at the suspect interval, every probe is a new flow, and pairs of
// a second kind (TCP SYN or UDP, as the target answers) go beside those of ICMP, from the other
// beacon. While nothing is suspected a round of the second kind takes the place of one of ICMP now
// and then, so that it is known which targets answer it. Rates are kept per target and in all: what
// does not fit is thinned evenly by stretching the intervals, and a window of one second is never
// overdrawn whatever the plan was. A probe that was not sent for that reason is no evidence.
//
// One caller, the controller's thread. handle() gives the outputs of one input in the order in
// which they are to be carried out; the span holds until the next call. Call it with Tick when
// next_deadline() has come.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "conf/types/renumbering.h"
#include "controlplane/probe/schedule.h"
#include "controlplane/probe/wire/echo.h"

namespace detour::probe {

enum class Class : std::uint8_t { control, beacon, sentinel, tunnel, egress, walk };
enum class Kind : std::uint8_t { icmp, tcp, udp };

[[nodiscard]] const char* to_string(Class probe_class);  // "C", "B", "S", "T", "E", "W"

// How a target is asked besides by ICMP: a SYN or a datagram to this port.
struct SecondKind {
    Kind kind = Kind::tcp;
    std::uint16_t port = 443;

    friend bool operator==(const SecondKind&, const SecondKind&) = default;
};

// How closely a (uplink, prefix set, family) is watched.
//   away     the block is not announced there: S only, and E when another uplink carries it
//   watched  pairs at the idle interval
//   suspect  pairs at the suspect interval, fresh flows, S and the other uplinks' T likewise
//   canary   as watched, with S at the suspect interval
enum class Level : std::uint8_t { away, watched, suspect, canary };

struct UplinkOptions {
    UplinkId id;
    std::vector<Address> control_sources;  // at most one a family is used
    std::vector<Address> sentinels;
    std::uint16_t mtu = 1500;  // of the path inside: what a full-size T must pass

    friend bool operator==(const UplinkOptions&, const UplinkOptions&) = default;
};

struct BeaconOptions {
    Address address;
    // Index of its prefix in the set; every prefix has B probes of its own.
    std::uint8_t prefix = 0;

    friend bool operator==(const BeaconOptions&, const BeaconOptions&) = default;
};

struct SetOptions {
    PrefixSetId id;
    std::vector<BeaconOptions> beacons;

    friend bool operator==(const SetOptions&, const SetOptions&) = default;
};

struct TargetOptions {
    TargetId id;
    Address address;
    std::optional<SecondKind> second{};

    friend bool operator==(const TargetOptions&, const TargetOptions&) = default;
};

struct Options {
    std::uint64_t seed = 1;
    Schedule schedule;
    std::vector<UplinkOptions> uplinks;
    std::vector<SetOptions> sets;
    std::vector<TargetOptions> targets;
    std::optional<std::uint32_t> probe_limit;  // probes per second in all, hard

    friend bool operator==(const Options&, const Options&) = default;
};

// ---- inputs

// The uplink can carry packets or not (link, tunnel, gateway). While it cannot, its probes are lost
// as they are due: a missing path is a lost probe, never another route. Uplinks start usable.
enum class Usability : std::uint8_t { unusable, usable };
struct UplinkUsable {
    UplinkId uplink;
    Usability state = Usability::usable;
};
// Everything starts `away`.
struct SetLevel {
    UplinkId uplink;
    PrefixSetId set;
    Family family = Family::ipv4;
    Level level = Level::away;
};
// The block is carried by this uplink now: E goes by the others. None carried: no E.
struct Carried {
    PrefixSetId set;
    Family family = Family::ipv4;
    std::optional<UplinkId> uplink;
};
// An ICMP message, a TCP segment or a UDP datagram that came in by an uplink, from its own header
// on. Whether it is a probe's reply is found out here.
struct Reply {
    UplinkId arrival;
    Address source;
    Address destination;
    std::span<const std::uint8_t> message;
    Kind kind = Kind::icmp;
};
using ProbeId = StrongId<struct ProbeTag, std::uint64_t>;
// The probe could not be sent (no route, no buffer, not permitted): lost.
struct SendFailed {
    ProbeId probe;
};
// A target that speaks no more, or speaks again (the decision retires them).
enum class Retirement : std::uint8_t { retired, in_use };
struct SetTarget {
    TargetId target;
    Retirement state = Retirement::retired;
};
// T by this uplink now, out of turn.
struct ProveTunnel {
    UplinkId uplink;
    Family family = Family::ipv4;
};
// Who answers on the way to a target, hop by hop: from a beacon of the set, or from the uplink's
// control source. Answered by Walked; not at all where there is no such source, or no target.
struct Walk {
    std::uint32_t number = 0;  // comes back
    UplinkId uplink;
    Family family = Family::ipv4;
    std::optional<PrefixSetId> set;
};
struct Tick {};

using Input = std::variant<Tick, UplinkUsable, SetLevel, Carried, Reply, SendFailed, SetTarget,
                           ProveTunnel, Walk>;

// ---- outputs

// Send one message of the kind's protocol pinned to the uplink: `head`, then zeros up to `size`.
struct Send {
    ProbeId probe;
    Class probe_class = Class::control;
    Kind kind = Kind::icmp;
    UplinkId uplink;
    Address source;
    Address destination;
    EchoHead head{};
    std::uint16_t size = echo_head_size;
    std::optional<std::uint8_t> hop_limit{};  // nothing: the usual one

    // The whole message, appended to `out`.
    void append_to(Bytes& out) const;
};

enum class Result : std::uint8_t {
    ok,
    lost,      // the timeout passed
    reversed,  // a reply came after the outcome was `lost`: take that back, it is ok
};

struct Outcome {
    ProbeId probe;
    Class probe_class = Class::control;
    Kind kind = Kind::icmp;
    Family family = Family::ipv4;
    UplinkId uplink;                 // sent by
    std::optional<PrefixSetId> set;  // B, S, E; C that stands for one set only
    std::uint8_t beacon = 0;         // B, S, E: index in SetOptions::beacons
    std::uint8_t prefix = 0;         // B: BeaconOptions::prefix
    std::optional<TargetId> target;  // C, B, T, E
    UplinkId sentinel_of;            // S: the uplink whose sentinel it was
    std::uint16_t sentinel = 0;      // S: index in UplinkOptions::sentinels
    std::uint32_t pair = 0;          // C, B: both halves of a pair carry the same number, never 0
    bool is_full_size = false;       // T: the uplink's full MTU with DF
    Instant sent{};
    Result result = Result::lost;
    Duration rtt{};                   // ok, reversed
    std::optional<UplinkId> arrival;  // ok, reversed
};

struct Hop {
    enum class Says : std::uint8_t {
        passed,   // a router: it would have gone on
        arrived,  // the target
        refused,  // a router or the target: unreachable
    };
    std::uint8_t number = 0;   // from 1
    std::optional<Says> says;  // nothing: nobody answered
    Address router;
    Duration rtt{};
    std::optional<UplinkId> arrival;

    friend bool operator==(const Hop&, const Hop&) = default;
};
// The hops of a Walk up to the last that answered.
struct Walked {
    Walk request;
    Address source;
    Address destination;
    std::vector<Hop> hops;
};
// The largest packet that an uplink's paths carry, measured; said when it changes.
struct PathMtu {
    UplinkId uplink;
    Family family = Family::ipv4;
    std::uint16_t mtu = 0;
    std::uint16_t wanted = 0;  // UplinkOptions::mtu
};

using Output = std::variant<Send, Outcome, Walked, PathMtu>;

// What the rates come to, for status and `check`.
struct Load {
    double planned_per_second = 0;  // at idle, as the configuration asks
    double stretch = 1;             // > 1: thinned, every interval is this much longer
    std::uint64_t withheld = 0;     // probes not sent since the start because a window was full
};

class Prober {
 public:
    explicit Prober(Options options);
    Prober(Prober&&) noexcept;
    Prober& operator=(Prober&&) noexcept;
    ~Prober();

    [[nodiscard]] std::span<const Output> handle(Instant now, const Input& input);
    // Other options. Round trips, rates and what is usable or retired stay known for what stays;
    // levels and carriers are to be told again. What is in flight is forgotten: no evidence.
    void reconfigure(Options options, const Renumbering& ids);
    // Nothing: no probe is in flight and none will be due.
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] Load load() const;
    // The reply timeout of a target by an uplink as it stands now.
    [[nodiscard]] Duration timeout(UplinkId uplink, TargetId target) const;

 private:
    struct Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace detour::probe
