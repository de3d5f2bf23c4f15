// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// UPDATE (RFC 4271 4.3, RFC 4760), both ways. Decoding answers "can I read it": RFC 7606 has been
// applied when it returns, so that a route with a bad attribute comes out as withdrawn. Whether a
// route is to be believed is policy's question.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/types/bytes.h"
#include "conf/types/prefix.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/bgp/wire/attribute_table.h"
#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/notification.h"

namespace detour::bgp {

// Something wrong that did not cost the session.
struct AttributeFault {
    std::uint8_t type = 0;  // 0: the attribute list itself
    ErrorAction action = ErrorAction::none;
    std::string text;
};

struct ReachableRoutes {
    Family family = Family::ipv4;
    std::shared_ptr<const PathAttributes> attributes;
    std::vector<Prefix> prefixes;
};

// Withdrawals come first: RFC 4271 4.3, "SHOULD treat an UPDATE message of this form as though the
// WITHDRAWN ROUTES do not contain the address prefix" that is also announced.
struct Update {
    std::array<std::vector<Prefix>, 2> withdrawn;  // by Family; faulty announcements among them
    std::vector<ReachableRoutes> reachable;        // at most one a family
    std::optional<Family> end_of_rib;              // RFC 4724 2
    std::vector<AttributeFault> faults;

    [[nodiscard]] bool is_treated_as_withdraw() const;
};

// An error is a session reset.
[[nodiscard]] std::expected<Update, Notification> decode_update(std::span<const std::uint8_t> body,
                                                                const Negotiated& negotiated,
                                                                PeerScope scope);

// What the session allows an UPDATE to be.
struct UpdateForm {
    AsWidth width = AsWidth::four;
    std::size_t max_size = max_message_size;  // RFC 8654

    UpdateForm() = default;
    explicit UpdateForm(const Negotiated& negotiated)
        : width(negotiated.has_four_octet_as ? AsWidth::four : AsWidth::two),
          max_size(negotiated.has_extended_messages ? max_extended_message_size
                                                    : max_message_size) {}
};

// Each appends one message with as many of the prefixes as fit, at least one, and returns how many.
// Prefixes are of one family and not empty; the next hop is of the same, or IPv6 for IPv4 (RFC
// 8950). RFC 7606 5.1: an UPDATE carries only one of NLRI, withdrawn routes, MP_REACH, MP_UNREACH.
[[nodiscard]] std::size_t encode_announcement(Bytes& out, const PathAttributes& attributes,
                                              std::span<const Prefix> prefixes,
                                              const UpdateForm& form);
[[nodiscard]] std::size_t encode_withdrawal(Bytes& out, std::span<const Prefix> prefixes,
                                            const UpdateForm& form);
void encode_end_of_rib(Bytes& out, Family family);

}  // namespace detour::bgp
