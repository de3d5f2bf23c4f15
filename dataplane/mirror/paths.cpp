// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/paths.h"

#include <cassert>

namespace detour::mirror {

PathId Paths::acquire(const Path& path) {
    const auto [at, is_new] = index_.try_emplace(path);
    if (is_new) {
        if (free_.empty()) {
            at->second = PathId(static_cast<std::uint32_t>(slots_.size()));
            slots_.emplace_back();
        } else {
            at->second = free_.back();
            free_.pop_back();
        }
        slots_[at->second.value] = {&at->first, 0, 0, ++last_serial_};
    }
    ++slots_[at->second.value].holders;
    return at->second;
}

void Paths::hold_for_leaf(PathId id) {
    hold(id);
    ++slots_[id.value].leaves;
}

void Paths::release_for_leaf(PathId id) {
    --slots_[id.value].leaves;
    release(id);
}

void Paths::release(PathId id) {
    Slot& slot = slots_[id.value];
    assert(slot.holders != 0);
    if (--slot.holders != 0)
        return;
    index_.erase(*slot.path);
    slot.path = nullptr;
    free_.push_back(id);
}

}  // namespace detour::mirror
