// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/config_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "conf/model/load.h"
#include "conf/model/overrides.h"
#include "conf/model/succession.h"
#include "conf/types/wall_time.h"
#include "controlplane/io/clock.h"

namespace detour::daemon {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds longest_trial = std::chrono::hours(24);

std::string text_of(const json& wish, const char* name) {
    return wish.contains(name) && wish.at(name).is_string() ? wish.at(name).get<std::string>()
                                                            : std::string();
}

std::optional<std::uint64_t> number_of(const json& wish, const char* name) {
    return wish.contains(name) && wish.at(name).is_number_unsigned()
               ? std::optional(wish.at(name).get<std::uint64_t>())
               : std::nullopt;
}

DataplaneLink::Presence presence_of(const model::Config& config) {
    return config.dataplane.kind == model::DataplaneKind::dpdk ? DataplaneLink::Presence::expected
                                                               : DataplaneLink::Presence::none;
}

std::string restart_text(const std::vector<model::Restart>& restarts) {
    std::string text;
    for (const model::Restart& restart : restarts)
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", restart.path, restart.why);
    return text;
}

json overrides_json(const model::Config& config, WallTime now) {
    json list = json::array();
    for (const model::Override& override : config.overrides)
        if (override.is_in_force)
            list.push_back({{"name", override.name},
                            {"owner", override.owner},
                            {"reason", override.reason ? json(*override.reason) : json(nullptr)},
                            {"until", detour::to_string(override.until)},
                            {"left_s", std::chrono::duration<double>(override.until - now).count()},
                            {"set", override.values}});
    return list;
}

}  // namespace

std::expected<controller::Passwords, std::string> read_passwords(const model::Config& config) {
    controller::Passwords passwords;
    for (const model::Uplink& uplink : config.uplinks) {
        if (!uplink.bgp || !uplink.bgp->password_file)
            continue;
        std::ifstream file(*uplink.bgp->password_file);
        std::string password;
        if (!std::getline(file, password) || password.empty())
            return std::unexpected(fmt::format(
                "cannot read the BGP password of {} from {}: it must be the first line of "
                "that file",
                uplink.name, uplink.bgp->password_file->string()));
        passwords[uplink.id] = std::move(password);
    }
    return passwords;
}

ConfigDesk::ConfigDesk(asio::io_context& loop, const program::Options& options,
                       revision::Choice choice, controller::Passwords passwords, Handlers handlers)
    : options_(options),
      store_(options.state_dir),
      handlers_(std::move(handlers)),
      trial_timer_(loop),
      override_timer_(loop),
      dataplane_(loop, options.run().telemetry_socket()),
      running_(std::make_shared<const model::Config>(std::move(choice.config))),
      text_(std::move(choice.text)),
      passwords_(std::move(passwords)),
      standing_(store_.standing()),
      start_notice_(std::move(choice.notice)) {
    revision_.number = choice.number.value_or(0);
    revision_.digest = revision::digest(text_);
}

void ConfigDesk::begin() {
    if (!start_notice_.empty())
        handlers_.warn(start_notice_);
    const auto current = store_.find(standing_.current);
    const bool is_given_up = standing_.trial.has_value() && revision_.number != 0;
    if (current && current->digest == revision_.digest && !is_given_up) {
        revision_ = *current;
        standing_.trial.reset();
    } else {
        revision::Revision fresh{
            .at = io::wall_now(),
            .kind = is_given_up ? revision::Kind::rollback : revision::Kind::start,
            .actor = own_actor,
            .reason = is_given_up ? "not confirmed before a restart" : "read at the start"};
        if (is_given_up) {
            fresh.of = revision_.number;
            const auto file = revision::read_file(options_.config_file);
            standing_.set_aside = file ? revision::digest(*file) : std::string();
        } else {
            standing_.set_aside.clear();
        }
        const auto added = store_.add(text_, fresh);
        if (!added)
            return handlers_.warn(added.error());
        revision_ = *added;
        standing_.previous =
            standing_.current == 0 ? std::nullopt : std::optional(standing_.current);
        standing_.current = revision_.number;
        standing_.trial.reset();
    }
    if (const auto stands = store_.stand(standing_); !stands)
        handlers_.warn(stands.error());
    dataplane_.expect(presence_of(*running_), revision_.number, revision_.digest);
    dataplane_.watch(handlers_.warn);
    handlers_.say(fmt::format("revision {} runs", revision_.number));
    for (const model::Diagnostic& notice : running_->warnings)
        handlers_.say(headline(notice));
    follow_time();
}

void ConfigDesk::stop() {
    trial_timer_.cancel();
    override_timer_.cancel();
    dataplane_.stop();
}

void ConfigDesk::reload() {
    ask({{"do", "reload"}, {"actor", "SIGHUP"}, {"reason", "SIGHUP"}},
        [this](const api::Response& response) {
            if (response.status != 200)
                handlers_.warn(fmt::format("nothing was changed: {}",
                                           response.body.value("error", "refused")));
        });
}

