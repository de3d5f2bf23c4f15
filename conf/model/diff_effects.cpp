// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/diff_effects.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace detour::model {
namespace {

using SessionKey = std::pair<std::string, Address>;  // uplink, peer

// What a session was opened with: whatever differs needs a new one (controlplane/bgp keeps a
// session under the same condition, and a test holds the two together).
struct SessionTerms {
    std::string asn;
    std::string router_id;
    std::string local;
    std::string device;
    std::string remote_asn;
    std::string password_file;
    std::string ttl_security;
    std::string hold;
    std::string next_hops;
};

struct Term {
    std::string_view name;
    std::string SessionTerms::*member;
};

constexpr std::array<Term, 9> terms{{{"our asn", &SessionTerms::asn},
                                     {"router id", &SessionTerms::router_id},
                                     {"our address", &SessionTerms::local},
                                     {"interface", &SessionTerms::device},
                                     {"asn", &SessionTerms::remote_asn},
                                     {"password-file", &SessionTerms::password_file},
                                     {"ttl-security", &SessionTerms::ttl_security},
                                     {"hold", &SessionTerms::hold},
                                     {"next hops", &SessionTerms::next_hops}}};

std::string local_of(const Config& config, const Uplink& uplink, const Address& peer) {
    for (const InterfaceAddress& address : config.link_addresses(uplink.id))
        if (address.network().contains(peer))
            return address.address.to_string();
    return "none";
}

std::string next_hops(const Config& config, const Uplink& uplink) {
    std::vector<std::string> result;
    for (const Family family : families)
        if (const auto address = config.link_address(uplink.id, family))
            result.push_back(address->address.to_string());
    return fmt::format("{}", fmt::join(result, " and "));
}

std::map<SessionKey, SessionTerms> sessions(const Config& config) {
    std::map<SessionKey, SessionTerms> result;
    for (const Uplink& uplink : config.uplinks) {
        if (!uplink.bgp)
            continue;
        const UplinkBgp& bgp = *uplink.bgp;
        for (const Address& peer : bgp.peers)
            result[{uplink.name, peer}] = SessionTerms{
                .asn = std::to_string(config.router.asn.value),
                .router_id = config.router.id.to_string(),
                .local = local_of(config, uplink, peer),
                .device = config.interface_name(uplink.id),
                .remote_asn = std::to_string(bgp.asn.value),
                .password_file = bgp.password_file ? bgp.password_file->native() : "none",
                .ttl_security = bgp.has_ttl_security ? "true" : "false",
                .hold = detour::to_string(bgp.hold),
                .next_hops = next_hops(config, uplink)};
    }
    return result;
}

std::string what_differs(const SessionTerms& before, const SessionTerms& after) {
    std::vector<std::string> differences;
    for (const Term& term : terms)
        if (before.*term.member != after.*term.member)
            differences.push_back(
                fmt::format("{} {} -> {}", term.name, before.*term.member, after.*term.member));
    return fmt::format("{}", fmt::join(differences, ", "));
}

// --- traffic

void compare_prefixes(const PrefixSet& before, const PrefixSet& after,
                      std::vector<TrafficChange>& out) {
    const auto has = [](const PrefixSet& set, const Prefix& prefix) {
        return std::ranges::find(set.prefixes, prefix) != set.prefixes.end();
    };
    const std::string path = fmt::format("prefix-sets.{}.prefixes", after.name);
    for (const Prefix& prefix : before.prefixes)
        if (!has(after, prefix))
            out.push_back({path,
                           fmt::format("{} is withdrawn from every uplink, and its packets are "
                                       "not forwarded any more",
                                       prefix.to_string()),
                           true});
    for (const Prefix& prefix : after.prefixes)
        if (!has(before, prefix))
            out.push_back({path, fmt::format("{} is announced and forwarded where {} is",
                                             prefix.to_string(), after.name)});
}

std::string join_addresses(const std::vector<Address>& addresses) {
    std::vector<std::string> texts;
    for (const Address& address : addresses)
        texts.push_back(address.to_string());
    return texts.empty() ? "nowhere" : fmt::format("{}", fmt::join(texts, " and "));
}

void compare_sets(const Config& before, const Config& after, std::vector<TrafficChange>& out) {
    for (const PrefixSet& old : before.prefix_sets) {
        const PrefixSet* now = after.find_prefix_set(old.name);
        if (now == nullptr) {
            out.push_back({"prefix-sets." + old.name,
                           fmt::format("{} is withdrawn from every uplink, and its packets are "
                                       "not forwarded any more",
                                       old.name),
                           true});
            continue;
        }
        compare_prefixes(old, *now, out);
        if (old.next_hops != now->next_hops)
            out.push_back(
                {fmt::format("prefix-sets.{}.next-hops", now->name),
                 fmt::format("packets to {} leave on the LAN to {} instead of {}", now->name,
                             join_addresses(now->next_hops), join_addresses(old.next_hops)),
                 true});
    }
    for (const PrefixSet& set : after.prefix_sets)
        if (before.find_prefix_set(set.name) == nullptr)
            out.push_back(
                {"prefix-sets." + set.name,
                 fmt::format("{} is announced and forwarded by its first uplink", set.name)});
}

void compare_way(const Config& before, const Uplink& old, const Config& after, const Uplink& now,
                 std::vector<TrafficChange>& out) {
    const std::string path = "uplinks." + now.name;
    const auto add = [&](std::string_view key, std::string what) {
        out.push_back({fmt::format("{}.{}", path, key), std::move(what), true});
    };
    if (old.kind != now.kind) {
        add("kind", fmt::format("what {} carries goes another way", now.name));
        return;
    }
    if (before.port(old.port).name != after.port(now.port).name)
        add("port", fmt::format("what {} carries leaves by port {} instead of {}", now.name,
                                after.port(now.port).name, before.port(old.port).name));
    for (const Family family : families) {
        const auto then = before.gateway(old.id, family);
        const auto gateway = after.gateway(now.id, family);
        if (then && gateway && then != gateway)
            add("gateway", fmt::format("what {} carries goes to {} instead of {}", now.name,
                                       gateway->to_string(), then->to_string()));
        if (then && !gateway)
            add("gateway",
                fmt::format("{} carries no {} any more", now.name, detour::to_string(family)));
    }
    if (!old.underlay || !now.underlay)
        return;
    if (old.underlay->remote != now.underlay->remote ||
        old.underlay->local != now.underlay->local || old.underlay->key != now.underlay->key)
        add("underlay", fmt::format("the tunnel {} has other ends or another key: its packets are "
                                    "lost until the far end agrees",
                                    now.name));
}

void compare_uplinks(const Config& before, const Config& after, std::vector<TrafficChange>& out) {
    for (const Uplink& old : before.uplinks) {
        const Uplink* now = after.find_uplink(old.name);
        if (now == nullptr)
            out.push_back(
                {"uplinks." + old.name,
                 fmt::format("what {} carries must leave it before: detour move SET --to UPLINK",
                             old.name),
                 true});
        else
            compare_way(before, old, after, *now, out);
    }
    if (!before.uplinks.empty() && !after.uplinks.empty() &&
        before.uplinks.front().name != after.uplinks.front().name &&
        after.find_uplink(before.uplinks.front().name) != nullptr)
        out.push_back({"uplinks", fmt::format("home of every set is now {}: nothing moves by "
                                              "itself, detour failback SET brings it there",
                                              after.uplinks.front().name)});
}

void compare_addresses(const Config& before, const Config& after, std::vector<TrafficChange>& out) {
    for (const Port& old : before.ports) {
        const Port* now = after.find_port(old.name);
        if (now == nullptr)
            continue;
        for (const InterfaceAddress& address : old.addresses)
            if (std::ranges::find(now->addresses, address) == now->addresses.end())
                out.push_back({fmt::format("ports.{}.addresses", old.name),
                               fmt::format("{} does not answer to {} any more", old.name,
                                           address.to_string()),
                               before.is_lan(old.id)});
    }
}

// --- what needs a start

std::string_view name_of_parent(const Config& config, const Port& port) {
    return port.parent ? std::string_view(config.port(*port.parent).name) : std::string_view();
}

void compare_ports(const Config& before, const Config& after, std::vector<Restart>& out) {
    for (const Port& old : before.ports) {
        const std::string path = "ports." + old.name;
        const Port* now = after.find_port(old.name);
        if (now == nullptr)
            out.push_back({path, "a port is given back"});
        else if (now->device != old.device)
            out.push_back({path + ".device", "a port is another device"});
        else if (name_of_parent(before, old) != name_of_parent(after, *now))
            out.push_back({path + ".parent", "a VLAN moves to another port"});
        else if (now->vlan != old.vlan)
            out.push_back({path + ".vlan", "a port is another VLAN"});
        else if (now->mtu != old.mtu)
            out.push_back({path + ".mtu", "packet buffers are made for the largest MTU"});
    }
    for (const Port& port : after.ports)
        if (before.find_port(port.name) == nullptr)
            out.push_back({"ports." + port.name, "a port is taken"});
}

// Tunnels come, go and change as the data plane runs; a name that was a circuit and is a tunnel now
// would be two interfaces at once.
void compare_tunnels(const Config& before, const Config& after, std::vector<Restart>& out) {
    for (const Uplink& old : before.uplinks) {
        const Uplink* now = after.find_uplink(old.name);
        if (now != nullptr && old.kind != now->kind)
            out.push_back({"uplinks." + old.name + ".kind",
                           "a name is another kind of uplink: take a new name"});
    }
    for (const Uplink& uplink : after.uplinks) {
        const Uplink* old = before.find_uplink(uplink.name);
        const bool had = old != nullptr && old->underlay && old->underlay->has_reassembly;
        if (uplink.underlay && uplink.underlay->has_reassembly && !had)
            out.push_back({"uplinks." + uplink.name + ".underlay.reassembly",
                           "room for fragments is made at the start"});
    }
}

}  // namespace

