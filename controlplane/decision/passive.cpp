// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/passive.h"

#include <algorithm>
#include <vector>

#include "controlplane/decision/measure.h"

namespace detour::decision {

namespace {

// Fewer packets expected since the onset than this cannot tell dead from quiet.
constexpr double least_expected = 20;
constexpr Duration least_history = std::chrono::seconds(1);
constexpr Duration recent = std::chrono::seconds(90);

std::int64_t second_of(Instant instant) {
    return instant.time_since_epoch() / std::chrono::seconds(1);
}

}  // namespace

std::string_view to_string(Band band) {
    static constexpr std::array<std::string_view, 5> names{"unknown", "absent", "dead", "partial",
                                                           "normal"};
    return names[static_cast<std::size_t>(band)];
}

void Passive::add(Instant now, std::uint64_t packets_in, std::uint64_t bytes_in) {
    if (!first_) {
        first_ = now;
        last_packets_ = packets_in;
        last_bytes_ = bytes_in;
    }
    // A smaller value is a counter that started again at zero.
    const std::uint64_t packets =
        packets_in >= last_packets_ ? packets_in - last_packets_ : packets_in;
    const std::uint64_t bytes = bytes_in >= last_bytes_ ? bytes_in - last_bytes_ : bytes_in;
    last_packets_ = packets_in;
    last_bytes_ = bytes_in;
    last_ = now;
    base_ += packets;
    samples_.push_back({now, base_});
    while (samples_.size() > 2 && now - samples_[1].at > recent)
        samples_.pop_front();
    auto& second = seconds_[static_cast<std::size_t>(second_of(now)) % seconds_kept];
    if (second.number != second_of(now))
        second = {second_of(now), 0, 0};
    second.packets += static_cast<std::uint32_t>(packets);
    second.bytes += bytes;
}

double Passive::before(Instant onset) const {
    if (!first_ || onset - *first_ < least_history)
        return remembered_;
    const Instant from = std::max(*first_, onset - thresholds_->passive_before);
    double sum = 0;
    for (const auto& second : seconds_)
        if (second.number >= second_of(from) && second.number < second_of(onset))
            sum += second.packets;
    // Whole seconds are counted, so whole seconds divide; the first one is empty.
    const auto length = second_of(onset) - second_of(from);
    return length <= 0 ? remembered_ : sum / static_cast<double>(length);
}

PassiveFindings Passive::findings(Instant onset, Instant quiet) {
    if (onset_ != onset) {
        onset_ = onset;
        before_onset_ = before(onset);
    }
    PassiveFindings found;
    found.before = before_onset_;
    if (!first_) {
        found.band = Band::absent;  // nobody counts here
        return found;
    }
    const Instant from = quiet + thresholds_->reply_timeout;
    const auto start =
        std::ranges::find_if(samples_, [&](const Sample& s) { return s.at >= from; });
    if (start == samples_.end())
        return found;
    if (found.before < thresholds_->passive_absent) {
        found.band = Band::absent;
        return found;
    }
    found.length = samples_.back().at - start->at;
    const double expected = found.before * in_seconds(found.length);
    if (expected < least_expected)
        return found;
    const auto packets = static_cast<double>(samples_.back().packets - start->packets);
    found.since = packets / in_seconds(found.length);
    found.share = packets / expected;
    found.band = found.share < thresholds_->passive_dead     ? Band::dead
                 : found.share > thresholds_->passive_normal ? Band::normal
                                                             : Band::partial;
    return found;
}

std::optional<double> Passive::rate(Instant now, Duration length) const {
    if (samples_.size() < 2)
        return std::nullopt;
    const auto start =
        std::ranges::find_if(samples_, [&](const Sample& s) { return s.at >= now - length; });
    if (start == samples_.end() || samples_.back().at == start->at)
        return std::nullopt;
    return static_cast<double>(samples_.back().packets - start->packets) /
           in_seconds(samples_.back().at - start->at);
}

double Passive::mean() const {
    if (!first_ || last_ - *first_ < least_history)
        return remembered_;
    return before(last_);
}

double Passive::p95_bits() const {
    std::vector<std::uint64_t> bytes;
    for (const auto& second : seconds_)
        if (second.number >= 0 && second_of(last_) - second.number < std::int64_t{seconds_kept})
            bytes.push_back(second.bytes);
    if (bytes.empty())
        return 0;
    const auto rank = bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * 95 / 100);
    std::ranges::nth_element(bytes, rank);
    return static_cast<double>(*rank) * 8;
}

Passive::Attack Passive::attack(Instant now) const {
    Attack attack;
    const auto split = second_of(now - thresholds_->attack_before);
    std::vector<std::uint32_t> earlier;
    for (const auto& second : seconds_) {
        if (second.number < 0 || second_of(now) - second.number >= std::int64_t{seconds_kept})
            continue;
        if (second.number < split) {
            earlier.push_back(second.packets);
        } else if (second.packets > attack.peak) {
            attack.peak = second.packets;
            attack.peak_bits = static_cast<double>(second.bytes) * 8;
        }
    }
    // A minute of history at least: else nobody knows what is usual.
    if (earlier.size() < 60)
        return attack;
    const auto rank = earlier.begin() + static_cast<std::ptrdiff_t>(earlier.size() * 95 / 100);
    std::ranges::nth_element(earlier, rank);
    attack.p95 = *rank;
    attack.is_seen =
        attack.p95 >= thresholds_->passive_absent && attack.peak > thresholds_->attack * attack.p95;
    return attack;
}

}  // namespace detour::decision
