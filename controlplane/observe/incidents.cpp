// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/incidents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "controlplane/observe/member.h"
#include "controlplane/observe/why.h"

namespace detour::observe {
namespace {

using nlohmann::json;

constexpr std::string_view started = "started";
constexpr std::array counted{kind::verdict, kind::move, kind::forwarding, started};
constexpr std::array told{kind::verdict, kind::move,         kind::held,
                          kind::said,    kind::announcement, started,
                          kind::session, kind::operation,    kind::walk};
constexpr std::size_t row_limit = 20'000;
constexpr std::size_t told_limit = 400;
constexpr std::size_t cause_limit = 400;  // of one act

std::string block_of(const Record& record) {
    if (!record.subject.family)
        return record.subject.set;
    return fmt::format("{}/{}", record.subject.set, to_string(*record.subject.family));
}

double seconds(WallTime from, WallTime to) {
    return std::chrono::duration<double>(to - from).count();
}

// What is wrong now, row by row.
class Ledger {
 public:
    void take(const Record& record) {
        if (record.kind == started)
            alarms_.clear();  // the new run judges for itself
        else if (record.kind == kind::verdict)
            take_verdict(record);
        else if (record.kind == kind::move)
            take_move(record);
        else if (record.kind == kind::forwarding)
            leaves_[block_of(record)] = text_at(record.payload, "egress");
        close_if_calm(record);
    }

    std::vector<Incident> result() && {
        if (open_) {
            open_->away = away();
            done_.push_back(*open_);
        }
        return std::move(done_);
    }

 private:
    void take_verdict(const Record& record) {
        const std::string verdict = text_at(record.payload, "to");
        const auto watch = std::pair(record.subject.uplink, block_of(record));
        if (is_calm_verdict(verdict)) {
            alarms_.erase(watch);
            return;
        }
        alarms_.insert(watch);
        const std::string place = text_at(record.payload, "place");
        touch(record, fmt::format("{} on {}{}", verdict, record.subject.uplink,
                                  place.empty() || place == "unknown" ? "" : ", " + place));
    }

    void take_move(const Record& record) {
        const std::string block = block_of(record);
        leaves_.try_emplace(block, text_at(record.payload, "from"));
        if (text_at(record.payload, "step") == "idle") {
            moving_.erase(block);
            return;
        }
        moving_.insert(block);
        touch(record,
              fmt::format("{} to {}", text_at(record.payload, "move"), record.subject.uplink));
    }

    void touch(const Record& record, std::string headline) {
        if (!open_) {
            open_ = Incident{.id = record.number,
                             .last = record.number,
                             .began = record.wall,
                             .ended = {},
                             .sets = {},
                             .away = {},
                             .headline = std::move(headline)};
            before_ = leaves_;
        }
        open_->sets.insert(block_of(record));
    }

    // Blocks of the incident that do not leave by where they left before it.
    std::set<std::string> away() const {
        std::set<std::string> result;
        for (const auto& [block, uplink] : leaves_)
            if (const auto was = before_.find(block); was != before_.end() && was->second != uplink)
                result.insert(block);
        return result;
    }

    void close_if_calm(const Record& record) {
        if (!open_)
            return;
        open_->last = record.number;
        if (!alarms_.empty() || !moving_.empty() || !away().empty())
            return;
        open_->ended = record.wall;
        done_.push_back(std::move(*open_));
        open_.reset();
    }

    std::set<std::pair<std::string, std::string>> alarms_;  // uplink, block
    std::set<std::string> moving_;
    std::map<std::string, std::string> leaves_;  // block -> uplink
    std::map<std::string, std::string> before_;  // the same, when the incident began
    std::optional<Incident> open_;
    std::vector<Incident> done_;
};

}  // namespace

std::vector<Incident> incidents_of(const std::vector<Record>& rows) {
    Ledger ledger;
    for (const Record& record : rows)
        ledger.take(record);
    return std::move(ledger).result();
}

std::expected<std::vector<Incident>, JournalError> find_incidents(const Reader& reader) {
    RecordFilter filter;
    filter.kinds.assign(counted.begin(), counted.end());
    const auto rows = reader.tail(filter, row_limit);
    if (!rows)
        return std::unexpected(rows.error());
    return incidents_of(*rows);
}

json to_json(const Incident& incident, WallTime now) {
    return {{"id", incident.id},
            {"began", to_text(incident.began)},
            {"ended", incident.ended ? json(to_text(*incident.ended)) : json(nullptr)},
            {"open", !incident.ended},
            {"lasted_s", seconds(incident.began, incident.ended.value_or(now))},
            {"sets", incident.sets},
            {"away", incident.away},
            {"headline", incident.headline}};
}

std::expected<json, JournalError> timeline(const Reader& reader, const Incident& incident,
                                           WallTime now) {
    RecordFilter filter;
    filter.kinds.assign(told.begin(), told.end());
    filter.after = incident.id - 1;
    if (incident.ended)
        filter.until = incident.last;
    auto acts = reader.next(filter, told_limit);
    if (!acts)
        return std::unexpected(acts.error());
    const bool is_cut = acts->size() == told_limit;
    std::erase_if(*acts, is_echo);
    const auto evidence = with_causes(reader, std::move(*acts), cause_limit);
    if (!evidence)
        return std::unexpected(evidence.error());
    json document = to_json(incident, now);
    document["truncated"] = is_cut;
    document["events"] = to_json(answer({}, *evidence)).at("events");
    for (std::size_t place = 0; place < evidence->acts.size(); ++place) {
        const Record& act = evidence->acts[place];
        json& event = document["events"][place];
        event["kind"] = act.kind;
        event["offset_s"] = seconds(incident.began, act.wall);
        event["set"] = act.subject.set;
        event["family"] = act.subject.family ? json(to_string(*act.subject.family)) : json(nullptr);
        event["uplink"] = act.subject.uplink;
    }
    return document;
}

}  // namespace detour::observe
