// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The copy of the kernel -> what workers look up (fib/forwarding_state.h). Pure: no sockets, no
// clock. Incremental by sharing: a route that changed is an edit of the lookup tables that the
// kernel table behind it is part of (many at once: they are composed anew); a next hop or neighbour
// that changes touches leaves and adjacencies alone, however many prefixes lead there; a new host
// on a LAN is one entry more.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "dataplane/fib/forwarding_state.h"
#include "dataplane/mirror/compose.h"
#include "dataplane/mirror/devices.h"
#include "dataplane/mirror/kernel_state.h"
#include "dataplane/mirror/leaves.h"
#include "dataplane/mirror/resolve.h"
#include "dataplane/mirror/rules.h"

namespace detour::mirror {

// A neighbour that the fast path sends to or waits for.
struct NeighbourUse {
    bool is_gateway = false;      // of routes or of a tunnel's far end; else a host on a link
    std::uint16_t adjacency = 0;  // of the published snapshot; 0 while unresolved
    bool is_tunnel_end = false;   // packets wait for it without telling the kernel

    friend bool operator==(const NeighbourUse&, const NeighbourUse&) = default;
};

struct Compiled {
    std::size_t leaves = 0;
    std::size_t adjacencies = 0;
    std::size_t tables = 0;
    std::size_t table_bytes = 0;
    std::size_t unsupported_rules = 0;
    std::size_t waiting_routes = 0;
    std::size_t composed = 0;  // tables composed from nothing by the last compile()
    std::size_t edited = 0;    // tables edited by it
};

class Compiler {
 public:
    // `kernel` must outlive it, and is the only one it is used with.
    Compiler(KernelState& kernel, Devices devices);

    // A snapshot of everything as it is now, or null when it would equal the last one.
    [[nodiscard]] std::unique_ptr<const fib::ForwardingState> compile();

    // The same interfaces with other prefixes, ends or uplinks: every table is composed anew by the
    // next compile().
    void change_devices(Devices devices);

    [[nodiscard]] const Compiled& compiled() const { return compiled_; }
    [[nodiscard]] const std::map<NeighbourKey, NeighbourUse>& neighbour_uses() const {
        return uses_;
    }
    [[nodiscard]] const Devices& devices() const { return devices_; }

 private:
    // What a lookup table is made from; equal recipes share the table.
    struct Recipe {
        Family family = Family::ipv4;
        std::vector<Step> steps;          // by destination
        std::vector<SourceStep> sources;  // or by source

        friend auto operator<=>(const Recipe&, const Recipe&) = default;
    };
    struct Dish {
        std::shared_ptr<const fib::Table> table;
        std::set<fib::LeafIndex> leaves;  // that the table names, and some that it did
        // Neighbours that stand in the table as hosts, over the leaf of their connected route.
        struct Host {
            fib::LeafIndex covering = fib::no_leaf;
            fib::LeafIndex leaf = fib::no_leaf;
        };
        std::map<Address, Host> hosts;
        bool is_wanted = false;
    };
    struct Seen {
        std::uint64_t serial = 0;  // of the path
        Resolver::Standing standing;
    };
    struct Served {
        Recipe destination;
        Recipe source;
        Recipe fallback;
    };

    void sort_tags();
    void plan_ingresses();
    Served serve(Family family, std::string_view input);
    [[nodiscard]] bool has_standing_changed(const Resolver& resolver);
    // The parts of a table that changes concern, none within another; nothing when it is as well
    // composed anew.
    [[nodiscard]] std::optional<std::vector<Prefix>> stale_parts(const Recipe& recipe,
                                                                 const Changes& changes) const;
    void cook(const Recipe& recipe, Dish& dish);
    [[nodiscard]] bool touch_up(const Recipe& recipe, Dish& dish, std::span<const Prefix> parts);
    [[nodiscard]] std::vector<Composed> compose_part(const Recipe& recipe,
                                                     const Prefix& part) const;
    [[nodiscard]] std::vector<fib::Entry> entries(Dish& dish, std::span<const Composed> composed);
    [[nodiscard]] Layer layer(const Prefix& part, const Step& step) const;
    [[nodiscard]] std::optional<Value> value_at(RouteTable::Map::const_iterator& at,
                                                const RouteTable::Map& routes,
                                                const Step& step) const;
    [[nodiscard]] std::optional<Value> answer(const RouteTable::Routes& routes, const Step& step,
                                              const Prefix& prefix) const;
    [[nodiscard]] Value source_answer(Family family, const Step& step) const;
    void place_hosts(const Recipe& recipe, Dish& dish, const Resolver& resolver);
    void free_unused_leaves();
    void point_leaves(fib::ForwardingState& state, const Resolver& resolver);
    std::uint16_t point(const Resolution& resolution, std::uint16_t hint);
    void note_use(const Resolved& resolved, std::uint16_t adjacency, const LeafKey& key);
    void store_ingresses(fib::ForwardingState& state, const Resolver& resolver);
    [[nodiscard]] fib::Ingress ingress(std::size_t index, InterfaceIndex interface,
                                       std::uint16_t uplink) const;
    [[nodiscard]] fib::Program program(const Served& served) const;
    void store_own_addresses(fib::ForwardingState& state) const;
    void count();

    KernelState* kernel_;
    Devices devices_;
    std::array<std::vector<Tag>, 2> tags_;  // by Family, in order
    Leaves leaves_;
    Adjacencies adjacencies_;
    std::map<Recipe, Dish> dishes_;
    std::vector<std::array<Served, 2>> served_;  // ports, then tunnels; by Family
    std::array<Served, 2> own_;    // what the box itself sends, if a port wants to know
    std::vector<Seen> standings_;  // by PathId, as of the last compile()
    std::vector<std::uint16_t> leaf_adjacency_;  // by LeafIndex, of the last snapshot
    std::map<NeighbourKey, NeighbourUse> uses_;
    fib::ForwardingState last_;
    bool is_first_ = true;
    bool has_new_devices_ = false;
    Compiled compiled_;
};

}  // namespace detour::mirror
