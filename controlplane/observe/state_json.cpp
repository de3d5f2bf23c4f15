// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/state_json.h"

#include <stdexcept>
#include <string>
#include <string_view>

#include "controlplane/observe/decision_json.h"

namespace detour::observe {
namespace {

using nlohmann::json;

// --- out

template <class T>
json ages(const std::vector<T>& durations) {
    json result = json::array();
    for (const Duration duration : durations)
        result.push_back(duration.count());
    return result;
}

json age(const std::optional<Duration>& duration) {
    return duration ? json(duration->count()) : json(nullptr);
}

json block_json(const decision::Block& block, const Names& names) {
    return {{"set", names(block.set)}, {"family", to_string(block.family)}};
}

json move_json(const decision::MoveState& move, const Names& names) {
    return {{"kind", to_string(move.kind)},
            {"step", to_string(move.step)},
            {"from", names(move.from)},
            {"to", names(move.to)},
            {"reason", to_string(move.reason)},
            {"stair", move.stair},
            {"has_life", move.has_life},
            {"age_ns", move.age.count()},
            {"step_age_ns", move.step_age.count()}};
}

json placed_json(const decision::BlockState& state, const Names& names) {
    json result = block_json(state.block, names);
    result["home"] = names(state.home);
    result["egress"] = names(state.egress);
    result["announced"] = json::array();
    for (const decision::AnnouncedState& announced : state.announced) {
        const decision::Announcement& how = announced.announcement;
        result["announced"].push_back({{"uplink", names(announced.uplink)},
                                       {"prepends", how.prepends},
                                       {"graceful_shutdown", how.is_graceful_shutdown},
                                       {"no_export", how.is_no_export},
                                       {"communities", how.communities}});
    }
    result["move"] = state.move ? move_json(*state.move, names) : json(nullptr);
    result["placed_age_ns"] = state.placed_age.count();
    result["placed_by"] = to_string(state.placed_by);
    result["incident_age_ns"] = age(state.incident_age);
    result["tried"] = json::array();
    for (const UplinkId uplink : state.tried)
        result["tried"].push_back(names(uplink));
    result["failed_returns"] = state.failed_returns;
    result["escape_ages_ns"] = ages(state.escape_ages);
    result["return_ages_ns"] = ages(state.return_ages);
    result["last_return_age_ns"] = age(state.last_return_age);
    result["return_latched"] = state.is_return_latched;
    return result;
}

json watch_json(const decision::WatchState& state, const Names& names) {
    json result = block_json(state.block, names);
    result["uplink"] = names(state.uplink);
    result["sentinel_latch"] = state.has_sentinel_latch;
    result["canary_leaks"] = state.canary_leaks;
    result["beacon_good_age_ns"] = age(state.beacon_good_age);
    result["egress_good_age_ns"] = age(state.egress_good_age);
    result["discordance"] = state.discordance;
    result["packets_per_second"] = state.packets_per_second;
    return result;
}

// --- in; json's own exceptions and Unknown end the reading of one entry

struct Unknown : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Reader {
 public:
    explicit Reader(const model::Config& config) : config_(config) {}

    decision::BlockState placed(const json& from) const {
        decision::BlockState state;
        state.block = block(from);
        state.home = uplink(from.at("home"));
        state.egress = uplink(from.at("egress"));
        for (const json& row : from.at("announced"))
            state.announced.push_back({uplink(row.at("uplink")),
                                       {.prepends = row.at("prepends"),
                                        .is_graceful_shutdown = row.at("graceful_shutdown"),
                                        .is_no_export = row.at("no_export"),
                                        .communities = row.at("communities")}});
        if (state.announced.empty())
            throw Unknown("announced nowhere");
        if (!from.at("move").is_null())
            state.move = move(from.at("move"));
        state.placed_age = Duration(from.at("placed_age_ns").get<std::int64_t>());
        state.placed_by = verdict(from.at("placed_by"));
        state.incident_age = duration(from.at("incident_age_ns"));
        for (const json& name : from.at("tried"))
            state.tried.push_back(uplink(name));
        state.failed_returns = from.at("failed_returns");
        state.escape_ages = durations(from.at("escape_ages_ns"));
        state.return_ages = durations(from.at("return_ages_ns"));
        state.last_return_age = duration(from.at("last_return_age_ns"));
        state.is_return_latched = from.at("return_latched");
        return state;
    }

