// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour routes [ADDRESS|PREFIX|TABLE]: the kernel's tables as the rules meet them, with names
// instead of numbers. It asks the kernel, which is the truth for both kinds, with or without the
// daemons.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "conf/model/load.h"
#include "conf/types/prefix.h"
#include "tools/detour/columns.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/shell.h"
#include "tools/detour/tables.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A full table has a million routes: more than a screen says nobody reads, and `ip` prints it all.
constexpr std::size_t shown_of_a_table = 40;
constexpr Bounds patience{.time = std::chrono::seconds(20), .bytes = 512U << 20U};

std::string json_text(const json& route, const char* name) {
    const auto at = route.find(name);
    if (at == route.end())
        return "";
    return at->is_string() ? at->get<std::string>() : at->dump();
}

// Nexthop objects by id, as one reads them: "via 192.0.2.1 dev wan0".
class Nexthops {
 public:
    Nexthops() {
        for (const json& one : ip({"nexthop", "show"}).value_or(json::array()))
            objects_.emplace(one.value("id", 0U), one);
    }

    [[nodiscard]] std::string text(std::uint32_t id) const {
        const auto at = objects_.find(id);
        if (at == objects_.end())
            return fmt::format("nhid {} (gone)", id);
        const json& object = at->second;
        if (object.contains("blackhole"))
            return "blackhole";
        if (!object.contains("group"))
            return (object.contains("gateway") ? "via " + json_text(object, "gateway") + " " : "") +
                   "dev " + json_text(object, "dev");
        std::string members;
        for (const json& member : object.at("group"))
            members += (members.empty() ? "" : " or ") + text(member.value("id", 0U));
        return members.empty() ? "nothing (its members are gone)" : members;
    }

 private:
    std::map<std::uint32_t, json> objects_;
};

std::string way_of(const json& route, const Nexthops& nexthops) {
    std::string text = json_text(route, "type");
    const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : " ") + more; };
    if (route.contains("nhid"))
        add(nexthops.text(route.at("nhid").get<std::uint32_t>()));
    else if (route.contains("via"))
        add(fmt::format("via {} dev {}", json_text(route.at("via"), "host"),
                        json_text(route, "dev")));
    else if (route.contains("gateway"))
        add(fmt::format("via {} dev {}", json_text(route, "gateway"), json_text(route, "dev")));
    else if (route.contains("dev") && text.empty())
        add("dev " + json_text(route, "dev"));
    for (const json& hop : route.value("nexthops", json::array()))
        add(fmt::format("nexthop {}dev {}",
                        hop.contains("gateway") ? "via " + json_text(hop, "gateway") + " " : "",
                        json_text(hop, "dev")));
    for (const json& flag : route.value("flags", json::array()))
        if (flag == "dead" || flag == "linkdown")
            add(flag.get<std::string>());
    return text;
}

struct Found {
    std::string table;
    std::uint32_t number = 0;
    std::size_t count = 0;
    std::vector<json> routes;  // the first of them
};

std::optional<std::uint32_t> number_of_table(const model::Config* config, const std::string& name) {
    if (config != nullptr)
        for (const std::uint32_t table : our_tables(*config))
            if (table_name(config, table) == name)
                return table;
    for (const std::uint32_t table : {in_table, main_table, learned_table, local_table})
        if (table_name(nullptr, table) == name || std::to_string(table) == name)
            return table;
    return std::nullopt;
}

// Without a match a table is counted first, as plain lines: only a short one becomes JSON.
void read_table(std::uint32_t table, const std::string& match, Found& found) {
    for (const char* family : {"-4", "-6"}) {
        if (!match.empty() && (match.find(':') != std::string::npos) != (family[1] == '6'))
            continue;
        std::vector<std::string> words{family, "route", "show", "table", std::to_string(table)};
        if (match.empty()) {
            std::vector<std::string> counting{"ip"};
            counting.insert(counting.end(), words.begin(), words.end());
            const Ran ran = run(counting, patience);
            const auto count = static_cast<std::size_t>(std::ranges::count(ran.output, '\n'));
            found.count += count;
            if (count > shown_of_a_table)
                continue;
        } else {
            words.insert(words.end(), {"match", match});
        }
        json list = ip(words).value_or(json::array());
        for (json& route : list)
            route["family"] = family[1] == '6' ? "ipv6" : "ipv4";
        found.routes.insert(found.routes.end(), list.begin(), list.end());
        if (!match.empty())
            found.count += list.size();
    }
}

