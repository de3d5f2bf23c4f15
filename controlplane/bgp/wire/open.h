// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// OPEN (RFC 4271 4.2, 6.2) and the capabilities in it (RFC 5492; extended parameters RFC 9072).
// Decoding says whether it can be read; judge() whether it is acceptable, and what was agreed.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "conf/types/ids.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/bgp/wire/notification.h"

namespace detour::bgp {

// RFC 4724 3, as far as a peer's restart is worth telling.
struct GracefulRestart {
    bool is_restarting = false;
    Duration time{};
    std::vector<Family> forwarding_kept;

    friend bool operator==(const GracefulRestart&, const GracefulRestart&) = default;
};

struct Capabilities {
    // Families by MP-BGP (RFC 4760 8). Without the capability a speaker means IPv4 unicast alone.
    bool has_multiprotocol = false;
    std::array<bool, 2> families{};
    bool has_route_refresh = false;           // RFC 2918
    bool has_extended_messages = false;       // RFC 8654
    std::optional<AsNumber> four_octet_as;    // RFC 6793
    std::optional<GracefulRestart> graceful;  // RFC 4724
    std::vector<std::uint8_t> unknown;        // codes, ignored

    friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

struct Open {
    std::uint8_t version = 4;
    std::uint16_t my_as = 0;  // as_trans when two octets are not enough
    std::uint16_t hold_seconds = 0;
    Address router_id;
    Capabilities capabilities;

    // The number of RFC 6793 if it is there.
    [[nodiscard]] AsNumber asn() const {
        return capabilities.four_octet_as.value_or(AsNumber(my_as));
    }
    friend bool operator==(const Open&, const Open&) = default;
};

[[nodiscard]] Bytes encode(const Open& open);
[[nodiscard]] std::expected<Open, Notification> decode_open(std::span<const std::uint8_t> body);

// What this speaker says to a peer.
[[nodiscard]] Open our_open(AsNumber asn, const Address& router_id, const PeerConfig& peer);

// May we talk to this peer, and in which words?
[[nodiscard]] std::expected<Negotiated, Notification> judge(const Open& ours, const Open& theirs,
                                                            AsNumber expected);

}  // namespace detour::bgp
