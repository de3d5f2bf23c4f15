// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/api/resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "controlplane/api/bgp.h"
#include "controlplane/api/history.h"
#include "controlplane/observe/brief.h"
#include "controlplane/observe/headline.h"
#include "controlplane/observe/reader.h"
#include "controlplane/observe/why.h"

namespace detour::api {
namespace {

using nlohmann::json;

constexpr std::size_t default_count = 50;
constexpr std::size_t largest_count = 1000;
// A follower's request is held open so long at most; the command asks again.
constexpr std::chrono::seconds longest_wait{30};
// Rows are committed four times a second.
constexpr std::chrono::milliseconds look_again{200};

Response events(const Sources& sources, const Request& request) {
    const auto after = request.number("after", 0);
    const auto count = request.number("count", default_count);
    const auto wait = request.number("wait", 0);
    if (!after || !count || !wait)
        return failure(400, "after, count and wait are whole numbers");
    const auto reader = observe::Reader::open(sources.journal);
    if (!reader)
        return journal_failure(reader.error());
    observe::RecordFilter filter;
    filter.set = request.parameter("set");
    filter.after = *after;
    if (request.parameter("routine").empty())
        filter.weight = observe::Weight::lasting;
    const std::size_t limit = std::min<std::size_t>(*count, largest_count);
    const auto deadline = std::chrono::steady_clock::now() +
                          std::min<std::chrono::seconds>(longest_wait, std::chrono::seconds(*wait));
    for (;;) {
        const auto records =
            *after == 0 ? reader->tail(filter, limit) : reader->next(filter, limit);
        if (!records)
            return journal_failure(records.error());
        if (!records->empty() || std::chrono::steady_clock::now() >= deadline ||
            sources.is_stopping()) {
            json list = json::array();
            for (const observe::Record& record : *records) {
                json& told = list.emplace_back(observe::to_json(record));
                told["text"] = observe::headline(record);
            }
            return {200,
                    {{"last", records->empty() ? *after : records->back().number},
                     {"events", std::move(list)}}};
        }
        std::this_thread::sleep_for(look_again);
    }
}

// The set and family that the request is about: by a prefix, an address within one, or the set's
// name.
std::optional<observe::Question> question(const model::Config& config, const Request& request) {
    observe::Question result;
    const std::string_view text = request.parameter("prefix");
    result.prefix = text;
    const auto prefix = Prefix::parse(text);
    const auto address = Address::parse(text);
    for (const model::PrefixSet& set : config.prefix_sets) {
        if (set.name == request.parameter("set") || set.name == text) {
            result.set = set.name;
            if (const auto family = request.parameter("family"); !family.empty())
                result.family = family == to_string(Family::ipv6) ? Family::ipv6 : Family::ipv4;
            return result;
        }
        for (const Prefix& candidate : set.prefixes)
            if ((prefix && candidate.contains(*prefix)) ||
                (address && candidate.contains(*address))) {
                result.set = set.name;
                result.family = candidate.family();
                return result;
            }
    }
    return std::nullopt;
}

std::string set_names(const model::Config& config) {
    std::string names;
    for (const model::PrefixSet& set : config.prefix_sets)
        names += (names.empty() ? "" : ", ") + set.name;
    return names;
}

Response why(const Sources& sources, const Request& request) {
    const auto config = sources.config();
    const auto asked = question(*config, request);
    if (!asked)
        return failure(
            404,
            fmt::format("\"{}\" is in no prefix set",
                        request.parameter(request.query.contains("set") ? "set" : "prefix")),
            "name a protected prefix, an address in one, or a set: " + set_names(*config));
    const auto reader = observe::Reader::open(sources.journal);
    if (!reader)
        return journal_failure(reader.error());
    const auto evidence = observe::gather(*reader, *asked);
    if (!evidence)
        return journal_failure(evidence.error());
    const observe::Answer answer = observe::answer(*asked, *evidence);
    json body = observe::to_json(answer);
    body["text"] = observe::to_text(answer);
    body["brief"] = observe::to_json(observe::brief(*asked, *evidence, *sources.status()));
    return {200, std::move(body)};
}

// A mutation names things that exist and says who wants it and why, before the loop is asked at
// all.
Response mutate(const Sources& sources, std::string verb, const Request& request) {
    const json& body = request.body;
    const auto config = sources.config();
    const auto text = [&](const char* name) {
        return body.is_object() && body.contains(name) && body.at(name).is_string()
                   ? body.at(name).get<std::string>()
                   : std::string();
    };
    if (config->find_prefix_set(text("set")) == nullptr)
        return failure(422, fmt::format("there is no prefix set \"{}\"", text("set")),
                       "the sets are: " + set_names(*config));
    if (verb == "move" && config->find_uplink(text("to")) == nullptr) {
        std::string names;
        for (const model::Uplink& uplink : config->uplinks)
            names += (names.empty() ? "" : ", ") + uplink.name;
        return failure(422, fmt::format("there is no uplink \"{}\"", text("to")),
                       "the uplinks are: " + names);
    }
    if (text("reason").empty())
        return failure(422, "a reason is wanted", "it stands in the journal beside what was done");
    json command = body;
    command["verb"] = std::move(verb);
    return sources.submit(command);
}

}  // namespace

std::vector<Resource> resources(Sources given) {
    const auto sources = std::make_shared<const Sources>(std::move(given));
    const auto post = [&](std::string verb) {
        return Resource{
            Resource::Method::post, "/v1/" + verb,
            [sources, verb](const Request& request) { return mutate(*sources, verb, request); }};
    };
    std::vector<Resource> all{
        {Resource::Method::get, "/v1/status",
         [sources](const Request&) {
             return Response{200, *sources->status()};
         }},
        {Resource::Method::get, "/v1/events",
         [sources](const Request& request) { return events(*sources, request); }},
        {Resource::Method::get, "/v1/why",
         [sources](const Request& request) { return why(*sources, request); }},
        {Resource::Method::get, "/v1/config",
         [sources](const Request&) {
             return Response{200, sources->configuration()};
         }},
        {Resource::Method::post, "/v1/config",
         [sources](const Request& request) {
             return request.body.is_object() ? sources->configure(request.body)
                                             : failure(422, "a JSON object is wanted");
         }},
        {Resource::Method::get, "/v1/log-level",
         [sources](const Request&) { return sources->log_level(json::object()); }},
        {Resource::Method::post, "/v1/log-level",
         [sources](const Request& request) {
             return request.body.is_object() ? sources->log_level(request.body)
                                             : failure(422, "a JSON object is wanted");
         }},
        post("move"),
        post("failback"),
        post("abort"),
    };
    std::ranges::move(history(sources->journal), std::back_inserter(all));
    std::ranges::move(bgp_resources(sources), std::back_inserter(all));
    return all;
}

}  // namespace detour::api
