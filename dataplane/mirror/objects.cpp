// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/objects.h"

#include <fmt/format.h>
#include <linux/neighbour.h>

namespace detour::mirror {

namespace {

// The kernel's own set of states in which it transmits (NUD_VALID of net/neighbour.h).
constexpr std::uint16_t valid_states =
    NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;

std::string mac_text(const std::optional<MacAddress>& mac) {
    if (!mac)
        return "no lladdr";
    return fmt::format("lladdr {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", (*mac)[0], (*mac)[1],
                       (*mac)[2], (*mac)[3], (*mac)[4], (*mac)[5]);
}

}  // namespace

bool Neighbour::is_usable() const {
    return (state & valid_states) != 0 && mac.has_value();
}

std::string_view to_string(RouteType type) {
    static constexpr std::array names{"unicast",   "local",     "broadcast",   "anycast",
                                      "multicast", "blackhole", "unreachable", "prohibit",
                                      "throw",     "other"};
    return names[static_cast<std::size_t>(type)];
}

std::string_view to_string(RuleAction action) {
    static constexpr std::array names{"lookup",   "blackhole", "unreachable",
                                      "prohibit", "nop",       "other"};
    return names[static_cast<std::size_t>(action)];
}

std::string to_string(const Hop& hop) {
    std::string text = hop.gateway ? fmt::format("via {} ", hop.gateway->to_string()) : "";
    text += fmt::format("dev #{}", hop.device.value);
    if (hop.weight != 1)
        text += fmt::format(" weight {}", hop.weight);
    if (hop.is_dead)
        text += " dead";
    return text;
}

std::string to_string(const Path& path) {
    std::string text(to_string(path.type));
    if (path.nexthop.value != 0)
        text += fmt::format(" nhid {}", path.nexthop.value);
    for (const Hop& hop : path.hops)
        text += (path.hops.size() > 1 ? " nexthop " : " ") + to_string(hop);
    if (path.preferred_source)
        text += " src " + path.preferred_source->to_string();
    if (path.mtu != 0)
        text += fmt::format(" mtu {}", path.mtu);
    if (path.is_foreign)
        text += " foreign";
    return text + fmt::format(" proto {}", path.protocol);
}

std::string to_string(const RouteKey& key) {
    std::string text = key.prefix.to_string();
    if (key.tos != 0)
        text += fmt::format(" tos {:#x}", key.tos);
    return text + fmt::format(" metric {}", key.metric);
}

std::string to_string(const Nexthop& nexthop) {
    if (nexthop.is_blackhole)
        return "blackhole";
    std::string text = nexthop.is_foreign ? "foreign " : "";
    if (nexthop.members.empty())
        return text + to_string(nexthop.hop);
    text += "group";
    for (const NexthopMember& member : nexthop.members)
        text += fmt::format(" {},{}", member.id.value, member.weight);
    return text;
}

std::string to_string(const Neighbour& neighbour) {
    return fmt::format("{} state {:#x}{}", mac_text(neighbour.mac), neighbour.state,
                       neighbour.is_managed ? " managed" : "");
}

std::string to_string(const Link& link) {
    return fmt::format(
        "#{} {} {} mtu {} {} {}{}", link.interface.value, link.name, mac_text(link.mac), link.mtu,
        link.is_up ? fmt::format("group {} up", link.group) : "down",
        link.has_carrier ? "carrier" : "no-carrier", link.has_neighbours ? "" : " noarp");
}

std::string to_string(const Rule& rule) {
    std::string text = fmt::format("{} {}:{}", detour::to_string(rule.family), rule.priority,
                                   rule.is_inverted ? " not" : "");
    if (rule.source)
        text += " from " + rule.source->to_string();
    if (rule.destination)
        text += " to " + rule.destination->to_string();
    if (!rule.input.empty())
        text += " iif " + rule.input;
    if (!rule.output.empty())
        text += " oif " + rule.output;
    if (rule.is_foreign)
        text += " (foreign selector)";
    text += fmt::format(" {}", to_string(rule.action));
    if (rule.action == RuleAction::lookup)
        text += fmt::format(" {}", rule.table.value);
    if (rule.suppress_length >= 0)
        text += fmt::format(" suppress_prefixlength {}", rule.suppress_length);
    if (rule.suppress_group >= 0)
        text += fmt::format(" suppress_ifgroup {}", rule.suppress_group);
    return text;
}

}  // namespace detour::mirror
