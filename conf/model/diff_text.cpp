// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include "conf/model/diff.h"

namespace detour::model {
namespace {

std::string_view text_of(SessionChange::Kind kind) {
    switch (kind) {
        case SessionChange::Kind::opened:
            return "opens";
        case SessionChange::Kind::ended:
            return "ends";
        case SessionChange::Kind::reset:
            return "resets";
    }
    return "?";
}

}  // namespace

std::vector<std::string> to_lines(const Difference& difference) {
    std::vector<std::string> lines;
    for (const Change& change : difference.changes)
        switch (change.kind) {
            case Change::Kind::added:
                lines.push_back(fmt::format("+ {}: {}", change.path, change.after));
                break;
            case Change::Kind::removed:
                lines.push_back(fmt::format("- {}: {}", change.path, change.before));
                break;
            case Change::Kind::changed:
                lines.push_back(
                    fmt::format("{}: {} -> {}", change.path, change.before, change.after));
                break;
        }
    for (const SessionChange& session : difference.sessions)
        lines.push_back(fmt::format("session {} {} {}: {}", session.uplink,
                                    session.peer.to_string(), text_of(session.kind), session.why));
    return lines;
}

}  // namespace detour::model
