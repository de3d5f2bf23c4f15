// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// P of detection.md section 1: what the forwarding counters of one (uplink, block) say. Inbound
// packets since the onset are compared with the ten minutes before it. Internal to
// controlplane/decision.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "conf/types/duration.h"
#include "controlplane/decision/options.h"

namespace detour::decision {

enum class Band : std::uint8_t { unknown, absent, dead, partial, normal };
[[nodiscard]] std::string_view to_string(Band band);

struct PassiveFindings {
    Band band = Band::unknown;
    double before = 0;  // packets/s
    double since = 0;   // packets/s
    double share = 0;   // since / before
    Duration length{};  // of what `since` was counted over
};

class Passive {
 public:
    explicit Passive(const Thresholds& thresholds) : thresholds_(&thresholds) {}

    void add(Instant now, std::uint64_t packets_in, std::uint64_t bytes_in);
    // A baseline from the disk: stands until there is a better one.
    void set_before(double packets_per_second) { remembered_ = packets_per_second; }

    // Counted from `quiet` (the onset, or a little later) + timeout until the last sample. The time
    // before an onset is read once and kept as long as that onset is asked for, however long it
    // lasts.
    [[nodiscard]] PassiveFindings findings(Instant onset, Instant quiet);
    // Inbound over the last `length`.
    [[nodiscard]] std::optional<double> rate(Instant now, Duration length) const;
    // Mean of the time kept.
    [[nodiscard]] double mean() const;
    // p95 by the second, of packets and of bits.
    [[nodiscard]] double p95_bits() const;
    // Whether inbound exceeded `factor` x p95 of the time before, within `within` before now; the
    // peak in bits per second.
    struct Attack {
        bool is_seen = false;
        double peak = 0;  // packets/s
        double p95 = 0;   // packets/s
        double peak_bits = 0;
    };
    [[nodiscard]] Attack attack(Instant now) const;

 private:
    struct Sample {
        Instant at{};
        std::uint64_t packets = 0;
    };
    struct Second {
        std::int64_t number = -1;
        std::uint32_t packets = 0;
        std::uint64_t bytes = 0;
    };
    static constexpr std::size_t seconds_kept = 900;  // ten minutes before, and five of an attack

    [[nodiscard]] double before(Instant onset) const;

    const Thresholds* thresholds_;
    std::deque<Sample> samples_;  // the recent ones, for exact windows
    std::uint64_t base_ = 0;      // added when a counter starts again
    std::uint64_t last_packets_ = 0;
    std::uint64_t last_bytes_ = 0;
    std::array<Second, seconds_kept> seconds_{};
    std::optional<Instant> first_;
    Instant last_{};
    double remembered_ = 0;
    std::optional<Instant> onset_;
    double before_onset_ = 0;
};

}  // namespace detour::decision
