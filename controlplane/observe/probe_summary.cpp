// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/probe_summary.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "controlplane/observe/member.h"

namespace detour::observe {
namespace {

using nlohmann::json;

std::optional<double> median(std::vector<double>& values) {
    if (values.empty())
        return std::nullopt;
    const auto middle = values.begin() + std::ssize(values) / 2;
    std::ranges::nth_element(values, middle);
    return *middle;
}

struct Tally {
    ProbeSummary summary;
    std::vector<double> times;
};

}  // namespace

std::vector<ProbeSummary> summarise(const std::vector<Record>& rows) {
    std::map<std::tuple<std::string, std::string, std::string, std::string, std::string>, Tally>
        tallies;
    for (const Record& row : rows) {
        const std::string target = text_at(row.payload, "target");
        const std::string kind = text_at(row.payload, "class");
        const std::string protocol = text_at(row.payload, "kind");
        Tally& tally = tallies[{target, row.subject.uplink, kind, row.subject.set, protocol}];
        ProbeSummary& summary = tally.summary;
        if (summary.sent++ == 0) {
            summary.uplink = row.subject.uplink;
            summary.set = row.subject.set;
            summary.family = row.subject.family ? to_string(*row.subject.family) : "";
            summary.kind = kind;
            summary.protocol = protocol;
            summary.target = target;
        }
        if (text_at(row.payload, "result") == "lost") {
            ++summary.lost;
            continue;
        }
        summary.last_good = row.wall;
        if (const auto time = row.payload.find("rtt_ms");
            time != row.payload.end() && time->is_number())
            tally.times.push_back(time->get<double>());
    }
    std::vector<ProbeSummary> result;
    for (auto& [key, tally] : tallies) {
        tally.summary.median_ms = median(tally.times);
        result.push_back(std::move(tally.summary));
    }
    return result;
}

json to_json(const ProbeSummary& summary, WallTime now) {
    const auto age = [&](WallTime at) { return std::chrono::duration<double>(now - at).count(); };
    return {{"uplink", summary.uplink},
            {"set", summary.set},
            {"family", summary.family},
            {"class", summary.kind},
            {"kind", summary.protocol.empty() ? "icmp" : summary.protocol},
            {"target", summary.target},
            {"sent", summary.sent},
            {"lost", summary.lost},
            {"median_ms", summary.median_ms ? json(*summary.median_ms) : json(nullptr)},
            {"last_good_age_s",
             summary.last_good ? json(std::max(0.0, age(*summary.last_good))) : json(nullptr)}};
}

}  // namespace detour::observe
