// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/targets.h"

#include <doctest/doctest.h>

#include <utility>

namespace detour::command {
namespace {

using nlohmann::json;

json way(const char* target, const char* uplink, const char* of_class, const char* kind,
         std::pair<int, int> sent_and_lost, json ms) {
    return {{"target", target},
            {"uplink", uplink},
            {"set", ""},
            {"family", "ipv4"},
            {"class", of_class},
            {"kind", kind},
            {"sent", sent_and_lost.first},
            {"lost", sent_and_lost.second},
            {"median_ms", std::move(ms)},
            {"last_good_age_s", 1.0}};
}

json healthy() {
    return {{"window_s", 60.0},
            {"ways",
             {way("192.0.2.129", "provider", "control", "icmp", {60, 1}, 12.5),
              way("192.0.2.129", "provider", "control", "tcp", {2, 0}, 12.5),
              way("192.0.2.129", "provider", "beacon", "icmp", {120, 0}, 12.5),
              way("192.0.2.129", "partner", "tunnel", "icmp", {6, 0}, 20.0)}}};
}

json status(json shared = json::array(), const char* profile = "careful") {
    return {{"profile", profile},
            {"uplinks",
             {{{"name", "provider"}, {"shares_fate_with", json::array()}},
              {{"name", "partner"}, {"shares_fate_with", std::move(shared)}}}}};
}

struct Case {
    const char* said;  // in the report
    json row;
};

}  // namespace

TEST_CASE("targets: where all is well nothing is asked for") {
    const auto report = targets_report(healthy(), status());
    CHECK(report.code == 0);
    CHECK(report.text.find("98 % of 60") != std::string::npos);
    CHECK(report.text.find("none seen") != std::string::npos);
}

TEST_CASE("targets: what does not work is named with what to do") {
    const std::vector<Case> cases{
        {"silent by this uplink", way("192.0.2.137", "partner", "tunnel", "icmp", {6, 6}, nullptr)},
        {"does not answer TCP", way("192.0.2.129", "provider", "beacon", "tcp", {4, 2}, 9.0)},
        {"does not answer UDP", way("192.0.2.145", "provider", "control", "udp", {4, 4}, nullptr)},
        {"nearer than 3 ms", way("192.0.2.145", "provider", "control", "icmp", {30, 0}, 2.9)},
        {"does not reach the blocks",
         way("192.0.2.145", "provider", "beacon", "icmp", {30, 30}, nullptr)}};
    for (const auto& [said, row] : cases) {
        CAPTURE(said);
        json probes = healthy();
        // The first of them answers: what is silent stands out against it.
        if (row.at("target") != "192.0.2.129")
            probes["ways"].push_back(
                way("192.0.2.145", "provider", "control", "icmp", {30, 0}, 12.0));
        else
            probes["ways"][1] = way("192.0.2.129", "provider", "control", "tcp", {4, 4}, nullptr);
        if (row.at("lost") == 2)
            probes["ways"].push_back(
                way("192.0.2.129", "provider", "beacon", "tcp", {4, 4}, nullptr));
        else
            probes["ways"].push_back(row);
        const auto report = targets_report(probes, status());
        CHECK(report.code == 1);
        CHECK_MESSAGE(report.text.find(said) != std::string::npos, report.text);
    }
}

TEST_CASE("targets: a few lost probes are no opinion, and fast's hosts may be near") {
    json probes = healthy();
    probes["ways"].push_back(way("192.0.2.137", "partner", "tunnel", "icmp", {2, 2}, nullptr));
    CHECK(targets_report(probes, status()).code == 0);
    probes["ways"].push_back(way("192.0.2.137", "provider", "control", "icmp", {30, 0}, 0.2));
    CHECK(targets_report(probes, status()).code == 1);
    CHECK(targets_report(probes, status(json::array(), "fast")).code == 0);
}

TEST_CASE("targets: a control source that reaches nobody, and a shared fate") {
    json probes = healthy();
    probes["ways"][3] = way("192.0.2.129", "partner", "tunnel", "icmp", {6, 6}, nullptr);
    auto report = targets_report(probes, status());
    CHECK(report.code == 1);
    CHECK(report.text.find("reaches nobody") != std::string::npos);
    report = targets_report(healthy(), status({"provider"}));
    CHECK(report.code == 1);
    CHECK(report.text.find("partner leads through provider's AS") != std::string::npos);
    CHECK(targets_report({{"window_s", 0.0}, {"ways", json::array()}}, status()).code == 1);
}

}  // namespace detour::command
