// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour neighbours: who is on the links of this box, and which of them it depends on: gateways,
// BGP peers, far ends of tunnels, the prefix sets' next hops.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "conf/model/load.h"
#include "tools/detour/columns.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/shell.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Address -> what the box needs it for.
using Roles = std::map<std::string, std::string>;

void add_role(Roles& roles, const Address& address, const std::string& role) {
    std::string& text = roles[address.to_string()];
    if (text.find(role) == std::string::npos)
        text += (text.empty() ? "" : ", ") + role;
}

Roles roles_of(const model::Config& config) {
    Roles roles;
    for (const model::Uplink& uplink : config.uplinks) {
        if (uplink.kind == model::UplinkKind::direct) {
            for (const Family family : families)
                if (const auto gateway = config.gateway(uplink.id, family))
                    add_role(roles, *gateway, "gateway of " + uplink.name);
            if (uplink.bgp)
                for (const Address& peer : uplink.bgp->peers)
                    add_role(roles, peer, "BGP peer of " + uplink.name);
        }
        if (uplink.underlay)
            add_role(roles, uplink.underlay->gateway.value_or(uplink.underlay->remote),
                     "far end of " + uplink.name);
    }
    for (const model::PrefixSet& set : config.prefix_sets)
        for (const Address& hop : set.next_hops)
            add_role(roles, hop, "next hop of " + set.name);
    return roles;
}

bool is_valid(const std::string& state) {
    static const std::set<std::string> valid{"PERMANENT", "NOARP", "REACHABLE",
                                             "PROBE",     "STALE", "DELAY"};
    return valid.contains(state);
}

struct Row {
    std::string device;
    std::string address;
    std::string mac;
    std::string state;
    std::string role;

    [[nodiscard]] bool is_missed() const { return !role.empty() && !is_valid(state); }
};

std::vector<Row> rows_of(const model::Config& config) {
    Roles roles = roles_of(config);
    std::vector<Row> rows;
    for (const model::Port& port : config.ports) {
        const std::string& device = config.interface_name(port.id);
        for (const char* family : {"-4", "-6"})
            for (const json& one :
                 ip({family, "neigh", "show", "dev", device}).value_or(json::array())) {
                const json states = one.value("state", json::array());
                Row row{.device = device,
                        .address = one.value("dst", ""),
                        .mac = one.value("lladdr", "-"),
                        .state = states.empty() ? "NONE" : states.front().get<std::string>(),
                        .role = ""};
                if (const auto role = roles.extract(row.address); !role.empty())
                    row.role = role.mapped();
                rows.push_back(std::move(row));
            }
    }
    for (const auto& [address, role] : roles)
        rows.push_back({"-", address, "-", "UNKNOWN", role});
    // Who is needed and missing first, then who is needed.
    std::ranges::stable_sort(rows, {}, [](const Row& row) {
        return row.is_missed() ? 0 : row.role.empty() ? 2 : 1;
    });
    return rows;
}

int neighbours(const Context& context) {
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    if (!config)
        return fail({ClientError::Kind::refused,
                     fmt::format("{} has errors: detour check says which",
                                 context.options.config_file.string()),
                     {}},
                    context.output);
    const std::vector<Row> rows = rows_of(*config);
    const int code = std::ranges::any_of(rows, &Row::is_missed) ? 1 : 0;
    if (context.output == Output::json) {
        auto list = ordered_json::array();
        for (const Row& row : rows)
            list.push_back({{"device", row.device},
                            {"address", row.address},
                            {"mac", row.mac},
                            {"state", row.state},
                            {"role", row.role}});
        fmt::print(
            "{}\n",
            ordered_json{{"schema_version", schema_version}, {"neighbours", std::move(list)}}.dump(
                2));
        return code;
    }
    Columns columns({{"on"}, {"address"}, {"MAC"}, {"state"}, {"needed as"}});
    for (const Row& row : rows)
        columns.add({row.device,
                     {row.address, row.role.empty() ? Style::plain : Style::strong},
                     row.mac,
                     {row.state, is_valid(row.state) ? Style::plain
                                 : row.is_missed()   ? Style::red
                                                     : Style::yellow},
                     row.role});
    columns.print();
    return code;
}

}  // namespace

Action declare_neighbours(CLI::App& arguments) {
    arguments.footer(
        "States are the kernel's; FAILED: it was asked for and did not answer; UNKNOWN: nobody has "
        "asked.\nExit status: 0, 1 somebody who is needed is not there, 2 error.\n");
    return neighbours;
}

}  // namespace detour::command
