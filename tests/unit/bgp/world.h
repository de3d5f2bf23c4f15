// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Speakers joined by virtual TCP in virtual time: what one sends the other hears after a delay, cut
// into pieces of a chosen size, and acknowledges; a cable can be pulled. And a scripted peer, whose
// bytes a test writes by hand.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/bgp/speaker.h"
#include "controlplane/bgp/wire/framer.h"
#include "controlplane/bgp/wire/open.h"
#include "tests/unit/bgp/wire.h"

namespace detour::bgp::test {

// One speaker and what it has said.
class Node {
 public:
    explicit Node(double jitter = 1.0) : speaker([jitter] { return jitter; }) {}

    template <class Kind>
    [[nodiscard]] std::vector<Kind> all() const {
        std::vector<Kind> found;
        for (const Output& output : said)
            if (const auto* kind = std::get_if<Kind>(&output))
                found.push_back(*kind);
        return found;
    }
    // The states it went through.
    [[nodiscard]] std::string states() const {
        std::string text;
        for (const auto& change : all<StateChanged>())
            text += (text.empty() ? "" : " ") + std::string(to_string(change.to));
        return text;
    }
    [[nodiscard]] PeerView view(PeerId id = PeerId(0)) const { return *speaker.peer(id); }

    Speaker speaker;
    std::vector<Output> said;
};

class World {
 public:
    Duration delay = std::chrono::milliseconds(1);
    std::size_t chunk = 1 << 20;  // bytes that arrive together
    bool is_cut = false;          // nothing arrives any more, and nobody is told
    bool refuses_calls = false;
    bool acknowledges = true;

    Instant now{};
    Node left;
    Node right;

    void configure(Node& node, const SpeakerConfig& config) {
        carry_out(node, node.speaker.configure(now, config));
    }
    void give(Node& node, const Input& input) { carry_out(node, node.speaker.handle(now, input)); }
    void run(Duration time) {
        const Instant end = now + time;
        while (true) {
            std::optional<Instant> next;
            const auto consider = [&](std::optional<Instant> at) {
                if (at && *at <= end && (!next || *at < *next))
                    next = at;
            };
            if (!events_.empty())
                consider(events_.begin()->first);
            consider(left.speaker.next_deadline());
            consider(right.speaker.next_deadline());
            if (!next)
                break;
            now = std::max(now, *next);
            if (!events_.empty() && events_.begin()->first <= now) {
                const auto act = std::move(events_.begin()->second);
                events_.erase(events_.begin());
                act();
            }
            for (Node* node : {&left, &right})
                if (const auto due = node->speaker.next_deadline(); due && *due <= now)
                    give(*node, Tick{});
        }
        now = end;
    }
    // Every connection breaks and both sides notice.
    void break_connections() {
        for (auto& [key, end] : std::exchange(ends_, {}))
            give(*end.node, Closed{key.second, "connection reset"});
    }

 private:
    using Key = std::pair<const Node*, ConnectionId>;
    struct End {
        Node* node = nullptr;
        Key peer;
        std::uint64_t heard = 0;
    };

    Node& other(const Node& node) { return &node == &left ? right : left; }
    void later(Duration after, std::function<void()> act) {
        events_.emplace(now + after, std::move(act));
    }

    void carry_out(Node& node, Outputs outputs) {
        for (Output& output : outputs) {
            if (const auto* listen = std::get_if<Listen>(&output))
                listening_[{&node, listen->peer}] = listen->transport;
            else if (const auto* stop = std::get_if<StopListening>(&output))
                listening_.erase({&node, stop->peer});
            else if (const auto* connect = std::get_if<Connect>(&output))
                later(delay, [this, &node, call = *connect] { answer(node, call); });
            else if (const auto* send = std::get_if<Send>(&output))
                deliver(node, *send);
            else if (const auto* close = std::get_if<Close>(&output))
                close_end({&node, close->connection});
            node.said.push_back(std::move(output));
        }
    }

    void answer(Node& caller, const Connect& call) {
        Node& called = other(caller);
        bool is_heard = false;
        for (const auto& [key, transport] : listening_)
            is_heard =
                is_heard || (key.first == &called && transport.local == call.transport.remote &&
                             transport.remote == call.transport.local);
        if (is_cut)
            return;
        if (!is_heard || refuses_calls || abandoned_.contains({&caller, call.connection}))
            return give(caller, ConnectFailed{call.connection, "connection refused"});
        const ConnectionId accepted{ConnectionId::Origin::accepted, next_accepted_++};
        const Key here{&caller, call.connection};
        const Key there{&called, accepted};
        ends_[here] = {&caller, there, 0};
        ends_[there] = {&called, here, 0};
        give(called, Accepted{accepted, call.transport.remote, call.transport.local});
        give(caller, Connected{call.connection});
    }

