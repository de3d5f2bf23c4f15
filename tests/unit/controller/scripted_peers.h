// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The shipping speaker with the story's peers, whose far ends do what a test says: come up, learn
// routes, acknowledge or not, break.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "controlplane/bgp/speaker.h"
#include "controlplane/bgp/wire/update.h"
#include "controlplane/controller/options.h"
#include "tests/unit/controller/bench.h"

namespace bench {

class ScriptedPeers {
 public:
    explicit ScriptedPeers(const model::Config& config) : speaker([] { return 1.0; }) {
        const auto given = controller::speaker_config(config, {});
        take(speaker.configure(now, given));
        // Each peer is called after a moment of its own.
        while (calls.size() < given.peers.size()) {
            now = speaker.next_deadline().value();
            give(bgp::Tick{});
        }
    }

    // The peer answers the call; `families` is what it offers.
    void establish(bgp::PeerId peer, AsNumber asn, const std::vector<Family>& families) {
        Neighbour neighbour(asn, *Address::parse("192.0.2.161"), families);
        const bgp::ConnectionId connection = calls.at(peer);
        take(speaker.handle(now, bgp::Connected{connection}));
        // Its answers to what is sent, until nothing more is said.
        for (std::size_t i = 0; i < 4; ++i) {
            Bytes answer;
            for (const auto& send : std::exchange(unheard_[connection], {})) {
                const Bytes reply = neighbour.hear(send.bytes);
                answer.insert(answer.end(), reply.begin(), reply.end());
                ends_[connection] = send.end;
            }
            if (!answer.empty())
                take(speaker.handle(now, bgp::Received{connection, answer}));
        }
    }
    void write(bgp::PeerId peer) {
        take(speaker.handle(now, bgp::StreamProgress{calls.at(peer), last_end(peer), 0}));
    }
    void acknowledge(bgp::PeerId peer) {
        take(speaker.handle(now,
                            bgp::StreamProgress{calls.at(peer), last_end(peer), last_end(peer)}));
    }
    void learn(bgp::PeerId peer, const char* prefix, const std::vector<AsNumber>& path) {
        bgp::PathAttributes attributes;
        attributes.as_path.segments = {{bgp::AsSegment::Kind::sequence, path}};
        const Prefix route = *Prefix::parse(prefix);
        attributes.next_hop = speaker.peer(peer)->remote;
        Bytes bytes;
        REQUIRE(bgp::encode_announcement(bytes, attributes, {&route, 1}, {}) == 1);
        take(speaker.handle(now, bgp::Received{calls.at(peer), bytes}));
    }
    void cut(bgp::PeerId peer) {
        take(speaker.handle(now, bgp::Closed{calls.at(peer), "connection reset"}));
    }
    void give(const bgp::Input& input) { take(speaker.handle(now, input)); }

    Instant now{std::chrono::hours(1)};
    bgp::Speaker speaker;
    std::map<bgp::PeerId, bgp::ConnectionId> calls;
    std::vector<bgp::StateChanged> changes;

 private:
    void take(const bgp::Outputs& outputs) {
        for (const auto& output : outputs) {
            if (const auto* connect = std::get_if<bgp::Connect>(&output))
                calls[connect->peer] = connect->connection;
            else if (const auto* send = std::get_if<bgp::Send>(&output))
                unheard_[send->connection].push_back(*send);
            else if (const auto* change = std::get_if<bgp::StateChanged>(&output))
                changes.push_back(*change);
        }
    }
    std::uint64_t last_end(bgp::PeerId peer) {
        const auto connection = calls.at(peer);
        for (const auto& send : std::exchange(unheard_[connection], {}))
            ends_[connection] = send.end;
        return ends_[connection];
    }

    std::map<bgp::ConnectionId, std::vector<bgp::Send>> unheard_;
    std::map<bgp::ConnectionId, std::uint64_t> ends_;
};

inline constexpr bgp::PeerId provider4{0};
inline constexpr bgp::PeerId provider6{1};
inline constexpr bgp::PeerId partner_peer{2};

}  // namespace bench
