// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour config: the configuration that runs, as its file has it; --effective: with every default
// and where each value comes from. Without a detourd: what stands on the disk, else the file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "conf/model/effective.h"
#include "conf/model/load.h"
#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/running.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Wish {
    bool is_effective = false;
    bool is_file = false;
    std::optional<std::uint64_t> revision;
};

json setting_json(const model::Setting& setting) {
    json row{{"key", setting.name()}, {"source", source_text(setting)}};
    if (setting.shape == model::Setting::Shape::scalar)
        row["value"] = setting.is_only_shown && setting.values.front() == "none"
                           ? json(nullptr)
                           : json(setting.values.front());
    else
        row["value"] = setting.values;
    return row;
}

int show(const Context& context, const std::string& text, const model::Config& config,
         std::optional<revision::Number> number, const Wish& wish) {
    if (context.output == Output::json) {
        json document{{"schema_version", schema_version},
                      {"revision", number ? json(*number) : json(nullptr)},
                      {"settings", json::array()}};
        for (const model::Setting& setting : model::effective(config))
            document["settings"].push_back(setting_json(setting));
        fmt::print("{}\n", document.dump(2));
    } else if (wish.is_effective) {
        fmt::print(
            "# {}\n{}",
            number ? fmt::format("revision {}", *number) : context.options.config_file.string(),
            model::to_yaml(model::effective(config)));
    } else {
        fmt::print("{}", text);
    }
    return exit_code::ok;
}

int show_file(const Context& context, const Wish& wish) {
    const auto candidate = read_candidate(context, context.options.config_file);
    return candidate ? show(context, candidate->text, candidate->config, std::nullopt, wish)
                     : exit_code::error;
}

int show_config(const Context& context, const Wish& wish) {
    if (wish.is_file)
        return show_file(context, wish);
    if (wish.revision) {
        const auto text = revision::Store(context.options.state_dir).text(*wish.revision);
        if (!text)
            return refuse(context, text.error());
        const auto config =
            model::parse(*text, context.options.config_file, std::chrono::system_clock::now());
        if (!config)
            return refuse(context, headline(config.error().front()));
        return show(context, *text, *config, wish.revision, wish);
    }
    const auto running = find_running(context);
    if (running)
        return show(context, running->text, running->config, running->number, wish);
    if (running.error().kind == ClientError::Kind::unreachable)
        return show_file(context, wish);
    return fail(running.error(), context.output);
}

}  // namespace

Action declare_config(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments.add_flag("--effective", wish->is_effective,
                       "Every value that is in force, with its source");
    arguments.add_flag("--file", wish->is_file, "Of the file, not of what runs");
    arguments.add_option("--revision", wish->revision, "Of an earlier revision")->type_name("REV");
    return [wish](const Context& context) { return show_config(context, *wish); };
}

}  // namespace detour::command
