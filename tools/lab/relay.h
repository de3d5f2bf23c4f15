// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A cable with faults, for kernels without netem: passes Ethernet frames between two interfaces,
// later than they came, and loses or doubles some. Each direction alike. Frames with different
// jitter overtake each other. Pure but for the loop that run_relay() puts around it.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "conf/types/bytes.h"
#include "conf/types/duration.h"

namespace detour::lab {

struct RelayOptions {
    std::string left;
    std::string right;
    Duration delay{};
    Duration jitter{};     // delay is spread evenly over delay .. delay + jitter
    double loss = 0;       // share of frames, 0 to 1
    double duplicate = 0;  // share of frames
    std::uint32_t seed = 1;
};

enum class Side : std::uint8_t { left, right };

struct Delivery {
    Instant due;
    Side to = Side::left;
    Bytes frame;
};

// What is on the cable.
class Cable {
 public:
    explicit Cable(const RelayOptions& options) : options_(options), random_(options.seed) {}

    // A frame that came in at this side.
    void put(Side from, Bytes frame, Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    // The frame that is due, if one is; earliest first.
    [[nodiscard]] std::optional<Delivery> take(Instant now);

    [[nodiscard]] std::uint64_t lost_count() const { return lost_count_; }
    [[nodiscard]] std::uint64_t duplicate_count() const { return duplicate_count_; }
    [[nodiscard]] std::uint64_t passed_count() const { return passed_count_; }

 private:
    struct Later {
        bool operator()(const std::pair<std::uint64_t, Delivery>& one,
                        const std::pair<std::uint64_t, Delivery>& other) const {
            return one.second.due != other.second.due ? one.second.due > other.second.due
                                                      : one.first > other.first;
        }
    };

    [[nodiscard]] bool happens(double share);
    void schedule(Side to, Bytes frame, Instant now);

    RelayOptions options_;
    std::mt19937 random_;
    // By time, and in order of arrival where the times are equal.
    std::priority_queue<std::pair<std::uint64_t, Delivery>,
                        std::vector<std::pair<std::uint64_t, Delivery>>, Later>
        queue_;
    std::uint64_t number_ = 0;
    std::uint64_t lost_count_ = 0;
    std::uint64_t duplicate_count_ = 0;
    std::uint64_t passed_count_ = 0;
};

// Relay until a signal; a line of JSON: {"passed", "lost", "duplicates"}.
[[nodiscard]] std::string run_relay(const RelayOptions& options);

}  // namespace detour::lab
