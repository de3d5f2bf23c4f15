// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/detector.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace detour::decision {

namespace {

// "A sixth of that off every other target": six targets, so that one reply weighs as much on all
// the others together as on its own.
constexpr double others_weight = 1.0 / 6;
constexpr double target_share = 1.0 / 3;  // of h
constexpr double asn_share = 1.0 / 2;     // of h

}  // namespace

Detector::Detector(const Thresholds& thresholds, std::vector<std::uint32_t> asns,
                   std::uint8_t beacon_count)
    : thresholds_(&thresholds),
      asns_(std::move(asns)),
      beacon_count_(beacon_count),
      targets_(asns_.size()) {
    for (const auto asn : asns_)
        asn_count_ = std::max(asn_count_, asn + 1);
}

void Detector::begin(Instant sent, const ControlTally& tally) {
    Run run;
    run.first_lost = run.last_lost = sent;
    run.before = tally;
    run.q0 = std::clamp(thresholds_->q0_factor * discordance_.share(), thresholds_->q0_floor,
                        thresholds_->q0_ceiling);
    run.step = std::log(thresholds_->q1 / run.q0);
    run.drop = std::log((1 - run.q0) / (1 - thresholds_->q1));
    run_ = run;
    for (auto& target : targets_)
        target.lost_beacons = target.good_beacons = 0;
}

// A run that came to nothing belongs to the ordinary discordance; one that became a verdict does
// not.
void Detector::end(Instant now) {
    discordance_.add(now, run_->discordant, run_->pairs);
    run_.reset();
}

void Detector::sum(Instant now) {
    score_ = 0;
    positive_ = 0;
    for (std::uint32_t asn = 0; asn < asn_count_; ++asn) {
        double of_asn = 0;
        for (std::size_t i = 0; i < targets_.size(); ++i) {
            if (asns_[i] != asn || targets_[i].score <= 0)
                continue;
            of_asn += targets_[i].score;
            ++positive_;
        }
        score_ += std::min(of_asn, thresholds_->h * asn_share);
    }
    if (score_ <= 0)
        end(now);
}

void Detector::good(Instant now, std::uint32_t index, std::uint8_t beacon, Instant sent,
                    Arrival arrival, const ControlTally& tally) {
    auto& target = targets_[index];
    target.is_homed = arrival == Arrival::here;
    if (arrival == Arrival::elsewhere) {
        // It speaks about another uplink now.
        target.score = 0;
        target.count = target.last = 0;
        if (run_)
            sum(now);
        return;
    }
    target.last_good = std::max(target.last_good, sent);
    target.last = static_cast<std::uint8_t>(target.last << 1);
    target.count = static_cast<std::uint8_t>(std::min(target.count + 1, 8));
    if (!run_)
        return discordance_.add(now, 0, 1);
    // A slow reply to what was sent before the onset says nothing about what came after.
    if (run_->first_lost && sent < *run_->first_lost)
        return;
    if (run_->first_lost && *run_->first_lost < two_replied()) {
        run_->first_lost.reset();
        run_->before = tally;
    }
    ++run_->pairs;
    target.good_beacons |= 1U << beacon;
    target.lost_beacons &= ~(1U << beacon);
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        const double off = i == index ? run_->drop : run_->drop * others_weight;
        targets_[i].score = std::max(targets_[i].score - off, 0.0);
    }
    sum(now);
}

void Detector::lost(Instant now, std::uint32_t index, std::uint8_t beacon, Instant sent,
                    Control control, const ControlTally& tally) {
    auto& target = targets_[index];
    // Both lost: 0. Not homed here: it does not speak about this uplink.
    if (control == Control::lost || !speaks(target) || sent < target.last_good)
        return;
    if (!run_)
        begin(sent, tally);
    ++run_->pairs;
    ++run_->discordant;
    run_->first_lost = std::min(run_->first_lost.value_or(sent), sent);
    run_->last_lost = std::max(run_->last_lost, sent);
    target.last = static_cast<std::uint8_t>(target.last << 1 | 1);
    target.count = static_cast<std::uint8_t>(std::min(target.count + 1, 8));
    target.lost_beacons |= 1U << beacon;
    target.good_beacons &= ~(1U << beacon);
    target.score = std::min(target.score + run_->step, thresholds_->h * target_share);
    sum(now);
}

