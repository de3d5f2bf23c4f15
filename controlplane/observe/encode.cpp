// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/encode.h"

#include <utility>

#include "conf/types/overloaded.h"
#include "controlplane/observe/decision_json.h"

namespace detour::observe {
namespace {

// What a watched box hears all day; a verdict that cites it keeps it.
bool is_routine(const decision::Evidence& evidence) {
    return std::holds_alternative<decision::ProbeOutcome>(evidence) ||
           std::holds_alternative<decision::Counters>(evidence) ||
           std::holds_alternative<decision::PortLoad>(evidence) ||
           std::holds_alternative<decision::Tick>(evidence);
}

void put(Record& row, Described described, const Names& names) {
    row.kind = std::move(described.kind);
    if (described.uplink)
        row.subject.uplink = names(*described.uplink);
    if (described.set)
        row.subject.set = names(*described.set);
    row.subject.family = described.family;
    row.payload = std::move(described.payload);
}

const char* text(probe::Hop::Says says) {
    switch (says) {
        case probe::Hop::Says::passed:
            return "passed";
        case probe::Hop::Says::arrived:
            return "arrived";
        case probe::Hop::Says::refused:
            return "refused";
    }
    std::unreachable();
}

void put_walk(Record& row, const controller::Localised& found, const Names& names) {
    const bool is_from_block = found.from == controller::Localised::From::block;
    row.kind = kind::walk;
    row.direction = Direction::output;
    row.subject.uplink = names(found.uplink);
    row.subject.set = names(found.block.set);
    row.subject.family = found.block.family;
    nlohmann::json hops = nlohmann::json::array();
    for (const probe::Hop& hop : found.hops) {
        nlohmann::json each{{"hop", hop.number}};
        if (hop.says) {
            each["says"] = text(*hop.says);
            each["router"] = hop.router.to_string();
            each["rtt_ms"] = to_seconds(hop.rtt) * 1000;
            if (hop.arrival)
                each["arrival"] = names(*hop.arrival);
        }
        hops.push_back(std::move(each));
    }
    row.payload = {{"from", is_from_block ? "block" : "control"},
                   {"source", found.source.to_string()},
                   {"target", found.target.to_string()},
                   {"hops", std::move(hops)}};
}

void put_peer(Record& row, bgp::PeerId peer, const Names& names) {
    row.subject.uplink = names.uplink_of(peer);
    row.subject.peer = names.peer(peer).to_string();
}

}  // namespace

Record encode(const controller::Record& record, WallTime wall, const Names& names) {
    Record row;
    row.number = record.number;
    row.wall = wall;
    row.at = record.at;
    row.weight = Weight::lasting;
    row.causes = record.causes;
    std::visit(
        Overloaded{
            [&](const controller::Started& started) {
                row.kind = "started";
                row.payload = {{"has_state", started.has_state},
                               {"state_age_s", to_seconds(started.state_age)}};
            },
            [&](const controller::Reconfigured& r) {
                row.kind = "configuration";
                row.payload = {{"revision", r.revision},
                               {"how", r.kind},
                               {"by", r.actor},
                               {"reason", r.reason},
                               {"changes", r.changes}};
            },
            [&](const controller::Localised& found) { put_walk(row, found, names); },
            [&](const decision::Evidence& evidence) {
                if (is_routine(evidence))
                    row.weight = Weight::routine;
                put(row, describe(evidence, names), names);
            },
            [&](const decision::Action& action) {
                row.direction = Direction::output;
                // It happens each minute and tells a person nothing.
                if (std::holds_alternative<decision::Persist>(action.deed))
                    row.weight = Weight::routine;
                put(row, describe(action.deed, names), names);
                row.payload["action_id"] = action.id.value;
            },
            [&](const bgp::StateChanged& changed) {
                row.kind = kind::session;
                put_peer(row, changed.peer, names);
                row.payload = {{"from", to_string(changed.from)}, {"state", to_string(changed.to)}};
                if (changed.error) {
                    row.payload["reason"] = to_string(changed.error->reason);
                    row.payload["text"] = changed.error->text;
                }
            },
            [&](const bgp::Remark& remark) {
                row.kind = "remark";
                row.direction = Direction::output;
                put_peer(row, remark.peer, names);
                row.payload = {{"text", remark.text}};
            },
            [&](const controller::Command& command) {
                const decision::Evidence evidence = std::visit(
                    [](const auto& deed) -> decision::Evidence { return deed; }, command.deed);
                put(row, describe(evidence, names), names);
                row.payload["by"] = command.actor;
                row.payload["reason"] = command.reason;
            },
        },
        record.body);
    return row;
}

}  // namespace detour::observe
