// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour trace 'SRC > DST [in PORT]': the way of one packet through the running tables. With a data
// plane it is the data plane that answers (rules and tables, and what its workers do); in kind
// kernel the kernel itself is asked for the route.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "conf/model/load.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/flow.h"
#include "tools/detour/shell.h"
#include "tools/detour/tables.h"
#include "tools/detour/telemetry.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string text(const json& object, const char* name) {
    return object.value(name, "");
}

std::uint64_t number(const json& object, const char* name) {
    return object.value(name, std::uint64_t{0});
}

void line(const char* title, const std::string& what) {
    fmt::print("  {:<9} {}\n", title, what);
}

// Steps and members are named by their place.
std::vector<json> in_order(const json& object, const std::string& stem) {
    std::vector<json> list;
    for (std::size_t i = 0; object.contains(stem + std::to_string(i)); ++i)
        list.push_back(object.at(stem + std::to_string(i)));
    return list;
}

void print_step(const json& step, const model::Config& config) {
    const std::string outcome = text(step, "outcome");
    const bool is_answer = outcome == "answer";
    const std::string rule = fmt::format("{:>5}  {}", number(step, "priority"), text(step, "rule"));
    line("rule", is_answer ? styled(rule, Style::strong) : rule);
    std::string found;
    if (step.contains("table"))
        found = fmt::format("table {}: ",
                            table_name(&config, static_cast<std::uint32_t>(number(step, "table"))));
    if (step.contains("route"))
        found += text(step, "route");
    if (outcome == "no route")
        found += "nothing there, next rule";
    else if (outcome == "suppressed")
        found += "; not for this rule, next rule";
    else if (outcome == "throw")
        found += "; next rule";
    line("", "       " + found);
}

std::string rewrite_of(const json& hop) {
    const std::string ethernet =
        fmt::format("Ethernet {} > {}", text(hop, "source_mac"), text(hop, "destination_mac"));
    if (text(hop, "verb") != "tunnel")
        return "TTL - 1; " + ethernet;
    return fmt::format("TTL - 1; {} bytes before the packet: {}, {} > {} TTL {}, GRE{}",
                       number(hop, "header_bytes"), ethernet, text(hop, "outer_source"),
                       text(hop, "outer_destination"), number(hop, "outer_ttl"),
                       hop.contains("key") ? fmt::format(" key {}", number(hop, "key")) : "");
}

void print_next_hop(const json& hop) {
    const std::string verb = text(hop, "verb");
    if (verb == "drop" || verb == "punt") {
        line("result",
             styled(fmt::format("{} ({}): {}", verb == "drop" ? "dropped" : "handed to the kernel",
                                text(hop, "reason"), text(hop, "meaning")),
                    verb == "drop" ? Style::red : Style::yellow));
        return;
    }
    std::string way = verb == "tunnel" ? fmt::format("into tunnel {}, out by {}",
                                                     text(hop, "tunnel"), text(hop, "port"))
                                       : fmt::format("out by {}", text(hop, "port"));
    if (hop.contains("uplink") && text(hop, "uplink") != text(hop, "tunnel"))
        way += fmt::format(" (uplink {})", text(hop, "uplink"));
    line("result", styled(way, Style::green));
    line("rewrite", rewrite_of(hop));
    line("up to", fmt::format("{} bytes; larger ones are the kernel's to fragment or refuse",
                              number(hop, "mtu")));
}

void print_way(const std::string& in, const Flow& flow, const json& way,
               const model::Config& config) {
    fmt::print("{}\n", styled(fmt::format("{} > {}, in by {}", flow.source.to_string(),
                                          flow.destination.to_string(), in),
                              Style::strong));
    if (text(way, "in_link") == "down")
        line("link",
             styled(fmt::format("{} is down: nothing comes in by it now", in), Style::yellow));
    for (const json& step : in_order(way.value("steps", json::object()), ""))
        print_step(step, config);
    if (way.contains("set"))
        line("set", text(way, "set"));
    if (way.contains("next_hop"))
        print_next_hop(way.at("next_hop"));
    else
        line("choice",
             fmt::format("one of {}, by the flow's addresses and ports", number(way, "members")));
    for (const json& member : in_order(way, "member_"))
        print_next_hop(member);
    if (text(way, "agrees") == "no")
        line("CAUTION", styled("the workers do not do what the rules say. A change under way? Ask "
                               "again; if it stays: detour doctor",
                               Style::red));
}

