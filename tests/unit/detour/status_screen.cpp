// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/status_screen.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;

json watch(const std::string& set, const char* verdict, json armed_age = nullptr) {
    return {{"set", set},
            {"family", "ipv4"},
            {"verdict", verdict},
            {"since_s", 190.0},
            {"loss", {{"beacon", 1.0}, {"control", 0.0}, {"sentinel", nullptr}}},
            {"packets_per_second", 950.0},
            {"armed", armed_age.is_number()},
            {"armed_why", {{"missing", "T was not good within the armed age"}}},
            {"tunnel_age_s", armed_age},
            {"why", {{"rule", verdict}, {"note", "S failed since the onset"}}}};
}

json set_row(const std::string& set, const char* uplink) {
    return {
        {"set", set},          {"family", "ipv4"},
        {"uplink", uplink},    {"home", "provider"},
        {"since_s", 190.0},    {"announced", {{{"uplink", uplink}}}},
        {"move", nullptr},     {"next", {{"rule", "failback"}, {"missing", "fail-back is manual"}}},
        {"next_in_s", nullptr}};
}

json uplink_row(const char* name, json blocks) {
    return {{"name", name},
            {"kind", "direct"},
            {"link", "up"},
            {"since_s", 273840.0},
            {"bgp", {{{"peer", "192.0.2.1"}, {"state", "Established"}, {"since_s", 273000.0}}}},
            {"blocks", std::move(blocks)}};
}

json box(json uplinks, json sets) {
    return {{"router", "cage-07"},
            {"asn", 64500},
            {"mode", "auto"},
            {"profile", "careful"},
            {"uptime_s", 273840.0},
            {"frozen", false},
            {"veto", ""},
            {"version", "0.1.0"},
            {"dataplane", {{"kind", "dpdk"}, {"telemetry", "present"}}},
            {"uplinks", std::move(uplinks)},
            {"sets", std::move(sets)}};
}

StatusView calm() {
    return {box({uplink_row("provider", {watch("web", "HEALTHY")}),
                 uplink_row("partner", {watch("web", "AWAY", 2.1)})},
                {set_row("web", "provider")}),
            nullptr, "0.1.0", "0.1.0"};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a calm box: what is true, since when, and who would take over") {
    const std::string text = status_screen(calm(), {80, 23});
    CHECK(has(text, "cage-07  AS64500  mode auto  profile careful  up 3d04h\n"));
    CHECK(has(text, "detourd 0.1.0; data plane dpdk 0.1.0 answers\n"));
    CHECK(has(text, "provider (direct)  link up for 3d04h  bgp 1/1 Established for 3d03h\n"));
    CHECK(has(text, "  web/ipv4 HEALTHY         for 3m10s    loss B 100% C   0%  in   950/s\n"));
    CHECK(has(text, "  web/ipv4 AWAY            for 3m10s    armed, proven 2.1s ago\n"));
    CHECK(has(text, "  web/ipv4 by provider for 3m10s; next partner, proven 2.1s ago\n"));
    CHECK(has(text, "  web/ipv4: failback, waits: fail-back is manual\n"));
    CHECK(status_code(calm()) == exit_code::ok);
}

TEST_CASE("what wants a look is said and is the exit code") {
    StatusView view = calm();
    view.status["sets"][0]["uplink"] = "partner";
    CHECK(status_code(view) == exit_code::attention);
    CHECK(has(status_screen(view, {80, 23}), "by partner (home provider) for 3m10s"));

    view = calm();
    view.status["uplinks"][0]["blocks"][0] = watch("web", "NULLROUTED");
    CHECK(status_code(view) == exit_code::attention);
    CHECK(has(status_screen(view, {80, 23}), "      S failed since the onset\n"));

    view = calm();
    view.status["frozen"] = true;
    CHECK(status_code(view) == exit_code::attention);
    CHECK(has(status_screen(view, {80, 23}), "FROZEN: nothing moves; end it: detour thaw"));

    view = calm();
    view.dataplane = "0.0.9";
    CHECK(status_code(view) == exit_code::attention);
    CHECK(
        has(status_screen(view, {80, 23}), "MISMATCH: this is 0.1.0, detour-dataplane 0.0.9 runs"));

    view = calm();
    view.status["uplinks"][1]["link"] = "down";
    CHECK(status_code(view) == exit_code::attention);

    view = calm();
    view.status["uplinks"][1]["bgp"][0]["state"] = "Active";
    CHECK(status_code(view) == exit_code::attention);

    view = calm();
    view.status["dataplane"]["telemetry"] = "lost";
    CHECK(status_code(view) == exit_code::attention);
    CHECK(has(status_screen(view, {80, 23}), "does not answer"));

    view = calm();
    view.incident = {{"id", 5}, {"lasted_s", 42.0}, {"headline", "NULLROUTED on provider, inside"}};
    CHECK(status_code(view) == exit_code::attention);
    CHECK(has(status_screen(view, {80, 23}),
              "INCIDENT 5 open for 42s: NULLROUTED on provider, inside"));
}

