// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/decision_json.h"

#include <utility>

#include "conf/types/overloaded.h"

namespace detour::observe {
namespace {

using nlohmann::json;

const char* text(decision::Comparison comparison) {
    switch (comparison) {
        case decision::Comparison::at_least:
            return "at_least";
        case decision::Comparison::at_most:
            return "at_most";
        case decision::Comparison::below:
            return "below";
        case decision::Comparison::above:
            return "above";
        case decision::Comparison::is:
            return "is";
        case decision::Comparison::none:
            return "none";
    }
    std::unreachable();
}

const char* text(decision::Unit unit) {
    switch (unit) {
        case decision::Unit::none:
            return "none";
        case decision::Unit::count:
            return "count";
        case decision::Unit::seconds:
            return "seconds";
        case decision::Unit::ratio:
            return "ratio";
        case decision::Unit::rate:
            return "packets_per_second";
        case decision::Unit::truth:
            return "truth";
    }
    std::unreachable();
}

const char* text(decision::ProbeClass probe_class) {
    switch (probe_class) {
        case decision::ProbeClass::control:
            return "control";
        case decision::ProbeClass::beacon:
            return "beacon";
        case decision::ProbeClass::sentinel:
            return "sentinel";
        case decision::ProbeClass::tunnel:
            return "tunnel";
        case decision::ProbeClass::egress:
            return "egress";
    }
    std::unreachable();
}

const char* text(decision::ProbeKind kind) {
    switch (kind) {
        case decision::ProbeKind::icmp:
            return "icmp";
        case decision::ProbeKind::tcp:
            return "tcp";
        case decision::ProbeKind::udp:
            return "udp";
    }
    std::unreachable();
}

const char* text(decision::Result result) {
    switch (result) {
        case decision::Result::ok:
            return "ok";
        case decision::Result::lost:
            return "lost";
        case decision::Result::reversed:
            return "reversed";
    }
    std::unreachable();
}

const char* text(decision::Presence presence) {
    return presence == decision::Presence::up ? "up" : "down";
}

const char* text(decision::SessionState state) {
    switch (state) {
        case decision::SessionState::down:
            return "down";
        case decision::SessionState::down_restarting:
            return "down_restarting";
        case decision::SessionState::down_refused:
            return "down_refused";
        case decision::SessionState::established:
            return "established";
    }
    std::unreachable();
}

const char* text(decision::OriginState::State state) {
    switch (state) {
        case decision::OriginState::State::fine:
            return "fine";
        case decision::OriginState::State::roa_invalid:
            return "roa_invalid";
        case decision::OriginState::State::foreign_origin:
            return "foreign_origin";
    }
    std::unreachable();
}

const char* text(decision::Acknowledgement::Fact fact) {
    switch (fact) {
        case decision::Acknowledgement::Fact::sent:
            return "sent";
        case decision::Acknowledgement::Fact::done:
            return "done";
        case decision::Acknowledgement::Fact::failed:
            return "failed";
    }
    std::unreachable();
}

const char* text(decision::Watch watch) {
    switch (watch) {
        case decision::Watch::away:
            return "away";
        case decision::Watch::watched:
            return "watched";
        case decision::Watch::suspect:
            return "suspect";
        case decision::Watch::canary:
            return "canary";
    }
    std::unreachable();
}

const char* text(decision::Severity severity) {
    switch (severity) {
        case decision::Severity::notice:
            return "notice";
        case decision::Severity::warning:
            return "warning";
        case decision::Severity::page:
            return "page";
    }
    std::unreachable();
}

Described about(std::string kind, std::optional<UplinkId> uplink = {},
                std::optional<decision::Block> block = {}) {
    Described result;
    result.kind = std::move(kind);
    result.uplink = uplink;
    if (block) {
        result.set = block->set;
        result.family = block->family;
    }
    return result;
}

Described about_set(std::string kind, PrefixSetId set) {
    Described result = about(std::move(kind));
    result.set = set;
    return result;
}

Described with(Described described, json payload) {
    described.payload = std::move(payload);
    return described;
}

Described describe_probe(const decision::ProbeOutcome& outcome, const Names& names) {
    Described result = about("probe", outcome.uplink);
    result.set = outcome.set;
    result.family = outcome.family;
    json& payload = result.payload;
    payload = {{"class", text(outcome.probe_class)},
               {"kind", text(outcome.kind)},
               {"result", text(outcome.result)},
               {"sent_s", to_seconds(outcome.sent.time_since_epoch())},
               {"beacon", outcome.beacon},
               {"pair", outcome.pair},
               {"full_size", outcome.is_full_size}};
    if (outcome.target)
        payload["target"] = names(*outcome.target);
    if (outcome.probe_class == decision::ProbeClass::sentinel) {
        payload["sentinel_of"] = names(outcome.sentinel_of);
        payload["sentinel"] = outcome.sentinel;
    }
    if (outcome.arrival) {
        payload["arrival"] = names(*outcome.arrival);
        payload["rtt_ms"] = to_seconds(outcome.rtt) * 1000;
    }
    return result;
}

}  // namespace

double to_seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

json to_json(const decision::Explanation& explanation) {
    json result{{"rule", explanation.rule}};
    for (const decision::Figure& figure : explanation.figures) {
        json row{{"name", figure.name}, {"value", figure.value}, {"holds", figure.holds}};
        if (figure.comparison != decision::Comparison::none) {
            row["comparison"] = text(figure.comparison);
            row["threshold"] = figure.threshold;
        }
        if (figure.unit != decision::Unit::none)
            row["unit"] = text(figure.unit);
        if (figure.out_of != 0)
            row["out_of"] = figure.out_of;
        if (!figure.section.empty())
            row["section"] = figure.section;
        result["figures"].push_back(std::move(row));
    }
    if (!explanation.missing.empty())
        result["missing"] = explanation.missing;
    if (!explanation.note.empty())
        result["note"] = explanation.note;
    return result;
}

json to_json(const decision::Announcement& announcement) {
    json communities = json::array();
    for (const std::uint32_t community : announcement.communities)
        communities.push_back(to_string(bgp::Community{community}));
    return {{"prepends", announcement.prepends},
            {"graceful_shutdown", announcement.is_graceful_shutdown},
            {"no_export", announcement.is_no_export},
            {"communities", std::move(communities)}};
}

std::string command(const decision::Advice& advice, PrefixSetId set, const Names& names) {
    if (advice.kind == decision::MoveKind::failback)
        return "detour failback " + names(set);
    return "detour move " + names(set) + " --to " + names(advice.to) + " " +
           std::string(to_string(advice.reason));
}

Described describe(const decision::Evidence& evidence, const Names& names) {
    return std::visit(
        Overloaded{
            [](const decision::Tick&) { return about("tick"); },
            [](const decision::Start&) { return about("start"); },
            [&](const decision::ProbeOutcome& e) { return describe_probe(e, names); },
            [](const decision::LinkState& e) {
                return with(about("link", e.uplink), {{"state", text(e.state)}});
            },
            [](const decision::BfdState& e) {
                return with(about("bfd", e.uplink), {{"state", text(e.state)}});
            },
            [](const decision::Session& e) {
                Described result = with(about("bgp-family", e.uplink), {{"state", text(e.state)}});
                result.family = e.family;
                return result;
            },
            [](const decision::PortLoad& e) {
                return with(about("port-load", e.uplink), {{"utilisation", e.utilisation}});
            },
            [&](const decision::SharedFate& e) {
                return with(about("shared-fate", e.uplink),
                            {{"through", names(e.through)}, {"shared", e.is_shared}});
            },
            [](const decision::TelemetryState& e) {
                return with(
                    about("telemetry"),
                    {{"state", e.state == decision::Telemetry::present ? "present" : "lost"}});
            },
            [](const decision::Counters& e) {
                return with(about("counters", e.uplink, e.block), {{"packets_in", e.packets_in},
                                                                   {"packets_out", e.packets_out},
                                                                   {"bytes_in", e.bytes_in}});
            },
            [](const decision::OriginState& e) {
                return with(about("origin", {}, e.block),
                            {{"state", text(e.state)}, {"origin", e.origin.value}});
            },
            [](const decision::BlackholeTold& e) {
                return with(
                    about("blackhole", e.uplink, e.block),
                    {{"state",
                      e.state == decision::BlackholeTold::State::told ? "told" : "withdrawn"},
                     {"prefix", e.prefix.to_string()}});
            },
            [](const decision::PathMtu& e) {
                Described result =
                    with(about("path-mtu", e.uplink), {{"mtu", e.mtu}, {"wanted", e.wanted}});
                result.family = e.family;
                return result;
            },
            [](const decision::ClockStepped&) { return about("clock-step"); },
            [](const decision::SchedulingGap& e) {
                return with(about("scheduling-gap"), {{"length_s", to_seconds(e.length)}});
            },
            [](const decision::Reload& e) {
                return with(
                    about("reload"),
                    {{"phase", e.phase == decision::Reload::Phase::begun ? "begun" : "ended"}});
            },
            [&](const decision::OperatorMove& e) {
                return with(about_set("operator", e.set),
                            {{"action", "move"}, {"to", names(e.to)}});
            },
            [](const decision::OperatorFailback& e) {
                return with(about_set("operator", e.set),
                            {{"action", "failback"}, {"now", e.urgency == decision::Urgency::now}});
            },
            [](const decision::OperatorAbort& e) {
                return with(about_set("operator", e.set), {{"action", "abort"}});
            },
            [](const decision::OperatorMode& e) {
                return with(about("operator"),
                            {{"action", "mode"},
                             {"mode", e.mode == decision::Mode::automatic ? "auto" : "advise"}});
            },
            [](const decision::OperatorFreeze& e) {
                return with(about("operator"),
                            {{"action", "freeze"},
                             {"frozen", e.state == decision::OperatorFreeze::State::frozen}});
            },
            [](const decision::Acknowledgement& e) {
                return with(about("acknowledgement"),
                            {{"action", e.action.value}, {"fact", text(e.fact)}});
            },
        },
        evidence);
}

Described describe(const decision::Deed& deed, const Names& names) {
    return std::visit(
        Overloaded{
            [&](const decision::SetForwarding& d) {
                json accept = json::array();
                for (const UplinkId uplink : d.accept)
                    accept.push_back(names(uplink));
                return with(about("forwarding", d.egress, d.block),
                            {{"egress", names(d.egress)}, {"accept", std::move(accept)}});
            },
            [](const decision::SetAnnouncement& d) {
                Described result = about("announcement", d.uplink, d.block);
                if (d.announcement)
                    result.payload = to_json(*d.announcement);
                result.payload["action"] = d.announcement ? "announce" : "withdraw";
                return result;
            },
            [](const decision::SetWatch& d) {
                return with(about("watch", d.uplink, d.block), {{"watch", text(d.watch)}});
            },
            [](const decision::SetCarried& d) { return about("carried", d.uplink, d.block); },
            [](const decision::ProveTunnel& d) {
                Described result = about("prove-tunnel", d.uplink);
                result.family = d.family;
                return result;
            },
            [](const decision::CeaseSession& d) { return about("cease", d.uplink); },
            [&](const decision::RetireTarget& d) {
                return with(about("target"),
                            {{"target", names(d.target)}, {"retired", d.is_retired}});
            },
            [](const decision::Localise& d) { return about("localise", d.uplink, d.block); },
            [](const decision::Persist&) { return about("persist"); },
            [](const decision::VerdictChanged& d) {
                return with(about("verdict", d.uplink, d.block), {{"from", to_string(d.from)},
                                                                  {"to", to_string(d.to)},
                                                                  {"place", to_string(d.place)},
                                                                  {"explanation", to_json(d.why)}});
            },
            [&](const decision::MoveStepped& d) {
                return with(about("move", d.to, d.block), {{"from", names(d.from)},
                                                           {"to", names(d.to)},
                                                           {"move", to_string(d.kind)},
                                                           {"step", to_string(d.step)},
                                                           {"explanation", to_json(d.why)}});
            },
            [&](const decision::Held& d) {
                Described result =
                    with(about("held", d.uplink, d.block), {{"explanation", to_json(d.why)}});
                if (d.to)
                    result.payload["to"] = names(*d.to);
                if (d.advice)
                    result.payload["command"] = command(*d.advice, d.block.set, names);
                return result;
            },
            [](const decision::Said& d) {
                return with(about("said", d.uplink, d.block),
                            {{"severity", text(d.severity)}, {"explanation", to_json(d.why)}});
            },
        },
        deed);
}

}  // namespace detour::observe
