// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The header that every message has (RFC 4271 4.1), and the messages that are little more than
// that: KEEPALIVE (4.4) and ROUTE-REFRESH (RFC 2918 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "controlplane/bgp/wire/notification.h"

namespace detour::bgp {

enum class MessageType : std::uint8_t {
    open = 1,
    update = 2,
    notification = 3,
    keepalive = 4,
    route_refresh = 5,
};

inline constexpr std::size_t header_size = 19;
inline constexpr std::size_t max_message_size = 4096;
inline constexpr std::size_t max_extended_message_size = 65535;  // RFC 8654

// Address family identifiers as the wire has them; SAFI 1 is unicast, the only one spoken here.
inline constexpr std::uint8_t safi_unicast = 1;
[[nodiscard]] constexpr std::uint16_t afi_of(Family family) {
    return family == Family::ipv4 ? 1 : 2;
}
[[nodiscard]] constexpr std::optional<Family> family_of(std::uint16_t afi, std::uint8_t safi) {
    if (safi != safi_unicast || (afi != 1 && afi != 2))
        return std::nullopt;
    return afi == 1 ? Family::ipv4 : Family::ipv6;
}

// Starts a message at the end of a vector; finish() patches its length.
class MessageWriter : public ByteWriter {
 public:
    MessageWriter(Bytes& out, MessageType type);

    // Bytes of this message so far, header included.
    [[nodiscard]] std::size_t message_size() const { return size() - start_; }
    void finish();

 private:
    std::size_t start_;
};

[[nodiscard]] Bytes encode_keepalive();

// RFC 7313 3.2: asks for everything, or stands before and behind the answer.
struct RouteRefresh {
    enum class Kind : std::uint8_t { request = 0, begin = 1, end = 2 };

    Family family = Family::ipv4;
    Kind kind = Kind::request;

    friend constexpr auto operator<=>(const RouteRefresh&, const RouteRefresh&) = default;
};
[[nodiscard]] Bytes encode(const RouteRefresh& refresh);

// Nothing when it is of a family we do not speak, or of a subtype that nobody defined.
[[nodiscard]] std::expected<std::optional<RouteRefresh>, Notification> decode_route_refresh(
    std::span<const std::uint8_t> body);

}  // namespace detour::bgp
