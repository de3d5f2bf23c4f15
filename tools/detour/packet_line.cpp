// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/packet_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "conf/types/address.h"

namespace detour::command {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t type_ipv4 = 0x0800;
constexpr std::uint16_t type_arp = 0x0806;
constexpr std::uint16_t type_vlan = 0x8100;
constexpr std::uint16_t type_ipv6 = 0x86dd;

enum Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, gre = 47, icmpv6 = 58 };

// What is not there reads as 0; lines are for eyes.
std::uint32_t number(Bytes bytes, std::size_t offset, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
        value = value << 8U | (offset + i < bytes.size() ? bytes[offset + i] : 0U);
    return value;
}

Bytes after(Bytes bytes, std::size_t size) {
    return bytes.subspan(std::min(size, bytes.size()));
}

std::string address(Bytes bytes, std::size_t offset, Family family) {
    const std::size_t size = family == Family::ipv4 ? 4 : 16;
    const auto read = Address::from_bytes(
        family, after(bytes, offset).first(std::min(size, after(bytes, offset).size())));
    return read ? read->to_string() : "?";
}

std::string tcp_flags(std::uint32_t bits) {
    std::string text;
    for (const auto& [bit, letter] :
         {std::pair{0x02U, 'S'}, {0x01U, 'F'}, {0x04U, 'R'}, {0x08U, 'P'}, {0x10U, '.'}})
        if ((bits & bit) != 0)
            text += letter;
    return text;
}

std::string icmp_name(std::uint8_t protocol, std::uint32_t type, std::uint32_t code) {
    if (protocol == icmp) {
        switch (type) {
            case 0:
                return "ICMP echo reply";
            case 3:
                return code == 4 ? "ICMP fragmentation needed" : "ICMP unreachable";
            case 8:
                return "ICMP echo request";
            case 11:
                return "ICMP time exceeded";
            default:
                return fmt::format("ICMP type {}", type);
        }
    }
    switch (type) {
        case 1:
            return "ICMPv6 unreachable";
        case 2:
            return "ICMPv6 packet too big";
        case 3:
            return "ICMPv6 time exceeded";
        case 128:
            return "ICMPv6 echo request";
        case 129:
            return "ICMPv6 echo reply";
        case 135:
            return "ICMPv6 neighbour solicitation";
        case 136:
            return "ICMPv6 neighbour advertisement";
        default:
            return fmt::format("ICMPv6 type {}", type);
    }
}

std::string ip_line(Bytes packet, int depth);

std::string gre_text(Bytes bytes, int depth) {
    const std::uint32_t flags = number(bytes, 0, 2);
    const std::uint32_t type = number(bytes, 2, 2);
    std::size_t size = 4 + ((flags & 0x8000U) != 0 ? 4 : 0);
    std::string text = "GRE";
    if ((flags & 0x2000U) != 0) {
        text += fmt::format(" key {}", number(bytes, size, 4));
        size += 4;
    }
    if ((flags & 0x1000U) != 0) {
        text += fmt::format(" seq {}", number(bytes, size, 4));
        size += 4;
    }
    if (type == 0)
        return text + " keepalive";
    if ((type != type_ipv4 && type != type_ipv6) || depth > 2)
        return text + fmt::format(" type {:#06x}", type);
    return text + ": " + ip_line(after(bytes, size), depth + 1);
}

// `size`: of the IP packet, as its header says.
std::string ip_text(const std::string& from, const std::string& to, std::uint8_t protocol,
                    Bytes payload, std::uint32_t size, int depth) {
    switch (protocol) {
        case tcp:
            return fmt::format("{}.{} > {}.{} TCP [{}] {}", from, number(payload, 0, 2), to,
                               number(payload, 2, 2), tcp_flags(number(payload, 13, 1)), size);
        case udp:
            return fmt::format("{}.{} > {}.{} UDP {}", from, number(payload, 0, 2), to,
                               number(payload, 2, 2), size);
        case icmp:
        case icmpv6:
            return fmt::format("{} > {} {} {}", from, to,
                               icmp_name(protocol, number(payload, 0, 1), number(payload, 1, 1)),
                               size);
        case gre:
            return fmt::format("{} > {} {}", from, to, gre_text(payload, depth));
        default:
            return fmt::format("{} > {} protocol {} {}", from, to, protocol, size);
    }
}

std::string ip_line(Bytes packet, int depth) {
    const std::uint32_t version = number(packet, 0, 1) >> 4U;
    if (version == 4 && packet.size() >= 20) {
        const std::string from = address(packet, 12, Family::ipv4);
        const std::string to = address(packet, 16, Family::ipv4);
        const std::uint32_t fragment = number(packet, 6, 2) & 0x1fffU;
        if (fragment != 0)
            return fmt::format("{} > {} fragment at {} {}", from, to, fragment * 8,
                               number(packet, 2, 2));
        return ip_text(from, to, packet[9], after(packet, (packet[0] & 0x0fU) * std::size_t{4}),
                       number(packet, 2, 2), depth);
    }
    if (version == 6 && packet.size() >= 40)
        return ip_text(address(packet, 8, Family::ipv6), address(packet, 24, Family::ipv6),
                       packet[6], after(packet, 40), number(packet, 4, 2) + 40, depth);
    return fmt::format("not IP, {} bytes", packet.size());
}

std::string arp_line(Bytes bytes) {
    const std::string sender = address(bytes, 14, Family::ipv4);
    const std::string target = address(bytes, 24, Family::ipv4);
    if (number(bytes, 6, 2) == 1)
        return fmt::format("ARP who-has {} tell {}", target, sender);
    return fmt::format("ARP {} is-at {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", sender,
                       number(bytes, 8, 1), number(bytes, 9, 1), number(bytes, 10, 1),
                       number(bytes, 11, 1), number(bytes, 12, 1), number(bytes, 13, 1));
}

}  // namespace

std::string packet_line(Bytes bytes, program::capture::LinkType link_type) {
    if (link_type == program::capture::LinkType::ip)
        return ip_line(bytes, 0);
    std::size_t offset = 14;
    std::string tag;
    if (number(bytes, 12, 2) == type_vlan) {
        tag = fmt::format("VLAN {} ", number(bytes, 14, 2) & 0x0fffU);
        offset = 18;
    }
    const std::uint32_t type = number(bytes, offset - 2, 2);
    if (type == type_ipv4 || type == type_ipv6)
        return tag + ip_line(after(bytes, offset), 0);
    if (type == type_arp)
        return tag + arp_line(after(bytes, offset));
    return tag + fmt::format("Ethernet type {:#06x}, {} bytes", type, bytes.size());
}

}  // namespace detour::command
