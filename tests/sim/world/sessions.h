// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The neighbours' side of BGP and the TCP between: connections that open, carry bytes in order
// after the circuit's delay, wait while the circuit is dead, are acknowledged, break, and end when
// a hold time passes. What neighbours hear goes into the world's routers.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "controlplane/bgp/events.h"
#include "tests/sim/world/internet.h"
#include "tests/sim/world/peer.h"

namespace sim {

class Sessions {
 public:
    Sessions(Agenda& agenda, const detour::model::Config& config, Internet& internet, Dice dice);

    // From the box's transport.
    void carry_out(const detour::bgp::Output& order);
    // detourd died: its kernel closes what it had open.
    void box_died();
    // Into the box.
    std::function<void(const detour::bgp::Input&)> give;

    // ---- faults
    void reset(std::uint32_t uplink);
    void refuse(std::uint32_t uplink, int change) { refusing_[uplink] += change; }
    void shut_down(std::uint32_t uplink);
    // The neighbour tells of a route to the prefix by this origin, or takes it back.
    void claim(std::uint32_t uplink, const detour::Prefix& prefix,
               std::optional<detour::AsNumber> origin);
    // Cease at the next prefix that was not announced before.
    void limit_prefixes(std::uint32_t uplink, bool is_limited) { is_limited_[uplink] = is_limited; }

    // ---- the truth
    struct Sight {
        bool is_established = false;
        const detour::bgp::PathAttributes* announced = nullptr;
    };
    // What the uplink's neighbour knows of the prefix.
    [[nodiscard]] Sight sight(std::uint32_t uplink, const detour::Prefix& prefix) const;
    // What a neighbour could not read.
    [[nodiscard]] std::string confusion() const;
    // Every UPDATE line heard: announced so, or withdrawn (null).
    std::function<void(std::uint32_t uplink, const detour::Prefix&,
                       const detour::bgp::PathAttributes*)>
        on_route;

 private:
    struct Row {
        std::uint32_t uplink = 0;
        detour::AsNumber asn;
        detour::Address address;
        std::vector<detour::Family> families;
        Duration hold{};
        std::unique_ptr<Peer> peer;
        std::optional<detour::bgp::ConnectionId> connection;
    };
    // To one side, in order.
    struct Segment {
        Instant ready;
        detour::Bytes bytes;
        std::uint64_t end = 0;  // to the neighbour: the stream's end behind it
        bool is_last = false;   // the connection ends
        std::string error;
    };
    struct Connection {
        std::size_t row = 0;
        bool is_open_at_box = true;
        bool is_open_at_peer = true;
        std::deque<Segment> to_peer;
        std::deque<Segment> to_box;
        bool is_pumping = false;
        Instant heard{};  // by the neighbour
    };

    // Of this life of the box: what was meant for an earlier one is dropped.
    void later(Duration delay, std::function<void()> deed);
    void open(const detour::bgp::Connect& order);
    void send(const detour::bgp::Send& order);
    void pump(detour::bgp::ConnectionId id);
    void schedule(detour::bgp::ConnectionId id, Duration delay);
    void at_peer(detour::bgp::ConnectionId id, Segment segment);
    void at_box(detour::bgp::ConnectionId id, Segment segment);
    void say(detour::bgp::ConnectionId id, detour::Bytes bytes);
    // The neighbour ends it, with these last words.
    void end(detour::bgp::ConnectionId id, detour::Bytes words, std::string error);
    void keep_alive(detour::bgp::ConnectionId id);
    void drop(detour::bgp::ConnectionId id);
    void heard_route(std::size_t row, const detour::Prefix& prefix,
                     const detour::bgp::PathAttributes* attributes);

    Agenda& agenda_;
    Internet& internet_;
    Dice dice_;
    std::vector<Row> rows_;
    std::map<detour::bgp::ConnectionId, Connection> connections_;
    std::vector<int> refusing_;
    std::vector<bool> is_limited_;
    std::optional<detour::bgp::ConnectionId> to_limit_;
    std::uint64_t life_ = 0;
};

}  // namespace sim
