// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Inside of the prober; internal to controlplane/probe. Six parts, one file each:
//   prober.cpp   inputs and timers: who is called when
//   pace.cpp     intervals: levels, the suspicion burst, thinning, staggering
//   rounds.cpp   what is sent when a target, a tunnel, a sentinel is due
//   path_mtu.cpp what an uplink's paths carry
//   walk.cpp     who is on the way
//   flight.cpp   one probe's life: planned -> pending -> (ok | lost -> reversed), in a slot
// Everything configured is an index into a vector built once; a probe costs a slot and a timer,
// both reused.
#pragma once

#include <array>
#include <limits>
#include <unordered_map>
#include <vector>

#include "controlplane/probe/prober.h"
#include "controlplane/probe/random.h"
#include "controlplane/probe/rate_window.h"
#include "controlplane/probe/round_trip.h"
#include "controlplane/probe/timers.h"
#include "controlplane/probe/wire/segment.h"

namespace detour::probe {

inline constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

// A target or a sentinel: whatever probes are sent to and rates are kept for.
struct Destination {
    Address address;
    RateWindow window;
    Allowance allowance;
    bool is_retired = false;
    std::optional<TargetId> target;
    std::uint32_t uplink = none;  // sentinel: whose
    std::uint16_t sentinel = 0;
    std::optional<SecondKind> second{};
};

// One (uplink, set, family). `beacons` are those of the family, as indices in SetOptions::beacons.
struct WatchSlot {
    std::uint32_t uplink = 0;
    std::uint32_t set = 0;
    Family family = Family::ipv4;
    Level level = Level::away;
    std::vector<std::vector<std::uint8_t>> prefixes;  // beacons by prefix, only those of the family
    std::vector<Instant> due;           // by destination: when B is due there at the idle interval
    std::vector<std::uint32_t> rounds;  // by destination: beacons take turns at each
    std::uint32_t sentinel_turn = 0;
    std::uint32_t sentinel_generation = 0;
    std::uint32_t egress_turn = 0;
    std::uint32_t egress_generation = 0;
    std::uint8_t egress_retries = 0;
    std::uint8_t egress_waits = 0;
    Duration spent{};  // of the tank, since it was last full or this suspicion began

    [[nodiscard]] bool is_quick() const {
        return level == Level::suspect || level == Level::canary;
    }
    [[nodiscard]] std::uint8_t beacon(std::uint32_t of_turn) const {
        const auto& prefix = prefixes[of_turn % prefixes.size()];
        return prefix[of_turn / prefixes.size() % prefix.size()];
    }
};

// The largest size that comes back; T of an uplink.
struct MtuSearch {
    bool is_running = false;
    bool is_flying = false;
    std::uint16_t good = 0;        // the largest that came back; at first what every link carries
    std::uint16_t bad = 0;         // the smallest that did not
    std::uint8_t losses = 0;       // of the size that is tried
    std::uint8_t full_losses = 0;  // of full size in a row
    std::optional<Instant> again;  // the next search, at the earliest
    std::optional<std::uint16_t> told;
    std::uint32_t generation = 0;

    void stop() { is_running = is_flying = false; }
};

struct WalkState {
    Walk request;
    Address source;
    std::uint32_t destination = 0;
    Instant began{};
    std::uint8_t tried = 0;
    std::uint8_t silent = 0;
    bool is_running = true;
    std::uint32_t generation = 0;
    std::vector<Hop> hops;

