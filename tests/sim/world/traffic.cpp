// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The world's traffic to our blocks, and the truth about it.
#include <algorithm>
#include <cmath>

#include "tests/sim/world/internet.h"

namespace sim {
namespace {

constexpr double packet_bytes = 500;
// Where traffic comes from: the target networks and the two transits, evenly.
constexpr std::uint32_t sources = target_networks + 2;

}  // namespace

// The traffic until now ran as it was.
void Internet::touch() {
    integrate();
    is_stale_ = true;
}

bool Internet::settle() {
    if (!is_stale_)
        return false;
    is_stale_ = false;
    find_rates();
    find_truth();
    return true;
}

void Internet::integrate() {
    const Instant now = agenda_.now();
    const double length = in_seconds(now - integrated_);
    if (length <= 0)
        return;
    integrated_ = now;
    for (std::size_t i = 0; i < rates_.size(); ++i)
        counted_[i] += rates_[i] * length;
}

void Internet::find_rates() {
    std::ranges::fill(rates_, 0);
    const Network first_transit = uplink_count();
    for (std::uint32_t t = 0; t < territories_.size(); ++t)
        for (std::uint32_t s = 0; s < sources; ++s) {
            const Network from = s < target_networks ? routes_.target_network(s)
                                                     : first_transit + s - target_networks;
            const Fate fate = walk(from, t, everywhere);
            if (fate.arrives && is_uplink_alive(fate.uplink))
                rates_[fate.uplink * territories_.size() + t] += traffic_[t] / sources;
        }
    for (std::uint32_t u = 0; u < uplinks_.size(); ++u) {
        Uplink& uplink = uplinks_[u];
        const Trouble& trouble = uplink.trouble;
        double bits = 0;
        for (std::uint32_t t = 0; t < territories_.size(); ++t) {
            double& rate = rates_[u * territories_.size() + t];
            const Nuisance& nuisance = uplink.nuisances[t];
            rate *= nuisance.scrubbed.value_or(1) * (1 - nuisance.loss) * (1 - trouble.loss) *
                    (1 - trouble.dead_members / 8.0);
            bits += rate * packet_bytes * 8;
        }
        uplink.utilisation = bits / uplink.capacity;
        uplink.overflow = std::max(0.0, 1 - 1 / std::max(uplink.utilisation, 1e-9));
        for (std::uint32_t t = 0; t < territories_.size(); ++t)
            rates_[u * territories_.size() + t] *= 1 - uplink.overflow;
    }
}

void Internet::find_truth() {
    for (std::uint32_t t = 0; t < territories_.size(); ++t) {
        std::vector<std::uint32_t> homed(uplinks_.size());
        std::vector<std::uint32_t> cut(uplinks_.size());
        std::vector<std::uint32_t> reached(uplinks_.size());
        for (std::uint32_t n = 0; n < target_networks; ++n) {
            std::uint32_t& home = homes_[n * territories_.size() + t];
            bool is_cut = true;
            for (std::uint32_t beacon = 0; beacon < territories_[t].beacons.size(); ++beacon) {
                const Fate fate = walk(routes_.target_network(n), t, beacon);
                if (fate.arrives)
                    home = fate.uplink;
                else if (fate.wanted)
                    home = *fate.wanted;
                is_cut &= !fate.arrives;
            }
            if (home >= uplinks_.size())
                continue;
            ++homed[home];
            ++(is_cut ? cut : reached)[home];
        }
        for (std::uint32_t u = 0; u < uplinks_.size(); ++u)
            truth_[u * territories_.size() + t] = {cut[u] != 0 && cut[u] * 3 >= homed[u] * 2,
                                                   reached[u]};
    }
}

// As a forwarding plane counts: whole packets, unevenly.
std::vector<detour::decision::Counters> Internet::count() {
    integrate();
    std::vector<detour::decision::Counters> result;
    result.reserve(rates_.size());
    for (std::uint32_t u = 0; u < uplinks_.size(); ++u)
        for (std::uint32_t t = 0; t < territories_.size(); ++t) {
            const auto packets = static_cast<std::uint64_t>(counted_[u * territories_.size() + t]);
            result.push_back({detour::UplinkId(static_cast<std::uint16_t>(u)),
                              territories_[t].block, packets, packets,
                              packets * static_cast<std::uint64_t>(packet_bytes)});
        }
    return result;
}

Weather weather_of(const Shape& shape, std::size_t territories, Mood mood, Dice dice) {
    const bool is_random = mood == Mood::random;
    using namespace std::chrono_literals;
    const bool is_near = shape.profile == detour::model::Profile::fast;
    Weather weather;
    weather.temper.travel = is_near ? 5ms : 50ms;
    weather.round_trip.resize(shape.uplinks);
    weather.loss.resize(shape.uplinks);
    for (std::uint32_t u = 0; u < shape.uplinks; ++u)
        for (std::uint32_t n = 0; n < target_networks; ++n) {
            const double plain = is_near ? 0.001 : 0.02;
            weather.round_trip[u].push_back(seconds(
                is_random ? dice.log_uniform(is_near ? 0.0005 : 0.004, is_near ? 0.004 : 0.25)
                          : plain));
            weather.loss[u].push_back(is_random ? dice.log_uniform(0.0001, 0.02) : 0);
        }
    for (std::size_t t = 0; t < territories; ++t)
        weather.traffic.push_back(is_random ? dice.log_uniform(is_near ? 300 : 60, 30'000) : 1000);
    if (is_random) {
        weather.depth = dice.uniform(0.4, 1);
        weather.jitter = dice.uniform(0.01, 0.15);
        weather.temper.mrai = is_near ? Duration{} : dice.chance(0.5) ? 5s : 30s;
        weather.temper.slow_withdrawal = is_near ? 200ms : dice.chance(0.5) ? 5s : 90s;
        weather.temper.ties = Routes::Temper::Ties::mixed;
    }
    return weather;
}

}  // namespace sim
