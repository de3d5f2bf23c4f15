// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace detour::command {
namespace {

constexpr const char* wanted = "wanted: 'SOURCE > DESTINATION [in PORT|TUNNEL]'";

std::vector<std::string> tokens(std::span<const std::string> words) {
    std::string text;
    for (const std::string& word : words)
        text += word + " ";
    std::string apart;
    for (const char c : text)
        apart += c == '>' ? " > " : std::string(1, c);
    std::istringstream stream(apart);
    std::vector<std::string> list;
    for (std::string token; stream >> token;)
        list.push_back(token);
    return list;
}

bool is_entrance(const model::Config& config, const std::string& name) {
    return config.find_port(name) != nullptr || config.find_uplink(name) != nullptr;
}

std::string names_of(const model::Config& config) {
    std::string names;
    for (const model::Port& port : config.ports)
        names += (names.empty() ? "" : ", ") + port.name;
    for (const model::Uplink& uplink : config.uplinks)
        names += ", " + uplink.name;
    return names;
}

bool is_on_link_of(const model::Port& port, const Address& address) {
    return std::ranges::any_of(port.addresses, [&](const InterfaceAddress& ours) {
        return ours.network().contains(address);
    });
}

}  // namespace

std::expected<Flow, std::string> parse_flow(const model::Config& config,
                                            std::span<const std::string> words) {
    const std::vector<std::string> list = tokens(words);
    const bool has_entrance = list.size() == 5 && list[3] == "in";
    if ((list.size() != 3 && !has_entrance) || list[1] != ">")
        return std::unexpected(std::string(wanted));
    const auto source = Address::parse(list[0]);
    if (!source)
        return std::unexpected(fmt::format("{}: {}; {}", list[0], source.error().message, wanted));
    const auto destination = Address::parse(list[2]);
    if (!destination)
        return std::unexpected(
            fmt::format("{}: {}; {}", list[2], destination.error().message, wanted));
    if (source->family() != destination->family())
        return std::unexpected(std::string("source and destination are of two families"));
    if (has_entrance && !is_entrance(config, list[4]))
        return std::unexpected(fmt::format("there is no port and no tunnel {}; there are {}",
                                           list[4], names_of(config)));
    Flow flow{.source = *source, .destination = *destination, .in = {}};
    if (has_entrance)
        flow.in = list[4];
    return flow;
}

std::vector<std::string> entrances(const model::Config& config, const Flow& flow) {
    if (flow.in) {
        const model::Port* const port = config.find_port(*flow.in);
        return {port != nullptr ? config.interface_name(port->id)
                                : config.interface_name(config.find_uplink(*flow.in)->id)};
    }
    std::vector<std::string> lan;
    std::vector<std::string> on_link;
    std::vector<std::string> outer;
    for (const model::Port& port : config.ports) {
        if (!config.is_lan(port.id))
            continue;
        lan.push_back(config.interface_name(port.id));
        if (is_on_link_of(port, flow.source))
            on_link.push_back(lan.back());
    }
    for (const model::Uplink& uplink : config.uplinks)
        outer.push_back(config.interface_name(uplink.id));
    if (!on_link.empty())
        return on_link;
    return config.prefix_set_of(flow.source) != nullptr && !lan.empty() ? lan : outer;
}

}  // namespace detour::command
