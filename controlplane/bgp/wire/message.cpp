// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/message.h"

#include <algorithm>
#include <utility>

namespace detour::bgp {

MessageWriter::MessageWriter(Bytes& out, MessageType type) : ByteWriter(out), start_(out.size()) {
    for (int i = 0; i < 16; ++i)
        u8(0xff);
    u16(0);
    u8(static_cast<std::uint8_t>(type));
}

void MessageWriter::finish() {
    patch_u16(start_ + 16, static_cast<std::uint16_t>(message_size()));
}

Bytes encode_keepalive() {
    Bytes bytes;
    MessageWriter(bytes, MessageType::keepalive).finish();
    return bytes;
}

Bytes encode(const RouteRefresh& refresh) {
    Bytes bytes;
    MessageWriter writer(bytes, MessageType::route_refresh);
    writer.u16(afi_of(refresh.family));
    writer.u8(static_cast<std::uint8_t>(refresh.kind));
    writer.u8(safi_unicast);
    writer.finish();
    return bytes;
}

std::expected<std::optional<RouteRefresh>, Notification> decode_route_refresh(
    std::span<const std::uint8_t> body) {
    ByteReader reader(body);
    const std::uint16_t afi = reader.u16();
    const std::uint8_t subtype = reader.u8();
    const std::uint8_t safi = reader.u8();
    // RFC 7313 5: "If the length, excluding the fixed-size message header, of the received
    // ROUTE-REFRESH message with Message Subtype 1 and 2 is not 4": Invalid Message Length, with
    // the whole message as data. Ours carry no filters (RFC 5291), so that 0 is no exception.
    if (!reader.ok() || !reader.at_end()) {
        Bytes whole;
        MessageWriter writer(whole, MessageType::route_refresh);
        writer.bytes(body.first(std::min(body.size(), max_message_size - header_size)));
        writer.finish();
        return std::unexpected(Notification(ErrorCode::route_refresh_message, 1, std::move(whole)));
    }
    const auto family = family_of(afi, safi);
    if (!family || subtype > static_cast<std::uint8_t>(RouteRefresh::Kind::end))
        return std::nullopt;
    return RouteRefresh{*family, static_cast<RouteRefresh::Kind>(subtype)};
}

}  // namespace detour::bgp
