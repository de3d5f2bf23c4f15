// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What happens when one configuration takes the place of another: which values change, which BGP
// sessions would reset (normally none), what traffic would go another way, and what a running data
// plane cannot take without a new start. Compared is what is in force (effective.h), so that a
// default written out is no difference. Pure: `detour plan` shows it, both planes act on it, and
// tests hold the planes to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model/config.h"

namespace detour::model {

struct Change {
    enum class Kind : std::uint8_t { added, removed, changed };

    Kind kind = Kind::changed;
    std::string path;     // "uplinks.provider.bgp.hold"; an added entry as a whole: "ports.lan1"
    std::string before;   // empty when added
    std::string after;    // empty when removed
    Position position{};  // in the new file; 1:1 when it does not stand there

    friend bool operator==(const Change&, const Change&) = default;
};

// A session that does not simply stay.
struct SessionChange {
    enum class Kind : std::uint8_t { opened, ended, reset };

    Kind kind = Kind::reset;
    std::string uplink;
    Address peer;
    std::string why;  // "hold 90s -> 30s"

    friend bool operator==(const SessionChange&, const SessionChange&) = default;
};

// Packets that would go another way, in a sentence.
struct TrafficChange {
    std::string path;
    std::string what;
    // Everything that a set, or all sets, carry is touched: asked back about before it is applied.
    bool is_heavy = false;

    friend bool operator==(const TrafficChange&, const TrafficChange&) = default;
};

// What takes effect only when detour-dataplane is started anew.
struct Restart {
    std::string path;
    std::string why;

    friend bool operator==(const Restart&, const Restart&) = default;
};

struct Difference {
    std::vector<Change> changes;
    std::vector<SessionChange> sessions;
    std::vector<TrafficChange> traffic;
    std::vector<Restart> restarts;

    [[nodiscard]] bool is_empty() const { return changes.empty(); }
    [[nodiscard]] bool is_heavy() const;
};

// For a log: values and sessions, a line each.
[[nodiscard]] std::vector<std::string> to_lines(const Difference& difference);

[[nodiscard]] Difference diff(const Config& before, const Config& after);

// The operator's own connection to the box: SSH_CONNECTION, and the kernel's interface that has the
// server's address.
struct ManagementSession {
    Address client;
    Address server;
    std::string interface;
};
// Why the new configuration would cut it; empty: it would not.
[[nodiscard]] std::string cuts(const ManagementSession& session, const Config& before,
                               const Config& after);

}  // namespace detour::model
