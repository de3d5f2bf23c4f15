// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Section 2 of detection.md for one prefix of a block by one uplink: a paired CUSUM with breadth
// and duration. It is told what became of each pair and answers how much speaks for a null route,
// and which of the conditions that are its own, (1), (2), (3) and (5), hold. Internal to
// controlplane/decision.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/decision/measure.h"
#include "controlplane/decision/options.h"

namespace detour::decision {

// C of one (uplink, family), counted since the start.
struct ControlTally {
    std::uint64_t all = 0;
    std::uint64_t lost = 0;
    double baseline = 0;  // its loss before: of the hour or of this moment, whichever is more
};

// What the conditions were read from.
struct Findings {
    double score = 0;
    double q0 = 0;
    std::uint32_t positive_targets = 0;
    std::uint32_t homed = 0;         // targets that speak about the uplink
    std::uint32_t lost_targets = 0;  // of them, the last two pairs lost
    std::uint32_t lost_asns = 0;
    std::uint32_t beacons = 0;
    std::uint32_t dead_beacons = 0;
    std::uint32_t replies = 0;  // targets that replied inside T_min
    Duration span{};            // first to last lost send
    std::uint64_t control_all = 0;
    std::uint64_t control_lost = 0;
    double control_allowed = 0;  // share
    std::optional<Instant> onset;
    // From when on traffic is counted: the onset, or the last reply of all if one target went on
    // for a while.
    std::optional<Instant> quiet;
    bool can_reach = false;  // the caps of the targets that speak sum to h

    [[nodiscard]] double control_share() const {
        return control_all == 0
                   ? 0
                   : static_cast<double>(control_lost) / static_cast<double>(control_all);
    }
};

class Detector {
 public:
    // `asns[i]`: which ASN target i is in, counted from 0.
    Detector(const Thresholds& thresholds, std::vector<std::uint32_t> asns,
             std::uint8_t beacon_count);

    // `tally`: C as it stands now.
    enum class Arrival : std::uint8_t { here, elsewhere };
    enum class Control : std::uint8_t { good, lost };

    void good(Instant now, std::uint32_t target, std::uint8_t beacon, Instant sent, Arrival arrival,
              const ControlTally& tally);
    void lost(Instant now, std::uint32_t target, std::uint8_t beacon, Instant sent, Control control,
              const ControlTally& tally);
    // What was told as lost with a good C was not.
    void take_back(std::uint32_t target);
    // C alone: a target whose C fails ten times says nothing about B.
    void control(std::uint32_t target, Control control);
    // Evidence since the onset is void (clock step, own scheduling gap).
    void forget();
    // The world may have chosen another way: no target speaks until it has answered anew.
    void unsettle();
    void set_discordance(double share) { discordance_.set_prior(share); }

    [[nodiscard]] double score() const { return score_; }
    [[nodiscard]] bool is_running() const { return run_.has_value(); }
    // Two targets above zero and the sum at least two steps.
    [[nodiscard]] bool is_suspicious() const;
    [[nodiscard]] double discordance() const { return discordance_.share(); }
    [[nodiscard]] Findings findings(const ControlTally& tally) const;
    [[nodiscard]] std::uint32_t homed_count() const;
    // Targets that speak and answered something that was sent at or after the instant.
    [[nodiscard]] std::uint32_t replied_since(Instant instant) const;
    [[nodiscard]] bool can_reach_h() const;

 private:
    struct Target {
        double score = 0;
        std::uint8_t last = 0;   // bits of the last conclusive pairs, 1 = lost
        std::uint8_t count = 0;  // of them
        std::uint8_t control_losses = 0;
        bool is_homed = false;
        Instant last_good = Instant::min();
        std::uint32_t lost_beacons = 0;  // bits, last result since the onset
        std::uint32_t good_beacons = 0;
    };
    struct Run {
        // The first lost send behind the last moment at which two targets had replied; nothing
        // until it comes. An ordinary loss just before the onset must not make a gap look longer
        // than it is.
        std::optional<Instant> first_lost;
        Instant last_lost{};
        ControlTally before;
        std::uint32_t pairs = 0;
        std::uint32_t discordant = 0;
        double q0 = 0;
        double step = 0;  // ln(q1/q0)
        double drop = 0;  // ln((1-q0)/(1-q1))
    };

    [[nodiscard]] bool speaks(const Target& target) const {
        return target.is_homed && target.control_losses < 10;
    }
    void begin(Instant sent, const ControlTally& tally);
    void end(Instant now);
    void sum(Instant now);
    [[nodiscard]] Instant two_replied() const;

    const Thresholds* thresholds_;
    std::vector<std::uint32_t> asns_;
    std::uint32_t asn_count_ = 0;
    std::uint8_t beacon_count_;
    std::vector<Target> targets_;
    std::optional<Run> run_;
    double score_ = 0;
    std::uint32_t positive_ = 0;
    HourShare discordance_;
};

}  // namespace detour::decision
