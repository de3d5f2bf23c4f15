// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The world's routers, one a network: each keeps what its neighbours told it of our prefixes,
// chooses by best path (customer before peer before provider, then the shorter AS path, then the
// lower neighbour) and tells the others, to customers everything, to the rest what customers told
// it. Announcements wait for the neighbour's MRAI, withdrawals for a delay of their own, so that a
// fresh announcement travels in seconds and a withdrawal may take minutes.
//
//            transit-a ----------------- transit-b
//           /    |    \                 /    |
//     provider  as1   as2           as3   partner      as1..as3: where the targets stand
//           \____________ box ___________/
//
// Networks are numbered: the uplinks' own first, then the two transits, then the targets'.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/world/agenda.h"
#include "tests/sim/world/dice.h"
#include "tests/sim/world/shape.h"

namespace sim {

using Network = std::uint32_t;

inline constexpr std::uint32_t target_networks = 3;

// What a network knows of one of our prefixes from one neighbour.
struct Route {
    std::vector<detour::AsNumber> path;
    bool is_graceful_shutdown = false;
    bool is_no_export = false;
    bool is_for_customers = false;  // the canary community

    friend bool operator==(const Route&, const Route&) = default;
};

class Routes {
 public:
    struct Temper {
        Duration travel{};           // of a message between two networks, at least
        Duration mrai{};             // between announcements to a neighbour, at most
        Duration slow_withdrawal{};  // at most
        enum class Ties : std::uint8_t { plain, mixed } ties = Ties::plain;  // customers' homes
    };

    Routes(Agenda& agenda, Dice dice, const Shape& shape, std::uint32_t prefixes, Temper temper);

    // From the box by one of its uplinks: announced so, or withdrawn.
    void hear_box(std::uint32_t uplink, std::uint32_t prefix, std::optional<Route> route);

    // Where a network sends packets for the prefix: to a neighbour, to the box, or nowhere.
    struct Way {
        enum class To : std::uint8_t { nowhere, box, network } to = To::nowhere;
        Network network = 0;
    };
    [[nodiscard]] const Way& way(Network from, std::uint32_t prefix) const {
        return nodes_[from].tables[prefix].way;
    }
    [[nodiscard]] Network network_count() const { return static_cast<Network>(nodes_.size()); }
    [[nodiscard]] Network target_network(std::uint32_t index) const { return uplinks_ + 2 + index; }
    [[nodiscard]] std::optional<Network> find(const std::string& name) const;
    // How an uplink's network reaches the world: what it tells the box of its default route.
    [[nodiscard]] std::vector<detour::AsNumber> path_to_world(std::uint32_t uplink) const;

    // Faults. A network that is stuck hears no withdrawals; one that strips forgets communities;
    // a preference makes a network send by this neighbour whatever the path.
    void set_stuck(Network network, bool is_stuck);
    void set_stripping(Network network, bool is_stripping);
    void prefer(Network network, std::optional<Network> neighbour);

    // Called whenever some way has changed.
    std::function<void()> on_change;

 private:
    enum class Kin : std::uint8_t { customer, peer, provider };  // what the neighbour is to me
    struct Neighbour {
        Network network = 0;
        Kin kin = Kin::peer;
        std::vector<std::optional<Route>> heard;  // by prefix
        std::vector<std::optional<Route>> told;   // by prefix: what was sent last
        std::vector<bool> is_due;                 // by prefix: something waits for MRAI
        Instant quiet_until{};
    };
    struct Table {
        Way way;
        const Route* best = nullptr;
        Kin kin = Kin::customer;
    };
    struct Node {
        std::string name;
        detour::AsNumber asn;
        Duration mrai{};
        std::vector<Neighbour> neighbours;
        std::vector<std::optional<Route>> box;  // by prefix; uplinks' networks only
        std::vector<Table> tables;              // by prefix
        bool is_stuck = false;
        bool is_stripping = false;
        std::optional<Network> preferred;
    };

    void add(std::string name, std::uint32_t asn);
    // `low` is a customer of `high`.
    void connect_customer(Network low, Network high);
    void connect_peers(Network one, Network other);
    void link(Network from, Network to, Kin kin);
    void choose(Network network, std::uint32_t prefix);
    [[nodiscard]] std::optional<Route> exported(const Node& node, const Neighbour& to,
                                                std::uint32_t prefix) const;
    void tell(Network from, std::size_t neighbour, std::uint32_t prefix);
    void hear(Network at, Network from, std::uint32_t prefix, std::optional<Route> route);
    [[nodiscard]] static int rank(const Route& route, Kin kin);
    [[nodiscard]] static int rank(const Node& node, const Neighbour& neighbour, const Route& route);

    Agenda& agenda_;
    Dice dice_;
    std::uint32_t uplinks_;
    std::uint32_t prefixes_;
    Temper temper_;
    std::vector<Node> nodes_;
};

}  // namespace sim
