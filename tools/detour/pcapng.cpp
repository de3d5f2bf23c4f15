// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/pcapng.h"

#include <cstring>

namespace detour::command::pcapng {
namespace {

constexpr std::uint32_t section_block = 0x0a0d0d0a;
constexpr std::uint32_t interface_block = 1;
constexpr std::uint32_t counts_block = 5;
constexpr std::uint32_t packet_block = 6;

constexpr std::uint16_t linktype_ethernet = 1;
constexpr std::uint16_t linktype_raw = 101;  // an IPv4 or IPv6 packet

template <class Value>
void put(std::string& out, Value value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& out) {
    out.append((4 - out.size() % 4) % 4, '\0');
}

void put_option(std::string& body, std::uint16_t code, std::string_view value) {
    put(body, code);
    put(body, static_cast<std::uint16_t>(value.size()));
    body.append(value);
    pad(body);
}

template <class Value>
void put_number_option(std::string& body, std::uint16_t code, Value value) {
    put_option(body, code, {reinterpret_cast<const char*>(&value), sizeof value});
}

void end_options(std::string& body) {
    put(body, std::uint32_t{0});
}

void put_time(std::string& body, std::uint64_t time) {
    put(body, static_cast<std::uint32_t>(time >> 32U));
    put(body, static_cast<std::uint32_t>(time));
}

// Each block names its length at both ends, so that a reader can go backwards.
void append_block(std::string& out, std::uint32_t type, const std::string& body) {
    const auto size = static_cast<std::uint32_t>(body.size() + 12);
    put(out, type);
    put(out, size);
    out += body;
    put(out, size);
}

}  // namespace

void append_section(std::string& out, std::string_view application) {
    std::string body;
    put(body, std::uint32_t{0x1a2b3c4d});  // by which a reader knows the byte order
    put(body, std::uint16_t{1});
    put(body, std::uint16_t{0});
    put(body, ~std::uint64_t{0});  // its length is not known yet
    put_option(body, 4, application);
    end_options(body);
    append_block(out, section_block, body);
}

void append_interface(std::string& out, const Interface& interface) {
    std::string body;
    put(body, interface.link_type == LinkType::ethernet ? linktype_ethernet : linktype_raw);
    put(body, std::uint16_t{0});
    put(body, interface.snap);
    put_option(body, 2, interface.name);
    if (!interface.filter.empty())
        put_option(body, 11, std::string(1, '\0') + interface.filter);  // 0: a text
    put_number_option(body, 9, std::uint8_t{9});                        // times in nanoseconds
    end_options(body);
    append_block(out, interface_block, body);
}

void append_packet(std::string& out, const Packet& packet) {
    std::string body;
    put(body, packet.interface);
    put_time(body, packet.time);
    put(body, static_cast<std::uint32_t>(packet.bytes.size()));
    put(body, packet.original);
    body.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
    pad(body);
    put_number_option(body, 2, std::uint32_t{packet.direction == Direction::in ? 1U : 2U});
    end_options(body);
    append_block(out, packet_block, body);
}

void append_counts(std::string& out, std::uint32_t interface, std::uint64_t time,
                   const program::capture::TapCount& count) {
    std::string body;
    put(body, interface);
    put_time(body, time);
    put_number_option(body, 4, count.seen);
    put_number_option(body, 5, count.lost + count.skipped);
    put_number_option(body, 6, count.matched);
    end_options(body);
    append_block(out, counts_block, body);
}

}  // namespace detour::command::pcapng
