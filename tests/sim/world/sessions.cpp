// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/world/sessions.h"

#include <algorithm>
#include <utility>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/update.h"

namespace sim {

namespace bgp = detour::bgp;
using namespace std::chrono_literals;
using detour::Bytes;
using detour::Family;

namespace {

constexpr Duration circuit = 1ms;  // one way, over the cross-connect or to the provider's edge
constexpr Duration retransmission = 500ms;

std::vector<Family> families_of(const detour::model::Config& config,
                                const detour::model::Uplink& uplink,
                                const detour::Address& address) {
    // A session a family where the neighbour has an address of each, else one for both.
    if (uplink.bgp->peers.size() > 1)
        return {address.family()};
    std::vector<Family> result;
    for (const Family family : detour::families)
        if (config.link_address(uplink.id, family))
            result.push_back(family);
    return result;
}

}  // namespace

Sessions::Sessions(Agenda& agenda, const detour::model::Config& config, Internet& internet,
                   Dice dice)
    : agenda_(agenda),
      internet_(internet),
      dice_(dice),
      refusing_(config.uplinks.size()),
      is_limited_(config.uplinks.size()) {
    for (const auto& uplink : config.uplinks)
        for (const detour::Address& address : uplink.bgp->peers) {
            Row row;
            row.uplink = uplink.id.value;
            row.asn = uplink.bgp->asn;
            row.address = address;
            row.families = families_of(config, uplink, address);
            row.hold = uplink.bgp->hold;
            const auto router_id = detour::Address::ipv4(0xc0000201U + uplink.id.value * 16U);
            row.peer = std::make_unique<Peer>(
                ordinary_speech(uplink.bgp->asn, router_id, row.families, row.hold,
                                internet.routes().path_to_world(uplink.id.value), address));
            const std::size_t index = rows_.size();
            row.peer->on_route = [this, index](const detour::Prefix& prefix,
                                               const bgp::PathAttributes* attributes) {
                heard_route(index, prefix, attributes);
            };
            rows_.push_back(std::move(row));
        }
}

void Sessions::heard_route(std::size_t index, const detour::Prefix& prefix,
                           const bgp::PathAttributes* attributes) {
    const Row& row = rows_[index];
    if (on_route && row.connection)
        on_route(row.uplink, prefix, attributes);
    const auto territory = internet_.territory_of(prefix);
    if (!territory)
        return;
    if (attributes == nullptr)
        return internet_.routes().hear_box(row.uplink, *territory, std::nullopt);
    if (is_limited_[row.uplink] && row.connection)
        to_limit_ = row.connection;
    Route route;
    for (const auto& segment : attributes->as_path.segments)
        route.path.insert(route.path.end(), segment.numbers.begin(), segment.numbers.end());
    for (const bgp::Community community : attributes->communities) {
        route.is_graceful_shutdown |= community == bgp::graceful_shutdown;
        route.is_no_export |= community == bgp::no_export;
        route.is_for_customers |= community == bgp::Community(64496U << 16 | 990U);
    }
    internet_.routes().hear_box(row.uplink, *territory, std::move(route));
}

void Sessions::carry_out(const bgp::Output& order) {
    if (const auto* connect = std::get_if<bgp::Connect>(&order))
        return open(*connect);
    if (const auto* send_order = std::get_if<bgp::Send>(&order))
        return send(*send_order);
    if (const auto* close = std::get_if<bgp::Close>(&order)) {
        const auto found = connections_.find(close->connection);
        if (found == connections_.end())
            return;
        found->second.is_open_at_box = false;
        found->second.to_peer.push_back({agenda_.now() + circuit, {}, 0, true, {}});
        schedule(close->connection, circuit);
    }
}

void Sessions::open(const bgp::Connect& order) {
    const auto row = std::ranges::find(rows_, order.transport.remote, &Row::address);
    const auto index = static_cast<std::size_t>(row - rows_.begin());
    connections_[order.connection].row = index;
    later(2 * circuit, [this, id = order.connection, index] {
        const auto found = connections_.find(id);
        if (found == connections_.end())
            return;
        Row& at = rows_[index];
        if (!found->second.is_open_at_box)
            return drop(id);
        const auto fail = [this, id](const char* error) {
            drop(id);
            give(bgp::ConnectFailed{id, error});
        };
        if (!internet_.is_circuit_alive(at.uplink)) {
            later(2s, [id, fail, this] {
                if (connections_.contains(id))
                    fail("timed out");
            });
            return;
        }
        if (refusing_[at.uplink] > 0 || at.connection)
            return fail("connection refused");
        at.connection = id;
        at.peer->forget();
        found->second.heard = agenda_.now();
        keep_alive(id);
        give(bgp::Connected{id});
    });
}

void Sessions::send(const bgp::Send& order) {
    const auto found = connections_.find(order.connection);
    if (found == connections_.end())
        return;
    found->second.to_peer.push_back({agenda_.now() + circuit, order.bytes, order.end, false, {}});
    schedule(order.connection, circuit);
}

void Sessions::say(bgp::ConnectionId id, Bytes bytes) {
    if (bytes.empty())
        return;
    const auto found = connections_.find(id);
    if (found == connections_.end())
        return;
    found->second.to_box.push_back({agenda_.now() + circuit, std::move(bytes), 0, false, {}});
    schedule(id, circuit);
}

void Sessions::schedule(bgp::ConnectionId id, Duration delay) {
    Connection& connection = connections_.at(id);
    if (std::exchange(connection.is_pumping, true))
        return;
    later(delay, [this, id] { pump(id); });
}

// Moves what is ready to where it goes; while the circuit is dead nothing moves.
void Sessions::pump(bgp::ConnectionId id) {
    const auto find = [&] { return connections_.find(id); };
    auto found = find();
    if (found == connections_.end())
        return;
    found->second.is_pumping = false;
    if (!internet_.is_circuit_alive(rows_[found->second.row].uplink))
        return schedule(id, retransmission);
    const Instant now = agenda_.now();
    for (;;) {
        found = find();
        if (found == connections_.end())
            return;
        auto& to_peer = found->second.to_peer;
        auto& to_box = found->second.to_box;
        if (!to_peer.empty() && to_peer.front().ready <= now) {
            Segment segment = std::move(to_peer.front());
            to_peer.pop_front();
            at_peer(id, std::move(segment));
        } else if (!to_box.empty() && to_box.front().ready <= now) {
            Segment segment = std::move(to_box.front());
            to_box.pop_front();
            at_box(id, std::move(segment));
        } else {
            break;
        }
    }
    Instant next = Instant::max();
    for (const auto* queue : {&found->second.to_peer, &found->second.to_box})
        if (!queue->empty())
            next = std::min(next, queue->front().ready);
    if (next != Instant::max())
        schedule(id, next - now);
}

void Sessions::at_peer(bgp::ConnectionId id, Segment segment) {
    Connection& connection = connections_.at(id);
    Row& row = rows_[connection.row];
    if (segment.is_last) {
        if (connection.is_open_at_peer && row.connection == id) {
            row.peer->forget();
            row.connection.reset();
        }
        return drop(id);
    }
    if (!connection.is_open_at_peer)
        return;  // answered with a reset, which is on its way already
    connection.heard = agenda_.now();
    Bytes answer = row.peer->hear(segment.bytes);
    connection.to_box.push_back({agenda_.now() + circuit, {}, segment.end, false, {}});
    schedule(id, circuit);
    if (row.peer->has_been_told_goodbye())
        return end(id, {}, "");
    say(id, std::move(answer));
    if (std::exchange(to_limit_, {}) == id) {
        is_limited_[row.uplink] = false;
        end(id, bgp::encode(bgp::Notification(bgp::CeaseReason::max_prefixes)), "");
    }
}

void Sessions::at_box(bgp::ConnectionId id, Segment segment) {
    if (!connections_.at(id).is_open_at_box)
        return;
    if (segment.is_last) {
        connections_.erase(id);
        return give(bgp::Closed{id, segment.error});
    }
    if (segment.end != 0)
        return give(bgp::StreamProgress{id, segment.end, segment.end});
    give(bgp::Received{id, segment.bytes});
}

void Sessions::drop(bgp::ConnectionId id) {
    connections_.erase(id);
}

void Sessions::end(bgp::ConnectionId id, Bytes words, std::string error) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.is_open_at_peer)
        return;
    say(id, std::move(words));
    found->second.is_open_at_peer = false;
    found->second.to_box.push_back({agenda_.now() + circuit, {}, 0, true, std::move(error)});
    schedule(id, circuit);
    Row& row = rows_[found->second.row];
    row.connection.reset();
    row.peer->forget();
}

