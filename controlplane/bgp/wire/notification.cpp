// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/notification.h"

#include <fmt/format.h>

#include <array>

#include "controlplane/bgp/wire/message.h"

namespace detour::bgp {

namespace {

struct CodeText {
    ErrorCode code;
    std::string_view text;
};
struct SubcodeText {
    ErrorCode code;
    std::uint8_t subcode;
    std::string_view text;
};

constexpr std::array code_texts{
    CodeText{ErrorCode::message_header, "Message Header Error"},
    CodeText{ErrorCode::open_message, "OPEN Message Error"},
    CodeText{ErrorCode::update_message, "UPDATE Message Error"},
    CodeText{ErrorCode::hold_timer_expired, "Hold Timer Expired"},
    CodeText{ErrorCode::finite_state_machine, "Finite State Machine Error"},
    CodeText{ErrorCode::cease, "Cease"},
    CodeText{ErrorCode::route_refresh_message, "ROUTE-REFRESH Message Error"},
    CodeText{ErrorCode::send_hold_timer_expired, "Send Hold Timer Expired"},
};

constexpr std::array subcode_texts{
    SubcodeText{ErrorCode::message_header, 1, "Connection Not Synchronized"},
    SubcodeText{ErrorCode::message_header, 2, "Bad Message Length"},
    SubcodeText{ErrorCode::message_header, 3, "Bad Message Type"},
    SubcodeText{ErrorCode::open_message, 1, "Unsupported Version Number"},
    SubcodeText{ErrorCode::open_message, 2, "Bad Peer AS"},
    SubcodeText{ErrorCode::open_message, 3, "Bad BGP Identifier"},
    SubcodeText{ErrorCode::open_message, 4, "Unsupported Optional Parameter"},
    SubcodeText{ErrorCode::open_message, 6, "Unacceptable Hold Time"},
    SubcodeText{ErrorCode::open_message, 7, "Unsupported Capability"},
    SubcodeText{ErrorCode::open_message, 11, "Role Mismatch"},
    SubcodeText{ErrorCode::update_message, 1, "Malformed Attribute List"},
    SubcodeText{ErrorCode::update_message, 2, "Unrecognized Well-known Attribute"},
    SubcodeText{ErrorCode::update_message, 3, "Missing Well-known Attribute"},
    SubcodeText{ErrorCode::update_message, 4, "Attribute Flags Error"},
    SubcodeText{ErrorCode::update_message, 5, "Attribute Length Error"},
    SubcodeText{ErrorCode::update_message, 6, "Invalid ORIGIN Attribute"},
    SubcodeText{ErrorCode::update_message, 8, "Invalid NEXT_HOP Attribute"},
    SubcodeText{ErrorCode::update_message, 9, "Optional Attribute Error"},
    SubcodeText{ErrorCode::update_message, 10, "Invalid Network Field"},
    SubcodeText{ErrorCode::update_message, 11, "Malformed AS_PATH"},
    SubcodeText{ErrorCode::finite_state_machine, 1, "Receive Unexpected Message in OpenSent State"},
    SubcodeText{ErrorCode::finite_state_machine, 2,
                "Receive Unexpected Message in OpenConfirm State"},
    SubcodeText{ErrorCode::finite_state_machine, 3,
                "Receive Unexpected Message in Established State"},
    SubcodeText{ErrorCode::cease, 1, "Maximum Number of Prefixes Reached"},
    SubcodeText{ErrorCode::cease, 2, "Administrative Shutdown"},
    SubcodeText{ErrorCode::cease, 3, "Peer De-configured"},
    SubcodeText{ErrorCode::cease, 4, "Administrative Reset"},
    SubcodeText{ErrorCode::cease, 5, "Connection Rejected"},
    SubcodeText{ErrorCode::cease, 6, "Other Configuration Change"},
    SubcodeText{ErrorCode::cease, 7, "Connection Collision Resolution"},
    SubcodeText{ErrorCode::cease, 8, "Out of Resources"},
    SubcodeText{ErrorCode::cease, 9, "Hard Reset"},
    SubcodeText{ErrorCode::cease, 10, "BFD Down"},
    SubcodeText{ErrorCode::route_refresh_message, 1, "Invalid Message Length"},
};

// Octets of the well-formed UTF-8 character at the front (RFC 3629 4); 0 when there is none.
std::size_t character_size(std::string_view text) {
    const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const auto continues = [&](std::size_t i, std::uint8_t low, std::uint8_t high) {
        return i < text.size() && octet(i) >= low && octet(i) <= high;
    };
    if (text.empty())
        return 0;
    const std::uint8_t first = octet(0);
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return continues(1, 0x80, 0xbf) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
        const std::uint8_t high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
        return continues(1, low, high) && continues(2, 0x80, 0xbf) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const std::uint8_t low = first == 0xf0 ? 0x90 : 0x80;
        const std::uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
        return continues(1, low, high) && continues(2, 0x80, 0xbf) && continues(3, 0x80, 0xbf) ? 4
                                                                                               : 0;
    }
    return 0;
}

}  // namespace

