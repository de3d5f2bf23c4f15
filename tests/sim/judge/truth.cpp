// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/judge/truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sim {

namespace controller = detour::controller;
namespace decision = detour::decision;
using namespace std::chrono_literals;
using decision::Verdict;
using detour::model::Profile;

namespace {

// How long after a disturbance no verdict is owed: runs end, windows fill, routers settle.
Duration recovery(const detour::model::Config& config) {
    return config.detect.profile == Profile::fast ? Duration(20s) : Duration(2min);
}

bool speaks_of_null_route(Verdict verdict) {
    return verdict == Verdict::nullrouted || verdict == Verdict::attacked;
}

std::size_t family_index(detour::Family family) {
    return static_cast<std::size_t>(family);
}

}  // namespace

Truth::Truth(Agenda& agenda, const detour::model::Config& config, Internet& internet,
             Sessions& sessions, Box& box, Score& score, Instant zero, Duration slack)
    : agenda_(agenda),
      config_(config),
      internet_(internet),
      sessions_(sessions),
      box_(box),
      score_(score),
      zero_(zero),
      slack_(slack),
      territories_(internet.territories().size()),
      sides_(config.uplinks.size() * territories_),
      good_controls_(config.uplinks.size() * 2),
      proof_(config.uplinks.size() * 2),
      full_proof_(config.uplinks.size() * 2),
      rerouted_(territories_, zero),
      unwell_(config.uplinks.size(), Instant::min()),
      without_session_(config.uplinks.size(), Instant::min()),
      disturbed_until_(zero) {}

void Truth::find(Fault fault, std::string text) {
    if (tell)
        tell(fmt::format("*** {}: {}", to_string(fault), text));
    score_.findings.push_back({agenda_.now() - zero_, fault, std::move(text)});
}

std::string Truth::name(std::size_t side) const {
    const auto& block = internet_.territories()[side % territories_].block;
    return fmt::format("{}/{} on {}", config_.prefix_set(block.set).name,
                       detour::to_string(block.family), config_.uplinks[side / territories_].name);
}

std::optional<std::uint32_t> Truth::territory_of(const decision::Block& block) const {
    const auto found = std::ranges::find(internet_.territories(), block, &Territory::block);
    if (found == internet_.territories().end())
        return std::nullopt;
    return static_cast<std::uint32_t>(found - internet_.territories().begin());
}

void Truth::disturb(int change) {
    disturbances_ += change;
    disturbed_until_ = agenda_.now() + recovery(config_);
}

void Truth::on_start(const std::optional<decision::State>&, Duration) {
    for (Side& side : sides_) {
        side.good_beacons = 0;
        side.verdict = Verdict::unclear;
    }
    std::ranges::fill(good_controls_, 0);
    std::ranges::fill(proof_, std::nullopt);
    std::ranges::fill(full_proof_, std::nullopt);
}

void Truth::on_send(const detour::probe::Send&) {
    ++score_.probes;
}

void Truth::on_reply(const Packet& packet) {
    const auto family = family_index(packet.source.family());
    const std::size_t way = packet.sent_by.value * 2U + family;
    const Instant now = agenda_.now();
    switch (packet.probe_class) {
        case detour::probe::Class::control:
            ++good_controls_[way];
            proof_[way] = now;
            break;
        case detour::probe::Class::tunnel:
            proof_[way] = now;
            if (packet.is_full_size)
                full_proof_[way] = now;
            break;
        case detour::probe::Class::beacon:
        case detour::probe::Class::egress: {
            std::uint32_t territory = 0;
            while (!internet_.territories()[territory].prefix.contains(packet.destination))
                ++territory;
            if (packet.probe_class == detour::probe::Class::egress)
                sides_[packet.sent_by.value * territories_ + territory].egress = now;
            else if (packet.arrival == packet.sent_by)
                ++sides_[packet.arrival.value * territories_ + territory].good_beacons;
            break;
        }
        case detour::probe::Class::sentinel:
        case detour::probe::Class::walk:
            break;
    }
}

