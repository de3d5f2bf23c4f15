// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour ports, detour tunnels, detour drops: what the running data plane counts. In kind kernel
// the kernel's own interfaces are counted by the kernel.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "conf/model/load.h"
#include "tools/detour/columns.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/shell.h"
#include "tools/detour/telemetry.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Entries = std::expected<std::vector<json>, ClientError>;

std::uint64_t number(const json& entry, const char* name) {
    return entry.value(name, std::uint64_t{0});
}

std::string text(const json& entry, const char* name) {
    return entry.value(name, "");
}

// The data plane's answer, if the configuration says (or there is none to say) that there is one.
bool is_kernel_kind(const Context& context) {
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    return config && config->dataplane.kind == model::DataplaneKind::kernel;
}

Entries ask(const Context& context, const char* command) {
    auto telemetry = Telemetry::connect(context.options.run().telemetry_socket());
    if (!telemetry)
        return std::unexpected(telemetry.error());
    return telemetry->list(command);
}

// An interface of the kernel in the words of telemetry.
json from_kernel(const json& link) {
    const json counts = link.value("stats64", json::object());
    const json in = counts.value("rx", json::object());
    const json out = counts.value("tx", json::object());
    return {{"name", link.value("ifname", "")},
            {"device", "kernel"},
            {"mac", link.value("address", "")},
            {"mtu", link.value("mtu", 0)},
            {"link", link.value("operstate", "") == "DOWN" ? "down" : "up"},
            {"in_packets", number(in, "packets")},
            {"in_bytes", number(in, "bytes")},
            {"out_packets", number(out, "packets")},
            {"out_bytes", number(out, "bytes")},
            {"driver_missed", number(in, "dropped")},
            {"driver_receive_errors", number(in, "errors")},
            {"driver_transmit_errors", number(out, "errors")}};
}

enum class Wanted { ports, tunnels };

Entries from_kernel(const Context& context, Wanted wanted) {
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    std::vector<json> entries;
    const auto add = [&](const std::string& name, const model::Underlay* underlay) {
        const auto links = ip({"-s", "link", "show", "dev", name});
        json entry = links && !links->empty()
                         ? from_kernel(links->front())
                         : json{{"name", name}, {"device", "missing"}, {"link", "missing"}};
        if (underlay != nullptr) {
            entry["local"] = underlay->local.to_string();
            entry["remote"] = underlay->remote.to_string();
            if (underlay->key)
                entry["key"] = *underlay->key;
            entry["next_hop"] = "the kernel's";
        }
        entries.push_back(std::move(entry));
    };
    if (wanted == Wanted::ports)
        for (const model::Port& port : config->ports)
            add(config->interface_name(port.id), nullptr);
    else
        for (const model::Uplink& uplink : config->uplinks)
            if (uplink.underlay)
                add(config->interface_name(uplink.id), &*uplink.underlay);
    return entries;
}

Entries entries_of(const Context& context, Wanted wanted) {
    if (is_kernel_kind(context))
        return from_kernel(context, wanted);
    return ask(context, wanted == Wanted::ports ? "/detour/ports" : "/detour/tunnels");
}

void print_json(const char* name, const std::vector<json>& entries) {
    fmt::print("{}\n", ordered_json{{"schema_version", schema_version}, {name, entries}}.dump(2));
}

Cell link_cell(const json& entry) {
    const std::string link = text(entry, "link");
    return {link, link == "up" ? Style::green : Style::red};
}

Cell count_cell(std::uint64_t count, Style when_any) {
    return {grouped(count), count == 0 ? Style::plain : when_any};
}

int show_ports(const Context& context) {
    const Entries ports = entries_of(context, Wanted::ports);
    if (!ports)
        return fail(ports.error(), context.output);
    const bool is_all_up =
        std::ranges::all_of(*ports, [](const json& port) { return text(port, "link") == "up"; });
    if (context.output == Output::json) {
        print_json("ports", *ports);
        return is_all_up ? 0 : 1;
    }
    Columns columns({{"port"},
                     {"link"},
                     {"mtu", Align::right},
                     {"in packets", Align::right},
                     {"bytes", Align::right},
                     {"out packets", Align::right},
                     {"bytes", Align::right},
                     {"missed", Align::right},
                     {"errors", Align::right},
                     {"device"}});
    for (const json& port : *ports)
        columns.add({{text(port, "name"), Style::strong},
                     link_cell(port),
                     std::to_string(number(port, "mtu")),
                     grouped(number(port, "in_packets")),
                     bytes_text(number(port, "in_bytes")),
                     grouped(number(port, "out_packets")),
                     bytes_text(number(port, "out_bytes")),
                     count_cell(number(port, "driver_missed"), Style::yellow),
                     count_cell(number(port, "driver_receive_errors") +
                                    number(port, "driver_transmit_errors"),
                                Style::yellow),
                     text(port, "device")});
    columns.print();
    return is_all_up ? 0 : 1;
}

int show_tunnels(const Context& context) {
    const Entries tunnels = entries_of(context, Wanted::tunnels);
    if (!tunnels)
        return fail(tunnels.error(), context.output);
    const auto is_well = [](const json& tunnel) {
        return text(tunnel, "next_hop") != "unresolved" && text(tunnel, "link") != "down" &&
               text(tunnel, "link") != "missing";
    };
    const int code = std::ranges::all_of(*tunnels, is_well) ? 0 : 1;
    if (context.output == Output::json) {
        print_json("tunnels", *tunnels);
        return code;
    }
    if (tunnels->empty()) {
        fmt::print("no tunnels: no uplink is of kind gre\n");
        return code;
    }
    Columns columns({{"tunnel"},
                     {"local"},
                     {"remote"},
                     {"key"},
                     {"next hop"},
                     {"in packets", Align::right},
                     {"bytes", Align::right},
                     {"out packets", Align::right},
                     {"bytes", Align::right}});
    for (const json& tunnel : *tunnels)
        columns.add({{text(tunnel, "name"), Style::strong},
                     text(tunnel, "local"),
                     text(tunnel, "remote"),
                     tunnel.contains("key") ? std::to_string(number(tunnel, "key")) : "-",
                     {text(tunnel, "next_hop"), is_well(tunnel) ? Style::green : Style::red},
                     grouped(number(tunnel, "in_packets")),
                     bytes_text(number(tunnel, "in_bytes")),
                     grouped(number(tunnel, "out_packets")),
                     bytes_text(number(tunnel, "out_bytes"))});
    columns.print();
    return code;
}

}  // namespace

Action declare_ports(CLI::App& arguments) {
    arguments.footer(
        "missed: frames that the device received and nobody fetched in time.\n"
        "Exit status: 0 all links up, 1 some link is down, 2 error, 3 the data plane does not "
        "answer.\n");
    return show_ports;
}

Action declare_tunnels(CLI::App& arguments) {
    arguments.footer(
        "next hop: whether the way to the far end is known; without it nothing is sent.\n"
        "Exit status: 0 all can send, 1 some cannot, 2 error, 3 the data plane does not answer.\n");
    return show_tunnels;
}

}  // namespace detour::command
