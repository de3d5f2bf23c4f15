// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour status: what is true, since when, how do we know, what comes next.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "conf/program/version.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/status_screen.h"
#include "tools/detour/telemetry.h"

namespace detour::command {
namespace {

using nlohmann::json;

// The newest incident if it is open. A journal that cannot be read must not hide the rest.
json open_incident(const Client& client) {
    const Reply reply = client.get("/v1/incidents", {{"count", "1"}});
    if (!reply || reply->at("incidents").empty() || !reply->at("incidents").at(0).at("open"))
        return nullptr;
    return reply->at("incidents").at(0);
}

// Of the data plane that answers beside detourd; empty: none does, or it has no such plane.
std::string dataplane_version(const Context& context, const json& status) {
    const json& plane = status.at("dataplane");
    if (plane.value("kind", "") != "dpdk" || plane.value("telemetry", "") == "lost")
        return {};  // who is known to be silent is not waited for
    auto telemetry = Telemetry::connect(context.options.run().telemetry_socket());
    if (!telemetry)
        return {};
    const Reply reply = telemetry->ask("/detour/version");
    return reply && reply->is_object() ? reply->value("version", "") : "";
}

// A screen has one row for the prompt; a pipe gets as many lines, as long as they are.
Size room(bool is_whole) {
    const auto terminal = terminal_size();
    constexpr unsigned endless = std::numeric_limits<unsigned>::max();
    if (is_whole)
        return {terminal ? terminal->columns : endless, endless};
    if (!terminal)
        return {endless, Size{}.rows};
    return {terminal->columns, std::max(terminal->rows, 2U) - 1};
}

int status(const Context& context, bool is_whole) {
    const Client client = client_of(context);
    const Reply reply = client.get("/v1/status");
    if (!reply)
        return fail(reply.error(), context.output);
    StatusView view{.status = *reply,
                    .incident = open_incident(client),
                    .command = std::string(program::version()),
                    .dataplane = dataplane_version(context, *reply)};
    if (context.output == Output::json) {
        view.status["incident"] = view.incident;
        view.status["dataplane"]["version"] =
            view.dataplane.empty() ? json(nullptr) : json(view.dataplane);
        fmt::print("{}\n", view.status.dump(2));
    } else {
        fmt::print("{}", status_screen(view, room(is_whole)));
    }
    return status_code(view);
}

}  // namespace

Action declare_status(CLI::App& arguments) {
    const auto is_whole = std::make_shared<bool>(false);
    arguments.add_flag("-a,--all", *is_whole, "Every line, however many; nothing is cut");
    arguments.footer(
        "Exit status: 0 calm, 1 something needs a look, 2 error, 3 detourd does not answer.\n");
    return [is_whole](const Context& context) { return status(context, *is_whole); };
}

}  // namespace detour::command
