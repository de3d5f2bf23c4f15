// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/path_mtus.h"

#include <algorithm>

#include "dataplane/engine/log.h"
#include "dataplane/engine/tunnel_roster.h"

namespace detour::engine {
namespace {

// RFC 8200 5: below this the kernel takes IPv6 off the interface.
constexpr std::uint16_t least_ipv6_mtu = 1280;
// RFC 791: what every host must be able to receive.
constexpr std::uint16_t least_ipv4_mtu = 576;

std::uint16_t floor_of(const model::Uplink& uplink) {
    const bool has_ipv6 = std::ranges::any_of(uplink.inner, [](const InterfaceAddress& own) {
        return own.address.family() == Family::ipv6;
    });
    return has_ipv6 ? least_ipv6_mtu : least_ipv4_mtu;
}

}  // namespace

PathMtus::PathMtus(const model::Config& config, std::span<const model::Uplink* const> tunnels,
                   std::span<Twin> twins, const Fabric& fabric, Instant now)
    : tunnels_(tunnels), twins_(twins), fabric_(fabric) {
    for (std::size_t i = 0; i < tunnels.size(); ++i) {
        const std::uint16_t overhead = tunnels[i]->underlay->overhead();
        paths_.push_back({PathMtu({.configured = config.mtu(*tunnels[i]),
                                   .overhead = overhead,
                                   .floor = floor_of(*tunnels[i])})});
        paths_.back().heard.resize(fabric.workers().size());
        if (const auto mtu = twins[i].mtu())
            paths_.back().mtu.hear(now, static_cast<std::uint16_t>(*mtu + overhead));
    }
}

std::optional<Instant> PathMtus::next_deadline() const {
    std::optional<Instant> next;
    for (const Path& path : paths_)
        if (const auto deadline = path.mtu.deadline(); deadline && (!next || *deadline < *next))
            next = deadline;
    return next;
}

void PathMtus::look(Instant now) {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        Path& path = paths_[i];
        const std::uint16_t before = path.mtu.mtu();
        for (std::size_t w = 0; w < path.heard.size(); ++w) {
            const node::PathReport& report = fabric_.workers()[w]->counters().path_mtus[i];
            const std::uint64_t count = report.count();
            if (std::exchange(path.heard[w], count) != count)
                path.mtu.hear(now, report.last());
        }
        path.mtu.on_time(now);
        const std::uint16_t mtu = path.mtu.mtu();
        if (mtu == before)
            continue;
        if (const auto set = twins_[i].set_mtu(mtu); !set)
            say("{}", set.error().message);
        else
            say("tunnel {}: the path's MTU is {}, was {}", tunnels_[i]->name, mtu, before);
    }
}

}  // namespace detour::engine