// The members of one answer in a list, which telemetry cannot make.
json shaped(const std::string& in, const Flow& flow, json way) {
    json document{{"source", flow.source.to_string()},
                  {"destination", flow.destination.to_string()},
                  {"in", in},
                  {"agrees", text(way, "agrees") == "yes"},
                  {"in_link", text(way, "in_link")},
                  {"steps", in_order(way.value("steps", json::object()), "")}};
    if (way.contains("set"))
        document["set"] = way.at("set");
    document["next_hops"] = way.contains("next_hop") ? json::array({way.at("next_hop")})
                                                     : json(in_order(way, "member_"));
    return document;
}

int refuse(const std::string& message, Output output) {
    return fail({ClientError::Kind::refused, message, {}}, output);
}

// 1 when some packet ends here, or the planes do not agree.
int exit_code(const std::vector<json>& ways) {
    const auto is_well = [](const json& way) {
        return way.at("agrees").get<bool>() &&
               std::ranges::none_of(way.at("next_hops"),
                                    [](const json& hop) { return text(hop, "verb") == "drop"; });
    };
    return std::ranges::all_of(ways, is_well) ? 0 : 1;
}

int trace_dataplane(const Context& context, const model::Config& config, const Flow& flow) {
    auto telemetry = Telemetry::connect(context.options.run().telemetry_socket());
    if (!telemetry)
        return fail(telemetry.error(), context.output);
    std::vector<json> ways;
    for (const std::string& in : entrances(config, flow)) {
        const Reply way = telemetry->ask(fmt::format(
            "/detour/trace,{},{},{}", in, flow.source.to_string(), flow.destination.to_string()));
        if (!way)
            return fail(way.error(), context.output);
        if (way->contains("error"))
            return refuse(text(*way, "error"), context.output);
        if (context.output == Output::text)
            print_way(in, flow, *way, config);
        ways.push_back(shaped(in, flow, *way));
    }
    if (context.output == Output::json)
        fmt::print("{}\n",
                   ordered_json{{"schema_version", schema_version}, {"traces", ways}}.dump(2));
    return exit_code(ways);
}

// The kernel's own answer to `ip route get`, for a packet that comes in by that interface.
int trace_kernel(const Context& context, const model::Config& config, const Flow& flow) {
    auto list = ordered_json::array();
    int code = 0;
    for (const std::string& in : entrances(config, flow)) {
        const Ran ran = run({"ip", "-j", "route", "get", flow.destination.to_string(), "from",
                             flow.source.to_string(), "iif", in});
        json route = json::parse(ran.output, nullptr, false);
        const bool is_route = ran.is_ok() && route.is_array() && !route.empty();
        const std::string said = ran.complaint.substr(0, ran.complaint.find('\n'));
        code = is_route ? code : 1;
        list.push_back({{"source", flow.source.to_string()},
                        {"destination", flow.destination.to_string()},
                        {"in", in},
                        {"route", is_route ? route.front() : json()},
                        {"error", is_route ? "" : said}});
        if (context.output == Output::json)
            continue;
        fmt::print("{}\n", styled(fmt::format("{} > {}, in by {}", flow.source.to_string(),
                                              flow.destination.to_string(), in),
                                  Style::strong));
        if (!is_route) {
            line("result", styled("the kernel has no way: " + said, Style::red));
            continue;
        }
        const json& one = route.front();
        if (one.contains("table"))
            line("table", text(one, "table"));
        line("result",
             styled(fmt::format("out by {}{}", text(one, "dev"),
                                one.contains("gateway") ? " via " + text(one, "gateway") : ""),
                    Style::green));
    }
    if (context.output == Output::json)
        fmt::print("{}\n",
                   ordered_json{{"schema_version", schema_version}, {"traces", list}}.dump(2));
    return code;
}

int trace(const Context& context, const std::vector<std::string>& words) {
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    if (!config)
        return refuse(fmt::format("{} has errors: detour check says which",
                                  context.options.config_file.string()),
                      context.output);
    const auto flow = parse_flow(*config, words);
    if (!flow)
        return refuse(flow.error(), context.output);
    return config->dataplane.kind == model::DataplaneKind::kernel
               ? trace_kernel(context, *config, *flow)
               : trace_dataplane(context, *config, *flow);
}

}  // namespace

Action declare_trace(CLI::App& arguments) {
    const auto words = std::make_shared<std::vector<std::string>>();
    arguments
        .add_option("FLOW", *words,
                    "'SOURCE > DESTINATION [in PORT|TUNNEL]'; without `in` by where the source is: "
                    "the LAN, or each uplink")
        ->required()
        ->type_name("");
    arguments.footer(
        "Example: detour trace '198.51.100.10 > 203.0.113.9 in lan0'. The quotes keep the shell "
        "from writing a file.\nExit status: 0 it goes on, 1 it is dropped here or the tables "
        "disagree, 2 error, 3 the data plane does not answer.\n");
    return [words](const Context& context) { return trace(context, *words); };
}

}  // namespace detour::command
