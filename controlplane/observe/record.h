// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One row of the journal: an input that was heard or an output that followed, numbered, dated, and
// with the numbers of what caused it. Whoever walks `causes` from an act (or from a refusal to act)
// to the observations below it has the whole reason; `detour why` does nothing else.
//
// Subjects are names, not positions in a list: rows outlive the configuration they were written
// under. The payload is a JSON object; for the kinds named here its members are fixed, since they
// are read back:
//
//     probe          class, kind, result, target, rtt_ms        ("beacon", "icmp", "lost", ...)
//     verdict        from, to, place, asn, explanation
//     move           move, step, from, to, explanation          ("escape", "announce")
//     held           to, explanation, command                   what would be done and is not;
//                    the command only where an operator's word alone is missing
//     said           severity, explanation
//     announcement   action ("announce", "withdraw"), prepends, graceful_shutdown, no_export
//     forwarding     egress
//     acknowledgement fact, latency_ms
//     link, session  state, reason
//     walk           from ("block", "control"), source, target, hops: [{hop, says, router, rtt_ms,
//                    arrival}]; a hop that nobody answered has no "says"
//     operator       action, to, by
//
//     explanation: {rule, figures: [{name, value, comparison, threshold, unit, out_of, section,
//                   holds}], missing, note}
//
// Other kinds are shown as they are.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/duration.h"

namespace detour::observe {

using RecordNumber = std::uint64_t;  // from 1, growing, over all runs of the daemon

namespace kind {
inline constexpr std::string_view probe = "probe";
inline constexpr std::string_view verdict = "verdict";
inline constexpr std::string_view move = "move";
inline constexpr std::string_view held = "held";
inline constexpr std::string_view said = "said";
inline constexpr std::string_view announcement = "announcement";
inline constexpr std::string_view forwarding = "forwarding";
inline constexpr std::string_view acknowledgement = "acknowledgement";
inline constexpr std::string_view link = "link";
inline constexpr std::string_view session = "session";
inline constexpr std::string_view operation = "operator";
inline constexpr std::string_view walk = "walk";
inline constexpr std::string_view lost = "journal-lost";  // rows that the journal could not take
}  // namespace kind

enum class Direction : std::uint8_t { input, output };

// What goes first when the journal is full: routine rows, unless a lasting one names them as a
// cause.
enum class Weight : std::uint8_t { routine, lasting };

// Empty: not about one.
struct Subject {
    std::string uplink;
    std::string set;
    std::optional<Family> family;
    std::string peer;

    friend auto operator<=>(const Subject&, const Subject&) = default;
};

struct Record {
    RecordNumber number = 0;
    WallTime wall;
    Instant at;
    Direction direction = Direction::input;
    Weight weight = Weight::routine;
    std::string kind;
    Subject subject;
    std::vector<RecordNumber> causes;
    nlohmann::json payload = nlohmann::json::object();

    friend bool operator==(const Record&, const Record&) = default;
};

// As the API gives it: {"number", "time", "kind", "direction", "uplink", ..., "causes", "payload"}.
[[nodiscard]] nlohmann::json to_json(const Record& record);

// "2026-11-20T23:04:05.120Z"
[[nodiscard]] std::string to_text(WallTime time);

}  // namespace detour::observe
