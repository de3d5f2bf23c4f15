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

// RFC 4724 3 and the N bit of RFC 8538 2. A family that is not listed is not kept over a restart;
// one that is listed says whether forwarding went on meanwhile (the F bit).
struct GracefulRestart {
    enum class Forwarding : std::uint8_t { lost, kept };

    bool is_restarting = false;                           // the R bit
    bool covers_notifications = false;                    // the N bit
    Duration time{};                                      // whole seconds, at most 4095
    std::array<std::optional<Forwarding>, 2> families{};  // by Family

    [[nodiscard]] bool lists(Family family) const {
        return families[static_cast<std::size_t>(family)].has_value();
    }
    [[nodiscard]] bool keeps_forwarding(Family family) const {
        return families[static_cast<std::size_t>(family)] == Forwarding::kept;
    }
    friend bool operator==(const GracefulRestart&, const GracefulRestart&) = default;
};

struct Capabilities {
    // Families by MP-BGP (RFC 4760 8). Without the capability a speaker means IPv4 unicast alone.
    bool has_multiprotocol = false;
    std::array<bool, 2> families{};
    bool has_route_refresh = false;           // RFC 2918
    bool has_enhanced_refresh = false;        // RFC 7313
    bool has_extended_messages = false;       // RFC 8654
    bool has_extended_next_hop = false;       // RFC 8950: IPv4 unicast over an IPv6 next hop
    std::vector<std::uint8_t> roles;          // RFC 9234 4.1, as they were said, each once
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

// What this speaker says to a peer. `restart` is what it offers to have kept while it restarts.
[[nodiscard]] Open our_open(AsNumber asn, const Address& router_id, const PeerConfig& peer,
                            const std::optional<GracefulRestart>& restart = {});

// May we talk to this peer, and in which words?
[[nodiscard]] std::expected<Negotiated, Notification> judge(const Open& ours, const Open& theirs,
                                                            const PeerConfig& peer);

}  // namespace detour::bgp
