// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/headline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "controlplane/observe/member.h"

namespace detour::observe {
namespace {

using nlohmann::json;

// "a=1 b=2": for kinds that nobody has taught us.
std::string plainly(const json& payload) {
    std::vector<std::string> members;
    for (const auto& [name, value] : payload.items())
        if (name != "explanation")
            members.push_back(fmt::format(
                "{}={}", name, value.is_string() ? value.get<std::string>() : value.dump()));
    return fmt::format("{}", fmt::join(members, " "));
}

std::string about(const Record& record) {
    std::string text = record.subject.uplink;
    if (!record.subject.peer.empty())
        text += (text.empty() ? "" : " ") + record.subject.peer;
    return text;
}

// Where packets vanish, in words that accuse nobody.
std::string place_of(const Record& record) {
    const std::string place = text_at(record.payload, "place");
    const std::string asn = text_at(record.payload, "asn");
    const std::string network = asn.empty() ? record.subject.uplink : "AS" + asn;
    if (place == "inside")
        return fmt::format("; packets to {} vanish inside {}", record.subject.set, network);
    if (place == "beyond")
        return fmt::format("; packets to {} vanish beyond {}", record.subject.set, network);
    return {};
}

std::string verdict_line(const Record& record) {
    const json& payload = record.payload;
    const std::string from = text_at(payload, "from");
    return fmt::format("{} on {}{}{}", text_at(payload, "to"), record.subject.uplink,
                       from.empty() ? "" : fmt::format(" (was {})", from), place_of(record));
}

std::string announcement_line(const Record& record) {
    const json& payload = record.payload;
    std::string line = fmt::format(
        "{} {}", text_at(payload, "action") == "withdraw" ? "withdrawn from" : "announced via",
        record.subject.uplink);
    if (const double prepends = number_at(payload, "prepends"); prepends != 0)
        line += fmt::format(" with {} prepends", digits(prepends));
    if (truth_at(payload, "graceful_shutdown", false))
        line += " with GRACEFUL_SHUTDOWN";
    if (truth_at(payload, "no_export", false))
        line += " with NO_EXPORT";
    return line;
}

std::string held_line(const Record& record) {
    const std::string to = text_at(record.payload, "to");
    const std::string rule = text_at(object_at(record.payload, "explanation"), "rule");
    return fmt::format("not done: {}{}", to.empty() ? rule : "move to " + to,
                       to.empty() || rule.empty() ? "" : fmt::format(" ({})", rule));
}

// "walk by provider from outside the block to 192.0.2.129: 1 192.0.2.1, 2 *, 3 192.0.2.129
// (the target)"
std::string walk_line(const Record& record) {
    const json& payload = record.payload;
    std::vector<std::string> hops;
    const auto list = payload.find("hops");
    for (const json& hop : list == payload.end() ? json::array() : *list) {
        const std::string says = text_at(hop, "says");
        std::string text =
            text_at(hop, "hop") + " " + (says.empty() ? "*" : text_at(hop, "router"));
        if (says == "arrived")
            text += " (the target)";
        if (says == "refused")
            text += " (says: unreachable)";
        if (const std::string by = text_at(hop, "arrival");
            !by.empty() && by != record.subject.uplink)
            text += " by " + by;
        hops.push_back(std::move(text));
    }
    return fmt::format(
        "walk by {} from {} to {}: {}", record.subject.uplink,
        text_at(payload, "from") == "block" ? record.subject.set : "outside the block",
        text_at(payload, "target"),
        hops.empty() ? "nobody answered" : fmt::format("{}", fmt::join(hops, ", ")));
}

// "operator anna: move to partner (maintenance)"
std::string operation_line(const Record& record) {
    const json& payload = record.payload;
    const std::string by = text_at(payload, "by");
    const std::string to = text_at(payload, "to");
    const std::string reason = text_at(payload, "reason");
    std::string action = text_at(payload, "action");
    if (action == "freeze" && !truth_at(payload, "frozen", true))
        action = "thaw";
    if (action == "mode")
        action += " " + text_at(payload, "mode");
    return fmt::format("operator{}: {}{}{}", by.empty() ? "" : " " + by, action,
                       to.empty() ? "" : " to " + to,
                       reason.empty() ? "" : fmt::format(" ({})", reason));
}

// "BGP provider 192.0.2.1: Established (was OpenConfirm)"
std::string session_line(const Record& record) {
    const json& payload = record.payload;
    const std::string reason = text_at(payload, "reason");
    const std::string text = text_at(payload, "text");
    return fmt::format("BGP {}: {} (was {}){}{}{}", about(record), text_at(payload, "state"),
                       text_at(payload, "from"), reason.empty() ? "" : ", " + reason,
                       text.empty() ? "" : ": ", text);
}

// "probe beacon icmp by provider to 192.0.2.145: ok in 0.68 ms, back by partner"
std::string probe_line(const Record& record) {
    const json& payload = record.payload;
    const std::string target = text_at(payload, "target");
    const std::string arrival = text_at(payload, "arrival");
    std::string line = fmt::format(
        "probe {} {} by {}{}{}: {}", text_at(payload, "class"), text_at(payload, "kind"),
        record.subject.uplink, target.empty() ? "" : " to ", target, text_at(payload, "result"));
    if (!arrival.empty())
        line += fmt::format(" in {} ms", digits(number_at(payload, "rtt_ms")));
    if (!arrival.empty() && arrival != record.subject.uplink)
        line += ", back by " + arrival;
    return line;
}

// "apply of revision 11 by anna (for a moment): router.mode: auto -> advise"
std::string configuration_line(const json& payload) {
    const std::string reason = text_at(payload, "reason");
    const auto changes = payload.find("changes");
    return fmt::format(
        "{} of revision {} by {}{}: {}", text_at(payload, "how"), text_at(payload, "revision"),
        text_at(payload, "by"), reason.empty() ? "" : fmt::format(" ({})", reason),
        changes == payload.end() || !changes->is_array() || changes->empty()
            ? "nothing changes"
            : fmt::format("{}", fmt::join(changes->get<std::vector<std::string>>(), "; ")));
}

}  // namespace

std::string headline(const Record& record) {
    const json& payload = record.payload;
    if (record.kind == kind::walk)
        return walk_line(record);
    if (record.kind == kind::verdict)
        return verdict_line(record);
    if (record.kind == kind::move)
        return fmt::format("{} from {} to {}: {}", text_at(payload, "move"),
                           text_at(payload, "from"), text_at(payload, "to"),
                           text_at(payload, "step"));
    if (record.kind == kind::held)
        return held_line(record);
    if (record.kind == kind::said)
        return fmt::format("{}: {}", text_at(payload, "severity"),
                           text_at(object_at(payload, "explanation"), "rule"));
    if (record.kind == kind::announcement)
        return announcement_line(record);
    if (record.kind == kind::forwarding)
        return fmt::format("leaves by {}", text_at(payload, "egress"));
    if (record.kind == kind::operation)
        return operation_line(record);
    if (record.kind == kind::session)
        return session_line(record);
    if (record.kind == kind::probe)
        return probe_line(record);
    if (record.kind == "configuration")
        return configuration_line(payload);
    if (record.kind == "remark")
        return fmt::format("BGP {}: {}", about(record), text_at(payload, "text"));
    const std::string subject = about(record);
    return fmt::format("{}{}{} {}", record.kind, subject.empty() ? "" : " ", subject,
                       plainly(payload));
}

}  // namespace detour::observe
