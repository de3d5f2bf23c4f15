// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour freeze, detour thaw: while the file `freeze` stands in the run directory, nothing is
// moved. Works without detourd, which looks at the file five times a second and at its start; a
// reboot ends it with the run directory, and so does its time, if it was given one.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "conf/types/wall_time.h"
#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"

namespace detour::command {
namespace {

// What stands in the files, which detourd reads (controlplane/daemon/freeze_watch.h).
bool write_note(const std::filesystem::path& file, const Change& change,
                const std::optional<WallTime>& until) {
    std::ofstream stream(file, std::ios::trunc);
    stream << "actor: " << actor() << "\nreason: " << change.reason() << "\n";
    if (until)
        stream << "until: " << detour::to_string(*until) << "\n";
    stream.close();
    return !stream.fail();
}

constexpr std::chrono::milliseconds patience{2000};
constexpr std::chrono::milliseconds look_again{100};

enum class State { frozen, thawed };

// What detourd says of it within its patience; nothing: it does not answer.
std::optional<bool> is_honoured(const Context& context, State state) {
    std::optional<bool> result;
    for (auto waited = std::chrono::milliseconds{}; waited < patience; waited += look_again) {
        const Reply status = client_of(context).get("/v1/status");
        if (!status)
            return result;
        result = status->value("frozen", false) == (state == State::frozen);
        if (*result)
            return result;
        std::this_thread::sleep_for(look_again);
    }
    return result;
}

int tell(const Context& context, State state, const std::string& what,
         const char* undo) {  // null: nothing was done
    const auto honoured = is_honoured(context, state);
    if (context.output == Output::json) {
        fmt::print("{}\n", nlohmann::json{{"schema_version", schema_version},
                                          {"frozen", state == State::frozen},
                                          {"detourd", !honoured   ? "away"
                                                      : *honoured ? "knows"
                                                                  : "does not know"}}
                               .dump(2));
    } else {
        fmt::print("{}; detourd {}\n", what,
                   !honoured   ? "does not run, and will see it when it starts"
                   : *honoured ? "knows"
                               : "does not say so yet: detour status");
        if (undo != nullptr)
            print_undo(context, undo);
    }
    return honoured && !*honoured ? exit_code::attention : exit_code::ok;
}

int freeze(const Context& context, const Change& change, const std::string& time) {
    if (!has_reason(context, change, "freeze"))
        return exit_code::error;
    std::optional<WallTime> until;
    if (!time.empty()) {
        const auto length = parse_duration(time);
        if (!length || *length < std::chrono::seconds(1))
            return refuse(context, fmt::format("--for {}: a time like 2h is wanted", time));
        until = std::chrono::system_clock::now() + *length;
    }
    const program::RunDir run = context.options.run();
    std::error_code ignored;
    std::filesystem::create_directories(run.path(), ignored);
    std::filesystem::remove(run.thaw_file(), ignored);
    if (!write_note(run.freeze_file(), change, until))
        return refuse(context, fmt::format("cannot write {}: {}", run.freeze_file().string(),
                                           std::strerror(errno)));
    return tell(context, State::frozen,
                until ? fmt::format("frozen: nothing is moved by itself until {}",
                                    detour::to_string(*until))
                      : "frozen: nothing is moved by itself until it is thawed",
                "thaw");
}

int thaw(const Context& context, const Change& change) {
    const program::RunDir run = context.options.run();
    std::error_code error;
    const bool was_frozen = std::filesystem::exists(run.freeze_file(), error);
    // Before the other one goes: then detourd looks here.
    if (was_frozen)
        static_cast<void>(write_note(run.thaw_file(), change, {}));
    std::filesystem::remove(run.freeze_file(), error);
    if (error)
        return refuse(context, fmt::format("cannot remove {}: {}", run.freeze_file().string(),
                                           error.message()));
    return tell(context, State::thawed, was_frozen ? "thawed" : "it was not frozen",
                was_frozen ? "freeze" : nullptr);
}

}  // namespace

Action declare_freeze(CLI::App& arguments) {
    const auto change = std::make_shared<Change>();
    const auto time = std::make_shared<std::string>();
    arguments.add_option("--for", *time, "It ends by itself after so long")->type_name("TIME");
    declare_reason(arguments, *change);
    arguments.footer("Exit status: 0 frozen, 1 detourd does not say so yet, 2 refused.\n");
    return [change, time](const Context& context) { return freeze(context, *change, *time); };
}

Action declare_thaw(CLI::App& arguments) {
    const auto change = std::make_shared<Change>();
    declare_reason(arguments, *change);
    arguments.footer("Exit status: 0 thawed, 1 detourd does not say so yet, 2 refused.\n");
    return [change](const Context& context) { return thaw(context, *change); };
}

}  // namespace detour::command
