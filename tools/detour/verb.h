// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the detour command can do: one table of verbs (verbs.cpp), from which the command line, its
// help, the completion of shells and the table of detour(1) are made. Each verb is one row there
// and one source named after it. A row without a declaration has its place kept: it stands in the
// manual and is not offered.
//
// To offer a verb: write tools/detour/NAME.cpp with declare_NAME, which declares the verb's
// arguments on its CLI subcommand and gives back what to do once they are parsed; name it in
// meson.build and in its row. A test holds the row's object and options against what is declared.
//
// Options that all verbs share (--config, --run-dir, --state-dir, -j, -w, --utc, --local) may stand
// before or behind the verb. Exit codes are the same everywhere (Exit); `run` alone has those of
// the programs it supervises.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "conf/program/options.h"

namespace detour::command {

enum class Output : std::uint8_t { text, json };
// How times are written in text; JSON is always UTC.
enum class Clock : std::uint8_t { utc, local };

// What the shared options said; valid when a verb runs.
struct Context {
    program::Options options;
    Output output = Output::text;
    Clock clock = Clock::utc;
};

// How every verb but `run` ends.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int attention = 1;  // warnings, something needs a look, changes are pending
inline constexpr int error = 2;      // refused, failed, or the command line is wrong
inline constexpr int unreachable = 3;
}  // namespace exit_code

// Returns the exit code.
using Action = std::function<int(const Context&)>;
using Declaration = Action (*)(CLI::App& arguments);

// The daemon that must run for it.
enum class Needs : std::uint8_t { nothing, detourd, dataplane, bfd };

enum class Effect : std::uint8_t {
    reads,    // changes nothing; may be watched with -w, and abbreviated
    follows,  // changes nothing and goes on until interrupted or bounded by itself
    changes,  // wants a reason, prints its undo, and must be written out in full
    runs,     // `run`: supervises the planes
};

enum class Group : std::uint8_t { look, explain, act, configure, inspect, other };

struct Verb {
    std::string_view name;
    std::string_view object = {};   // as in a synopsis: "SET", "[FILE]"
    std::string_view options = {};  // its own: "--to UPLINK"
    std::string_view summary = {};  // one line
    Group group = Group::other;
    Needs needs = Needs::nothing;
    Effect effect = Effect::reads;
    Declaration declare = nullptr;

    [[nodiscard]] bool is_offered() const { return declare != nullptr; }
};

// In the order in which they are shown.
[[nodiscard]] std::span<const Verb> verbs();
[[nodiscard]] const Verb* find_verb(std::string_view name);

[[nodiscard]] std::string_view to_string(Group group);
[[nodiscard]] std::string_view to_string(Needs needs);
[[nodiscard]] std::string_view to_string(Effect effect);

// Of every JSON document on stdout; raised when a reader of the old form would misread the new.
inline constexpr int schema_version = 1;

// The verbs' declarations, each in the source of its name.
[[nodiscard]] Action declare_abort(CLI::App& arguments);
[[nodiscard]] Action declare_apply(CLI::App& arguments);
[[nodiscard]] Action declare_bfd(CLI::App& arguments);
[[nodiscard]] Action declare_bgp(CLI::App& arguments);
[[nodiscard]] Action declare_capture(CLI::App& arguments);
[[nodiscard]] Action declare_check(CLI::App& arguments);
[[nodiscard]] Action declare_completion(CLI::App& arguments);
[[nodiscard]] Action declare_config(CLI::App& arguments);
[[nodiscard]] Action declare_confirm(CLI::App& arguments);
[[nodiscard]] Action declare_doctor(CLI::App& arguments);
[[nodiscard]] Action declare_drain(CLI::App& arguments);
[[nodiscard]] Action declare_drill(CLI::App& arguments);
[[nodiscard]] Action declare_drops(CLI::App& arguments);
[[nodiscard]] Action declare_events(CLI::App& arguments);
[[nodiscard]] Action declare_failback(CLI::App& arguments);
[[nodiscard]] Action declare_freeze(CLI::App& arguments);
[[nodiscard]] Action declare_help(CLI::App& arguments);
[[nodiscard]] Action declare_incident(CLI::App& arguments);
[[nodiscard]] Action declare_incidents(CLI::App& arguments);
[[nodiscard]] Action declare_log_level(CLI::App& arguments);
[[nodiscard]] Action declare_move(CLI::App& arguments);
[[nodiscard]] Action declare_neighbours(CLI::App& arguments);
[[nodiscard]] Action declare_pin(CLI::App& arguments);
[[nodiscard]] Action declare_plan(CLI::App& arguments);
[[nodiscard]] Action declare_ports(CLI::App& arguments);
[[nodiscard]] Action declare_prefixes(CLI::App& arguments);
[[nodiscard]] Action declare_probes(CLI::App& arguments);
[[nodiscard]] Action declare_reload(CLI::App& arguments);
[[nodiscard]] Action declare_revisions(CLI::App& arguments);
[[nodiscard]] Action declare_rollback(CLI::App& arguments);
[[nodiscard]] Action declare_routes(CLI::App& arguments);
[[nodiscard]] Action declare_run(CLI::App& arguments);
[[nodiscard]] Action declare_status(CLI::App& arguments);
[[nodiscard]] Action declare_targets(CLI::App& arguments);
[[nodiscard]] Action declare_thaw(CLI::App& arguments);
[[nodiscard]] Action declare_trace(CLI::App& arguments);
[[nodiscard]] Action declare_tunnels(CLI::App& arguments);
[[nodiscard]] Action declare_uplinks(CLI::App& arguments);
[[nodiscard]] Action declare_version(CLI::App& arguments);
[[nodiscard]] Action declare_why(CLI::App& arguments);

}  // namespace detour::command
