// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Interned paths: a million routes lead to a few dozen distinct ways out, so a route holds a number
// and the ways are counted. Numbers are reused only after the last holder let go.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "conf/types/ids.h"
#include "dataplane/mirror/objects.h"

namespace detour::mirror {

using PathId = StrongId<struct PathTag, std::uint32_t>;

class Paths {
 public:
    // The path's number, held once more.
    PathId acquire(const Path& path);
    void hold(PathId id) { ++slots_[id.value].holders; }
    void release(PathId id);
    // A leaf's hold keeps the number from being reused, no more.
    void hold_for_leaf(PathId id);
    void release_for_leaf(PathId id);

    [[nodiscard]] const Path& operator[](PathId id) const { return *slots_[id.value].path; }
    // Numbers are below this.
    [[nodiscard]] std::size_t limit() const { return slots_.size(); }
    // Different for every path that ever had the number.
    [[nodiscard]] std::uint64_t serial(PathId id) const { return slots_[id.value].serial; }
    [[nodiscard]] bool is_held(PathId id) const { return slots_[id.value].holders != 0; }
    // Whether some route leads there now.
    [[nodiscard]] bool has_route(PathId id) const {
        return slots_[id.value].holders > slots_[id.value].leaves;
    }

 private:
    struct Slot {
        const Path* path = nullptr;  // the key in index_
        std::uint32_t holders = 0;   // routes and leaves
        std::uint32_t leaves = 0;
        std::uint64_t serial = 0;
    };
    std::map<Path, PathId> index_;
    std::vector<Slot> slots_;
    std::vector<PathId> free_;
    std::uint64_t last_serial_ = 0;
};

}  // namespace detour::mirror
