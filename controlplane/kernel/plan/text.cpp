// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Operations as the `ip` command that would do the same; interfaces by index, as the kernel is
// told.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controlplane/kernel/plan/diff.h"

namespace detour::kernel::plan {
namespace {

std::string_view word(Verb verb, std::string_view create) {
    switch (verb) {
        case Verb::create:
            return create;
        case Verb::replace:
            return "replace";
        case Verb::remove:
            return "del";
    }
    return "?";
}

std::string_view family_flag(Family family) {
    return family == Family::ipv4 ? "-4 " : "-6 ";
}

std::string text(const Via& via) {
    return via.gateway ? fmt::format("via {} dev #{}", via.gateway->to_string(), via.device.value)
                       : fmt::format("dev #{}", via.device.value);
}

std::string text(const Group& group) {
    std::vector<std::string> members;
    for (const NexthopId member : group.members)
        members.push_back(fmt::format("{:#x}", member.value));
    return fmt::format("group {}", fmt::join(members, "/"));
}

struct OperationText {
    Verb verb;

    std::string operator()(const LinkGoal& link) const {
        if (!link.tunnel || verb == Verb::remove)
            return fmt::format("link {} {}", word(verb, "add"), link.name);
        const Tunnel& tunnel = *link.tunnel;
        const char* type = tunnel.local.family() == Family::ipv4 ? "gre" : "ip6gre";
        std::string line = fmt::format("link add {} type {} local {} remote {} dev #{} ttl {}",
                                       link.name, type, tunnel.local.to_string(),
                                       tunnel.remote.to_string(), tunnel.port.value, tunnel.ttl);
        return tunnel.key ? line + fmt::format(" key {}", *tunnel.key) : line;
    }
    std::string operator()(const LinkChange& change) const {
        std::string line = fmt::format("link set {}", change.name);
        if (change.group)
            line += fmt::format(" group {}", *change.group);
        if (change.mtu)
            line += fmt::format(" mtu {}", *change.mtu);
        if (change.raise == LinkChange::Raise::yes)
            line += " up";
        return line;
    }
    std::string operator()(const LinkAddress& address) const {
        return fmt::format("address {} {} dev #{}", word(verb, "add"), address.address.to_string(),
                           address.device.value);
    }
    std::string operator()(const Nexthop& nexthop) const {
        std::string line = fmt::format("nexthop {} id {:#x}", word(verb, "add"), nexthop.id.value);
        if (verb == Verb::remove)
            return line;
        if (const auto* via = std::get_if<Via>(&nexthop.way))
            return std::string(family_flag(via->family)) + line + " " + text(*via);
        if (const auto* blackhole = std::get_if<Blackhole>(&nexthop.way))
            return std::string(family_flag(blackhole->family)) + line + " blackhole";
        return line + " " + text(std::get<Group>(nexthop.way));
    }
    std::string operator()(const Route& route) const {
        std::string way;
        if (const auto* id = std::get_if<NexthopId>(&route.way))
            way = fmt::format(" nhid {:#x}", id->value);
        else if (const auto* via = std::get_if<Via>(&route.way))
            way = " " + text(*via);
        const auto* refusal = std::get_if<Refusal>(&route.way);
        const std::string_view type = refusal == nullptr               ? ""
                                      : *refusal == Refusal::blackhole ? "blackhole "
                                                                       : "unreachable ";
        return fmt::format("route {} {}{}{} table {} metric {}", word(verb, "add"), type,
                           route.key.prefix.to_string(), way, route.key.table.value,
                           route.key.metric);
    }
    std::string operator()(const Rule& rule) const {
        std::string line = fmt::format("{}rule {} pref {}", family_flag(rule.family),
                                       word(verb, "add"), rule.priority);
        if (rule.source)
            line += fmt::format(" from {}", rule.source->to_string());
        if (!rule.iif.empty())
            line += fmt::format(" iif {}", rule.iif);
        if (!rule.oif.empty())
            line += fmt::format(" oif {}", rule.oif);
        if (rule.action == RuleAction::prohibit)
            return line + " prohibit";
        line += fmt::format(" lookup {}", rule.table.value);
        if (rule.suppress_length)
            line += fmt::format(" suppress_prefixlength {}", *rule.suppress_length);
        if (rule.suppress_group)
            line += fmt::format(" suppress_ifgroup {}", *rule.suppress_group);
        return line;
    }
};

}  // namespace

std::string to_string(const Operation& operation) {
    return std::visit(OperationText{operation.verb}, operation.object);
}

}  // namespace detour::kernel::plan