// When the second of two targets replied last: what was sent later than that was answered by one
// target at most.
Instant Detector::two_replied() const {
    Instant latest = Instant::min();
    Instant second = Instant::min();
    for (const auto& target : targets_) {
        if (target.last_good > latest) {
            second = latest;
            latest = target.last_good;
        } else if (target.last_good > second) {
            second = target.last_good;
        }
    }
    return second;
}

void Detector::take_back(std::uint32_t index) {
    auto& target = targets_[index];
    if (!run_ || target.score <= 0)
        return;
    target.score = std::max(target.score - run_->step, 0.0);
    target.last = static_cast<std::uint8_t>(target.last >> 1);
    if (run_->discordant != 0)
        --run_->discordant;
}

void Detector::control(std::uint32_t index, Control control) {
    auto& losses = targets_[index].control_losses;
    losses = control == Control::good ? std::uint8_t{0}
                                      : static_cast<std::uint8_t>(std::min(losses + 1, 10));
}

void Detector::forget() {
    for (auto& target : targets_) {
        target.score = 0;
        target.count = target.last = 0;
    }
    run_.reset();
    score_ = 0;
    positive_ = 0;
}

void Detector::unsettle() {
    forget();
    for (auto& target : targets_)
        target.is_homed = false;
}

bool Detector::is_suspicious() const {
    constexpr double rounding = 1e-9;
    return run_ && positive_ >= 2 && score_ + rounding >= 2 * run_->step;
}

std::uint32_t Detector::homed_count() const {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(targets_, [&](const Target& target) { return speaks(target); }));
}

std::uint32_t Detector::replied_since(Instant instant) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(targets_, [&](const Target& target) {
        return speaks(target) && target.last_good >= instant;
    }));
}

bool Detector::can_reach_h() const {
    double reachable = 0;
    for (std::uint32_t asn = 0; asn < asn_count_; ++asn) {
        double of_asn = 0;
        for (std::size_t i = 0; i < targets_.size(); ++i)
            if (asns_[i] == asn && speaks(targets_[i]))
                of_asn += target_share;
        reachable += std::min(of_asn, asn_share);
    }
    return reachable > 1 - 1e-9;
}

Findings Detector::findings(const ControlTally& tally) const {
    Findings found;
    found.score = score_;
    found.positive_targets = positive_;
    found.homed = homed_count();
    found.beacons = beacon_count_;
    found.can_reach = can_reach_h();
    if (!run_)
        return found;
    found.q0 = run_->q0;
    found.onset = run_->first_lost;
    found.span = run_->first_lost ? run_->last_lost - *run_->first_lost : Duration{};
    found.control_all = tally.all - run_->before.all;
    found.control_lost = tally.lost - std::min(tally.lost, run_->before.lost);
    found.control_allowed = thresholds_->control_loss + run_->before.baseline;
    std::uint64_t asns = 0;
    const Instant inside = run_->last_lost - thresholds_->t_min;
    std::vector<std::uint32_t> dead(beacon_count_), alive(beacon_count_);
    found.quiet = run_->first_lost;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        const auto& target = targets_[i];
        if (!speaks(target))
            continue;
        if (found.quiet && target.last_good < run_->last_lost - thresholds_->t_min / 2)
            found.quiet = std::max(*found.quiet, target.last_good);
        if (target.count >= 2 && (target.last & 3) == 3) {
            ++found.lost_targets;
            asns |= std::uint64_t{1} << asns_[i] % 64;
        }
        found.replies += target.last_good > inside ? 1 : 0;
        for (std::uint8_t beacon = 0; beacon < beacon_count_; ++beacon) {
            dead[beacon] += target.lost_beacons >> beacon & 1;
            alive[beacon] += target.good_beacons >> beacon & 1;
        }
    }
    found.lost_asns = static_cast<std::uint32_t>(std::popcount(asns));
    // One target may stand within the provider and reach every beacon: one is no proof of life.
    for (std::uint8_t beacon = 0; beacon < beacon_count_; ++beacon)
        found.dead_beacons += dead[beacon] >= 2 && alive[beacon] <= 1 ? 1 : 0;
    return found;
}

}  // namespace detour::decision
