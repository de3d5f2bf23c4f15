// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/counter_reader.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace detour::daemon {
namespace {

using nlohmann::json;

constexpr const char* command = "/detour/sets";

std::optional<decision::Counters> parse_row(const json& row, const model::Config& config) {
    const model::Uplink* uplink = config.find_uplink(row.at("uplink").get<std::string>());
    const model::PrefixSet* set = config.find_prefix_set(row.at("set").get<std::string>());
    if (uplink == nullptr || set == nullptr)
        return std::nullopt;
    const Family family = row.at("family") == to_string(Family::ipv6) ? Family::ipv6 : Family::ipv4;
    return decision::Counters{.uplink = uplink->id,
                              .block = {set->id, family},
                              .packets_in = row.at("in_packets"),
                              .packets_out = row.at("out_packets"),
                              .bytes_in = row.at("in_bytes")};
}

}  // namespace

std::optional<CounterPage> parse_counters(std::string_view answer, const model::Config& config) {
    try {
        const json document = json::parse(answer).at(command);
        CounterPage page;
        if (document.contains("next"))
            page.next = document.at("next").get<std::size_t>();
        for (const json& row : document.at("items"))
            if (const auto counters = parse_row(row, config))
                page.counters.push_back(*counters);
        return page;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

CounterReader::CounterReader(asio::io_context& loop, std::shared_ptr<const model::Config> config,
                             std::filesystem::path socket, Handler handler)
    : config_(std::move(config)),
      client_(loop, std::move(socket)),
      timer_(loop),
      handler_(std::move(handler)) {}

void CounterReader::read_every(Duration interval) {
    interval_ = interval;
    if (activity_ == Activity::reading)
        return;  // the next one is timed when this one is finished
    read();
}

void CounterReader::read() {
    activity_ = Activity::reading;
    timer_.cancel();
    ask(0, {});
}

void CounterReader::ask(std::size_t first, std::vector<decision::Counters> so_far) {
    client_.request(first == 0 ? command : fmt::format("{},{}", command, first),
                    [this, first, so_far = std::move(so_far)](const auto& answer) mutable {
                        auto page = answer ? parse_counters(*answer, *config_) : std::nullopt;
                        if (!page || (page->next && *page->next <= first))
                            return finish(std::nullopt);
                        so_far.insert(so_far.end(), page->counters.begin(), page->counters.end());
                        if (page->next)
                            return ask(*page->next, std::move(so_far));
                        finish(std::move(so_far));
                    });
}

void CounterReader::finish(std::optional<std::vector<decision::Counters>> counters) {
    activity_ = Activity::waiting;
    timer_.expires_after(interval_);
    timer_.async_wait([this](const asio::error_code& error) {
        if (!error && activity_ == Activity::waiting)
            read();
    });
    handler_({std::move(counters)});
}

}  // namespace detour::daemon
