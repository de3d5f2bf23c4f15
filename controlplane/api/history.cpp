// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/api/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string_view>

#include "controlplane/observe/incidents.h"
#include "controlplane/observe/probe_summary.h"
#include "controlplane/observe/reader.h"

namespace detour::api {
namespace {

using nlohmann::json;

constexpr std::uint64_t default_count = 20;
// Minutes of probing at the usual pace; what is older says little.
constexpr std::size_t probe_rows = 3000;

WallTime wall_now() {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

// The journal, and what it says there was, oldest first.
struct Past {
    observe::Reader reader;
    std::vector<observe::Incident> incidents;
};

std::expected<Past, observe::JournalError> read_past(const std::filesystem::path& journal) {
    auto reader = observe::Reader::open(journal);
    if (!reader)
        return std::unexpected(reader.error());
    auto found = observe::find_incidents(*reader);
    if (!found)
        return std::unexpected(found.error());
    return Past{std::move(*reader), std::move(*found)};
}

Response incidents(const std::filesystem::path& journal, const Request& request) {
    const auto count = request.number("count", default_count);
    if (!count)
        return failure(400, "count is a whole number");
    const auto past = read_past(journal);
    if (!past)
        return journal_failure(past.error());
    const auto& found = past->incidents;
    json list = json::array();
    for (auto incident = found.rbegin(); incident != found.rend() && list.size() < *count;
         ++incident)
        list.push_back(observe::to_json(*incident, wall_now()));
    return {200, {{"incidents", std::move(list)}, {"total", found.size()}}};
}

Response incident(const std::filesystem::path& journal, const Request& request) {
    const auto id = request.number("id", 0);
    if (!id)
        return failure(400, fmt::format("\"{}\" is no incident's number", request.parameter("id")),
                       "detour incidents lists them");
    const auto past = read_past(journal);
    if (!past)
        return journal_failure(past.error());
    const auto& found = past->incidents;
    if (found.empty())
        return failure(404, "there was no incident, as far as the journal goes back");
    const auto chosen =
        *id == 0 ? std::prev(found.end()) : std::ranges::find(found, *id, &observe::Incident::id);
    if (chosen == found.end())
        return failure(404, fmt::format("there is no incident {}", *id),
                       "detour incidents lists them");
    auto document = observe::timeline(past->reader, *chosen, wall_now());
    if (!document)
        return journal_failure(document.error());
    return {200, std::move(*document)};
}

Response probes(const std::filesystem::path& journal) {
    const auto reader = observe::Reader::open(journal);
    if (!reader)
        return journal_failure(reader.error());
    observe::RecordFilter filter;
    filter.kinds = {std::string(observe::kind::probe)};
    const auto rows = reader->tail(filter, probe_rows);
    if (!rows)
        return journal_failure(rows.error());
    const WallTime now = wall_now();
    json ways = json::array();
    for (const observe::ProbeSummary& summary : observe::summarise(*rows))
        ways.push_back(observe::to_json(summary, now));
    const auto window =
        rows->empty() ? 0.0 : std::chrono::duration<double>(now - rows->front().wall).count();
    return {200, {{"window_s", window}, {"ways", std::move(ways)}}};
}

}  // namespace

Response journal_failure(const observe::JournalError& error) {
    return failure(503, error.message, "look at the disk of --state-dir");
}

std::vector<Resource> history(const std::filesystem::path& journal) {
    return {
        {Resource::Method::get, "/v1/incidents",
         [journal](const Request& request) { return incidents(journal, request); }},
        {Resource::Method::get, "/v1/incident",
         [journal](const Request& request) { return incident(journal, request); }},
        {Resource::Method::get, "/v1/probes",
         [journal](const Request&) { return probes(journal); }},
    };
}

}  // namespace detour::api
