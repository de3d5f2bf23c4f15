// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a worker needs to forward: one immutable snapshot of the kernel's forwarding state,
// compiled. The mirror builds a new one for each batch of kernel changes (parts that did not change
// are shared) and publishes it (fib/publisher.h); workers load the pointer once per burst and only
// read. No rte_ type, no lock, nothing that a unit test could not build.
//
// The way of a packet of one family that came in by an interface (design.md 2.1 compiled into one
// lookup in, two out):
//     leaf = destination[dst]                       local, IN or main without suppressed results
//     if (!leaf && source)   leaf = source[src]     the `from PREFIX` rules: the prefix set's next
//     hop if (!leaf && fallback) leaf = fallback[dst]   the rules behind them: B, main if (!leaf)
//     punt no-route adjacency = adjacencies[leaves[leaf].adjacency]
// Leaf 0 always means "no answer here, go on".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "dataplane/fib/address_set.h"
#include "dataplane/fib/table.h"
#include "dataplane/packet/reason.h"

namespace detour::fib {

// Tunnels count from 0 in the order of the configuration's gre uplinks.
using TunnelIndex = StrongId<struct TunnelIndexTag, std::uint16_t>;

inline constexpr std::uint16_t no_set = 0xffff;
inline constexpr std::uint16_t no_uplink = 0xffff;

enum class Verb : std::uint8_t {
    drop,     // reason is a packet::Drop
    punt,     // reason is a packet::Punt
    forward,  // prepend the Ethernet header, send on port
    tunnel,  // prepend Ethernet + outer IP + GRE, fix length, ident, DSCP/ECN and checksum, send on
             // port
    group,   // pick a member by the hash of the flow
};

// One next hop, complete: 128 bytes, the first line what every packet reads, the rest of the
// template behind it.
struct alignas(64) Adjacency {
    static constexpr std::size_t max_header_size = 104;

    Verb verb = Verb::drop;
    std::uint8_t reason = static_cast<std::uint8_t>(packet::Drop::no_route);
    std::uint8_t header_size = 0;      // bytes of `header` to put before the IP packet
    std::uint8_t outer_offset = 0;     // tunnel: where the outer IP header starts in `header`
    std::uint16_t port = 0;            // PortId of the egress port (forward, tunnel, unresolved)
    std::uint16_t mtu = 0;             // largest IP packet accepted (forward, tunnel)
    std::uint16_t uplink = no_uplink;  // UplinkId when the device belongs to one
    std::uint16_t tunnel = 0;          // TunnelIndex (tunnel)
    std::uint16_t checksum =
        0;  // tunnel over IPv4: sum of the outer header with length, ident, DSCP/ECN and checksum 0
    std::uint16_t group = 0;  // first of `group_size` buckets in ForwardingState::buckets
    std::uint16_t group_size = 0;
    std::uint8_t options = 0;  // tunnel: packet::gre_option; 0 is the plain form
    std::uint8_t dscp = 0;     // tunnel: with gre_option::fixed_dscp
    std::uint16_t mss = 0;     // tunnel: largest TCP segment size let through, if the MTU holds it;
                               // 0: not looked at
    std::array<std::uint8_t, 2> reserved{};
    std::array<std::uint8_t, max_header_size> header{};

    friend bool operator==(const Adjacency&, const Adjacency&) = default;
};
static_assert(sizeof(Adjacency) == 128);

// What a table's entry means now. A next hop that moves changes the leaf's adjacency, not the
// table.
struct Leaf {
    std::uint16_t adjacency = 0;
    std::uint16_t set =
        no_set;  // PrefixSetId of the prefix that was looked up, for the passive counters

    friend bool operator==(const Leaf&, const Leaf&) = default;
};

// The compiled rules of one interface and family; a null table is a step that does not exist.
struct Program {
    std::shared_ptr<const Table> destination;
    std::shared_ptr<const Table> source;
    std::shared_ptr<const Table> fallback;

    // The three steps above, of addresses as they lie in the header.
    [[nodiscard]] LeafIndex look_up(const std::uint8_t* destination_address,
                                    const std::uint8_t* source_address) const {
        LeafIndex leaf = no_leaf;
        if (destination != nullptr)
            leaf = destination->lookup(destination_address);
        if (leaf == no_leaf && source != nullptr)
            leaf = source->lookup(source_address);
        if (leaf == no_leaf && fallback != nullptr)
            leaf = fallback->lookup(destination_address);
        return leaf;
    }

    friend bool operator==(const Program&, const Program&) = default;  // the same tables
};

// RFC 3704: whether a packet's source must be reached by some route (2.4), or by the port that it
// came in by (2.2).
enum class SourceCheck : std::uint8_t { off, loose, strict };

// An interface packets come in by: a port (its frames) or a tunnel (decapsulated packets).
struct Ingress {
    std::array<Program, 2> programs;  // by Family
    std::uint16_t uplink = no_uplink;
    std::array<std::uint8_t, 6> mac{};  // ports: the twin's, which is the port's
    bool is_up = false;        // administratively up and with carrier, as the kernel sees it
    InterfaceIndex interface;  // the twin
    SourceCheck source_check = SourceCheck::off;  // ports
    std::array<Program, 2> reverse;  // with a source check: how the box answers, by Family

    friend bool operator==(const Ingress&, const Ingress&) = default;
};

// How to recognise a tunnel's packets and how to send into it.
struct Tunnel {
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;
    std::uint16_t adjacency =
        0;  // of packets that leave by it (drop tunnel_unresolved while it has no next hop)

    friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

struct ForwardingState {
    std::uint64_t generation = 0;
    std::vector<Ingress> ports;    // by PortId
    std::vector<Ingress> tunnels;  // by TunnelIndex
    std::vector<Tunnel> tunnel_ends;
    std::vector<Leaf> leaves;  // [0] is "no answer"
    std::vector<Adjacency> adjacencies;
    std::vector<std::uint16_t> buckets;  // adjacency indices of groups, weighted
    AddressSet own;                      // that no packet may come from, the next among them
    AddressSet broadcasts;               // of our links
    AddressSet peers;  // BGP neighbours, whose sessions have a budget of their own
};

}  // namespace detour::fib
