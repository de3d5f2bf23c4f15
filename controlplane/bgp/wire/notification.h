// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// NOTIFICATION (RFC 4271 4.5, 6): why a session ends, in the words of the RFCs: 4271, 4486 (Cease),
// 5492 (Unsupported Capability), 6608 (FSM errors), 7313 (ROUTE-REFRESH), 8538 (Hard Reset), 9003
// (shutdown communication), 9234 (Role Mismatch), 9384 (BFD Down), 9687 (Send Hold Timer).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "conf/types/bytes.h"

namespace detour::bgp {

enum class ErrorCode : std::uint8_t {
    message_header = 1,
    open_message = 2,
    update_message = 3,
    hold_timer_expired = 4,
    finite_state_machine = 5,
    cease = 6,
    route_refresh_message = 7,
    send_hold_timer_expired = 8,
};

enum class HeaderError : std::uint8_t { not_synchronized = 1, bad_length = 2, bad_type = 3 };
enum class OpenError : std::uint8_t {
    unspecific = 0,
    unsupported_version = 1,
    bad_peer_as = 2,
    bad_identifier = 3,
    unsupported_parameter = 4,
    unacceptable_hold_time = 6,
    unsupported_capability = 7,
    role_mismatch = 11,
};
enum class UpdateError : std::uint8_t {
    malformed_attribute_list = 1,
    unrecognized_well_known = 2,
    missing_well_known = 3,
    attribute_flags = 4,
    attribute_length = 5,
    invalid_origin = 6,
    invalid_next_hop = 8,
    optional_attribute = 9,
    invalid_network = 10,
    malformed_as_path = 11,
};
enum class FsmError : std::uint8_t {
    unspecified = 0,
    in_open_sent = 1,
    in_open_confirm = 2,
    in_established = 3,
};
enum class CeaseReason : std::uint8_t {
    max_prefixes = 1,
    administrative_shutdown = 2,
    peer_deconfigured = 3,
    administrative_reset = 4,
    connection_rejected = 5,
    other_configuration_change = 6,
    collision_resolution = 7,
    out_of_resources = 8,
    hard_reset = 9,
    bfd_down = 10,
};

struct Notification {
    ErrorCode code = ErrorCode::cease;
    std::uint8_t subcode = 0;
    Bytes data;

    Notification() = default;
    Notification(ErrorCode c, std::uint8_t s, Bytes d = {})
        : code(c), subcode(s), data(std::move(d)) {}
    explicit Notification(HeaderError error, Bytes d = {})
        : Notification(ErrorCode::message_header, static_cast<std::uint8_t>(error), std::move(d)) {}
    explicit Notification(OpenError error, Bytes d = {})
        : Notification(ErrorCode::open_message, static_cast<std::uint8_t>(error), std::move(d)) {}
    explicit Notification(UpdateError error, Bytes d = {})
        : Notification(ErrorCode::update_message, static_cast<std::uint8_t>(error), std::move(d)) {}
    explicit Notification(FsmError error)
        : Notification(ErrorCode::finite_state_machine, static_cast<std::uint8_t>(error)) {}
    explicit Notification(CeaseReason reason, Bytes d = {})
        : Notification(ErrorCode::cease, static_cast<std::uint8_t>(reason), std::move(d)) {}

    // Cease with the operator's words (RFC 9003): Administrative Shutdown or Reset. More than 255
    // octets are cut at a character.
    [[nodiscard]] static Notification shutdown(CeaseReason reason, std::string_view communication);

    // RFC 8538 3: a Cease that ends the session for good also where the peer would keep routes over
    // an ordinary one; the reason is inside.
    [[nodiscard]] static Notification hard_reset(const Notification& reason);
    // What is inside of a Hard Reset, of any other the notification itself.
    [[nodiscard]] Notification inner() const;

    [[nodiscard]] bool is(CeaseReason reason) const {
        return code == ErrorCode::cease && subcode == static_cast<std::uint8_t>(reason);
    }
    // The peer's words of RFC 9003, with control characters escaped; nothing when there are none or
    // they are not UTF-8 of the announced length.
    [[nodiscard]] std::optional<std::string> shutdown_communication() const;

    friend bool operator==(const Notification&, const Notification&) = default;
};

// "Cease/Administrative Shutdown: maintenance until 04:00"; unknown numbers as numbers.
[[nodiscard]] std::string to_string(const Notification& notification);

// The whole message, header included.
[[nodiscard]] Bytes encode(const Notification& notification);
// Of a message's body. A NOTIFICATION that cannot be read ends the session like any other.
[[nodiscard]] Notification decode_notification(std::span<const std::uint8_t> body);

}  // namespace detour::bgp