void ConfigDesk::ask(const json& wish, const Answer& answer) {
    const std::string what = text_of(wish, "do");
    Wish change{.kind = revision::Kind::reload,
                .actor = text_of(wish, "actor"),
                .reason = text_of(wish, "reason"),
                .of = {},
                .trial = {},
                .set_aside = {},
                .accepts_restart = wish.value("restart", false)};
    if (is_busy_)
        return answer(api::failure(409, "another change is being made", "try again in a moment"));
    if (what == "confirm")
        return confirm(wish, answer);
    if (what == "rollback") {
        const auto wanted = number_of(wish, "revision");
        change.of = wanted ? wanted : standing_.previous;
        return rollback(std::move(change), answer);
    }
    if (const auto trial = trial_text())
        return answer(api::failure(409, *trial, "detour confirm, or detour rollback"));
    if (what == "apply")
        return apply(wish, std::move(change), answer);
    if (what != "reload")
        return answer(api::failure(422, "do: reload, apply, confirm or rollback is wanted"));
    auto text = revision::read_file(options_.config_file);
    if (!text)
        return answer(api::failure(422, text.error()));
    if (revision::digest(*text) == standing_.set_aside)
        return answer(api::failure(
            409,
            fmt::format("{} was rolled back from and is still the same: revision {} runs",
                        options_.config_file.string(), revision_.number),
            "change it, or detour apply takes it all the same"));
    this->change(std::move(*text), std::move(change), answer);
}

void ConfigDesk::apply(const json& wish, Wish change, const Answer& answer) {
    change.kind = revision::Kind::apply;
    if (change.reason.empty())
        return answer(api::failure(422, "a reason is wanted", "it stands in the journal"));
    auto text = revision::read_file(options_.config_file);
    if (!text)
        return answer(api::failure(422, text.error()));
    const std::string planned = text_of(wish, "digest");
    if (!planned.empty() && planned != revision::digest(*text))
        return answer(api::failure(
            409,
            fmt::format("{} was changed since it was looked at", options_.config_file.string()),
            "detour plan, and apply again"));
    if (const auto seconds = number_of(wish, "confirm_s"))
        change.trial =
            std::chrono::seconds(std::min<std::uint64_t>(*seconds, longest_trial.count()));
    this->change(std::move(*text), std::move(change), answer);
}

void ConfigDesk::confirm(const json& wish, const Answer& answer) {
    if (!standing_.trial)
        return answer(
            api::failure(409, "nothing waits to be confirmed", "detour revisions shows what runs"));
    trial_timer_.cancel();
    standing_.trial.reset();
    if (const auto stands = store_.stand(standing_); !stands)
        return answer(api::failure(503, stands.error()));
    handlers_.say(
        fmt::format("revision {} was confirmed by {}", revision_.number, text_of(wish, "actor")));
    answer({200, {{"accepted", true}, {"revision", revision_.number}}});
}

void ConfigDesk::rollback(Wish change, const Answer& answer) {
    change.kind = revision::Kind::rollback;
    if (!change.of)
        return answer(
            api::failure(409, "there is no revision to go back to", "detour revisions lists them"));
    auto text = store_.text(*change.of);
    if (!text)
        return answer(api::failure(422, text.error()));
    if (change.reason.empty())
        change.reason = fmt::format("back to revision {}", *change.of);
    const auto file = revision::read_file(options_.config_file);
    if (file && *file != *text)
        change.set_aside = revision::digest(*file);
    this->change(std::move(*text), std::move(change), answer);
}

std::expected<ConfigDesk::Prepared, api::Response> ConfigDesk::prepare(std::string text,
                                                                       Wish wish) const {
    auto parsed = model::parse(text, options_.config_file, io::wall_now());
    if (!parsed)
        return std::unexpected(api::failure(
            422, headline(parsed.error().front()),
            fmt::format("nothing was changed; detour check {}", options_.config_file.string())));
    Prepared prepared;
    prepared.config =
        std::make_shared<const model::Config>(model::keep_places(std::move(*parsed), *running_));
    auto passwords = read_passwords(*prepared.config);
    if (!passwords)
        return std::unexpected(api::failure(422, passwords.error(), "nothing was changed"));
    prepared.difference = model::diff(*running_, *prepared.config);
    if (prepared.config->dataplane.kind != running_->dataplane.kind)
        return std::unexpected(api::failure(409, "dataplane.kind cannot change while detour runs",
                                            "stop both planes, and start them with this file"));
    if (std::string needed = needed_uplink(*prepared.config); !needed.empty() && !wish.ends_trial)
        return std::unexpected(api::failure(409, std::move(needed),
                                            "nothing was changed; move it first: detour move SET "
                                            "--to UPLINK"));
    if (!prepared.difference.restarts.empty() && !wish.accepts_restart)
        return std::unexpected(api::failure(
            409,
            fmt::format("the data plane cannot take this while it runs: {}",
                        restart_text(prepared.difference.restarts)),
            "detour apply --restart, and then restart detour-dataplane: packets stop meanwhile"));
    prepared.wish = std::move(wish);
    prepared.text = std::move(text);
    prepared.passwords = std::move(*passwords);
    return prepared;
}

