// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where an answer leads now: a path, a neighbour or a verdict becomes next hops, complete with the
// bytes to prepend. Pure: reads the copy of the kernel and the list of our devices. Nothing here is
// remembered; resolving again after any change is how next hops follow the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/fib/forwarding_state.h"
#include "dataplane/mirror/compose.h"
#include "dataplane/mirror/devices.h"
#include "dataplane/mirror/kernel_state.h"
#include "dataplane/mirror/rules.h"

namespace detour::mirror {

// Answers that need no route. Numbers of paths stand behind them.
enum class Fixed : std::uint8_t {
    none,
    blackhole,
    unreachable,
    prohibit,
    unsupported,
    local,      // addresses that are the kernel's whatever the tables say (fe80::/10)
    broadcast,  // multicast and the limited broadcast
    overflow,   // more distinct next hops than a leaf can name
    count_
};

[[nodiscard]] constexpr Value value_of(Fixed answer) {
    return static_cast<Value>(answer);
}
[[nodiscard]] constexpr Value value_of(PathId path) {
    return path.value + static_cast<Value>(Fixed::count_);
}
[[nodiscard]] constexpr std::optional<PathId> path_of(Value value) {
    if (value < static_cast<Value>(Fixed::count_))
        return std::nullopt;
    return PathId(value - static_cast<Value>(Fixed::count_));
}
[[nodiscard]] Value value_of(Verdict verdict);

// One next hop and whose neighbour entry it stands or falls with.
struct Resolved {
    fib::Adjacency adjacency;
    std::optional<NeighbourKey> neighbour;
    std::uint16_t weight = 1;
};

// One is the rule; several are a group; never none.
using Resolution = std::vector<Resolved>;

class Resolver {
 public:
    // Both must outlive it; valid for one state of the copy.
    Resolver(const KernelState& kernel, const Devices& devices);

    [[nodiscard]] Resolution resolve(Value value) const;
    // The answer for one host on a link of ours, whose route has no gateway.
    [[nodiscard]] Resolved resolve_host(const NeighbourKey& host, std::uint32_t route_mtu) const;
    // What a tunnel's packets leave by, and the neighbour behind which its far end is.
    [[nodiscard]] const Resolved& tunnel(fib::TunnelIndex index) const {
        return tunnels_[index.value];
    }

    // The port whose link an answer leads onto without a gateway: hosts there are next hops of
    // their own.
    [[nodiscard]] std::optional<InterfaceIndex> connected_link(Value value) const;

    // How a step sees a path: whether it can be an answer at all now, and the group of its first
    // device (suppress_ifgroup). A change of this is a change of every table that holds the path.
    struct Standing {
        bool is_usable = false;   // hops alive, nexthop object known
        bool is_waiting = false;  // names a nexthop object not seen yet
        bool is_error = false;    // blackhole and the like: never suppressed
        std::int64_t group = -1;
        bool is_mixed = false;  // not all its devices are of that group

        friend bool operator==(const Standing&, const Standing&) = default;
    };
    [[nodiscard]] Standing standing(PathId path) const;

 private:
    [[nodiscard]] Resolution resolve_path(const Path& path) const;
    void add_hop(Resolution& out, const Hop& hop, std::uint32_t mtu, unsigned weight) const;
    void add_nexthop(Resolution& out, NexthopId id, std::uint32_t mtu, unsigned weight) const;
    [[nodiscard]] Resolved resolve_hop(const Hop& hop, std::uint32_t route_mtu) const;
    [[nodiscard]] Resolved resolve_port(PortId port, const Link& link,
                                        const std::optional<Address>& next,
                                        std::uint32_t route_mtu) const;
    [[nodiscard]] Resolved resolve_tunnel(const TunnelDevice& tunnel) const;
    [[nodiscard]] std::optional<Address> endpoint_next_hop(const TunnelDevice& tunnel) const;
    [[nodiscard]] const Hop* only_hop(const Path& path) const;
    [[nodiscard]] std::vector<InterfaceIndex> devices_of(const Path& path) const;
    [[nodiscard]] std::optional<PortId> port_of(InterfaceIndex interface) const;
    [[nodiscard]] std::optional<fib::TunnelIndex> tunnel_of(InterfaceIndex interface) const;

    const KernelState* kernel_;
    const Devices* devices_;
    std::vector<Resolved> tunnels_;
};

}  // namespace detour::mirror