    [[nodiscard]] std::uint8_t next_hop() const {
        return static_cast<std::uint8_t>(hops.size() + 1);
    }
};

// What nobody waits for looks again for room under the caps so often.
inline constexpr Duration wait_for_room = std::chrono::milliseconds(100);

// One (uplink, family): the pairs' rhythm and the tunnel probes.
struct Lane {
    std::uint32_t uplink = 0;
    Family family = Family::ipv4;
    std::optional<Address> control;
    std::vector<std::uint32_t> watches;
    Duration interval{};  // zero: no pairs
    std::uint32_t round_generation = 0;
    Duration tunnel_interval{};
    std::uint32_t tunnel_generation = 0;
    std::uint32_t tunnel_turn = 0;
    std::uint8_t tunnel_retries = 0;
    // By destination: when a round of the second kind takes the place of one of ICMP.
    std::vector<std::optional<Instant>> second_due;
    std::vector<Instant> last_second;
    std::uint8_t tunnel_waits = 0;
    MtuSearch mtu;
};

inline constexpr int refill_slowness = 6;

// The suspicion rate of a family: a tank that empties while it is used and fills at a sixth of that
// speed.
struct Burst {
    Duration left{};
    Instant updated{};
    Instant ended = Instant::min();  // the last one
    bool is_spending = false;
    bool is_dry = false;  // since it was empty, until it is full
    std::uint32_t generation = 0;
};

// What is to be sent, and by whom.
struct Plan {
    Instant at{};
    Class probe_class = Class::control;
    Kind kind = Kind::icmp;
    std::uint32_t uplink = 0;
    std::uint32_t destination = 0;
    Address source;
    std::uint32_t set = none;
    std::uint8_t beacon = 0;
    std::uint8_t prefix = 0;
    std::uint32_t pair = 0;
    bool is_full_size = false;
    std::uint16_t size = 0;  // of the packet, when one is searched for
    std::uint32_t walk = none;
    std::uint8_t hop_limit = 0;  // 0: the usual one
    bool is_fresh_flow = false;
};

struct Slot {
    enum class Phase : std::uint8_t { free, planned, pending, late };

    Phase phase = Phase::free;
    std::uint32_t generation = 0;  // of its timer
    Plan plan;
    std::uint64_t number = 0;
    EchoMark mark;  // TCP, UDP: our port is the ident, the target's the sequence
    std::optional<Signature> signature;  // where replies are found by it
    Instant sent{};
};

struct Prober::Machine {
    explicit Machine(Options given);

    // prober.cpp
    void take_over(const Machine& before, const Renumbering& ids);
    void take(Instant now, const Input& input);
    void run_timers(Instant now);
    void fire(Instant now, const Timer& timer);
    void drop_stale_timers();
    [[nodiscard]] bool is_stale(const Timer& timer) const;
    void on(Instant now, const Tick&);
    void on(Instant now, const UplinkUsable& input);
    void on(Instant now, const SetLevel& input);
    void on(Instant now, const Carried& input);
    void on(Instant now, const Reply& input);
    void on(Instant now, const SendFailed& input);
    void on(Instant now, const SetTarget& input);
    void on(Instant now, const ProveTunnel& input);
    void on(Instant now, const Walk& input);
    void start(Instant now);

    // pace.cpp
    void repace(Instant now);
    void update_burst(Instant now, Family family);
    void fill_or_spend(Instant now, Family family);
    [[nodiscard]] bool has_share(const WatchSlot& watch) const;
    [[nodiscard]] bool is_pressed(const WatchSlot& watch) const;
    [[nodiscard]] bool is_suspect(const Lane& lane) const;
    [[nodiscard]] double pairs_demand(const Lane& lane, Duration idle, Duration suspect) const;
    [[nodiscard]] double second_demand(const Lane& lane) const;
    [[nodiscard]] double demand_per_target(Family family) const;
    [[nodiscard]] double sentinel_demand() const;
    [[nodiscard]] double total_demand() const;
    [[nodiscard]] bool fits() const;
    void set_stretch();
    [[nodiscard]] Duration stretched(Duration interval) const;
    [[nodiscard]] Duration sentinel_interval(const WatchSlot& watch) const;
    [[nodiscard]] Duration half_armed_age() const { return options.schedule.armed_age / 2; }
    void restagger(Instant now, Lane& lane);
    [[nodiscard]] Duration lane_interval(const Lane& lane) const;
    [[nodiscard]] bool is_due(Instant now, const Lane& lane, const WatchSlot& watch,
                              std::uint32_t destination) const;