TEST_CASE("what is less than the configuration asks for stands on the screen") {
    StatusView view = calm();
    view.status["probes"] = {{"stretch", 1.0}, {"planned_per_second", 14.0}};
    view.status["uplinks"][1]["mtu"] = 1476;
    view.status["uplinks"][1]["path_mtu"] = {{"ipv4", 1476}, {"ipv6", nullptr}};
    const std::string well = status_screen(view, {80, 23});
    CHECK_FALSE(has(well, "thinned"));
    CHECK_FALSE(has(well, "carries"));

    view.status["probes"] = {{"stretch", 1.5}, {"planned_per_second", 60.0}};
    view.status["uplinks"][1]["path_mtu"]["ipv4"] = 1400;
    const std::string text = status_screen(view, {120, 23});
    CHECK(
        has(text, "probes thinned: 60/s wanted, intervals 1.50 times as long (caps, probe-limit)"));
    CHECK(has(text, "partner carries 1400 bytes of ipv4 at most, 1476 are configured\n"));
}

TEST_CASE("what waits for an operator's word stands with the command to type") {
    StatusView view = calm();
    view.status["sets"][0]["command"] = "detour failback web";
    CHECK(has(status_screen(view, {120, 23}),
              "web/ipv4: failback, waits: fail-back is manual; to do it: detour failback web\n"));
}

TEST_CASE("however many sets there are, it is one screen, and what alarms stands on it") {
    json provider = json::array();
    json partner = json::array();
    json sets = json::array();
    for (int number = 0; number < 40; ++number) {
        const std::string name = "set-with-a-long-name-" + std::to_string(number);
        provider.push_back(watch(name, number == 33 ? "NULLROUTED" : "HEALTHY"));
        partner.push_back(watch(name, "AWAY", 1.0));
        sets.push_back(set_row(name, "provider"));
    }
    const StatusView view{
        box({uplink_row("provider", provider), uplink_row("partner", partner)}, sets), nullptr,
        "0.1.0", "0.1.0"};
    const std::string text = status_screen(view, {80, 23});
    const auto lines = lines_of(text);
    CHECK(lines.size() <= 23);
    for (const std::string& line : lines) {
        CAPTURE(line);
        CHECK(width(line) <= 80);
    }
    CHECK(has(text, "NULLROUTED"));
    CHECK(has(text, "  39 HEALTHY\n"));
    CHECK(has(text, "  40 AWAY and armed\n"));
    CHECK(has(text, "  40 at home\n"));
    CHECK_FALSE(has(text, "lines more"));
    CHECK(lines_of(status_screen(view, {80, 8})).size() == 8);
    CHECK(has(status_screen(view, {80, 8}), "lines more: detour status --all"));
    CHECK(lines_of(status_screen(view, {200, 1000})).size() > 120);
}

TEST_CASE("when the screen is short the gaps go first, then what is calm, and never what is held") {
    StatusView view = calm();
    view.status["sets"][0]["next"] = {{"rule", "held"}, {"missing", "frozen"}};
    const std::size_t whole = lines_of(status_screen(view, {80, 100})).size();
    std::string text = status_screen(view, {80, static_cast<unsigned>(whole - 2)});
    CHECK_FALSE(has(text, "\n\n"));
    CHECK(has(text, "  web/ipv4 HEALTHY  "));
    CHECK(has(text, "  web/ipv4: held, waits: frozen\n"));
    view.status["uplinks"][0]["blocks"].push_back(watch("mail", "HEALTHY"));
    view.status["sets"].push_back(set_row("mail", "provider"));
    view.status["sets"][1]["next"] = view.status["sets"][0]["next"];
    text = status_screen(view, {80, static_cast<unsigned>(whole - 2)});
    CHECK(has(text, "  2 HEALTHY\n"));
    CHECK(has(text, "  2 at home\n"));
    CHECK(has(text, "  2 of 2: held, waits: frozen\n"));
}

TEST_CASE("who froze it, what is on trial and what holds for a time stand on the screen") {
    json status =
        box({uplink_row("provider", {watch("mail", "HEALTHY")})}, {set_row("mail", "provider")});
    status["frozen"] = true;
    status["freeze"] = {{"actor", "anna"},
                        {"reason", "the line"},
                        {"until", "2026-11-22T06:00Z"},
                        {"left_s", 7140.0}};
    status["configuration"] = {
        {"revision", 12},
        {"trial_left_s", 42.0},
        {"overrides",
         {{{"name", "night"},
           {"owner", "ben"},
           {"reason", nullptr},
           {"until", "2026-11-22T06:00Z"},
           {"left_s", 7200.0},
           {"set", {{"policy.fail-back", "manual"}, {"router.mode", "advise"}}}}}}};
    const std::string screen = status_screen(
        {.status = status, .incident = nullptr, .command = "0.1.0", .dataplane = "0.1.0"},
        {120, 23});
    CHECK(screen.find(
              "FROZEN by anna, 1h59m left: nothing moves; end it: detour thaw (the line)\n") !=
          std::string::npos);
    CHECK(screen.find("ON TRIAL: revision 12 goes back in 42s (keep it: detour confirm)\n") !=
          std::string::npos);
    CHECK(screen.find(
              "override night (ben) 2h00m left: policy.fail-back manual, router.mode advise\n") !=
          std::string::npos);
}

}  // namespace detour::command
