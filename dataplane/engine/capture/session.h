// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One capture: its taps while it runs, and the stream of what they copied, in the order of time.
// The capture service's thread owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "conf/program/capture.h"
#include "dataplane/engine/capture/tap.h"
#include "dataplane/fib/publisher.h"

namespace detour::engine {

class Session {
 public:
    // `publisher` knows when a worker was quiet.
    Session(std::vector<TapPlan> plans, fib::Publisher& publisher);
    // Detached, and drained as far as one cares.
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] bool attach();
    // Ends the looking; nothing is added to the rings once it returns.
    void detach();

    // The piece of the stream that is to be sent next: records up to `until` (nanoseconds since
    // 1970), in order of time; the same one until it was sent. Empty when there is none.
    [[nodiscard]] std::span<const std::uint8_t> message(std::uint64_t until);
    void sent() { message_.clear(); }
    [[nodiscard]] std::vector<program::capture::TapCount> counts() const;

 private:
    struct Source {
        std::uint16_t number;  // of the plan
        std::unique_ptr<Tap> tap;
    };
    [[nodiscard]] Source* oldest(std::uint64_t until);

    const std::vector<TapPlan> plans_;
    fib::Publisher& publisher_;
    std::vector<Source> sources_;
    std::vector<std::uint8_t> message_;
    bool is_attached_ = false;
};

}  // namespace detour::engine
