// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/packet/builder.h"

namespace detour::packet {

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
    if (finding.is_drop())
        return out << "drop " << to_string(finding.drop());
    if (finding.is_punt())
        return out << "punt " << to_string(finding.punt());
    return out << "ok";
}

namespace test {

std::uint16_t reference_checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        const std::uint32_t low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
        sum += std::uint32_t{bytes[i]} << 8 | low;
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return static_cast<std::uint16_t>(0xffff - sum);
}

Bytes random_bytes(std::mt19937& random, std::size_t size) {
    Bytes bytes(size);
    for (auto& byte : bytes)
        byte = static_cast<std::uint8_t>(random());
    return bytes;
}

Bytes Ipv4::bytes() const {
    Bytes packet;
    ByteWriter out(packet);
    const auto words = static_cast<unsigned>(5 + options.size() / 4);
    const std::size_t header_size = 20 + options.size();
    out.u8(static_cast<std::uint8_t>(version << 4 | ihl.value_or(words)));
    out.u8(traffic_class);
    out.u16(static_cast<std::uint16_t>(
        total_length.value_or(static_cast<unsigned>(header_size + payload.size()))));
    out.u16(identification);
    out.u16(fragment);
    out.u8(ttl);
    out.u8(protocol);
    out.u16(0);
    out.bytes(Address::parse(source)->bytes());
    out.bytes(Address::parse(destination)->bytes());
    out.bytes(options);
    out.patch_u16(10,
                  static_cast<std::uint16_t>(header_checksum.value_or(reference_checksum(packet))));
    out.bytes(payload);
    out.bytes(Bytes(padding, 0));
    return packet;
}

Bytes Ipv6::bytes() const {
    Bytes packet;
    ByteWriter out(packet);
    out.u32(version << 28 | std::uint32_t{traffic_class} << 20 | flow_label);
    out.u16(
        static_cast<std::uint16_t>(payload_length.value_or(static_cast<unsigned>(payload.size()))));
    out.u8(next_header);
    out.u8(hop_limit);
    out.bytes(Address::parse(source)->bytes());
    out.bytes(Address::parse(destination)->bytes());
    out.bytes(payload);
    out.bytes(Bytes(padding, 0));
    return packet;
}

}  // namespace test
}  // namespace detour::packet
