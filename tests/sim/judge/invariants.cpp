// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/judge/invariants.h"

#include <fmt/format.h>

#include <algorithm>

namespace sim {

namespace bgp = detour::bgp;
namespace controller = detour::controller;
namespace decision = detour::decision;
using namespace std::chrono_literals;

namespace {

constexpr detour::AsNumber our_asn{64500};
constexpr std::uint32_t nobody = 0xffffffff;  // no uplink

bool is_seen_by_the_world(const Sessions::Sight& sight) {
    if (!sight.is_established || sight.announced == nullptr)
        return false;
    const auto& communities = sight.announced->communities;
    return std::ranges::find(communities, bgp::no_export) == communities.end();
}

}  // namespace

Invariants::Invariants(Agenda& agenda, const detour::model::Config& config, const Shape& shape,
                       Internet& internet, Sessions& sessions, Box& box, const Truth& truth,
                       Score& score, Instant zero)
    : agenda_(agenda),
      config_(config),
      shape_(shape),
      internet_(internet),
      sessions_(sessions),
      box_(box),
      truth_(truth),
      score_(score),
      zero_(zero),
      blocks_(internet.territories().size()),
      places_(internet.territories().size() * config.uplinks.size()) {}

void Invariants::find(std::string text) {
    if (truth_.tell)
        truth_.tell("*** " + text);
    score_.findings.push_back({agenda_.now() - zero_, Fault::violation, std::move(text)});
}

void Invariants::on_start(const std::optional<decision::State>&, Duration) {
    // The caps are kept by a process; what one before it has sent, this one cannot know.
    meters_.clear();
}

// ---- probes

void Invariants::on_send(const detour::probe::Send& send) {
    const auto& timing = config_.timing;
    Meter& meter = meters_[send.destination];
    const Instant now = agenda_.now();
    const double idle = timing.idle_rate;
    const double suspect = timing.suspect_rate;
    const double tank = (suspect - idle) * in_seconds(timing.suspect_time) + suspect;
    if (meter.last.empty()) {
        meter.last.resize(timing.suspect_rate, Instant::min());
        meter.tank = tank;
        meter.filled = now;
    }
    Instant& oldest = meter.last[meter.next];
    if (oldest != Instant::min() && now - oldest < 1s)
        find(fmt::format("more than {} probes within a second to {}", timing.suspect_rate,
                         send.destination.to_string()));
    oldest = now;
    meter.next = (meter.next + 1) % meter.last.size();
    // A tank that fills with the idle rate and a sixth of the rest.
    const double fill = idle + (suspect - idle) / 6;
    meter.tank = std::min(tank, meter.tank + fill * in_seconds(now - meter.filled)) - 1;
    meter.filled = now;
    if (meter.tank < 0 && said_.insert("tank" + send.destination.to_string()).second)
        find("probes to " + send.destination.to_string() + " exceed the suspicion rate's time");
}

// ---- announcements

bool Invariants::is_announced_elsewhere(std::uint32_t uplink, const detour::Prefix& prefix) const {
    for (std::uint32_t other = 0; other < config_.uplinks.size(); ++other)
        if (other != uplink && is_seen_by_the_world(sessions_.sight(other, prefix)))
            return true;
    return false;
}

void Invariants::on_route(std::uint32_t uplink, const detour::Prefix& prefix,
                          const bgp::PathAttributes* attributes) {
    const auto territory = internet_.territory_of(prefix);
    if (!territory)
        return find("announced, but not declared: " + prefix.to_string());
    if (attributes == nullptr) {
        // What came by the same TCP segment is one turn.
        if (!is_announced_elsewhere(uplink, prefix) && !is_operators_)
            agenda_.after(1ms, [this, uplink, prefix] { check_somewhere(uplink, prefix); });
        return;
    }
    for (const auto& segment : attributes->as_path.segments)
        for (const detour::AsNumber number : segment.numbers)
            if (number != our_asn)
                find("another AS in our path: " + attributes->as_path.to_string());
}

void Invariants::check_somewhere(std::uint32_t uplink, const detour::Prefix& prefix) {
    if (!is_announced_elsewhere(uplink, prefix) &&
        !is_seen_by_the_world(sessions_.sight(uplink, prefix)))
        find(fmt::format("the last announcement of {} was withdrawn, on {}", prefix.to_string(),
                         config_.uplinks[uplink].name));
}

bool Invariants::is_good_way(std::uint32_t u, std::uint32_t territory) const {
    const auto& trouble = internet_.trouble(u);
    return internet_.is_uplink_alive(u) && trouble.loss == 0 && trouble.dead_members == 0 &&
           trouble.mtu > 9000 && internet_.utilisation(u) < 0.5 &&
           internet_.nuisance(u, territory).source_refused == 0 &&
           sessions_.sight(u, internet_.territories()[territory].prefix).is_established;
}

void Invariants::look() {
    const Instant now = agenda_.now();
    const bool may_act = box_.is_running() && !is_operators_ &&
                         shape_.mode == Shape::Mode::automatic &&
                         now - box_.started() > config_.timing.start_up_grace + 30s;
    for (std::uint32_t t = 0; t < blocks_.size(); ++t) {
        Block& block = blocks_[t];
        const auto& prefix = internet_.territories()[t].prefix;
        bool is_announced = false;
        bool has_good_way = false;
        for (std::uint32_t u = 0; u < config_.uplinks.size(); ++u) {
            is_announced |= is_seen_by_the_world(sessions_.sight(u, prefix));
            has_good_way |= is_good_way(u, t);
        }
        if (!may_act || is_announced || !has_good_way) {
            block.nowhere_since.reset();
            continue;
        }
        if (!block.nowhere_since)
            block.nowhere_since = now;
        // A session takes up to 90 s to be given up; the armed age and a gate come behind it.
        if (now - *block.nowhere_since > 60s && !std::exchange(block.is_nowhere_said, true))
            find(prefix.to_string() + " is announced nowhere, though a good way stands");
    }
}

// ---- decisions

void Invariants::on_record(const controller::Record& record) {
    const auto* action = std::get_if<decision::Action>(&record.body);
    if (action == nullptr)
        return;
    if (const auto* changed = std::get_if<decision::VerdictChanged>(&action->deed))
        check_kinds(*changed);
    else if (const auto* step = std::get_if<decision::MoveStepped>(&action->deed))
        on_step(*step);
}

// Pings alone never suffice: either the traffic has ended too, or another kind was asked.
void Invariants::check_kinds(const decision::VerdictChanged& changed) {
    const auto territory = truth_.territory_of(changed.block);
    if (!territory)
        return;
    const std::uint32_t u = changed.uplink.value;
    places_[u * blocks_.size() + *territory] = changed.place;
    if (changed.to != decision::Verdict::nullrouted || changed.from == changed.to)
        return;
    const auto speaks = [&](const char* name) {
        const decision::Figure* figure = changed.why.find(name);
        return figure != nullptr && figure->holds;
    };
    const bool has_second = speaks("inbound-share") || speaks("second-kind-targets");
    const double all = internet_.traffic(*territory);
    if (!has_second || (internet_.inbound(u, *territory) > 0.5 * all && all > 100 &&
                        internet_.is_uplink_alive(u) && !truth_.was_cut(u, *territory)))
        find(fmt::format("NULLROUTED on one kind of evidence: {} on {}",
                         internet_.territories()[*territory].prefix.to_string(),
                         config_.uplinks[u].name));
}

void Invariants::on_step(const decision::MoveStepped& step) {
    const auto territory = truth_.territory_of(step.block);
    if (!territory || step.step != decision::MoveStep::forwarding)
        return;
    Block& block = blocks_[*territory];
    const Instant now = agenda_.now();
    if (step.kind == decision::MoveKind::escape) {
        check_escape(step, *territory);
        std::erase_if(block.escapes, [&](Instant at) { return now - at >= 1h; });
        // One that was announced nowhere has to be announced again, brake or not.
        const auto& prefix = internet_.territories()[*territory].prefix;
        const bool has_fallen =
            truth_.verdict(step.from.value, *territory) == decision::Verdict::session_down;
        if (is_announced_elsewhere(nobody, prefix) && !has_fallen)
            block.escapes.push_back(now);
        if (block.escapes.size() > 4)
            find("more than four escapes of a set within an hour");
    } else if (step.kind == decision::MoveKind::failback && !is_operators_) {
        std::erase_if(block.returns, [&](Instant at) { return now - at >= 24h; });
        block.returns.push_back(now);
        // A canary that fails does not count as a return, and is tried again half an hour later.
        if (block.returns.size() > 2 + 4)
            find("more than two automatic returns within a day");
    }
}

void Invariants::check_escape(const decision::MoveStepped& step, std::uint32_t territory) {
    const Instant now = agenda_.now();
    const std::uint32_t to = step.to.value;
    const auto family = static_cast<std::uint8_t>(step.block.family);
    const auto is_fresh = [&](const std::optional<Instant>& proof, Duration age) {
        return proof && now - *proof <= age + config_.timing.timeout_cap;
    };
    const std::string where =
        fmt::format("{} to {}", internet_.territories()[territory].prefix.to_string(),
                    config_.uplinks[to].name);
    const Duration age = config_.timing.armed_age;
    if (!is_fresh(truth_.last_proof(to, family), age))
        find("moved to an uplink whose T was not good within the armed age: " + where);
    if (!is_fresh(truth_.last_full_proof(to, family), age))
        find("moved to an uplink whose T at full MTU was not good within the armed age: " + where);
    if (!truth_.last_egress(to, territory))
        find("moved to an uplink by which E was never good: " + where);
    if (!sessions_.sight(to, internet_.territories()[territory].prefix).is_established)
        find("moved to an uplink without a session: " + where);
    if (shape_.partner == Shape::Partner::behind_provider && to == 1 && step.from.value == 0 &&
        places_[territory] == decision::Place::inside &&
        truth_.verdict(0, territory) == decision::Verdict::nullrouted)
        find("moved to an uplink behind the provider that drops the block: " + where);
}

void Invariants::check_rest() {
    if (const std::string confusion = sessions_.confusion(); !confusion.empty())
        find("a neighbour could not read what the box says: " + confusion);
    if (!box_.is_running())
        return;
    for (const auto& block : box_.view(agenda_.now()).decision.blocks) {
        const auto territory = truth_.territory_of(block.block);
        if (!territory)
            continue;
        const std::string name = internet_.territories()[*territory].prefix.to_string();
        if (block.move && *block.move == decision::MoveKind::escape)
            find(name + ": an escape is still under way at the end");
        const bool is_announced = is_seen_by_the_world(
            sessions_.sight(block.egress.value, internet_.territories()[*territory].prefix));
        if (!block.move && !is_announced && !is_operators_)
            find(name + ": at the end it is not announced where it leaves");
        if (!block.move && !is_operators_ && shape_.mode == Shape::Mode::automatic &&
            internet_.is_interrupted(block.egress.value, *territory)) {
            for (std::uint32_t u = 0; u < config_.uplinks.size(); ++u)
                if (u != block.egress.value && is_good_way(u, *territory))
                    find(name + ": at the end it lies where it is dead, though a good way stands");
        }
    }
}

}  // namespace sim
