// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/world/peer.h"

#include <utility>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/update.h"

namespace sim {

namespace bgp = detour::bgp;

void Peer::forget() {
    framer_ = {};
    is_established_ = false;
    has_been_told_goodbye_ = false;
    const auto table = std::exchange(table_, {});
    if (on_route)
        for (const auto& [prefix, attributes] : table)
            on_route(prefix, nullptr);
}

Peer::Bytes Peer::hear(std::span<const std::uint8_t> bytes) {
    Bytes answer;
    framer_.feed(bytes);
    while (!has_been_told_goodbye_ && confusion_.empty()) {
        const auto frame = framer_.next();
        if (!frame) {
            confusion_ = "a message that cannot be framed: " + bgp::to_string(frame.error());
            break;
        }
        if (!*frame)
            break;
        take(**frame, answer);
    }
    return answer;
}

void Peer::take(const bgp::Frame& frame, Bytes& answer) {
    const auto append = [&](const Bytes& more) {
        answer.insert(answer.end(), more.begin(), more.end());
    };
    switch (frame.type) {
        case bgp::MessageType::open: {
            const auto open = bgp::decode_open(frame.body);
            if (!open) {
                confusion_ = "an OPEN that cannot be read: " + bgp::to_string(open.error());
                return;
            }
            agreed_ = {};
            for (const detour::Family family : detour::families) {
                const auto i = static_cast<std::size_t>(family);
                agreed_.families[i] =
                    open->capabilities.families[i] && speech_.open.capabilities.families[i];
            }
            agreed_.has_four_octet_as = true;
            append(bgp::encode(speech_.open));
            append(bgp::encode_keepalive());
            return;
        }
        case bgp::MessageType::keepalive:
            if (!std::exchange(is_established_, true))
                append(speech_.updates);
            return;
        case bgp::MessageType::update:
            return take_update(frame.body);
        case bgp::MessageType::notification:
            has_been_told_goodbye_ = true;
            return;
        case bgp::MessageType::route_refresh:
            append(speech_.updates);
            return;
    }
}

void Peer::take_update(std::span<const std::uint8_t> body) {
    const auto update = bgp::decode_update(body, agreed_, bgp::PeerScope::external);
    if (!update) {
        confusion_ = "an UPDATE that cannot be read: " + bgp::to_string(update.error());
        return;
    }
    if (!update->faults.empty()) {
        confusion_ = "an UPDATE with a faulty attribute: " + update->faults.front().text;
        return;
    }
    for (const auto& prefixes : update->withdrawn)
        for (const detour::Prefix& prefix : prefixes) {
            table_.erase(prefix);
            if (on_route)
                on_route(prefix, nullptr);
        }
    for (const auto& routes : update->reachable)
        for (const detour::Prefix& prefix : routes.prefixes) {
            table_[prefix] = *routes.attributes;
            if (on_route)
                on_route(prefix, routes.attributes.get());
        }
}

Peer::Speech ordinary_speech(detour::AsNumber asn, const detour::Address& router_id,
                             const std::vector<detour::Family>& families, detour::Duration hold,
                             const std::vector<detour::AsNumber>& path,
                             const detour::Address& next_hop) {
    Peer::Speech speech;
    bgp::Open& open = speech.open;
    open.my_as = static_cast<std::uint16_t>(asn.value);
    open.hold_seconds =
        static_cast<std::uint16_t>(std::chrono::duration_cast<std::chrono::seconds>(hold).count());
    open.router_id = router_id;
    open.capabilities.has_multiprotocol = true;
    open.capabilities.has_route_refresh = true;
    open.capabilities.four_octet_as = asn;
    for (const detour::Family family : families) {
        open.capabilities.families[static_cast<std::size_t>(family)] = true;
        if (family == next_hop.family()) {
            bgp::PathAttributes attributes;
            attributes.as_path.segments = {{bgp::AsSegment::Kind::sequence, path}};
            attributes.next_hop = next_hop;
            const detour::Prefix route = detour::Prefix::default_of(family);
            (void)bgp::encode_announcement(speech.updates, attributes, {&route, 1},
                                           bgp::UpdateForm());
        }
        bgp::encode_end_of_rib(speech.updates, family);
    }
    return speech;
}

}  // namespace sim
