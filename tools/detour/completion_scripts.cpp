// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The three shells' dialects. Each script has the same three parts: find the verb, what may stand
// behind it, and the values of a kind.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/detour/completion.h"

namespace detour::command {
namespace {

std::vector<std::string> names_of(const std::vector<Completion::Option>& options) {
    std::vector<std::string> names;
    for (const Completion::Option& option : options)
        names.insert(names.end(), option.names.begin(), option.names.end());
    return names;
}

// "  --to) kind=UPLINK ;;" of each option that wants a value.
std::string kinds_of(const std::vector<Completion::Option>& options, std::string_view verb,
                     std::string_view indent) {
    std::string text;
    for (const Completion::Option& option : options)
        if (!option.kind.empty())
            for (const std::string& name : option.names)
                text += fmt::format("{}{}:{}) kind='{}' ;;\n", indent, verb, name, option.kind);
    return text;
}

// Inside single quotes.
std::string quoted(std::string_view text, std::string_view quote) {
    std::string result;
    for (const char letter : text)
        if (letter == '\'')
            result += quote;
        else
            result += letter;
    return result;
}

std::string without_colons(std::string_view text) {
    std::string result;
    for (const char letter : text) {
        if (letter == ':')
            result += '\\';
        result += letter;
    }
    return result;
}

// Both bash and zsh find the verb so: the first word that is neither an option nor the value of
// one.
std::string find_verb_loop(const Completion& completion, std::string_view words,
                           std::string_view first, std::string_view current) {
    std::vector<std::string> with_value;
    for (const Completion::Option& option : completion.shared)
        if (!option.kind.empty())
            with_value.insert(with_value.end(), option.names.begin(), option.names.end());
    return fmt::format(
        "    for ((i = {1}; i < {2}; i++)); do\n"
        "        case ${{{0}[i]}} in\n"
        "            {3}) ((i++)) ;;\n"
        "            -*) ;;\n"
        "            *) verb=${{{0}[i]}}; place=$i; break ;;\n"
        "        esac\n"
        "    done\n",
        words, first, current, fmt::join(with_value, "|"));
}

std::string table_case(const Completion& completion) {
    std::string text = "    case $verb in\n";
    for (const Completion::Row& row : completion.rows)
        text += fmt::format("        {}) options='{}' object='{}' ;;\n", row.verb,
                            fmt::join(names_of(row.options), " "), row.object);
    text += "    esac\n    case $verb:$previous in\n";
    for (const Completion::Row& row : completion.rows)
        text += kinds_of(row.options, row.verb, "        ");
    return text + kinds_of(completion.shared, "*", "        ") + "    esac\n";
}

}  // namespace

std::string bash_script(const Completion& completion) {
    std::vector<std::string> verbs;
    for (const Completion::Row& row : completion.rows)
        verbs.push_back(row.verb);
    return fmt::format(
        "# bash completion for detour, made by `detour completion bash`.\n"
        "_detour() {{\n"
        "    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
        "    local verb= options= object= kind= i place=0\n"
        "{}{}"
        "    if [[ -n $kind ]]; then\n"
        "        :\n"
        "    elif [[ $word == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$options {}\" -- \"$word\"))\n"
        "        return\n"
        "    elif [[ -z $verb ]]; then\n"
        "        COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n"
        "        return\n"
        "    elif ((COMP_CWORD == place + 1)); then\n"
        "        kind=$object\n"
        "    fi\n"
        "    case $kind in\n"
        "        '') ;;\n"
        "        FILE) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
        "        DIR) compopt -o filenames; COMPREPLY=($(compgen -d -- \"$word\")) ;;\n"
        "        *) COMPREPLY=($(compgen -W \"$(${{COMP_WORDS[0]}} completion names \"$kind\" "
        "2>/dev/null)\" -- \"$word\")) ;;\n"
        "    esac\n"
        "}}\n"
        "complete -F _detour detour\n",
        find_verb_loop(completion, "COMP_WORDS", "1", "COMP_CWORD"), table_case(completion),
        fmt::join(names_of(completion.shared), " "), fmt::join(verbs, " "));
}

std::string zsh_script(const Completion& completion) {
    std::string verbs;
    for (const Completion::Row& row : completion.rows)
        verbs += fmt::format("        '{}:{}'\n", row.verb,
                             quoted(without_colons(row.summary), "'\\''"));
    return fmt::format(
        "#compdef detour\n"
        "# zsh completion for detour, made by `detour completion zsh`.\n"
        "_detour() {{\n"
        "    local word=${{words[CURRENT]}} previous=${{words[CURRENT-1]}}\n"
        "    local verb= options= object= kind= i place=0\n"
        "    local -a verbs\n"
        "    verbs=(\n{}    )\n"
        "{}{}"
        "    if [[ -n $kind ]]; then\n"
        "        :\n"
        "    elif [[ $word == -* ]]; then\n"
        "        compadd -- ${{=options}} {}\n"
        "        return\n"
        "    elif [[ -z $verb ]]; then\n"
        "        _describe verb verbs\n"
        "        return\n"
        "    elif ((CURRENT == place + 1)); then\n"
        "        kind=$object\n"
        "    fi\n"
        "    case $kind in\n"
        "        '') ;;\n"
        "        FILE) _files ;;\n"
        "        DIR) _files -/ ;;\n"
        "        *) compadd -- $(${{words[1]}} completion names $kind 2>/dev/null) ;;\n"
        "    esac\n"
        "}}\n"
        "if [[ $funcstack[1] == _detour ]]; then\n"
        "    _detour \"$@\"\n"
        "else\n"
        "    compdef _detour detour\n"
        "fi\n",
        verbs, find_verb_loop(completion, "words", "2", "CURRENT"), table_case(completion),
        fmt::join(names_of(completion.shared), " "));
}

namespace {

std::string fish_option(const Completion::Option& option, std::string_view condition) {
    std::string names;
    for (const std::string& name : option.names)
        names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    std::string values;
    if (option.kind == "FILE")
        values = " -r -F";
    else if (option.kind == "DIR")
        values = " -x -a '(__fish_complete_directories)'";
    else if (!option.kind.empty())
        values = fmt::format(" -x -a '(detour completion names {} 2>/dev/null)'",
                             quoted(option.kind, ""));
    return fmt::format("complete -c detour{}{}{} -d '{}'\n", condition, names, values,
                       quoted(option.help, "\\'"));
}

}  // namespace

std::string fish_script(const Completion& completion) {
    std::string text =
        "# fish completion for detour, made by `detour completion fish`.\n"
        "complete -c detour -f\n";
    for (const Completion::Option& option : completion.shared)
        text += fish_option(option, "");
    for (const Completion::Row& row : completion.rows) {
        text += fmt::format("complete -c detour -n __fish_use_subcommand -a {} -d '{}'\n", row.verb,
                            quoted(row.summary, "\\'"));
        const std::string condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", row.verb);
        if (row.object == "FILE")
            text += fmt::format("complete -c detour{} -F\n", condition);
        else if (!row.object.empty())
            text +=
                fmt::format("complete -c detour{} -a '(detour completion names {} 2>/dev/null)'\n",
                            condition, row.object);
        for (const Completion::Option& option : row.options)
            text += fish_option(option, condition);
    }
    return text;
}

}  // namespace detour::command
