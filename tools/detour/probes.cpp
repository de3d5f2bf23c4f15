// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour probes [UPLINK]: what the last probes said, by way.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "tools/detour/look.h"

namespace detour::command {
namespace {

using nlohmann::json;

// What is known of a target, or of a way, over several rows of /v1/probes.
struct Sum {
    std::size_t sent = 0;
    std::size_t lost = 0;
    double slowest_ms = 0;
    json last_good_s = nullptr;

    void add(const json& row) {
        sent += row.at("sent").get<std::size_t>();
        lost += row.at("lost").get<std::size_t>();
        if (row.at("median_ms").is_number())
            slowest_ms = std::max(slowest_ms, row.at("median_ms").get<double>());
        const json& age = row.at("last_good_age_s");
        if (age.is_number() && (last_good_s.is_null() || age < last_good_s))
            last_good_s = age;
    }
    [[nodiscard]] double loss() const {
        return sent == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(sent);
    }
};

void print_sum(const std::string& first, const std::string& second, const Sum& sum) {
    const Style style = sum.lost == 0          ? Style::green
                        : sum.lost == sum.sent ? Style::red
                                               : Style::yellow;
    fmt::print("{:<24} {:<22} {:>6}  {}  {:>8}  {}\n", first, second, sum.sent,
               styled(fmt::format("{:>5}", percent(sum.loss())), style),
               sum.lost == sum.sent ? "-" : fmt::format("{:.1f}", sum.slowest_ms),
               short_age(sum.last_good_s));
}

// What the probes of a class ask, in words.
std::string class_name(const json& row) {
    const std::string set = text_of(row, "set");
    return set.empty() ? text_of(row, "class") : text_of(row, "class") + " of " + set;
}

int print_ways(const json& document, const std::string& uplink) {
    std::map<std::pair<std::string, std::string>, Sum> ways;
    for (const json& row : document.at("ways"))
        if (uplink.empty() || text_of(row, "uplink") == uplink)
            ways[{text_of(row, "uplink"), class_name(row) + " " + text_of(row, "family")}].add(row);
    fmt::print("the last {} of probing\n", short_age(document.at("window_s")));
    fmt::print("{:<24} {:<22} {:>6}  {:>5}  {:>8}  {}\n", "uplink", "probe", "sent", "lost", "ms",
               "last reply ago");
    for (const auto& [way, sum] : ways)
        print_sum(way.first, way.second, sum);
    return exit_code::ok;
}

}  // namespace

Action declare_probes(CLI::App& arguments) {
    const auto uplink = std::make_shared<std::string>();
    arguments.add_option("UPLINK", *uplink, "Probes by one uplink only")->type_name("");
    arguments.footer(
        "control: from outside every set; beacon: from inside one; sentinel: to the provider's own "
        "hosts;\ntunnel: to the uplink itself; egress: the block out that way.\n");
    return [uplink](const Context& context) {
        return look(context, "/v1/probes", {},
                    [uplink](const json& document) { return print_ways(document, *uplink); });
    };
}

}  // namespace detour::command
