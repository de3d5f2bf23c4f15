// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From a stream of bytes to messages (RFC 4271 4.1, 6.1). It holds at most what was fed last and
// one partial message; a header that lies is noticed as soon as the header is complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "conf/types/bytes.h"
#include "controlplane/bgp/wire/message.h"

namespace detour::bgp {

struct Frame {
    MessageType type = MessageType::keepalive;
    std::span<const std::uint8_t> body;  // without the header; valid until the next feed()
};

class Framer {
 public:
    void feed(std::span<const std::uint8_t> bytes);

    // The next whole message; nothing when more bytes are needed; an error ends the stream: what
    // follows cannot be trusted.
    [[nodiscard]] std::expected<std::optional<Frame>, Notification> next();

    // RFC 8654 3: once negotiated, all messages but OPEN and KEEPALIVE may be longer than 4096.
    void allow_extended_messages() { max_size_ = max_extended_message_size; }

 private:
    Bytes buffer_;
    std::size_t position_ = 0;  // of the first byte not yet returned
    std::size_t max_size_ = max_message_size;
};

}  // namespace detour::bgp
