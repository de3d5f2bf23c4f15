// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/stage/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/sim/judge/invariants.h"
#include "tests/sim/judge/replay.h"
#include "tests/sim/judge/truth.h"
#include "tests/sim/stage/box.h"
#include "tests/sim/stage/faults.h"

namespace sim {

namespace controller = detour::controller;
namespace decision = detour::decision;
using namespace std::chrono_literals;

namespace {

constexpr Instant zero{1h};

// Writes down what expectations are about, and tells the rest to whoever listens.
class Chronicle : public Box::Watcher {
 public:
    Chronicle(const detour::model::Config& config, Result& result,
              const std::function<void(const std::string&)>& tell)
        : config_(config), result_(result), tell_(tell) {}

    void on_record(const controller::Record& record) override {
        if (const auto* action = std::get_if<decision::Action>(&record.body))
            std::visit([&](const auto& deed) { on(record.at - zero, deed); }, action->deed);
        else if (const auto* change = std::get_if<detour::bgp::StateChanged>(&record.body);
                 change != nullptr && tell_)
            tell_(fmt::format("BGP session {}: {}", change->peer.value,
                              detour::bgp::to_string(change->to)));
    }

 private:
    [[nodiscard]] std::string name(const decision::Block& block) const {
        return fmt::format("{}/{}", config_.prefix_set(block.set).name,
                           detour::to_string(block.family));
    }
    [[nodiscard]] const std::string& name(detour::UplinkId uplink) const {
        return config_.uplink(uplink).name;
    }

    void on(Duration at, const decision::VerdictChanged& changed) {
        using Weight = Happening::Weight;
        if (changed.to != changed.from)
            result_.happenings.push_back(
                {decision::is_calm(changed.to) ? Weight::calm : Weight::alarm, at,
                 std::string(decision::to_string(changed.to)), name(changed.block),
                 name(changed.uplink)});
        if (tell_)
            tell_(fmt::format("{} on {}: {} -> {}{}", name(changed.block), name(changed.uplink),
                              decision::to_string(changed.from), decision::to_string(changed.to),
                              changed.why.note.empty() ? "" : ", " + changed.why.note));
    }
    void on(Duration at, const decision::MoveStepped& step) {
        if (step.step == decision::MoveStep::forwarding)
            result_.happenings.push_back({Happening::Weight::alarm, at,
                                          std::string(decision::to_string(step.kind)),
                                          name(step.block), name(step.to)});
        if (tell_)
            tell_(fmt::format("{} {} {} -> {}: {} {}", name(step.block),
                              decision::to_string(step.kind), name(step.from), name(step.to),
                              decision::to_string(step.step), step.why.note));
    }
    void on(Duration, const decision::Held& held) {
        if (!tell_)
            return;
        std::string figures;
        for (const decision::Figure& figure : held.why.figures)
            if (!figure.holds)
                figures += fmt::format(", {} {:.3f} of {:.3f}", figure.name, figure.value,
                                       figure.threshold);
        tell_(fmt::format("{} held: {}{}", name(held.block), held.why.missing, figures));
    }
    void on(Duration, const decision::Said& said) {
        if (tell_)
            tell_(fmt::format("said: {} {}", said.why.rule, said.why.note));
    }
    template <class Deed>
    void on(Duration, const Deed&) {}

    const detour::model::Config& config_;
    Result& result_;
    const std::function<void(const std::string&)>& tell_;
};

// All parts of one run, in the order in which they need each other.
class Simulation {
 public:
    Simulation(const Scenario& scenario, const RunOptions& options)
        : scenario_(scenario),
          options_(options),
          config_(config_of(scenario.shape)),
          dice_(scenario.seed),
          agenda_(zero),
          internet_(agenda_, *config_, scenario.shape, weather(), dice_.fork(11)),
          sessions_(agenda_, *config_, internet_, dice_.fork(12)),
          box_(agenda_, *config_, internet_, sessions_, dice_.fork(13)),
          truth_(agenda_, *config_, internet_, sessions_, box_, result_.score, zero,
                 longest_round_trip()),
          invariants_(agenda_, *config_, scenario.shape, internet_, sessions_, box_, truth_,
                      result_.score, zero),
          replay_(*config_, result_.score, zero),
          faults_({agenda_, *config_, internet_, sessions_, box_, truth_, invariants_}),
          tell_([this](const std::string& text) { tell(text); }),
          chronicle_(*config_, result_, options.tell ? tell_ : nothing_) {
        if (options.tell)
            truth_.tell = tell_;
        box_.watchers = {&truth_, &chronicle_, &invariants_};
        if (options.replayed == RunOptions::Replayed::yes)
            box_.watchers.push_back(&replay_);
        sessions_.on_route = [this](std::uint32_t uplink, const detour::Prefix& prefix,
                                    const detour::bgp::PathAttributes* attributes) {
            if (const auto territory = internet_.territory_of(prefix))
                truth_.on_route(*territory);
            invariants_.on_route(uplink, prefix, attributes);
        };
    }

