// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// When a tunnel's next keepalive is due, and whether the far end still answers. Pure: time and the
// number of answers so far are arguments. A tunnel is up until as many keepalives in a row as
// `retries` says went unanswered, and up again with the next answer; it starts up, so that a
// restart of the data plane takes nothing down.
#pragma once

#include <cstdint>

#include "conf/types/duration.h"

namespace detour::engine {

class KeepaliveWatch {
 public:
    KeepaliveWatch(Duration interval, unsigned retries, Instant start)
        : interval_(interval), retries_(retries), due_(start) {}

    [[nodiscard]] Instant due() const { return due_; }
    [[nodiscard]] bool is_up() const { return unanswered_ < retries_; }

    // The next is being sent; `heard` counts the answers of all time.
    void beat(Instant now, std::uint64_t heard) {
        if (heard != heard_)
            unanswered_ = 0;
        else if (has_sent_ && unanswered_ < retries_)
            ++unanswered_;
        heard_ = heard;
        has_sent_ = true;
        // After a pause of the whole process the missed ones are not made up for.
        due_ = now + interval_;
    }

 private:
    Duration interval_;
    unsigned retries_;
    Instant due_;
    std::uint64_t heard_ = 0;
    unsigned unanswered_ = 0;
    bool has_sent_ = false;
};

}  // namespace detour::engine