    // rounds.cpp
    void round(Instant now, const Timer& timer);
    [[nodiscard]] bool take_second_turn(Instant now, Lane& lane, std::uint32_t destination);
    [[nodiscard]] bool has_second(Family family) const;
    void plan_pairs(Instant at, Lane& lane, std::uint32_t destination, Kind kind);
    void plan_beacons(WatchSlot& watch, std::uint32_t destination, std::uint32_t pair, Kind kind);
    void spread(Instant now, const std::optional<Plan>& control);
    [[nodiscard]] const WatchSlot* stand_in(const Lane& lane, const WatchSlot& watch) const;
    void tunnel(Instant now, std::uint32_t index);
    void send_tunnel(Instant now, Lane& lane);
    void egress(Instant now, std::uint32_t index);
    void send_egress(Instant now, WatchSlot& watch);
    void sentinel(Instant now, std::uint32_t index);
    [[nodiscard]] Instant when_there_is_room(Instant now, Family family, std::uint8_t& waits) const;
    [[nodiscard]] std::uint32_t next_target(Instant now, Family family, std::uint32_t& turn) const;

    // path_mtu.cpp
    void learn_mtu(Instant now, const Plan& plan, Result result);
    void narrow(Instant now, Lane& lane, std::uint16_t size, Result result);
    void try_size(Instant now, Lane& lane);
    void tell_mtu(Lane& lane, std::uint16_t mtu);

    // walk.cpp
    void walk_on(Instant now, std::uint32_t index);
    void hear_hop(Instant now, std::uint32_t index, std::optional<Hop> heard);
    void end_walk(std::uint32_t index);
    void hear_walk(Instant now, std::uint32_t index, const Reply& reply, Hop::Says says);

    // flight.cpp
    std::uint32_t plan(const Plan& probe);
    void plan_and_send(Instant now, const Plan& probe) { send(now, plan(probe)); }
    void send(Instant now, std::uint32_t index);
    [[nodiscard]] EchoHead sealed_head(std::uint32_t index, std::size_t size);
    [[nodiscard]] std::optional<std::uint32_t> answered_by(const Reply& reply) const;
    [[nodiscard]] std::optional<std::uint32_t> quoted_by(const IcmpError& error,
                                                         const Reply& reply) const;
    [[nodiscard]] std::optional<std::uint32_t> flying(Signature signature) const;
    void lose(Instant now, std::uint32_t index);
    void finish(Instant now, std::uint32_t index, Result result, std::optional<UplinkId> arrival);
    void release(std::uint32_t index);
    void retry(Instant now, const Plan& lost);
    [[nodiscard]] std::uint32_t rate_limit(const Destination& destination) const;
    [[nodiscard]] bool has_room(Instant now, const Destination& destination) const;
    [[nodiscard]] RoundTrip& round_trip(std::uint32_t uplink, std::uint32_t destination) {
        return round_trips[uplink * destinations.size() + destination];
    }

    // Lookups; configured ids only.
    [[nodiscard]] std::uint32_t uplink_index(UplinkId id) const;
    [[nodiscard]] std::uint32_t watch_index(UplinkId uplink, PrefixSetId set, Family family) const;
    [[nodiscard]] std::uint32_t lane_index(std::uint32_t uplink, Family family) const {
        return uplink * 2 + static_cast<std::uint32_t>(family);
    }
    [[nodiscard]] const std::vector<std::uint32_t>& targets(Family family) const {
        return targets_of[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] Burst& burst(Family family) { return bursts[static_cast<std::size_t>(family)]; }
    [[nodiscard]] const Burst& burst(Family family) const {
        return bursts[static_cast<std::size_t>(family)];
    }

    Options options;
    Random random;
    std::vector<Destination> destinations;  // targets first
    std::array<std::vector<std::uint32_t>, 2> targets_of;
    std::vector<WatchSlot> watches;                     // uplink x set x family
    std::vector<Lane> lanes;                            // uplink x family
    std::vector<bool> is_usable;                        // by uplink
    std::vector<std::optional<std::uint32_t>> carried;  // by set x family
    std::vector<RoundTrip> round_trips;                 // uplink x destination
    std::array<Burst, 2> bursts;
    RateWindow total;
    std::vector<Slot> slots;
    std::vector<std::uint32_t> free_slots;
    std::unordered_map<Signature, std::uint32_t> flights;  // slots of what is found by signature
    Timers timers;
    std::vector<WalkState> walks;
    std::vector<Plan> round_plans;  // B of the round being planned
    std::vector<Output> outputs;
    Load load;
    std::uint32_t last_pair = 0;
    std::uint64_t last_number = 0;
    bool is_started = false;
};

}  // namespace detour::probe
