// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Small memories of results: the last ten (display and recovery only), how long nothing came back,
// and the share of an hour or of this moment. Internal to controlplane/decision.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <optional>

#include "conf/types/duration.h"

namespace detour::decision {

[[nodiscard]] constexpr double in_seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// The last ten results.
class LastTen {
 public:
    void add(bool is_good) {
        bits_ = static_cast<std::uint16_t>((bits_ << 1 | (is_good ? 0 : 1)) & 0x3ff);
        count_ = count_ < 10 ? count_ + 1 : 10;
    }
    void reset() { *this = {}; }
    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] double loss() const {
        return count_ == 0 ? 0 : std::popcount(bits_) / static_cast<double>(count_);
    }
    // The words of the table. Few results are no opinion.
    [[nodiscard]] bool is_good() const { return count_ >= 3 && loss() <= 0.3; }
    [[nodiscard]] bool is_lossy() const { return count_ >= 10 && loss() >= 0.3; }
    [[nodiscard]] bool is_failing() const { return count_ >= 5 && loss() >= 0.8; }

 private:
    std::uint16_t bits_ = 0;
    unsigned count_ = 0;
};

// From the first lost send after the last good one until now: how long nothing came back, and from
// how many targets.
class Silence {
 public:
    void good(Instant sent) {
        if (!last_good_ || sent > *last_good_)
            last_good_ = sent;
        // A reply to something sent before the silence began does not end it.
        if (losses_ != 0 && sent < first_lost_)
            return;
        losses_ = 0;
        targets_ = 0;
    }
    void lost(Instant sent, std::uint32_t target) {
        if (last_good_ && sent < *last_good_)
            return;
        if (losses_++ == 0) {
            first_lost_ = sent;
            targets_ = 0;
        }
        last_lost_ = sent;
        targets_ |= std::uint64_t{1} << target % 64;
    }
    void reset() {
        losses_ = 0;
        targets_ = 0;
    }
    [[nodiscard]] Duration span() const {
        return losses_ == 0 ? Duration{} : last_lost_ - first_lost_;
    }
    [[nodiscard]] std::uint32_t losses() const { return losses_; }
    [[nodiscard]] unsigned target_count() const {
        return static_cast<unsigned>(std::popcount(targets_));
    }
    // The first lost send; nothing while it is not silent.
    [[nodiscard]] std::optional<Instant> onset() const {
        return losses_ == 0 ? std::nullopt : std::optional(first_lost_);
    }
    [[nodiscard]] std::optional<Instant> last_good() const { return last_good_; }
    void restore_good(Instant sent) { last_good_ = sent; }
    [[nodiscard]] bool is_good_since(Instant instant) const {
        return last_good_ && *last_good_ >= instant;
    }

 private:
    std::optional<Instant> last_good_;
    Instant first_lost_{};
    Instant last_lost_{};
    std::uint32_t losses_ = 0;
    std::uint64_t targets_ = 0;
};

// The share of bad ones in the last hour, by the minute.
class HourShare {
 public:
    void add(Instant now, std::uint32_t bad, std::uint32_t all) {
        rotate(now);
        buckets_[index_].bad += bad;
        buckets_[index_].all += all;
        bad_ += bad;
        all_ += all;
    }
    // What is known from before the hour weighs as much as a hundred results.
    [[nodiscard]] double share() const {
        return (static_cast<double>(bad_) + prior_ * 100) / (static_cast<double>(all_) + 100);
    }
    void set_prior(double prior) { prior_ = prior; }

 private:
    struct Bucket {
        std::uint32_t bad = 0;
        std::uint32_t all = 0;
    };

    void rotate(Instant now) {
        const auto minute = now.time_since_epoch() / std::chrono::minutes(1);
        if (minute == minute_)
            return;
        const auto steps = minute_ < 0 ? 60 : minute - minute_;
        for (std::int64_t i = 0; i < (steps < 60 ? steps : 60); ++i) {
            index_ = (index_ + 1) % buckets_.size();
            bad_ -= buckets_[index_].bad;
            all_ -= buckets_[index_].all;
            buckets_[index_] = {};
        }
        minute_ = minute;
    }

    std::array<Bucket, 60> buckets_{};
    std::size_t index_ = 0;
    std::int64_t minute_ = -1;
    std::uint64_t bad_ = 0;
    std::uint64_t all_ = 0;
    double prior_ = 0;
};

// The share of bad ones now: a few dozen results, the latest weigh most.
class RecentShare {
 public:
    void add(bool is_bad) { share_ += ((is_bad ? 1.0 : 0.0) - share_) / weight; }
    [[nodiscard]] double share() const { return share_; }

 private:
    static constexpr double weight = 50;
    double share_ = 0;
};

}  // namespace detour::decision
