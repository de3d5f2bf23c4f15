// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The far end of one BGP session: bytes in, bytes out, both through the shipping codec. It says
// what it was given to say (its own OPEN and routes), keeps
// what it is told, and reports every change.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/types/bytes.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "controlplane/bgp/wire/framer.h"
#include "controlplane/bgp/wire/notification.h"
#include "controlplane/bgp/wire/open.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace sim {

class Peer {
 public:
    using Bytes = detour::Bytes;

    // What it says: the OPEN, then once established these UPDATEs.
    struct Speech {
        detour::bgp::Open open;
        Bytes updates;
    };

    explicit Peer(Speech speech) : speech_(std::move(speech)) {}

    // What it answers. After an error of ours is_confused() says what.
    [[nodiscard]] Bytes hear(std::span<const std::uint8_t> bytes);
    [[nodiscard]] bool is_established() const { return is_established_; }
    // The NOTIFICATION that the box has sent ends the session.
    [[nodiscard]] bool has_been_told_goodbye() const { return has_been_told_goodbye_; }
    [[nodiscard]] const std::string& confusion() const { return confusion_; }
    [[nodiscard]] const std::map<detour::Prefix, detour::bgp::PathAttributes>& table() const {
        return table_;
    }
    // The session is gone, and everything that was heard in it.
    void forget();

    // `nothing` is a withdrawal.
    std::function<void(const detour::Prefix&, const detour::bgp::PathAttributes*)> on_route;

 private:
    void take(const detour::bgp::Frame& frame, Bytes& answer);
    void take_update(std::span<const std::uint8_t> body);

    Speech speech_;
    detour::bgp::Framer framer_;
    detour::bgp::Negotiated agreed_;
    bool is_established_ = false;
    bool has_been_told_goodbye_ = false;
    std::string confusion_;
    std::map<detour::Prefix, detour::bgp::PathAttributes> table_;
};

// The provider's or partner's own words: families, hold time, a default route by `path`.
[[nodiscard]] Peer::Speech ordinary_speech(detour::AsNumber asn, const detour::Address& router_id,
                                           const std::vector<detour::Family>& families,
                                           detour::Duration hold,
                                           const std::vector<detour::AsNumber>& path,
                                           const detour::Address& next_hop);

}  // namespace sim
