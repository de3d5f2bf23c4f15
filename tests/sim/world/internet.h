// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where packets go: from the box by an uplink to a target or a sentinel, and the reply by whatever
// way the world's routers have for the source at that moment. On the way stand the faults. Traffic
// of the world to our blocks is a fluid that runs the same ways; the box's forwarding counters
// measure it. The truth about each (uplink, block), which the box can only infer, is asked here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/decision/evidence.h"
#include "tests/sim/script/event.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/loss.h"
#include "tests/sim/world/routes.h"

namespace sim {

// One prefix of ours: a (set, family), since no set has two prefixes of a family here.
struct Territory {
    detour::decision::Block block;
    detour::Prefix prefix;
    std::vector<detour::Address> beacons;
};

// How the world is when nothing is wrong.
struct Weather {
    std::vector<std::vector<Duration>> round_trip;  // by uplink, target network
    double jitter = 0.02;                           // of the round trip, mean
    std::vector<std::vector<double>> loss;          // by uplink, target: mean, both ways together
    double depth = 1;                               // what a burst loses
    std::vector<double> traffic;                    // by territory: packets/s
    Routes::Temper temper;
};
enum class Mood : std::uint8_t { plain, random };
[[nodiscard]] Weather weather_of(const Shape& shape, std::size_t territories, Mood mood, Dice dice);

class Internet {
 public:
    Internet(Agenda& agenda, const detour::model::Config& config, const Shape& shape,
             const Weather& weather, Dice dice);

    // A probe leaves; its reply, if there is one, is put on the agenda.
    void send(const detour::probe::Send& probe);
    [[nodiscard]] std::vector<detour::decision::Counters> count();
    [[nodiscard]] Routes& routes() { return routes_; }
    [[nodiscard]] const std::vector<Territory>& territories() const { return territories_; }
    [[nodiscard]] std::optional<std::uint32_t> territory_of(const detour::Prefix& prefix) const;
    [[nodiscard]] std::uint32_t uplink_count() const {
        return static_cast<std::uint32_t>(uplinks_.size());
    }

    // ---- faults
    struct NullRoute {
        std::uint64_t id = 0;
        Network at = 0;
        std::uint32_t territory = 0;
        Place place = Place::inside;
        bool has_urpf = false;
    };
    std::uint64_t add_null_route(NullRoute route);
    void remove_null_route(std::uint64_t id);

    // What is wrong with an uplink; counts, since faults overlap.
    struct Trouble {
        int without_carrier = 0;
        int dark = 0;
        int core_fault = 0;
        int isolated = 0;
        int sentinels_dead = 0;
        int control_dead = 0;
        double loss = 0;
        std::uint32_t dead_members = 0;
        std::uint32_t mtu = 65535;
    };
    // Of a block by an uplink.
    struct Nuisance {
        int pings_filtered = 0;
        int source_refused = 0;
        std::optional<double> scrubbed;  // the share that passes
        double loss = 0;
    };
    struct Host {
        int dead = 0;
        detour::Family family = detour::Family::ipv4;
        bool is_target = false;  // and no sentinel
        Duration spacing{};      // it answers at most so often
        Instant answered = Instant::min();
    };
    // To be called before anything below is changed; what follows from it is found by settle().
    void touch();
    Trouble& trouble(std::uint32_t uplink) { return uplinks_[uplink].trouble; }
    Nuisance& nuisance(std::uint32_t uplink, std::uint32_t territory) {
        return uplinks_[uplink].nuisances[territory];
    }
    Host& target(std::uint32_t index) { return targets_[index]; }
    double& traffic(std::uint32_t territory) { return traffic_[territory]; }
    // Whether anything had changed.
    bool settle();

