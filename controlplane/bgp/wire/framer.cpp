// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/framer.h"

#include <algorithm>

namespace detour::bgp {

namespace {

// RFC 4271 6.1: the shortest message of each type; nothing for a type that does not exist.
std::optional<std::size_t> min_size(std::uint8_t type) {
    switch (static_cast<MessageType>(type)) {
        case MessageType::open:
            return 29;
        case MessageType::update:
            return 23;
        case MessageType::notification:
            return 21;
        case MessageType::keepalive:
        case MessageType::route_refresh:  // its own error code judges the length
            return header_size;
    }
    return std::nullopt;
}

// The longest; RFC 8654 4: "The BGP Extended Message Capability applies to all messages except for
// OPEN and KEEPALIVE messages."
std::size_t max_size(std::uint8_t type, std::size_t negotiated) {
    switch (static_cast<MessageType>(type)) {
        case MessageType::open:
            return max_message_size;
        case MessageType::keepalive:
            return header_size;
        default:
            return negotiated;
    }
}

}  // namespace

void Framer::feed(std::span<const std::uint8_t> bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
    position_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::expected<std::optional<Frame>, Notification> Framer::next() {
    const auto rest = std::span<const std::uint8_t>(buffer_).subspan(position_);
    if (rest.size() < header_size)
        return std::nullopt;

    // "The Marker field ... MUST be set to all ones."
    if (std::ranges::any_of(rest.first(16), [](std::uint8_t byte) { return byte != 0xff; }))
        return std::unexpected(Notification(HeaderError::not_synchronized));

    const std::size_t size = static_cast<std::size_t>(rest[16] << 8 | rest[17]);
    const std::uint8_t type = rest[18];
    // "the Data field MUST contain the erroneous Length field", the erroneous Type field.
    if (size < header_size || size > max_size_)
        return std::unexpected(Notification(HeaderError::bad_length, {rest[16], rest[17]}));
    const auto shortest = min_size(type);
    if (!shortest)
        return std::unexpected(Notification(HeaderError::bad_type, {type}));
    if (size < *shortest || size > max_size(type, max_size_))
        return std::unexpected(Notification(HeaderError::bad_length, {rest[16], rest[17]}));

    if (rest.size() < size)
        return std::nullopt;
    position_ += size;
    return Frame{static_cast<MessageType>(type), rest.subspan(header_size, size - header_size)};
}

}  // namespace detour::bgp
