// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/session/link.h"

#include <algorithm>
#include <utility>

namespace detour::bgp {

namespace {

// RFC 9687 3: "the value of SendHoldTime should be the greater of: 8 minutes; 2 times the
// negotiated HoldTime".
constexpr Duration min_send_hold = std::chrono::minutes(8);

}  // namespace

void Link::attach(ConnectionId id) {
    connection_ = id;
    framer = Framer();
    their_open.reset();
    negotiated = {};
    outgoing_.clear();
    end_ = written_ = acknowledged_ = 0;
    wants_acknowledgement_ = false;
}

void Link::queue(std::span<const std::uint8_t> bytes, Instant now) {
    if (unwritten() == 0)
        progress_at_ = now;
    outgoing_.insert(outgoing_.end(), bytes.begin(), bytes.end());
    end_ += bytes.size();
}

std::optional<Send> Link::flush() {
    if (outgoing_.empty() || !connection_)
        return std::nullopt;
    return Send{*connection_, std::exchange(outgoing_, {}), end_,
                std::exchange(wants_acknowledgement_, false)};
}

void Link::progress(Instant now, const StreamProgress& progress) {
    // A transport cannot have written or been told more than there was.
    const std::uint64_t written = std::min(progress.written, end_);
    if (written > written_) {
        written_ = written;
        progress_at_ = now;
    }
    acknowledged_ = std::max(acknowledged_, std::min(progress.acknowledged, written_));
}

std::optional<Instant> Link::send_hold_deadline() const {
    if (!connection_ || unwritten() == 0)
        return std::nullopt;
    return progress_at_ + std::max<Duration>(min_send_hold, 2 * negotiated.hold);
}

}  // namespace detour::bgp
