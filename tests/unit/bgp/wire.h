// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Messages by hand, for what no well-behaved encoder would write.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/update.h"

namespace detour::bgp::test {

inline Address address(std::string_view text) {
    return *Address::parse(text);
}
inline Prefix prefix(std::string_view text) {
    return *Prefix::parse(text);
}

inline Bytes concatenated(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts)
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

// One path attribute; lengths above 255 take the extended form.
inline Bytes attribute(unsigned flags, unsigned type, const Bytes& value) {
    Bytes bytes{static_cast<std::uint8_t>(flags), static_cast<std::uint8_t>(type)};
    ByteWriter writer(bytes);
    if ((flags & flag_extended_length) != 0)
        writer.u16(static_cast<std::uint16_t>(value.size()));
    else
        writer.u8(static_cast<std::uint8_t>(value.size()));
    writer.bytes(value);
    return bytes;
}

// The body of an UPDATE (RFC 4271 4.3).
inline Bytes update_body(const Bytes& withdrawn, const Bytes& attributes, const Bytes& nlri) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.u16(static_cast<std::uint16_t>(withdrawn.size()));
    writer.bytes(withdrawn);
    writer.u16(static_cast<std::uint16_t>(attributes.size()));
    writer.bytes(attributes);
    writer.bytes(nlri);
    return bytes;
}

inline Bytes message(MessageType type, const Bytes& body) {
    Bytes bytes;
    MessageWriter writer(bytes, type);
    writer.bytes(body);
    writer.finish();
    return bytes;
}

// The body of the only message in `bytes`.
inline std::span<const std::uint8_t> body_of(const Bytes& bytes) {
    return std::span(bytes).subspan(header_size);
}

// Attributes of a good route from AS 64496.
inline const Bytes origin_igp = attribute(0x40, 1, {0});
inline const Bytes path_64496 = attribute(0x40, 2, {2, 1, 0, 0, 0xfb, 0xf0});
inline const Bytes next_hop_1 = attribute(0x40, 3, {192, 0, 2, 1});
inline const Bytes nlri_198 = {24, 198, 51, 100};

inline Bytes good_update() {
    return message(MessageType::update,
                   update_body({}, concatenated({origin_igp, path_64496, next_hop_1}), nlri_198));
}

inline Negotiated both_families() {
    Negotiated negotiated;
    negotiated.families = {true, true};
    negotiated.hold = std::chrono::seconds(90);
    negotiated.has_four_octet_as = true;
    negotiated.has_route_refresh = true;
    return negotiated;
}

}  // namespace detour::bgp::test