    decision::WatchState watch(const json& from) const {
        decision::WatchState state;
        state.block = block(from);
        state.uplink = uplink(from.at("uplink"));
        state.has_sentinel_latch = from.at("sentinel_latch");
        state.canary_leaks = from.at("canary_leaks");
        state.beacon_good_age = duration(from.at("beacon_good_age_ns"));
        state.egress_good_age = duration(from.at("egress_good_age_ns"));
        state.discordance = from.at("discordance");
        state.packets_per_second = from.at("packets_per_second");
        return state;
    }

 private:
    decision::MoveState move(const json& from) const {
        return {.kind = inverse<decision::MoveKind>(from.at("kind"), decision::MoveKind::failback),
                .step = inverse<decision::MoveStep>(from.at("step"), decision::MoveStep::stair),
                .from = uplink(from.at("from")),
                .to = uplink(from.at("to")),
                .reason = verdict(from.at("reason")),
                .stair = from.at("stair"),
                .has_life = from.at("has_life"),
                .age = Duration(from.at("age_ns").get<std::int64_t>()),
                .step_age = Duration(from.at("step_age_ns").get<std::int64_t>())};
    }

    decision::Block block(const json& from) const {
        const auto name = from.at("set").get<std::string>();
        const model::PrefixSet* set = config_.find_prefix_set(name);
        if (set == nullptr)
            throw Unknown(name);
        return {set->id,
                from.at("family") == to_string(Family::ipv6) ? Family::ipv6 : Family::ipv4};
    }

    UplinkId uplink(const json& name) const {
        const model::Uplink* found = config_.find_uplink(name.get<std::string>());
        if (found == nullptr)
            throw Unknown(name.get<std::string>());
        return found->id;
    }

    static decision::Verdict verdict(const json& text) {
        return inverse<decision::Verdict>(text, decision::Verdict::healthy);
    }

    // The enumerator whose text it is; enumerators count from 0 to `last`.
    template <class Enum>
    static Enum inverse(const json& text, Enum last) {
        const auto wanted = text.get<std::string>();
        for (int i = 0; i <= static_cast<int>(last); ++i)
            if (to_string(static_cast<Enum>(i)) == wanted)
                return static_cast<Enum>(i);
        throw Unknown(wanted);
    }

    static std::optional<Duration> duration(const json& from) {
        if (from.is_null())
            return std::nullopt;
        return Duration(from.get<std::int64_t>());
    }

    static std::vector<Duration> durations(const json& from) {
        std::vector<Duration> result;
        for (const json& value : from)
            result.emplace_back(value.get<std::int64_t>());
        return result;
    }

    const model::Config& config_;
};

}  // namespace

json to_json(const decision::State& state, const Names& names) {
    json result{{"format", state_format},
                {"frozen", state.is_frozen},
                {"blocks", json::array()},
                {"watches", json::array()}};
    for (const decision::BlockState& block : state.blocks)
        result["blocks"].push_back(placed_json(block, names));
    for (const decision::WatchState& watch : state.watches)
        result["watches"].push_back(watch_json(watch, names));
    return result;
}

std::optional<decision::State> state_from_json(const json& document, const Names& names) {
    if (!document.is_object() || document.value("format", 0) != state_format)
        return std::nullopt;
    const Reader reader(names.config());
    decision::State state;
    // One entry that is not readable, or not configured any more, must not cost the others.
    const auto each = [](const json& rows, auto read, auto& into) {
        for (const json& row : rows)
            try {
                into.push_back(read(row));
            } catch (const std::exception&) {
                continue;
            }
    };
    state.is_frozen = document.value("frozen", false);
    each(
        document.value("blocks", json::array()),
        [&](const json& row) { return reader.placed(row); }, state.blocks);
    each(
        document.value("watches", json::array()),
        [&](const json& row) { return reader.watch(row); }, state.watches);
    return state;
}

}  // namespace detour::observe