// Of all only the default does not say which family it is of.
std::string destination_of(const json& route) {
    const std::string destination = json_text(route, "dst");
    return destination == "default" && json_text(route, "family") == "ipv6" ? "default (IPv6)"
                                                                            : destination;
}

void print_text(const std::vector<Found>& all, const Nexthops& nexthops) {
    Columns columns({{"table"}, {"destination"}, {"leads to"}, {"metric", Align::right}, {"by"}});
    for (const Found& found : all) {
        for (const json& route : found.routes)
            columns.add({{found.table, Style::strong},
                         destination_of(route),
                         way_of(route, nexthops),
                         route.contains("metric") ? json_text(route, "metric") : "-",
                         json_text(route, "protocol") == std::to_string(our_protocol)
                             ? "detour"
                             : json_text(route, "protocol")});
        if (found.count > found.routes.size())
            columns.add({{found.table, Style::strong},
                         "...",
                         fmt::format("and {} more: detour routes ADDRESS finds one",
                                     grouped(found.count - found.routes.size())),
                         "",
                         ""});
    }
    if (columns.empty())
        fmt::print("no routes\n");
    else
        columns.print();
}

void print_json(const std::vector<Found>& all, const Nexthops& nexthops) {
    auto tables = ordered_json::array();
    for (const Found& found : all) {
        auto routes = ordered_json::array();
        for (const json& route : found.routes)
            routes.push_back({{"destination", json_text(route, "dst")},
                              {"family", json_text(route, "family")},
                              {"leads_to", way_of(route, nexthops)},
                              {"metric", route.value("metric", 0U)},
                              {"protocol", json_text(route, "protocol")}});
        tables.push_back({{"table", found.table},
                          {"number", found.number},
                          {"count", found.count},
                          {"routes", std::move(routes)}});
    }
    fmt::print("{}\n",
               ordered_json{{"schema_version", schema_version}, {"tables", tables}}.dump(2));
}

int routes(const Context& context, const std::string& filter) {
    const auto loaded = model::load(context.options.config_file, std::chrono::system_clock::now());
    const model::Config* const config = loaded ? &*loaded : nullptr;
    const bool is_prefix = Address::parse(filter) || Prefix::parse(filter);
    const auto only = number_of_table(config, filter);
    if (!filter.empty() && !is_prefix && !only)
        return fail({ClientError::Kind::refused,
                     fmt::format("{} is no address, no prefix and no table (IN, main, B, "
                                 "U(UPLINK), S(SET))",
                                 filter),
                     {}},
                    context.output);
    std::vector<std::uint32_t> tables{in_table, main_table, learned_table};
    if (config != nullptr)
        tables = our_tables(*config);
    if (only)
        tables = {*only};
    std::vector<Found> all;
    for (const std::uint32_t table : tables) {
        Found found{.table = table_name(config, table), .number = table, .count = 0, .routes = {}};
        read_table(table, is_prefix ? filter : "", found);
        if (found.count != 0)
            all.push_back(std::move(found));
    }
    const Nexthops nexthops;
    if (context.output == Output::json)
        print_json(all, nexthops);
    else
        print_text(all, nexthops);
    return 0;
}

}  // namespace

Action declare_routes(CLI::App& arguments) {
    const auto filter = std::make_shared<std::string>();
    arguments
        .add_option("WHICH", *filter,
                    "An address or prefix: the routes that cover it. Or a table: IN, main, B, "
                    "U(UPLINK), S(SET)")
        ->type_name("");
    arguments.footer(
        "IN: what comes in by an uplink. U: pinned to an uplink. S: what leaves from a prefix set. "
        "B: learned by BGP.\nWhich of them a packet meets: detour trace. Exit status: 0, 2 "
        "error.\n");
    return [filter](const Context& context) { return routes(context, *filter); };
}

}  // namespace detour::command
