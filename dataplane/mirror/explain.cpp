// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/explain.h"

#include <fmt/format.h>

#include <optional>

#include "dataplane/mirror/resolve.h"

namespace detour::mirror {
namespace {

class Walk {
 public:
    Walk(const KernelState& kernel, const Devices& devices, const Address& source,
         const Address& destination)
        : kernel_(kernel), resolver_(kernel, devices), source_(source), destination_(destination) {}

    Explanation from(InterfaceIndex input) {
        if (const auto fixed = special()) {
            explanation_.steps.push_back({0, "(before all rules)", {}, *fixed, Outcome::answer});
            lead_to(value_of(destination_.is_link_local() ? Fixed::local : Fixed::broadcast));
            return std::move(explanation_);
        }
        const Link* link = kernel_.links().find(input);
        const std::string name = link != nullptr ? link->name : "";
        for (const Rule& rule : kernel_.rules(destination_.family()))
            if (applies(rule, name) && ask(rule))
                return std::move(explanation_);
        lead_to(no_answer);
        return std::move(explanation_);
    }

 private:
    // Destinations that no table is asked for.
    [[nodiscard]] std::optional<std::string> special() const {
        if (destination_.is_multicast() || destination_.is_broadcast())
            return "a group of hosts: the kernel's";
        if (destination_.is_link_local() && destination_.family() == Family::ipv6)
            return "on this link alone: the kernel's";
        return std::nullopt;
    }

    [[nodiscard]] bool applies(const Rule& rule, const std::string& input) const {
        const bool is_selected = (!rule.source || rule.source->contains(source_)) &&
                                 (!rule.destination || rule.destination->contains(destination_));
        return rule.may_match(input) && (is_selected || rule.is_inverted) &&
               !(rule.action == RuleAction::nothing && !rule.is_foreign);
    }

    // True when the search ends at this rule.
    bool ask(const Rule& rule) {
        Asked asked{.priority = rule.priority, .rule = text(rule), .table = {}, .route = {}};
        if (rule.is_foreign || rule.action != RuleAction::lookup) {
            asked.route = rule.is_foreign ? "a form that only the kernel can judge"
                                          : std::string(to_string(rule.action));
            asked.outcome = Outcome::answer;
            explanation_.steps.push_back(std::move(asked));
            lead_to(fixed_value(rule));
            return true;
        }
        asked.table = rule.table;
        const auto value = look_up(rule, asked);
        const bool is_end = asked.outcome == Outcome::answer;
        explanation_.steps.push_back(std::move(asked));
        if (is_end)
            lead_to(*value);
        return is_end;
    }

    static Value fixed_value(const Rule& rule) {
        if (rule.is_foreign)
            return value_of(Fixed::unsupported);
        switch (rule.action) {
            case RuleAction::blackhole:
                return value_of(Fixed::blackhole);
            case RuleAction::unreachable:
                return value_of(Fixed::unreachable);
            case RuleAction::prohibit:
                return value_of(Fixed::prohibit);
            default:
                return value_of(Fixed::unsupported);
        }
    }

    // The kernel's choice: the longest prefix, there the first route that is alive; a prefix
    // without a live route is passed over for a shorter one.
    std::optional<Value> look_up(const Rule& rule, Asked& asked) const {
        const RouteTable* table = kernel_.table(destination_.family(), rule.table);
        if (table == nullptr)
            return std::nullopt;
        const RouteTable::Map& routes = table->entries();
        for (int length = bit_count(destination_.family()); length >= 0; --length) {
            const Prefix prefix(destination_, static_cast<std::uint8_t>(length));
            for (auto at = routes.lower_bound({prefix, 0xff, 0});
                 at != routes.end() && at->first.prefix == prefix; ++at)
                if (const auto value = first_alive(rule, at->first, at->second, asked))
                    return value;
        }
        return std::nullopt;
    }