// The neighbour's timers: a KEEPALIVE each third of the hold time, and the end of its patience.
void Sessions::keep_alive(bgp::ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.is_open_at_peer)
        return;
    const Row& row = rows_[found->second.row];
    if (agenda_.now() - found->second.heard >= row.hold)
        return end(id, bgp::encode(bgp::Notification(bgp::ErrorCode::hold_timer_expired, 0)), "");
    if (row.peer->is_established())
        say(id, bgp::encode_keepalive());
    later(row.hold / 3 - dice_.between({}, row.hold / 30), [this, id] { keep_alive(id); });
}

// The kernel resets what the process had open. The next process counts its connections anew.
void Sessions::box_died() {
    ++life_;
    connections_.clear();
    to_limit_.reset();
    for (Row& row : rows_) {
        row.connection.reset();
        row.peer->forget();
    }
}

void Sessions::later(Duration delay, std::function<void()> deed) {
    agenda_.after(delay, [this, life = life_, deed = std::move(deed)] {
        if (life == life_)
            deed();
    });
}

void Sessions::reset(std::uint32_t uplink) {
    for (Row& row : rows_)
        if (row.uplink == uplink && row.connection)
            end(*row.connection, {}, "connection reset by peer");
}

void Sessions::claim(std::uint32_t uplink, const detour::Prefix& prefix,
                     std::optional<detour::AsNumber> origin) {
    for (const Row& row : rows_) {
        if (row.uplink != uplink || !row.connection || row.address.family() != prefix.family())
            continue;
        Bytes bytes;
        if (origin) {
            bgp::PathAttributes attributes;
            attributes.as_path.segments = {{bgp::AsSegment::Kind::sequence, {row.asn, *origin}}};
            attributes.next_hop = row.address;
            (void)bgp::encode_announcement(bytes, attributes, {&prefix, 1}, {});
        } else {
            (void)bgp::encode_withdrawal(bytes, {&prefix, 1}, {});
        }
        say(*row.connection, std::move(bytes));
    }
}

void Sessions::shut_down(std::uint32_t uplink) {
    for (Row& row : rows_)
        if (row.uplink == uplink && row.connection)
            end(*row.connection,
                bgp::encode(bgp::Notification::shutdown(bgp::CeaseReason::administrative_shutdown,
                                                        "maintenance")),
                "");
}

Sessions::Sight Sessions::sight(std::uint32_t uplink, const detour::Prefix& prefix) const {
    for (const Row& row : rows_) {
        if (row.uplink != uplink ||
            std::ranges::find(row.families, prefix.family()) == row.families.end())
            continue;
        const auto found = row.peer->table().find(prefix);
        return {row.connection && row.peer->is_established(),
                found == row.peer->table().end() ? nullptr : &found->second};
    }
    return {};
}

std::string Sessions::confusion() const {
    for (const Row& row : rows_)
        if (!row.peer->confusion().empty())
            return row.peer->confusion();
    return {};
}

}  // namespace sim
