// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The part of the desk that acts by the clock: a trial that nobody confirms, and what the
// configuration gives for a time.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "conf/model/load.h"
#include "conf/model/overrides.h"
#include "conf/model/succession.h"
#include "controlplane/daemon/config_desk.h"
#include "controlplane/io/clock.h"

namespace detour::daemon {
namespace {

// The wall clock may be set meanwhile: an end is looked for at least so often.
constexpr Duration longest_look = std::chrono::seconds(10);
constexpr Duration shortest_look = std::chrono::milliseconds(100);

}  // namespace

void ConfigDesk::start_trial(Duration length) {
    standing_.trial = revision::Trial{io::wall_now() + length, revision::boot_id()};
    end_trial_in(length);
}

void ConfigDesk::end_trial_in(Duration time) {
    trial_timer_.expires_after(time);
    trial_timer_.async_wait([this](const asio::error_code& error) {
        if (!error)
            give_up_trial();
    });
}

// A data plane that is busy or refuses must not keep us in a configuration that nobody confirmed:
// the trial stays, and it is tried again.
void ConfigDesk::give_up_trial() {
    if (!standing_.trial)
        return;
    handlers_.warn(fmt::format("revision {} was not confirmed: back to revision {}",
                               revision_.number, standing_.previous.value_or(0)));
    const Answer answer = [this](const api::Response& response) {
        if (response.status != 200) {
            handlers_.warn(response.body.value("error", "the rollback was refused"));
            end_trial_in(std::chrono::seconds(1));
        }
    };
    if (is_busy_)
        return answer(api::failure(409, "another change is being made"));
    Wish end;
    end.actor = own_actor;
    end.reason = "not confirmed in time";
    end.of = standing_.previous;
    end.accepts_restart = true;
    end.ends_trial = true;
    rollback(std::move(end), answer);
}

void ConfigDesk::follow_time() {
    const WallTime now = io::wall_now();
    Duration wait = longest_look;
    if (const auto next = model::next_end(*running_, now))
        wait = std::clamp<Duration>(*next - now, shortest_look, longest_look);
    if (running_->overrides.empty()) {
        override_timer_.cancel();
        return;
    }
    override_timer_.expires_after(wait);
    override_timer_.async_wait([this](const asio::error_code& error) {
        if (error)
            return;
        if (const WallTime time = io::wall_now(); model::is_stale(*running_, time) && !is_busy_)
            end_overrides(time);
        follow_time();
    });
}

// Judged when the text was read: what holds now has no error. A secret that vanished meanwhile is
// none either, since sessions keep theirs.
void ConfigDesk::end_overrides(WallTime now) {
    auto parsed = model::parse(text_, options_.config_file, now);
    if (!parsed)
        return handlers_.warn("an override ended, and its value stays: " +
                              headline(parsed.error().front()));
    std::string reason;
    std::string owners;
    for (const model::Override& override : running_->overrides) {
        if (override.is_in_force == (now < override.until))
            continue;
        reason += fmt::format("{}override {} {}", reason.empty() ? "" : ", ", override.name,
                              override.is_in_force ? "ended" : "holds again: the clock was set");
        owners += (owners.empty() ? "" : ", ") + override.owner;
    }
    auto next =
        std::make_shared<const model::Config>(model::keep_places(std::move(*parsed), *running_));
    const std::vector<std::string> changes = model::to_lines(model::diff(*running_, *next));
    running_ = std::move(next);
    handlers_.adopt(running_, passwords_,
                    {.revision = revision_.number,
                     .kind = "override",
                     .actor = owners,
                     .reason = std::move(reason),
                     .changes = changes});
}

std::optional<std::string> ConfigDesk::trial_text() const {
    if (!standing_.trial)
        return std::nullopt;
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(standing_.trial->until - io::wall_now());
    return fmt::format("revision {} waits to be confirmed ({} s left)", revision_.number,
                       std::max<std::int64_t>(left.count(), 0));
}

}  // namespace detour::daemon
