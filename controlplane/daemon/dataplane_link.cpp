// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/dataplane_link.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace detour::daemon {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds look_interval{1};
// A difference that lasts so many looks is not a reload under way.
constexpr int patience = 3;

}  // namespace

DataplaneLink::Taken parse_taken(std::string_view answer) {
    const json document = json::parse(answer, nullptr, false);
    if (!document.is_object() || document.empty() || !document.begin()->is_object())
        return {DataplaneLink::Taken::How::refused, "the data plane answered in an unknown form"};
    const json& body = *document.begin();
    if (body.value("result", "") == "taken")
        return {DataplaneLink::Taken::How::taken, {}};
    return {DataplaneLink::Taken::How::refused,
            body.value("error", "this data plane does not know reload; compare detour version")};
}

std::optional<DataplaneLink::Running> parse_running(std::string_view answer) {
    const json document = json::parse(answer, nullptr, false);
    if (!document.is_object() || document.empty() || !document.begin()->is_object())
        return std::nullopt;
    const json& body = *document.begin();
    return DataplaneLink::Running{body.value("revision", ""), body.value("version", "")};
}

DataplaneLink::DataplaneLink(asio::io_context& loop, const std::filesystem::path& socket)
    : client_(loop, socket), timer_(loop) {}

void DataplaneLink::watch(std::function<void(const std::string&)> warn) {
    warn_ = std::move(warn);
    look();
}

void DataplaneLink::expect(Presence presence, revision::Number number, std::string digest) {
    presence_ = presence;
    number_ = number;
    digest_ = std::move(digest);
    differences_ = 0;
    told_.clear();
}

void DataplaneLink::take(revision::Number number, std::function<void(const Taken&)> answer) {
    if (presence_ == Presence::none)
        return answer({Taken::How::taken, {}});
    client_.request(fmt::format("/detour/reload,{}", number),
                    [answer = std::move(answer)](const auto& text) {
                        answer(text ? parse_taken(*text) : Taken{Taken::How::absent, {}});
                    });
}

void DataplaneLink::look() {
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const asio::error_code& error) {
        if (!error)
            look();
    });
    if (presence_ == Presence::none) {
        running_.reset();
        return;
    }
    client_.request("/detour/version", [this](const auto& text) {
        running_ = text ? parse_running(*text) : std::nullopt;
        compare();
    });
}

void DataplaneLink::compare() {
    if (!running_ || running_->digest == digest_ || number_ == 0) {
        differences_ = 0;
        return;
    }
    if (++differences_ < patience || told_ == running_->digest)
        return;
    told_ = running_->digest;
    take(number_, [this](const Taken& taken) {
        if (taken.how == Taken::How::refused)
            warn_(fmt::format("the data plane does not run revision {}: {}", number_, taken.why));
    });
}

}  // namespace detour::daemon
