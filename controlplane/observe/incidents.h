// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Incidents: the journal cut into stretches of trouble. One begins with the first alarm or the
// first step of a move while all is calm, and ends when no verdict alarms, nothing moves, and every
// block leaves again by where it left when it began; a block that waits abroad for its fail-back
// keeps its incident open. Its id is the number of the row that began it, so that an incident has
// the same name for as long as the journal remembers it.
#pragma once

#include <cstddef>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/observe/reader.h"
#include "controlplane/observe/record.h"

namespace detour::observe {

struct Incident {
    RecordNumber id = 0;
    RecordNumber last = 0;  // its last row so far
    WallTime began;
    std::optional<WallTime> ended;  // nothing: open
    std::set<std::string> sets;     // "web/ipv6"
    std::set<std::string> away;     // of those, what is not where it was; of an open one
    std::string headline;           // "NULLROUTED on provider, inside"
};

// From rows of the kinds that incident_kinds() names, oldest first.
[[nodiscard]] std::vector<Incident> incidents_of(const std::vector<Record>& rows);

// Of the whole journal, oldest first; the last 20,000 rows that count.
[[nodiscard]] std::expected<std::vector<Incident>, JournalError> find_incidents(
    const Reader& reader);

// {"id", "began", "ended", "open", "lasted_s", "sets", "away", "headline"}
[[nodiscard]] nlohmann::json to_json(const Incident& incident, WallTime now);

// The same with "truncated" and "events": [{"number", "time", "offset_s", "set", "family",
// "uplink", "kind", "text", "rule", "figures", "missing", "note", "because"}], figures and causes
// as in why.h.
[[nodiscard]] std::expected<nlohmann::json, JournalError> timeline(const Reader& reader,
                                                                   const Incident& incident,
                                                                   WallTime now);

}  // namespace detour::observe
