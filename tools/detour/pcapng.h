// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// pcapng (draft-ietf-opsawg-pcapng): the blocks of a capture file, appended to a text of bytes. A
// file is one section, then its interfaces, then packets that name them by their order, then what
// each interface counted. Wireshark, tshark and tcpdump read it. Native byte order, which the
// format allows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "conf/program/capture.h"

namespace detour::command::pcapng {

using program::capture::Direction;
using program::capture::LinkType;

// The first four bytes of any pcapng file, whatever its byte order.
inline constexpr std::string_view magic{"\x0a\x0d\x0d\x0a", 4};

struct Interface {
    std::string name;
    LinkType link_type = LinkType::ethernet;
    std::uint32_t snap = 0;
    std::string filter;  // as the operator wrote it
};

struct Packet {
    std::uint32_t interface = 0;
    std::uint64_t time = 0;  // nanoseconds since 1970
    Direction direction = Direction::in;
    std::uint32_t original = 0;
    std::span<const std::uint8_t> bytes;
};

void append_section(std::string& out, std::string_view application);
void append_interface(std::string& out, const Interface& interface);
void append_packet(std::string& out, const Packet& packet);
// At the end: what an interface saw, and what of it is not in the file though it should be.
void append_counts(std::string& out, std::uint32_t interface, std::uint64_t time,
                   const program::capture::TapCount& count);

}  // namespace detour::command::pcapng
