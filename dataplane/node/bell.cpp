// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace detour::node {

Bell::Bell() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) {
        std::perror("eventfd");
        std::abort();
    }
}

Bell::~Bell() {
    close(descriptor_);
}

void Bell::wake() {
    // Only the first of several ringers pays for the system call.
    if (!sleeps_.exchange(false, std::memory_order_relaxed))
        return;
    const std::uint64_t one = 1;
    // Cannot fail but for a full counter, and then the bell rings already.
    [[maybe_unused]] const auto written = write(descriptor_, &one, sizeof one);
}

void Bell::answer() {
    if (sleeps_.exchange(false, std::memory_order_relaxed))
        return;  // nobody rang
    // A ringer that has yet to write wakes the next sleep for nothing, once.
    std::uint64_t rings = 0;
    [[maybe_unused]] const auto got = read(descriptor_, &rings, sizeof rings);
}

}  // namespace detour::node