// Why an uplink that `next` does not have cannot go now; empty: all that go may.
std::string ConfigDesk::needed_uplink(const model::Config& next) const {
    for (const model::Uplink& uplink : running_->uplinks) {
        if (next.find_uplink(uplink.name) != nullptr)
            continue;
        std::string blocks;
        for (const std::string& block : handlers_.carried(uplink.id))
            blocks += (blocks.empty() ? "" : ", ") + block;
        if (!blocks.empty())
            return fmt::format("uplink {} cannot go while it carries {}", uplink.name, blocks);
    }
    return {};
}

void ConfigDesk::change(std::string text, Wish wish, const Answer& answer) {
    auto judged = prepare(std::move(text), std::move(wish));
    if (!judged)
        return answer(judged.error());
    const auto prepared = std::make_shared<Prepared>(std::move(*judged));
    const bool is_same = revision::digest(prepared->text) == revision_.digest &&
                         prepared->passwords == passwords_ && !prepared->wish.of;
    if (is_same) {
        prepared->revision = revision_;
    } else {
        const auto added = store_.add(prepared->text, {.at = io::wall_now(),
                                                       .kind = prepared->wish.kind,
                                                       .actor = prepared->wish.actor,
                                                       .reason = prepared->wish.reason,
                                                       .digest = {},
                                                       .of = prepared->wish.of});
        if (!added)
            return answer(api::failure(503, added.error(), "nothing was changed"));
        prepared->revision = *added;
    }
    if (!prepared->difference.restarts.empty())
        return finish(prepared, answer, {DataplaneLink::Taken::How::absent, {}});
    is_busy_ = true;
    dataplane_.take(prepared->revision.number, [this, prepared, answer](const auto& taken) {
        is_busy_ = false;
        finish(prepared, answer, taken);
    });
}

void ConfigDesk::finish(const std::shared_ptr<Prepared>& prepared, const Answer& answer,
                        const DataplaneLink::Taken& taken) {
    using How = DataplaneLink::Taken::How;
    if (taken.how == How::refused)
        return answer(api::failure(409, "the data plane refuses: " + taken.why,
                                   "nothing was changed; detour plan says what needs a restart"));
    const bool is_new = prepared->revision.number != revision_.number;
    const revision::Number before = revision_.number;
    if (is_new)
        settle(*prepared);
    json body{{"accepted", true},
              {"revision", revision_.number},
              {"previous", before},
              {"is_new", is_new},
              {"changes", model::to_lines(prepared->difference)},
              {"dataplane", !prepared->difference.restarts.empty() ? "restart"
                            : taken.how == How::taken              ? "taken"
                                                                   : "absent"}};
    if (standing_.trial)
        body["confirm_within_s"] =
            std::chrono::duration_cast<std::chrono::seconds>(*prepared->wish.trial).count();
    answer({200, std::move(body)});
}

void ConfigDesk::settle(const Prepared& prepared) {
    trial_timer_.cancel();
    running_ = prepared.config;
    text_ = prepared.text;
    passwords_ = prepared.passwords;
    standing_.previous = standing_.current == 0 ? std::nullopt : std::optional(standing_.current);
    standing_.current = prepared.revision.number;
    standing_.set_aside = prepared.wish.set_aside;
    standing_.trial.reset();
    revision_ = prepared.revision;
    if (prepared.wish.trial && standing_.previous)
        start_trial(*prepared.wish.trial);
    if (const auto stands = store_.stand(standing_); !stands)
        handlers_.warn(stands.error());
    dataplane_.expect(presence_of(*running_), revision_.number, revision_.digest);
    follow_time();
    handlers_.adopt(running_, passwords_,
                    {.revision = revision_.number,
                     .kind = std::string(to_string(revision_.kind)),
                     .actor = revision_.actor,
                     .reason = revision_.reason,
                     .changes = model::to_lines(prepared.difference)});
}

json ConfigDesk::summary() const {
    json result{
        {"revision", revision_.number},
        {"digest", revision_.digest},
        {"since",
         std::chrono::duration_cast<std::chrono::seconds>(revision_.at.time_since_epoch()).count()},
        {"kind", to_string(revision_.kind)},
        {"actor", revision_.actor},
        {"reason", revision_.reason},
        {"trial_left_s", nullptr},
        {"overrides", overrides_json(*running_, io::wall_now())},
        {"dataplane", nullptr}};
    if (standing_.trial)
        result["trial_left_s"] = std::max(
            0.0, std::chrono::duration<double>(standing_.trial->until - io::wall_now()).count());
    if (const auto& running = dataplane_.running())
        result["dataplane"] = {{"digest", running->digest},
                               {"is_same", running->digest == revision_.digest},
                               {"version", running->version}};
    return result;
}

json ConfigDesk::document() const {
    json result = summary();
    result["file"] = options_.config_file.string();
    result["set_aside"] = standing_.set_aside;
    result["previous"] = standing_.previous ? json(*standing_.previous) : json(nullptr);
    return result;
}

}  // namespace detour::daemon
