// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour drops: what the data plane throws away and why, what it hands to the kernel, and what the
// network cards lost before it. Counts since the start of the data plane, or with --seconds what
// came within them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "tools/detour/columns.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/telemetry.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct Wish {
    unsigned seconds = 0;
    bool has_all = false;
};

struct Losses {
    std::vector<json> drops;   // reason, meaning, packets
    std::vector<json> punts;   // the same, handed to the kernel
    std::vector<json> driver;  // reason "missed", meaning "... on PORT"
};

std::vector<json> driver_losses(const std::vector<json>& ports) {
    std::vector<json> list;
    for (const json& port : ports)
        for (const auto& [name, meaning] :
             {std::pair{"driver_missed", "received by the card, not fetched in time"},
              {"driver_no_buffer", "no buffer to receive into"},
              {"driver_receive_errors", "received with errors"},
              {"driver_transmit_errors", "not sent by the card"}})
            if (port.contains(name))
                list.push_back({{"reason", std::string(name).substr(7)},
                                {"port", port.at("name")},
                                {"meaning", fmt::format("{} on {}", meaning,
                                                        port.at("name").get<std::string>())},
                                {"packets", port.at(name)}});
    return list;
}

std::expected<Losses, ClientError> read(const Context& context) {
    auto telemetry = Telemetry::connect(context.options.run().telemetry_socket());
    if (!telemetry)
        return std::unexpected(telemetry.error());
    auto drops = telemetry->list("/detour/drops");
    auto punts = drops ? telemetry->list("/detour/punts") : drops;
    const auto ports = punts ? telemetry->list("/detour/ports") : punts;
    if (!ports)
        return std::unexpected(ports.error());
    return Losses{std::move(*drops), std::move(*punts), driver_losses(*ports)};
}

// Both lists are in the same order: the data plane's tables are fixed while it runs. One that was
// restarted in between counts from nothing.
void subtract(std::vector<json>& list, const std::vector<json>& before) {
    for (std::size_t i = 0; i < std::min(list.size(), before.size()); ++i) {
        const auto now = list[i].at("packets").get<std::uint64_t>();
        const auto then = before[i].at("packets").get<std::uint64_t>();
        list[i]["packets"] = now >= then ? now - then : now;
    }
}

void keep_counted(std::vector<json>& list) {
    std::erase_if(list, [](const json& one) { return one.at("packets") == 0; });
    std::ranges::stable_sort(list, std::ranges::greater{}, [](const json& one) {
        return one.at("packets").get<std::uint64_t>();
    });
}

void print(const std::vector<json>& list, const char* title, const char* none) {
    if (list.empty()) {
        fmt::print("{}: {}\n", styled(title, Style::strong), none);
        return;
    }
    Columns columns({{title}, {"packets", Align::right}, {"which is"}});
    for (const json& one : list)
        columns.add({one.at("reason").get<std::string>(),
                     grouped(one.at("packets").get<std::uint64_t>()),
                     one.at("meaning").get<std::string>()});
    columns.print();
}

int drops(const Context& context, const Wish& wish) {
    auto losses = read(context);
    if (losses && wish.seconds != 0) {
        const Losses before = std::move(*losses);
        std::this_thread::sleep_for(std::chrono::seconds(wish.seconds));
        losses = read(context);
        if (losses) {
            subtract(losses->drops, before.drops);
            subtract(losses->punts, before.punts);
            subtract(losses->driver, before.driver);
        }
    }
    if (!losses)
        return fail(losses.error(), context.output);
    if (!wish.has_all)
        for (auto* list : {&losses->drops, &losses->punts, &losses->driver})
            keep_counted(*list);
    if (context.output == Output::json) {
        ordered_json document{{"schema_version", schema_version}};
        if (wish.seconds != 0)
            document["seconds"] = wish.seconds;
        document["drops"] = losses->drops;
        document["driver"] = losses->driver;
        document["to_kernel"] = losses->punts;
        fmt::print("{}\n", document.dump(2));
        return 0;
    }
    print(losses->drops, "dropped", "nothing");
    print(losses->driver, "lost by a card", "nothing");
    print(losses->punts, "handed to the kernel", "nothing");
    return 0;
}

}  // namespace

Action declare_drops(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments
        .add_option("--seconds", wish->seconds,
                    "Count for so long from now on, instead of since the start")
        ->type_name("N")
        ->check(CLI::Range(1, 3600));
    arguments.add_flag("--all", wish->has_all, "Reasons that counted nothing too");
    arguments.footer(
        "Kind dpdk only; the kernel's own drops have no names. "
        "Exit status: 0, 2 error, 3 the data plane does not answer.\n");
    return [wish](const Context& context) { return drops(context, *wish); };
}

}  // namespace detour::command
