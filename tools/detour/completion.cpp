// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour completion SHELL: a script on stdout. detour completion names KIND: what a script asks.
#include "tools/detour/completion.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "conf/model/load.h"
#include "tools/detour/change.h"

namespace detour::command {
namespace {

std::vector<Completion::Option> options_of(const CLI::App& app) {
    std::vector<Completion::Option> options;
    for (const CLI::Option* option : app.get_options()) {
        if (!option->nonpositional())
            continue;
        Completion::Option made;
        for (const std::string& name : option->get_snames())
            made.names.push_back("-" + name);
        for (const std::string& name : option->get_lnames())
            made.names.push_back("--" + name);
        made.help = option->get_description();
        if (option->get_items_expected_min() > 0)
            // CLI11 writes what the value must be behind a colon.
            made.kind = option->get_type_name().substr(0, option->get_type_name().find(':'));
        options.push_back(std::move(made));
    }
    return options;
}

// "[FILE]" -> "FILE"; "PORT|TUNNEL [FILTER]" -> "PORT|TUNNEL".
std::string kind_of(std::string_view object) {
    object = object.substr(0, object.find(' '));
    if (object.starts_with('['))
        object = object.substr(1, object.find(']') - 1);
    return object.starts_with('\'') ? "" : std::string(object);
}

struct Asked {
    std::string shell;
    std::string kind;
};

// Names of each kind that KIND ("PORT|TUNNEL") is made of, a line each.
std::vector<std::string> names(const Context& context, std::string_view kind) {
    std::vector<std::string> result;
    if (const std::size_t bar = kind.find('|'); bar != std::string_view::npos) {
        result = names(context, kind.substr(0, bar));
        const auto rest = names(context, kind.substr(bar + 1));
        result.insert(result.end(), rest.begin(), rest.end());
        return result;
    }
    if (kind == "SHELL")
        return {"bash", "zsh", "fish"};
    if (kind == "LEVEL")
        return {"debug", "info", "warning", "error", "off"};
    if (kind == "PLANE")
        return {"detour-dataplane", "detourd"};
    if (kind == "VERB") {
        for (const Verb& verb : verbs())
            if (verb.is_offered())
                result.emplace_back(verb.name);
        return result;
    }
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    if (!config)
        return result;
    for (const model::PrefixSet& set : config->prefix_sets) {
        if (kind == "SET")
            result.push_back(set.name);
        if (kind == "PREFIX")
            for (const Prefix& prefix : set.prefixes)
                result.push_back(prefix.to_string());
    }
    if (kind == "SET")
        result.emplace_back("all");
    for (const model::Uplink& uplink : config->uplinks)
        if (kind == "UPLINK" || (kind == "TUNNEL" && uplink.kind == model::UplinkKind::gre))
            result.push_back(uplink.name);
    if (kind == "PORT")
        for (const model::Port& port : config->ports)
            result.push_back(port.name);
    return result;
}

int completion(const Context& context, const Asked& asked) {
    if (asked.shell == "names") {
        for (const std::string& name : names(context, asked.kind))
            fmt::print("{}\n", name);
        return exit_code::ok;
    }
    const Completion made = completion_of(Grammar());
    if (asked.shell == "bash")
        fmt::print("{}", bash_script(made));
    else if (asked.shell == "zsh")
        fmt::print("{}", zsh_script(made));
    else if (asked.shell == "fish")
        fmt::print("{}", fish_script(made));
    else
        return refuse(context, fmt::format("there is no completion for \"{}\": bash, zsh or fish",
                                           asked.shell));
    return exit_code::ok;
}

}  // namespace

Completion completion_of(const Grammar& grammar) {
    Completion result;
    result.shared = options_of(grammar.app());
    for (const Verb& verb : verbs())
        if (verb.is_offered())
            result.rows.push_back({std::string(verb.name), std::string(verb.summary),
                                   kind_of(verb.object), options_of(grammar.arguments(verb))});
    return result;
}

Action declare_completion(CLI::App& arguments) {
    const auto asked = std::make_shared<Asked>();
    arguments.add_option("SHELL", asked->shell, "bash, zsh or fish")->required()->type_name("");
    arguments.add_option("KIND", asked->kind, "With `names`: what the scripts ask for")
        ->type_name("");
    arguments.footer(
        "bash: detour completion bash > /etc/bash_completion.d/detour\n"
        "zsh:  detour completion zsh > /usr/local/share/zsh/site-functions/_detour\n"
        "fish: detour completion fish > ~/.config/fish/completions/detour.fish\n");
    return [asked](const Context& context) { return completion(context, *asked); };
}

}  // namespace detour::command