    Result run() {
        for (const Event& event : scenario_.events)
            agenda_.at(zero + event.at, [this, &event] {
                if (options_.tell)
                    tell("--- " + to_string(event).substr(3));
                faults_.begin(event);
            });
        each_second();
        box_.start();
        const Instant end = zero + scenario_.length;
        while (step(end)) {
            if (internet_.settle())
                truth_.look();
        }
        agenda_.advance_to(end);
        invariants_.check_rest();
        result_.life = scenario_.length;
        return std::move(result_);
    }

 private:
    [[nodiscard]] Weather weather() const {
        std::size_t territories = 0;
        for (const auto& set : config_->prefix_sets)
            territories += set.prefixes.size();
        return weather_of(
            scenario_.shape, territories,
            scenario_.weather == Scenario::Weather::random ? Mood::random : Mood::plain,
            dice_.fork(10));
    }

    [[nodiscard]] Duration longest_round_trip() const {
        Duration longest{};
        for (const auto& of_uplink : weather().round_trip)
            longest = std::max(longest, std::ranges::max(of_uplink));
        return longest;
    }

    // The next thing that happens, in the world or at the box's deadline; false at the end.
    bool step(Instant end) {
        const auto in_world = agenda_.next();
        const auto at_box = box_.next_deadline();
        if (at_box && (!in_world || *at_box < *in_world)) {
            if (*at_box > end)
                return false;
            agenda_.advance_to(*at_box);
            box_.tick();
            return true;
        }
        if (!in_world || *in_world > end)
            return false;
        agenda_.step([this](const Packet& packet) { box_.deliver(packet); });
        return true;
    }

    void each_second() {
        truth_.look();
        invariants_.look();
        agenda_.after(1s, [this] { each_second(); });
    }

    void tell(const std::string& text) {
        options_.tell(fmt::format("{:10.3f} s  {}", in_seconds(agenda_.now() - zero), text));
    }

    const Scenario& scenario_;
    const RunOptions& options_;
    std::shared_ptr<const detour::model::Config> config_;
    Result result_;
    Dice dice_;
    Agenda agenda_;
    Internet internet_;
    Sessions sessions_;
    Box box_;
    Truth truth_;
    Invariants invariants_;
    Replay replay_;
    Faults faults_;
    std::function<void(const std::string&)> tell_;
    std::function<void(const std::string&)> nothing_;
    Chronicle chronicle_;
};

}  // namespace

Result run(const Scenario& scenario, const RunOptions& options) {
    return Simulation(scenario, options).run();
}

std::vector<std::string> disappointments(const Scenario& scenario, const Result& result) {
    std::vector<std::string> texts;
    std::vector<Happening> left = result.happenings;
    for (const Expectation& expectation : scenario.expected) {
        const auto found = std::ranges::find_if(left, [&](const Happening& happening) {
            return happening.what == expectation.what && happening.block == expectation.block &&
                   happening.uplink == expectation.uplink && happening.at >= expectation.from &&
                   happening.at <= expectation.to;
        });
        if (found == left.end())
            texts.push_back("did not happen: " + to_string(expectation).substr(7));
        else
            left.erase(found);
    }
    std::erase_if(left, [](const Happening& happening) {
        return happening.weight == Happening::Weight::calm;
    });
    for (const Happening& happening : left)
        texts.push_back(fmt::format("not expected: {} {} {} at {:.3f} s", happening.what,
                                    happening.block, happening.uplink, in_seconds(happening.at)));
    return texts;
}

}  // namespace sim