void Truth::on_route(std::uint32_t territory) {
    rerouted_[territory] = agenda_.now();
    // Who spoke for it before spoke of other ways.
    for (std::size_t u = 0; u < config_.uplinks.size(); ++u)
        sides_[u * territories_ + territory].good_beacons = 0;
}

void Truth::look() {
    const Instant now = agenda_.now();
    for (std::uint32_t u = 0; u < config_.uplinks.size(); ++u)
        if (!internet_.is_uplink_alive(u) || internet_.utilisation(u) > 1)
            unwell_[u] = now;
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        Side& side = sides_[i];
        const auto uplink = static_cast<std::uint32_t>(i / territories_);
        const auto territory = static_cast<std::uint32_t>(i % territories_);
        const auto& prefix = internet_.territories()[territory].prefix;
        const auto sight = sessions_.sight(uplink, prefix);
        if (!sight.is_established)
            without_session_[uplink] = now;
        if (!sight.is_established || sight.announced == nullptr)
            side.announced_since.reset();
        else if (!side.announced_since)
            side.announced_since = now;
        const bool is_cut = internet_.is_interrupted(uplink, territory);
        const bool was_cut = !side.cuts.empty() && !side.cuts.back().end;
        if (is_cut == was_cut)
            continue;
        if (!is_cut) {
            close(i);
            continue;
        }
        side.cuts.push_back({.begin = now});
        if (side.cuts.size() > 50)
            side.cuts.pop_front();
        side.cuts.back().is_owed_at_once = is_owed(i);
        if (!std::exchange(side.is_watched_over, true))
            watch_over(i);
    }
}

// Everything that the specification asks for before it promises a verdict.
bool Truth::is_owed(std::size_t index) const {
    const Side& side = sides_[index];
    const auto uplink = static_cast<std::uint32_t>(index / territories_);
    const auto territory = static_cast<std::uint32_t>(index % territories_);
    const Instant now = agenda_.now();
    const auto family = family_index(internet_.territories()[territory].block.family);
    if (disturbances_ != 0 || now < disturbed_until_ || !box_.is_running())
        return false;
    if (now - box_.started() < config_.timing.start_up_grace + recovery(config_))
        return false;
    if (!side.announced_since || now - *side.announced_since < recovery(config_))
        return false;
    if (now - rerouted_[territory] < config_.timing.complete + recovery(config_))
        return false;
    if (side.good_beacons < 60 || good_controls_[uplink * 2 + family] < 60)
        return false;
    if (!internet_.is_uplink_alive(uplink) || unwell_[uplink] + recovery(config_) > now)
        return false;
    if (internet_.speaking_targets(uplink, territory) < 4)
        return false;
    // Where some networks still answer, the verdict is PARTIAL.
    const double traffic = internet_.traffic(territory);
    return traffic >= 50 && internet_.reached_from(uplink, territory) == 0 &&
           internet_.inbound(uplink, territory) < 0.03 * traffic;
}

Duration Truth::patience() const {
    const Duration plain = config_.timing.forgiven_gap * 2 + 3s;
    return loss_ > 0.05 ? plain * 3 : plain;
}

// While it is cut: is a verdict owed, and for how long?
void Truth::watch_over(std::size_t index) {
    Side& side = sides_[index];
    Cut& cut = side.cuts.back();
    const Instant now = agenda_.now();
    if (cut.end) {
        side.is_watched_over = false;
        return;
    }
    if (!is_owed(index))
        cut.owed_since.reset();
    else if (!cut.owed_since)
        cut.owed_since = now;
    if (decision::calls_for_move(side.verdict) || speaks_of_null_route(side.verdict))
        cut.is_answered = true;
    if (!cut.is_answered && !cut.is_missed && cut.owed_since &&
        now - *cut.owed_since >= patience()) {
        cut.is_missed = true;
        ++score_.interruptions;
        find(Fault::missed,
             fmt::format("{}: unreachable for {:.1f} s, verdict {}", name(index),
                         in_seconds(now - cut.begin), decision::to_string(side.verdict)));
    }
    agenda_.after(100ms, [this, index] { watch_over(index); });
}

