// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/log_lines.h"

#include <fmt/format.h>

#include <variant>

#include "conf/types/overloaded.h"
#include "controlplane/io/clock.h"
#include "controlplane/observe/decision_json.h"

namespace detour::daemon {
namespace {

using observe::Level;

std::string short_why(const decision::Explanation& why) {
    std::string text(why.rule);
    if (!why.missing.empty())
        text += fmt::format(", missing: {}", why.missing);
    if (!why.note.empty())
        text += fmt::format(" ({})", why.note);
    return text;
}

std::string_view to_string(kernel::Condition condition) {
    switch (condition) {
        case kernel::Condition::absent:
            return "absent";
        case kernel::Condition::down:
            return "down";
        case kernel::Condition::no_carrier:
            return "without carrier";
        case kernel::Condition::up:
            return "up";
    }
    return "";
}

}  // namespace

LogLines::LogLines(observe::Log& log, const observe::Names& names) : names_(&names), log_(log) {}

void LogLines::write(const std::string& room, std::string_view about, Level level,
                     const std::string& text) {
    auto logger = rooms_.find(room);
    if (logger == rooms_.end())
        logger = rooms_.emplace(room, log_.room(room)).first;
    logger->second.line(io::now(), level, about, text);
}

void LogLines::tell(const controller::Record& record) {
    std::visit(
        Overloaded{
            [&](const decision::Action& action) { tell(action.deed); },
            [&](const bgp::StateChanged& changed) {
                if (changed.to != bgp::State::established &&
                    changed.from != bgp::State::established)
                    return;
                write(
                    "bgp", "session",
                    changed.to == bgp::State::established ? Level::info : Level::warning,
                    fmt::format("{} {}: {}{}", names_->uplink_of(changed.peer),
                                names_->peer(changed.peer).to_string(), bgp::to_string(changed.to),
                                changed.error ? ": " + changed.error->text : ""));
            },
            [&](const bgp::Remark& remark) {
                write("bgp", "remark",
                      remark.level == bgp::Remark::Level::warning ? Level::warning : Level::info,
                      fmt::format("{} {}: {}", names_->uplink_of(remark.peer),
                                  names_->peer(remark.peer).to_string(), remark.text));
            },
            [&](const controller::Reconfigured& r) {
                write("daemon", "revision", Level::info,
                      fmt::format("revision {} runs ({} by {}: {})", r.revision, r.kind, r.actor,
                                  r.reason));
                for (const std::string& change : r.changes)
                    write("daemon", "revision", Level::info, "  " + change);
            },
            [&](const controller::Command& command) {
                write("api", "command", Level::info,
                      fmt::format("{} asks: {}", command.actor, command.reason));
            },
            [](const auto&) {},
        },
        record.body);
}

void LogLines::tell(const decision::Deed& deed) {
    std::visit(
        Overloaded{
            [&](const decision::VerdictChanged& d) {
                write("decision", "verdict", decision::is_calm(d.to) ? Level::info : Level::warning,
                      fmt::format("{} on {}: {} (was {})", (*names_)(d.block), (*names_)(d.uplink),
                                  decision::to_string(d.to), decision::to_string(d.from)));
            },
            [&](const decision::MoveStepped& d) {
                write("decision", "move", Level::info,
                      fmt::format("{}: {} from {} to {}: {}", (*names_)(d.block),
                                  decision::to_string(d.kind), (*names_)(d.from), (*names_)(d.to),
                                  decision::to_string(d.step)));
            },
            [&](const decision::Held& d) {
                write("decision", "held", Level::warning,
                      fmt::format("{} on {} held: {}{}", (*names_)(d.block), (*names_)(d.uplink),
                                  short_why(d.why),
                                  d.advice ? "; to do it: " +
                                                 observe::command(*d.advice, d.block.set, *names_)
                                           : ""));
            },
            [&](const decision::Said& d) {
                write("decision", "said",
                      d.severity == decision::Severity::notice ? Level::info : Level::warning,
                      fmt::format("{}{}", d.block ? (*names_)(*d.block) + ": " : "",
                                  short_why(d.why)));
            },
            [](const auto&) {},
        },
        deed);
}

void LogLines::tell(const kernel::Output& output) {
    std::visit(
        Overloaded{
            [&](const kernel::DeviceChanged& changed) {
                write("kernel", "device", Level::info,
                      fmt::format("{} is {}", changed.device, to_string(changed.condition)));
            },
            [&](const kernel::ConflictFound& found) {
                write("kernel", "conflict", Level::warning, found.conflict.what);
            },
            [&](const kernel::Refused& refused) {
                write("kernel", "refused", Level::warning,
                      fmt::format("the kernel refuses {}: {}", refused.operation, refused.reason));
            },
            [&](const kernel::SettingMissing& missing) {
                write("kernel", "setting", Level::warning, missing.fault.to_string());
            },
            [&](const kernel::PlaceWaits& waits) {
                write("kernel", "waits", Level::warning,
                      fmt::format("{} waits: {}",
                                  (*names_)(decision::Block{waits.placed.set, waits.placed.family}),
                                  waits.why));
            },
            [&](const kernel::Faltered& faltered) {
                write("kernel", "faltered", Level::warning, faltered.error.message);
            },
            [](const auto&) {},
        },
        output);
}

}  // namespace detour::daemon