    void deliver(Node& sender, const Send& send) {
        const auto end = ends_.find({&sender, send.connection});
        if (end == ends_.end())
            return;
        later(Duration::zero(), [this, &sender, send] {
            if (acknowledges)
                give(sender, StreamProgress{send.connection, send.end, 0});
        });
        if (is_cut)
            return;
        const Key there = end->second.peer;
        for (std::size_t at = 0; at < send.bytes.size(); at += chunk) {
            const std::size_t size = std::min(chunk, send.bytes.size() - at);
            Bytes piece(send.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                        send.bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
            later(delay, [this, there, piece = std::move(piece)] {
                if (const auto found = ends_.find(there); found != ends_.end() && !is_cut)
                    give(*found->second.node, Received{there.second, piece});
            });
        }
        later(2 * delay, [this, &sender, send] {
            if (acknowledges && !is_cut && ends_.contains({&sender, send.connection}))
                give(sender, StreamProgress{send.connection, send.end, send.end});
        });
    }

    void close_end(const Key& key) {
        const auto end = ends_.find(key);
        if (end == ends_.end()) {
            abandoned_[key] = true;
            return;
        }
        const Key there = end->second.peer;
        ends_.erase(end);
        // Behind what was sent before.
        later(delay, [this, there] {
            const auto found = ends_.find(there);
            if (found == ends_.end() || is_cut)
                return;
            Node& node = *found->second.node;
            ends_.erase(found);
            give(node, Closed{there.second, ""});
        });
    }

    std::multimap<Instant, std::function<void()>> events_;
    std::map<std::pair<const Node*, PeerId>, Transport> listening_;
    std::map<Key, End> ends_;
    std::map<Key, bool> abandoned_;
    std::uint64_t next_accepted_ = 1;
};

inline const Address left_address = address("192.0.2.2");
inline const Address right_address = address("192.0.2.1");
inline const AsNumber left_asn{64500};
inline const AsNumber right_asn{64496};

inline const Prefix mail = prefix("198.51.100.0/24");
inline const Prefix web = prefix("203.0.113.0/24");
inline const Prefix web6 = prefix("2001:db8:77::/48");

// The left speaker: the one that is looked at.
inline SpeakerConfig left_config() {
    PeerConfig peer;
    peer.name = "right";
    peer.transport.local = left_address;
    peer.transport.remote = right_address;
    peer.asn = right_asn;
    peer.covers_notifications = true;
    peer.next_hops = {left_address, address("2001:db8:1::2")};
    return {left_asn, left_address, {mail, web, web6}, {peer}};
}

inline SpeakerConfig right_config() {
    PeerConfig peer;
    peer.name = "left";
    peer.transport.local = right_address;
    peer.transport.remote = left_address;
    peer.asn = left_asn;
    peer.covers_notifications = true;
    peer.next_hops = {right_address, address("2001:db8:1::1")};
    return {right_asn, right_address, {prefix("0.0.0.0/0"), prefix("::/0")}, {peer}};
}

// The peer of both.
inline constexpr PeerId peer{0};

// Both configured, the right one passive, and a second has passed.
inline std::unique_ptr<World> established_world(
    const std::function<void(SpeakerConfig&, SpeakerConfig&)>& change = {}) {
    auto world = std::make_unique<World>();
    SpeakerConfig left = left_config();
    SpeakerConfig right = right_config();
    right.peers[0].opening = Opening::passive;
    if (change)
        change(left, right);
    world->configure(world->right, right);
    world->configure(world->left, left);
    world->run(std::chrono::seconds(1));
    return world;
}

inline std::vector<Prefix> learned(const Node& node) {
    std::vector<Prefix> prefixes;
    for (const auto& event : node.all<RoutesLearned>())
        prefixes.insert(prefixes.end(), event.prefixes.begin(), event.prefixes.end());
    std::ranges::sort(prefixes);
    return prefixes;
}

inline std::vector<Prefix> table(const Node& node) {
    std::vector<Prefix> prefixes;
    for (const RouteView& route : node.speaker.routes(peer))
        prefixes.push_back(route.prefix);
    return prefixes;
}

// The left speaker, and a connection on which the test is the peer.
struct Script {
    Node node;
    Instant now{};
    ConnectionId connection;

    void give(const Input& input) {
        for (Output& output : node.speaker.handle(now, input))
            node.said.push_back(std::move(output));
    }
    void hear(const Bytes& bytes) { give(Received{connection, bytes}); }

    Script() {
        for (Output& output : node.speaker.configure(now, left_config()))
            node.said.push_back(std::move(output));
        connection = node.all<Connect>().at(0).connection;
        give(Connected{connection});
    }
    static Bytes open(const std::optional<GracefulRestart>& restart = {}) {
        return encode(our_open(right_asn, right_address, right_config().peers[0], restart));
    }
    void establish(const std::optional<GracefulRestart>& restart = {}) {
        hear(open(restart));
        hear(encode_keepalive());
        REQUIRE(node.view().state == State::established);
    }
    // Time passes until it calls again, and the call is answered.
    void reconnect() {
        const std::size_t before = node.all<Connect>().size();
        for (int i = 0; i < 10 && node.all<Connect>().size() == before; ++i) {
            now += std::chrono::seconds(1);
            give(Tick{});
        }
        connection = node.all<Connect>().back().connection;
        give(Connected{connection});
    }
    // The NOTIFICATION it sent last.
    [[nodiscard]] std::string last_notification() const {
        std::string text;
        for (const Send& send : node.all<Send>()) {
            Framer framer;
            framer.feed(send.bytes);
            for (auto frame = framer.next(); frame && *frame; frame = framer.next())
                if ((*frame)->type == MessageType::notification)
                    text = to_string(decode_notification((*frame)->body));
        }
        return text;
    }
    [[nodiscard]] bool has_closed() const {
        for (const Close& close : node.all<Close>())
            if (close.connection == connection)
                return true;
        return false;
    }
};

}  // namespace detour::bgp::test