std::vector<SessionChange> session_changes(const Config& before, const Config& after) {
    const auto old = sessions(before);
    const auto now = sessions(after);
    std::vector<SessionChange> result;
    for (const auto& [key, old_terms] : old) {
        const auto same = now.find(key);
        if (same == now.end())
            result.push_back(
                {SessionChange::Kind::ended, key.first, key.second, "not configured any more"});
        else if (std::string why = what_differs(old_terms, same->second); !why.empty())
            result.push_back({SessionChange::Kind::reset, key.first, key.second, std::move(why)});
    }
    for (const auto& [key, new_terms] : now)
        if (!old.contains(key))
            result.push_back({SessionChange::Kind::opened, key.first, key.second, "new"});
    return result;
}

std::vector<TrafficChange> traffic_changes(const Config& before, const Config& after) {
    std::vector<TrafficChange> result;
    compare_sets(before, after, result);
    compare_uplinks(before, after, result);
    compare_addresses(before, after, result);
    return result;
}

std::vector<Restart> restarts(const Config& before, const Config& after) {
    std::vector<Restart> result;
    if (before.dataplane.kind != after.dataplane.kind) {
        result.push_back({"dataplane.kind", "another program forwards"});
        return result;
    }
    if (after.dataplane.kind == DataplaneKind::kernel)
        return result;
    if (before.dataplane.cores != after.dataplane.cores)
        result.push_back({"dataplane.cores", "workers are placed at the start"});
    if (before.dataplane.poll != after.dataplane.poll)
        result.push_back({"dataplane.poll", "workers are set up at the start"});
    if (before.dataplane.reassembly != after.dataplane.reassembly)
        result.push_back({"dataplane.reassembly-bytes", "its memory is taken at the start"});
    compare_ports(before, after, result);
    compare_tunnels(before, after, result);
    return result;
}

}  // namespace detour::model