Notification Notification::shutdown(CeaseReason reason, std::string_view communication) {
    Bytes data{0};
    // RFC 9003 2: "the Shutdown Communication field ... MUST be encoded using UTF-8", length 0-255.
    while (const std::size_t size = character_size(communication)) {
        if (data.size() - 1 + size > 255)
            break;
        data.insert(data.end(), communication.begin(),
                    communication.begin() + static_cast<std::ptrdiff_t>(size));
        communication.remove_prefix(size);
    }
    data[0] = static_cast<std::uint8_t>(data.size() - 1);
    return Notification(reason, std::move(data));
}

Notification Notification::hard_reset(const Notification& reason) {
    Bytes data{static_cast<std::uint8_t>(reason.code), reason.subcode};
    data.insert(data.end(), reason.data.begin(), reason.data.end());
    return Notification(CeaseReason::hard_reset, std::move(data));
}

Notification Notification::inner() const {
    if (!is(CeaseReason::hard_reset) || data.size() < 2)
        return *this;
    return decode_notification(data);
}

std::optional<std::string> Notification::shutdown_communication() const {
    if (!is(CeaseReason::administrative_shutdown) && !is(CeaseReason::administrative_reset))
        return std::nullopt;
    if (data.empty() || data[0] == 0 || data.size() - 1 < data[0])
        return std::nullopt;
    std::string_view rest(reinterpret_cast<const char*>(data.data()) + 1, data[0]);
    std::string text;
    while (!rest.empty()) {
        const std::size_t size = character_size(rest);
        if (size == 0)
            return std::nullopt;
        const auto first = static_cast<std::uint8_t>(rest[0]);
        // RFC 9003 5 warns of what a terminal or a log would obey: C0 controls and DEL, and C1.
        const auto second = static_cast<std::uint8_t>(size > 1 ? rest[1] : '\0');
        if (first < 0x20 || first == 0x7f)
            text += fmt::format("\\x{:02x}", first);
        else if (first == 0xc2 && second < 0xa0)
            text += fmt::format("\\x{:02x}", second);
        else
            text += rest.substr(0, size);
        rest.remove_prefix(size);
    }
    return text;
}

std::string to_string(const Notification& notification) {
    std::string text = fmt::format("error {}", static_cast<unsigned>(notification.code));
    for (const auto& row : code_texts)
        if (row.code == notification.code)
            text = row.text;
    std::string subcode = notification.subcode == 0
                              ? std::string()
                              : fmt::format("/subcode {}", unsigned{notification.subcode});
    for (const auto& row : subcode_texts)
        if (row.code == notification.code && row.subcode == notification.subcode)
            subcode = fmt::format("/{}", row.text);
    text += subcode;
    if (const auto communication = notification.shutdown_communication())
        text += ": " + *communication;
    // Not of one within another: a peer could nest thousands.
    if (const Notification inner = notification.inner();
        notification.is(CeaseReason::hard_reset) && !inner.is(CeaseReason::hard_reset))
        text += ": " + to_string(inner);
    return text;
}

Bytes encode(const Notification& notification) {
    Bytes bytes;
    MessageWriter writer(bytes, MessageType::notification);
    writer.u8(static_cast<std::uint8_t>(notification.code));
    writer.u8(notification.subcode);
    const std::size_t room = max_message_size - writer.message_size();
    writer.bytes(
        std::span(notification.data).first(std::min<std::size_t>(notification.data.size(), room)));
    writer.finish();
    return bytes;
}

Notification decode_notification(std::span<const std::uint8_t> body) {
    ByteReader reader(body);
    Notification notification;
    notification.code = static_cast<ErrorCode>(reader.u8());
    notification.subcode = reader.u8();
    const auto data = reader.bytes(reader.remaining());
    notification.data.assign(data.begin(), data.end());
    return notification;
}

}  // namespace detour::bgp
