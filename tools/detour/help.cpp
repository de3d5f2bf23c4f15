// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour help [VERB]: the list of verbs, or one verb's page. With -j the table itself, rows that
// are not offered included.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/detour/change.h"
#include "tools/detour/grammar.h"
#include "tools/detour/suggest.h"

namespace detour::command {
namespace {

using json = nlohmann::ordered_json;

json row(const Verb& verb) {
    return {{"verb", verb.name},
            {"object", verb.object},
            {"options", verb.options},
            {"summary", verb.summary},
            {"group", to_string(verb.group)},
            {"needs", to_string(verb.needs)},
            {"effect", to_string(verb.effect)},
            {"offered", verb.is_offered()}};
}

int help(const Context& context, const std::string& name) {
    if (name.empty() && context.output == Output::text) {
        fmt::print("{}", overview());
        return exit_code::ok;
    }
    const Verb* verb = find_verb(name);
    if (verb == nullptr && !name.empty()) {
        const auto meant = resolve(name, verbs());
        if (!meant)
            return refuse(context, meant.error());
        verb = *meant;
    }
    if (context.output == Output::text) {
        fmt::print("{}", Grammar().page(*verb));
        return exit_code::ok;
    }
    json rows = json::array();
    for (const Verb& one : verbs())
        if (verb == nullptr || verb == &one)
            rows.push_back(row(one));
    fmt::print("{}\n",
               json{{"schema_version", schema_version}, {"verbs", std::move(rows)}}.dump(2));
    return exit_code::ok;
}

}  // namespace

Action declare_help(CLI::App& arguments) {
    const auto name = std::make_shared<std::string>();
    arguments.add_option("VERB", *name, "The verb to tell more of")->type_name("");
    arguments.footer("With -j: the table of commands.\n");
    return [name](const Context& context) { return help(context, *name); };
}

}  // namespace detour::command
