// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/freeze_watch.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "conf/revision/store.h"
#include "conf/types/wall_time.h"

namespace detour::daemon {
namespace {

using State = decision::OperatorFreeze::State;

controller::Command command(std::string actor, std::string reason, State state) {
    return {.actor = std::move(actor),
            .reason = std::move(reason),
            .deed = decision::OperatorFreeze{state}};
}

}  // namespace

FreezeNote parse_freeze(std::string_view text) {
    FreezeNote note;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.starts_with("actor: "))
            note.actor = line.substr(7);
        else if (line.starts_with("reason: "))
            note.reason = line.substr(8);
        else if (line.starts_with("until: "))
            if (const auto until = parse_wall_time(line.substr(7)))
                note.until = *until;
    }
    return note;
}

std::optional<controller::Command> FreezeWatch::look(WallTime now) {
    const auto text = revision::read_file(file_);
    if (text)
        note_ = parse_freeze(*text);
    const bool is_over = text && note_.until && *note_.until <= now;
    std::error_code ignored;
    if (is_over)
        std::filesystem::remove(file_, ignored);
    const bool is_frozen = text && !is_over;
    if (std::exchange(is_frozen_, is_frozen) == is_frozen)
        return std::nullopt;
    if (is_frozen)
        return command(note_.actor, note_.reason.empty() ? "the freeze file" : note_.reason,
                       State::frozen);
    if (is_over)
        return command("detourd", fmt::format("the time of the freeze by {} is over", note_.actor),
                       State::thawed);
    const auto thaw = revision::read_file(thaw_file_);
    std::filesystem::remove(thaw_file_, ignored);
    const FreezeNote who = parse_freeze(thaw.value_or(""));
    return command(who.actor, who.reason.empty() ? "the freeze file is gone" : who.reason,
                   State::thawed);
}

nlohmann::json FreezeWatch::document(WallTime now) const {
    if (!is_frozen_)
        return nullptr;
    nlohmann::json result{
        {"actor", note_.actor}, {"reason", note_.reason}, {"until", nullptr}, {"left_s", nullptr}};
    if (note_.until) {
        result["until"] = detour::to_string(*note_.until);
        result["left_s"] = std::chrono::duration<double>(*note_.until - now).count();
    }
    return result;
}

}  // namespace detour::daemon