    // ---- the truth
    // The circuit carries packets at all: what BGP's TCP needs.
    [[nodiscard]] bool is_circuit_alive(std::uint32_t uplink) const;
    // Packets reach the world by it and come back.
    [[nodiscard]] bool is_uplink_alive(std::uint32_t uplink) const;
    // Of the targets that reached the block by this uplink last, two thirds or more do not reach it
    // any more, at none of its addresses, for want of a route or for a null route.
    [[nodiscard]] bool is_interrupted(std::uint32_t uplink, std::uint32_t territory) const {
        return truth_[uplink * territories_.size() + territory].is_interrupted;
    }
    // Target networks that reach the block, by this uplink.
    [[nodiscard]] std::uint32_t reached_from(std::uint32_t uplink, std::uint32_t territory) const {
        return truth_[uplink * territories_.size() + territory].reached_from;
    }
    // From none of the target networks, by no uplink.
    [[nodiscard]] bool is_unreachable(std::uint32_t territory) const {
        for (std::uint32_t u = 0; u < uplinks_.size(); ++u)
            if (reached_from(u, territory) != 0)
                return false;
        return true;
    }
    [[nodiscard]] double inbound(std::uint32_t uplink, std::uint32_t territory) const {
        return rates_[uplink * territories_.size() + territory];
    }
    // Targets that are alive and reached the block by this uplink last: nobody else speaks about
    // it. That they lie in two networks is not looked at: of six that stand in three pairs, four
    // always do.
    [[nodiscard]] std::uint32_t speaking_targets(std::uint32_t uplink,
                                                 std::uint32_t territory) const;
    // How full the port is; above 1 the rest is lost.
    [[nodiscard]] double utilisation(std::uint32_t uplink) const {
        return uplinks_[uplink].utilisation;
    }

 private:
    static constexpr std::uint32_t everywhere = 0xffffffff;  // no beacon: any other address

    struct Uplink {
        Trouble trouble;
        std::vector<Nuisance> nuisances;  // by territory
        std::vector<BurstyLoss> out;      // by host
        std::vector<BurstyLoss> in;
        std::optional<BurstyLoss> shared;
        bool is_bursting = false;
        double utilisation = 0;
        double overflow = 0;
        double capacity = 0;  // bit/s
    };
    struct Truth {
        bool is_interrupted = false;
        std::uint32_t reached_from = 0;
    };
    // Where a packet ends up.
    struct Fate {
        bool arrives = false;
        std::uint32_t uplink = 0;  // it arrives by
        // It would, if nobody swallowed it.
        std::optional<std::uint32_t> wanted = {};
    };
    struct Whereabouts {
        enum class Kind : std::uint8_t { target, sentinel, beacon, control } kind = Kind::target;
        std::uint32_t index = 0;  // target, sentinel: as a host; beacon: in its territory
        std::uint32_t of = 0;     // beacon: territory; others: uplink
        Network network = 0;      // target, sentinel
    };

    void place_hosts();
    void place_targets();
    void watch_bursts(std::uint32_t uplink);
    [[nodiscard]] std::optional<std::uint32_t> led_to(Network from, std::uint32_t territory) const;
    [[nodiscard]] Fate walk(Network from, std::uint32_t territory, std::uint32_t beacon) const;
    [[nodiscard]] bool is_swallowed(const NullRoute& route, Network source, Network at,
                                    bool has_come_from_outside, std::uint32_t beacon) const;
    [[nodiscard]] bool crosses(const detour::probe::Send& probe, std::uint32_t u,
                               const Whereabouts& destination) const;
    [[nodiscard]] bool leaves(const detour::probe::Send& probe, const Whereabouts& source,
                              const Whereabouts& destination);
    [[nodiscard]] bool enters(const detour::probe::Send& probe, std::uint32_t uplink,
                              const Whereabouts& source, const Whereabouts& destination);
    [[nodiscard]] bool passes_port(Uplink& uplink, const detour::probe::Send& probe,
                                   std::uint64_t salt);
    void integrate();
    void find_rates();
    void find_truth();

    Agenda& agenda_;
    const detour::model::Config& config_;
    Dice dice_;
    double jitter_;
    Routes routes_;
    std::vector<Territory> territories_;
    std::unordered_map<detour::Address, Whereabouts> addresses_;
    std::vector<Host> targets_;
    std::vector<std::uint32_t> target_network_;      // by host: which of the three
    std::vector<std::vector<Duration>> round_trip_;  // by uplink, target network
    std::vector<Uplink> uplinks_;
    std::vector<NullRoute> null_routes_;
    std::uint64_t last_null_route_ = 0;
    std::vector<double> traffic_;  // by territory: from the whole world
    std::vector<double> rates_;    // by uplink, territory: what comes in
    std::vector<double> counted_;
    std::vector<Truth> truth_;
    std::vector<std::uint32_t> homes_;  // by target network, territory
    Instant integrated_;
    bool is_stale_ = true;
};

}  // namespace sim
