// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What outlives the process, written and read again: nothing may be lost, and what cannot be read
// must not cost the rest.
#include "controlplane/observe/state_json.h"

#include <doctest/doctest.h>

#include "tests/unit/controller/bench.h"

namespace detour::observe {
namespace {

using namespace std::chrono_literals;
using bench::partner;
using bench::provider;
using decision::MoveKind;
using decision::MoveStep;
using decision::State;
using decision::Verdict;

decision::BlockState away(const decision::Block& block) {
    decision::BlockState state;
    state.block = block;
    state.home = provider;
    state.egress = partner;
    state.announced = {{partner, {}},
                       {provider,
                        {.prepends = 3,
                         .is_graceful_shutdown = true,
                         .is_no_export = true,
                         .communities = {7, 9}}}};
    state.move = decision::MoveState{.kind = MoveKind::escape,
                                     .step = MoveStep::life,
                                     .from = provider,
                                     .to = partner,
                                     .reason = Verdict::nullrouted,
                                     .stair = 2,
                                     .has_life = true,
                                     .age = 11s,
                                     .step_age = 12ms};
    state.placed_age = 3h;
    state.placed_by = Verdict::uplink_dead;
    state.incident_age = 13min;
    state.tried = {provider, partner};
    state.failed_returns = 2;
    state.escape_ages = {1s, 2s};
    state.return_ages = {4h};
    state.last_return_age = 5min;
    state.is_return_latched = true;
    return state;
}

State whole() {
    State state;
    state.is_frozen = true;
    state.blocks = {away({PrefixSetId(0), Family::ipv4}), away({PrefixSetId(1), Family::ipv6})};
    // As it is most of the time: nothing optional is there.
    decision::BlockState calm;
    calm.block = {PrefixSetId(1), Family::ipv4};
    calm.home = calm.egress = provider;
    calm.announced = {{provider, {}}};
    state.blocks.push_back(calm);
    decision::WatchState watch;
    watch.uplink = partner;
    watch.block = {PrefixSetId(1), Family::ipv6};
    watch.has_sentinel_latch = true;
    watch.canary_leaks = true;
    watch.beacon_good_age = 1h;
    watch.egress_good_age = 1500ms;
    watch.discordance = 0.0625;
    watch.packets_per_second = 12345.5;
    decision::WatchState silent;
    silent.uplink = provider;
    silent.block = {PrefixSetId(0), Family::ipv4};
    state.watches = {watch, silent};
    return state;
}

}  // namespace

TEST_CASE("a State that was written is read as it was, also through text") {
    const model::Config config = bench::story();
    const Names names(config);
    const auto document = nlohmann::json::parse(to_json(whole(), names).dump());
    CHECK(document.at("format") == state_format);
    const auto read = state_from_json(document, names);
    REQUIRE(read.has_value());
    CHECK(*read == whole());
}

TEST_CASE("every verdict, kind and step of a move survives") {
    const model::Config config = bench::story();
    const Names names(config);
    const auto survives = [&](const State& state) {
        return state_from_json(to_json(state, names), names) == state;
    };
    State state = whole();
    for (std::size_t i = 0; i < decision::verdict_count; ++i) {
        state.blocks[0].placed_by = static_cast<Verdict>(i);
        CHECK(survives(state));
    }
    for (int i = 0; i <= static_cast<int>(MoveStep::stair); ++i) {
        state.blocks[0].move->step = static_cast<MoveStep>(i);
        CHECK(survives(state));
    }
    for (const auto kind : {MoveKind::escape, MoveKind::planned, MoveKind::failback}) {
        state.blocks[0].move->kind = kind;
        CHECK(survives(state));
    }
}

TEST_CASE("names are written, so that another order in the file changes nothing") {
    const model::Config config = bench::story();
    const auto document = to_json(whole(), Names(config));
    CHECK(document.at("blocks").at(0).at("egress") == "partner");
    CHECK(document.at("blocks").at(0).at("set") == "mail");
    model::Config turned = bench::story();
    std::swap(turned.prefix_sets[0], turned.prefix_sets[1]);
    turned.prefix_sets[0].id = PrefixSetId(0);
    turned.prefix_sets[1].id = PrefixSetId(1);
    const auto read = state_from_json(document, Names(turned));
    REQUIRE(read.has_value());
    CHECK(read->blocks[0].block.set == PrefixSetId(1));
    CHECK(read->blocks[1].block.set == PrefixSetId(0));
}

TEST_CASE("an entry of a set or an uplink that is gone is left out, and the others stay") {
    const model::Config config = bench::story();
    const Names names(config);
    auto document = to_json(whole(), names);
    document["blocks"][0]["set"] = "sold";
    document["watches"][1]["uplink"] = "cancelled";
    auto read = state_from_json(document, names);
    REQUIRE(read.has_value());
    CHECK(read->blocks.size() == 2);
    CHECK(read->watches.size() == 1);
    CHECK(read->is_frozen);
    document["blocks"][1]["placed_by"] = "SOMETHING-NEW";
    document["blocks"][2].erase("announced");
    read = state_from_json(document, names);
    REQUIRE(read.has_value());
    CHECK(read->blocks.empty());
}

TEST_CASE("a block that is announced nowhere is not taken for a placement") {
    const model::Config config = bench::story();
    const Names names(config);
    auto document = to_json(whole(), names);
    document["blocks"][0]["announced"] = nlohmann::json::array();
    CHECK(state_from_json(document, names)->blocks.size() == 2);
}

TEST_CASE("another format, or no state at all, is nothing") {
    const model::Config config = bench::story();
    const Names names(config);
    auto document = to_json(whole(), names);
    document["format"] = state_format + 1;
    CHECK_FALSE(state_from_json(document, names).has_value());
    for (const auto& other :
         {nlohmann::json(), nlohmann::json(7), nlohmann::json::array(), nlohmann::json::object()})
        CHECK_FALSE(state_from_json(other, names).has_value());
}

}  // namespace detour::observe