    std::optional<Value> first_alive(const Rule& rule, const RouteKey& key,
                                     const RouteTable::Routes& routes, Asked& asked) const {
        for (std::size_t i = 0; i < routes.size(); ++i) {
            const PathId path = routes.at(i);
            const Resolver::Standing standing = resolver_.standing(path);
            if (!standing.is_usable)
                continue;
            asked.route = text(key, kernel_.paths()[path]);
            asked.outcome = judge(rule, key.prefix, path, standing);
            return key.tos != 0 ? value_of(Fixed::unsupported) : value_of(path);
        }
        return std::nullopt;
    }

    [[nodiscard]] Outcome judge(const Rule& rule, const Prefix& prefix, PathId path,
                                const Resolver::Standing& standing) const {
        if (kernel_.paths()[path].type == RouteType::throw_away)
            return Outcome::thrown;
        if (standing.is_error)
            return Outcome::answer;
        const bool is_short = std::int64_t{prefix.length()} <= rule.suppress_length;
        const bool is_of_group = rule.suppress_group >= 0 && standing.group == rule.suppress_group;
        return is_short || is_of_group ? Outcome::suppressed : Outcome::answer;
    }

    void lead_to(Value value) {
        if (const auto link = resolver_.connected_link(value)) {
            const auto path = path_of(value);
            const std::uint32_t mtu = path ? kernel_.paths()[*path].mtu : 0;
            const NeighbourKey host{*link, destination_};
            // A host that the kernel does not know is the connected route's affair.
            if (kernel_.neighbours().find(host) != nullptr) {
                explanation_.next_hops.push_back(resolver_.resolve_host(host, mtu).adjacency);
                return;
            }
        }
        for (const Resolved& resolved : resolver_.resolve(value))
            explanation_.next_hops.push_back(resolved.adjacency);
    }

    [[nodiscard]] static std::string text(const Rule& rule) {
        const std::string whole = to_string(rule);
        return whole.substr(whole.find(": ") + 2);
    }

    [[nodiscard]] std::string name_of(InterfaceIndex device) const {
        const Link* link = kernel_.links().find(device);
        return link != nullptr ? link->name : fmt::format("#{}", device.value);
    }

    [[nodiscard]] std::string text(const Hop& hop) const {
        return fmt::format("{}dev {}{}",
                           hop.gateway ? fmt::format("via {} ", hop.gateway->to_string()) : "",
                           name_of(hop.device), hop.is_dead ? " dead" : "");
    }

    [[nodiscard]] std::string text(NexthopId id) const {
        const Nexthop* nexthop = kernel_.nexthops().find(id);
        if (nexthop == nullptr)
            return fmt::format("nhid {} (not known yet)", id.value);
        if (nexthop->is_blackhole)
            return fmt::format("nhid {} blackhole", id.value);
        if (nexthop->members.empty())
            return fmt::format("nhid {} {}", id.value, text(nexthop->hop));
        std::string members;
        for (const NexthopMember& member : nexthop->members)
            members += fmt::format("{}{}", members.empty() ? "" : ", ", text(member.id));
        return fmt::format("nhid {} group [{}]", id.value, members);
    }

    [[nodiscard]] std::string text(const RouteKey& key, const Path& path) const {
        std::string text =
            path.type == RouteType::unicast ? "" : std::string(to_string(path.type)) + " ";
        text += key.prefix.is_default() ? "default" : key.prefix.to_string();
        if (key.tos != 0)
            text += fmt::format(" tos {:#x}", key.tos);
        if (path.nexthop.value != 0)
            text += " " + this->text(path.nexthop);
        for (const Hop& hop : path.hops)
            text += (path.hops.size() > 1 ? " nexthop " : " ") + this->text(hop);
        return text + (key.metric != 0 ? fmt::format(" metric {}", key.metric) : "");
    }

    const KernelState& kernel_;
    Resolver resolver_;
    const Address source_;
    const Address destination_;
    Explanation explanation_;
};

}  // namespace

Explanation explain(const KernelState& kernel, const Devices& devices, InterfaceIndex input,
                    const Address& source, const Address& destination) {
    return Walk(kernel, devices, source, destination).from(input);
}

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::no_route:
            return "no route";
        case Outcome::suppressed:
            return "suppressed";
        case Outcome::thrown:
            return "throw";
        case Outcome::answer:
            return "answer";
    }
    return "?";
}

}  // namespace detour::mirror
