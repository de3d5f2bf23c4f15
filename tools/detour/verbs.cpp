// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <algorithm>
#include <array>

#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using enum Group;
using enum Needs;
using enum Effect;

// The table of commands. `nullptr`: not offered yet. The longest line of help is 56 letters.
// clang-format off
constexpr std::array table{
    Verb{"status", "", "-a", "One screen: what is true, since when, what comes next",
         look, detourd, reads, declare_status},
    Verb{"uplinks", "[UPLINK]", "", "Uplinks: link, sessions, verdicts, what proves them",
         look, detourd, reads, declare_uplinks},
    Verb{"prefixes", "[SET]", "", "Prefix sets: where they are, and where announced",
         look, detourd, reads, declare_prefixes},
    Verb{"bgp", "[UPLINK|routes|clear] [WHAT]", "--in PEER --out PEER --best --longer -n COUNT --soft --hard -r REASON -y",
         "BGP sessions, routes in and out, a session anew",
         look, detourd, reads, declare_bgp},
    Verb{"bfd", "[UPLINK]", "", "BFD sessions",
         look, bfd, reads, nullptr},
    Verb{"probes", "[UPLINK]", "", "Probes: pace, losses and ages, by uplink and set",
         look, detourd, reads, declare_probes},
    Verb{"targets", "", "", "What is known about each probe target",
         look, detourd, reads, declare_targets},

    Verb{"why", "PREFIX", "-a", "Why it did what it did, or did not, and what was missing",
         explain, detourd, reads, declare_why},
    Verb{"events", "", "-f -n COUNT --set SET --routine", "What happened, or follow it",
         explain, detourd, follows, declare_events},
    Verb{"incidents", "", "-n COUNT", "Incidents, the newest first",
         explain, detourd, reads, declare_incidents},
    Verb{"incident", "[ID]", "", "One incident's timeline, with its evidence",
         explain, detourd, reads, declare_incident},

    Verb{"move", "SET [REASON]", "--to UPLINK -r REASON -y", "Move a prefix set (or all) to another uplink",
         act, detourd, changes, declare_move},
    Verb{"failback", "SET [REASON]", "--now -r REASON -y", "Bring a prefix set (or all) home",
         act, detourd, changes, declare_failback},
    Verb{"abort", "SET [REASON]", "-r REASON", "Give up the move in progress",
         act, detourd, changes, declare_abort},
    Verb{"drain", "UPLINK [REASON]", "-r REASON -y", "Take an uplink out of service, gently",
         act, detourd, changes, nullptr},
    Verb{"freeze", "[REASON]", "--for TIME -r REASON", "From now on nothing is moved (works without detourd)",
         act, nothing, changes, declare_freeze},
    Verb{"thaw", "[REASON]", "-r REASON", "End the freeze",
         act, nothing, changes, declare_thaw},
    Verb{"pin", "SET [REASON]", "", "Keep a prefix set where it is, for a time",
         act, detourd, changes, nullptr},
    Verb{"drill", "SET [REASON]", "", "Practise a failover on a quiet prefix set",
         act, detourd, changes, nullptr},

    Verb{"check", "[FILE]", "", "Judge a configuration without touching anything",
         configure, nothing, reads, declare_check},
    Verb{"plan", "[FILE]", "", "What the file would change: keys, sessions, traffic",
         configure, nothing, reads, declare_plan},
    Verb{"apply", "[REASON]", "--confirm TIME --restart -r REASON -y", "Put the file in force; undone unless confirmed",
         configure, detourd, changes, declare_apply},
    Verb{"confirm", "", "", "Keep what was applied",
         configure, detourd, changes, declare_confirm},
    Verb{"rollback", "[REV] [REASON]", "--restart -r REASON", "Go back to an earlier revision",
         configure, detourd, changes, declare_rollback},
    Verb{"config", "", "--effective --file --revision REV", "The configuration, with every default and its source",
         configure, nothing, reads, declare_config},
    Verb{"revisions", "", "-n COUNT", "Revisions: who, when, why",
         configure, nothing, reads, declare_revisions},
    Verb{"reload", "[REASON]", "-r REASON", "Both planes read the file again",
         configure, detourd, changes, declare_reload},

    Verb{"doctor", "", "--all", "Look for what is wrong with this host, and how to mend it",
         inspect, nothing, reads, declare_doctor},
    Verb{"ports", "", "", "Ports of the data plane, with counters",
         inspect, dataplane, reads, declare_ports},
    Verb{"tunnels", "", "", "Tunnels of the data plane, with counters",
         inspect, dataplane, reads, declare_tunnels},
    Verb{"drops", "", "--seconds N --all", "Dropped packets by reason, and those for the kernel",
         inspect, dataplane, reads, declare_drops},
    Verb{"routes", "[WHICH]", "", "The kernel's tables by name; those that cover an address",
         inspect, nothing, reads, declare_routes},
    Verb{"neighbours", "", "", "Neighbours: who is needed, and who of them is missed",
         inspect, nothing, reads, declare_neighbours},
    Verb{"trace", "'SRC > DST [in PORT]'", "", "Which rule, table and next hop a packet meets",
         inspect, dataplane, reads, declare_trace},
    Verb{"capture", "PORT|TUNNEL [FILTER]", "-w FILE --seconds N -n COUNT --megabytes N --snap BYTES",
         "Packets as the fast path sees them, as lines or pcapng",
         inspect, dataplane, follows, declare_capture},

    Verb{"run", "", "--stop-time TIME --only PLANE", "Run the planes in the foreground, supervised",
         other, nothing, runs, declare_run},
    Verb{"log-level", "[LEVELS] [REASON]", "--for TIME -r REASON", "What detourd's log tells, by room; shown or changed",
         other, detourd, changes, declare_log_level},
    Verb{"version", "", "", "The version and the commit",
         other, nothing, reads, declare_version},
    Verb{"completion", "SHELL [KIND]", "", "Completion for bash, zsh or fish, on stdout",
         other, nothing, follows, declare_completion},
    Verb{"help", "[VERB]", "", "This list, or one verb's page",
         other, nothing, follows, declare_help},
};
// clang-format on

}  // namespace

std::span<const Verb> verbs() {
    return table;
}

const Verb* find_verb(std::string_view name) {
    const auto found = std::ranges::find(table, name, &Verb::name);
    return found == table.end() ? nullptr : &*found;
}

std::string_view to_string(Group group) {
    switch (group) {
        case look:
            return "What is true";
        case explain:
            return "Why, and what happened";
        case act:
            return "Act";
        case configure:
            return "Configure";
        case inspect:
            return "Look closer";
        case other:
            return "Other";
    }
    return "";
}

std::string_view to_string(Needs needs) {
    switch (needs) {
        case nothing:
            return "nothing";
        case detourd:
            return "detourd";
        case dataplane:
            return "detour-dataplane";
        case Needs::bfd:
            return "detour-bfd";
    }
    return "";
}

std::string_view to_string(Effect effect) {
    switch (effect) {
        case reads:
            return "reads";
        case follows:
            return "follows";
        case changes:
            return "changes";
        case runs:
            return "runs";
    }
    return "";
}

}  // namespace detour::command
