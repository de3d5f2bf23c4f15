// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The ways out, by asking the other side: gateways and BGP peers, the far ends of tunnels outside
// and inside GRE, and how large a packet may be on the way. `ping` does the asking, from our own
// addresses; without them (the box does not run) there is nothing to ask from.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "tools/detour/doctor/finding.h"
#include "tools/detour/doctor/host.h"
#include "tools/detour/shell.h"

namespace detour::command::doctor {
namespace {

using nlohmann::json;

constexpr int ip_and_icmp = 20 + 8;
constexpr int smallest_mtu = 576;

enum class Answer { yes, no, cannot_ask };

// `size`: of the whole IP packet, 0 for a small one; such a packet may not be fragmented.
Answer ping(const Address& target, const std::string& source, int size = 0) {
    std::vector<std::string> words{"ping", "-n", "-q", "-c", "2", "-i", "0.2", "-W", "1"};
    if (size != 0)
        words.insert(words.end(), {"-M", "do", "-s", std::to_string(size - ip_and_icmp)});
    words.insert(words.end(), {"-I", source, target.to_string()});
    const Ran ran = run(words);
    if (ran.exit_code == 0)
        return Answer::yes;
    // 1: nobody answered, or the packet is too large for us ourselves; else it could not be sent.
    return ran.exit_code == 1 ? Answer::no : Answer::cannot_ask;
}

std::set<std::string> local_addresses() {
    std::set<std::string> list;
    for (const json& link : ip({"addr", "show"}).value_or(json::array()))
        for (const json& address : link.value("addr_info", json::array()))
            list.insert(address.value("local", ""));
    return list;
}

// The one other host of a link of two; nothing on a larger one.
std::optional<Address> other_end(const InterfaceAddress& ours) {
    const unsigned bits = bit_count(ours.address.family()) - unsigned{ours.length};
    if (bits != 1 && !(bits == 2 && ours.address.family() == Family::ipv4))
        return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::copy(ours.address.bytes(), bytes.begin());
    const std::size_t last = ours.address.bytes().size() - 1;
    // Of a /31 the other one; of a /30 the first and second host change places.
    bytes[last] = static_cast<std::uint8_t>(bytes[last] ^ (bits == 1 ? 1U : 3U));
    return Address::from_bytes(ours.address.family(), std::span(bytes).first(last + 1));
}

// The largest packet that comes through, at least `smallest_mtu`.
int path_mtu(const Address& target, const std::string& source, int largest) {
    int good = smallest_mtu;
    int bad = largest;
    while (bad - good > 1) {
        const int middle = (good + bad) / 2;
        (ping(target, source, middle) == Answer::yes ? good : bad) = middle;
    }
    return good;
}

void check_gateway(const model::Config& config, const model::Uplink& uplink,
                   const Address& neighbour, const char* role, Findings& findings) {
    const std::string& device = config.interface_name(uplink.id);
    switch (ping(neighbour, device)) {
        case Answer::yes:
            return findings.ok("far end", fmt::format("{}: {} {} answers", uplink.name, role,
                                                      neighbour.to_string()));
        case Answer::cannot_ask:
            return findings.not_checked(
                "far end", fmt::format("{}: cannot ask {} {} from {}", uplink.name, role,
                                       neighbour.to_string(), device));
        case Answer::no:
            break;
    }
    const auto known = ip({"neigh", "show", "to", neighbour.to_string(), "dev", device});
    const bool has_mac = known && !known->empty() && known->front().contains("lladdr");
    if (has_mac)
        return findings.warn(
            "far end",
            fmt::format("{}: {} {} is on the link and does not answer ping (it may "
                        "not want to)",
                        uplink.name, role, neighbour.to_string()),
            fmt::format("detour capture {} icmp", device));
    findings.error("far end",
                   fmt::format("{}: nobody is {} {} on {}: no answer to ping, and none to ARP or "
                               "neighbour discovery",
                               uplink.name, role, neighbour.to_string(), device),
                   fmt::format("ip neigh show dev {}; detour capture {} 'arp or icmp6'; is the "
                               "cable in the right port, is the VLAN right?",
                               device, device));
}

void check_underlay_mtu(const model::Config& config, const model::Uplink& uplink,
                        Findings& findings) {
    const model::Underlay& underlay = *uplink.underlay;
    if (underlay.local.family() != Family::ipv4)
        return;
    const std::string source = underlay.local.to_string();
    const int wanted = config.port(underlay.port).mtu;
    if (ping(underlay.remote, source, wanted) == Answer::yes)
        return findings.ok("underlay MTU",
                           fmt::format("{}: {} bytes come through to {}", uplink.name, wanted,
                                       underlay.remote.to_string()));
    const int largest = path_mtu(underlay.remote, source, wanted);
    findings.error("underlay MTU",
                   fmt::format("{}: packets of {} bytes to {} are lost, {} come through: large "
                               "packets in the tunnel vanish",
                               uplink.name, wanted, underlay.remote.to_string(), largest),
                   fmt::format("ask for an MTU of {} on the way, or set ports: {}: {{mtu: {}}}",
                               wanted, config.port(underlay.port).name, largest));
}

// What answers inside the tunnel came and went as GRE.
void check_gre(const model::Uplink& uplink, Findings& findings) {
    bool is_asked = false;
    for (const InterfaceAddress& ours : uplink.inner) {
        const auto peer = other_end(ours);
        if (!peer)
            continue;
        is_asked = true;
        const Answer answer = ping(*peer, ours.address.to_string());
        if (answer == Answer::yes)
            return findings.ok("GRE", fmt::format("{}: {} answers inside the tunnel", uplink.name,
                                                  peer->to_string()));
    }
    if (!is_asked)
        return findings.not_checked(
            "GRE", fmt::format("{}: no inner address says who is at the other end", uplink.name));
    const model::Underlay& underlay = *uplink.underlay;
    findings.error(
        "GRE",
        fmt::format("{}: {} answers outside the tunnel and nobody inside it: IP protocol 47 is "
                    "filtered on the way, or the far end has another key or address",
                    uplink.name, underlay.remote.to_string()),
        fmt::format(
            "ask them to permit protocol 47 between {} and {}, and to compare key {}; detour "
            "capture {} proto gre shows whether anything comes back",
            underlay.local.to_string(), underlay.remote.to_string(),
            underlay.key ? std::to_string(*underlay.key) : "(none)", uplink.name));
}

void check_tunnel(const Patient& patient, const model::Uplink& uplink, Findings& findings) {
    const model::Underlay& underlay = *uplink.underlay;
    switch (ping(underlay.remote, underlay.local.to_string())) {
        case Answer::yes:
            findings.ok("far end",
                        fmt::format("{}: {} answers", uplink.name, underlay.remote.to_string()));
            check_underlay_mtu(patient.config, uplink, findings);
            break;
        case Answer::cannot_ask:
            return findings.not_checked("far end", fmt::format("{}: cannot ask {}", uplink.name,
                                                               underlay.remote.to_string()));
        case Answer::no:
            findings.warn("far end",
                          fmt::format("{}: {} does not answer ping outside the tunnel (it may not "
                                      "want to); the MTU on the way is not known",
                                      uplink.name, underlay.remote.to_string()),
                          fmt::format("ip route get {} from {}; detour capture {} icmp",
                                      underlay.remote.to_string(), underlay.local.to_string(),
                                      patient.config.port(underlay.port).name));
            break;
    }
    check_gre(uplink, findings);
}

}  // namespace

void check_far_ends(const Patient& patient, Findings& findings) {
    const auto ours = local_addresses();
    for (const model::Uplink& uplink : patient.config.uplinks) {
        const auto& link = patient.config.link_addresses(uplink.id);
        const bool is_there = uplink.underlay
                                  ? ours.contains(uplink.underlay->local.to_string())
                                  : std::ranges::any_of(link, [&](const InterfaceAddress& one) {
                                        return ours.contains(one.address.to_string());
                                    });
        if (!is_there) {
            findings.not_checked(
                "far end", fmt::format("{}: this host has none of its addresses now; ask again "
                                       "when the box runs",
                                       uplink.name));
            continue;
        }
        if (uplink.underlay) {
            check_tunnel(patient, uplink, findings);
            continue;
        }
        std::set<Address> asked;
        for (const Family family : families)
            if (const auto gateway = patient.config.gateway(uplink.id, family);
                gateway && asked.insert(*gateway).second)
                check_gateway(patient.config, uplink, *gateway, "gateway", findings);
        if (uplink.bgp)
            for (const Address& peer : uplink.bgp->peers)
                if (asked.insert(peer).second)
                    check_gateway(patient.config, uplink, peer, "BGP peer", findings);
    }
}

}  // namespace detour::command::doctor