// An interruption that has lasted T_min, now or a moment ago: a verdict comes a timeout later.
bool Truth::was_cut(const Side& side) const {
    const Instant now = agenda_.now();
    const Duration late = config_.timing.timeout_cap + 2 * config_.timing.suspect_interval;
    return std::ranges::any_of(side.cuts, [&](const Cut& cut) {
        const Instant end = cut.end.value_or(now);
        return end - cut.begin + slack_ >= config_.timing.forgiven_gap && end + late >= now;
    });
}

bool Truth::claim(Side& side) {
    if (was_cut(side))
        return true;
    if (side.cuts.empty() || side.cuts.back().end)
        return false;
    return side.cuts.back().is_claimed = true;
}

void Truth::close(std::size_t index) {
    Side& side = sides_[index];
    Cut& cut = side.cuts.back();
    cut.end = agenda_.now();
    if (!cut.is_claimed || was_cut(side))
        return;
    side.is_verdict_wrong = true;
    find(Fault::wrong,
         fmt::format("{}: of {:.3f} s only", name(index), in_seconds(*cut.end - cut.begin)));
}

void Truth::on_verdict(const decision::VerdictChanged& changed) {
    const auto territory = territory_of(changed.block);
    if (!territory)
        return;
    const std::size_t index = changed.uplink.value * territories_ + *territory;
    Side& side = sides_[index];
    side.verdict = changed.to;
    if (!speaks_of_null_route(changed.to) || speaks_of_null_route(changed.from))
        return;
    // Where nobody reaches it by any way, nobody can tell which of them is at fault.
    side.is_verdict_wrong = !claim(side) && !internet_.is_unreachable(*territory);
    if (side.is_verdict_wrong)
        return find(Fault::wrong,
                    fmt::format("{}: {}", name(index), decision::to_string(changed.to)));
    if (side.cuts.empty())
        return;
    Cut& cut = side.cuts.back();
    if (cut.end || agenda_.now() - cut.begin < config_.timing.forgiven_gap)
        ++score_.brief;
    if (cut.is_answered || cut.end)
        return;
    cut.is_answered = true;
    ++score_.interruptions;
    if (cut.is_owed_at_once && loss_ <= 0.05)
        score_.verdict_ms.push_back(in_seconds(agenda_.now() - cut.begin) * 1000);
}

// The uplink or the session was really unwell, now or so shortly ago that news of it are fresh.
bool Truth::has_reason(std::uint32_t uplink, std::uint32_t territory) const {
    const Side& side = sides_[uplink * territories_ + territory];
    const Instant now = agenda_.now();
    const Duration fresh = 2 * config_.timing.forgiven_gap + 10s;
    if (speaks_of_null_route(side.verdict))
        return !side.is_verdict_wrong;
    const auto sight = sessions_.sight(uplink, internet_.territories()[territory].prefix);
    if (side.verdict == Verdict::session_down)
        return !sight.is_established || without_session_[uplink] + fresh >= now ||
               unwell_[uplink] + fresh >= now;
    return !internet_.is_uplink_alive(uplink) || unwell_[uplink] + fresh >= now || was_cut(side) ||
           loss_ > 0.5 || internet_.trouble(uplink).dead_members != 0;
}

void Truth::on_step(const decision::MoveStepped& step) {
    const auto territory = territory_of(step.block);
    if (!territory || step.step != decision::MoveStep::forwarding)
        return;
    ++score_.moves;
    if (step.kind != decision::MoveKind::escape || has_reason(step.from.value, *territory))
        return;
    const std::size_t index = step.from.value * territories_ + *territory;
    find(Fault::needless,
         fmt::format("{} left for {} by {}", name(index), config_.uplink(step.to).name,
                     decision::to_string(sides_[index].verdict)));
}

void Truth::on_record(const controller::Record& record) {
    const auto* action = std::get_if<decision::Action>(&record.body);
    if (action == nullptr)
        return;
    if (const auto* changed = std::get_if<decision::VerdictChanged>(&action->deed))
        on_verdict(*changed);
    else if (const auto* step = std::get_if<decision::MoveStepped>(&action->deed))
        on_step(*step);
}

}  // namespace sim
