// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The routes of one family and table, in the kernel's order. Mostly one route a key; `ip route
// append` and IPv6's siblings can put several under one (prefix, tos, metric), of which the kernel
// uses the first. Fed by events and by a dump as ledger.h explains; what an event leaves unclear
// (several routes under one key) is reported, and the caller asks for a dump.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/mirror/ledger.h"
#include "dataplane/mirror/objects.h"
#include "dataplane/mirror/paths.h"

namespace detour::mirror {

// Prefixes whose routes changed; too many are all.
struct ChangedPrefixes {
    static constexpr std::size_t limit = 20000;

    bool are_all = false;
    std::vector<Prefix> prefixes;  // in the order of the changes, repeated as they were

    void add(const Prefix& prefix);
};

class RouteTable {
 public:
    struct Routes {
        PathId first;
        Stamp stamp;
        std::uint32_t offered = 0;                    // by the dump that runs
        std::unique_ptr<std::vector<PathId>> others;  // behind the first, rarely any

        [[nodiscard]] std::size_t size() const { return 1 + (others ? others->size() : 0); }
        [[nodiscard]] PathId at(std::size_t i) const { return i == 0 ? first : (*others)[i - 1]; }
    };
    using Map = std::map<RouteKey, Routes>;
    struct Effect {
        bool is_change = false;
        bool is_clear = true;  // false: only a dump can tell what the kernel holds now
    };

    explicit RouteTable(Paths& paths) : paths_(&paths) {}

    [[nodiscard]] const Map& entries() const { return entries_; }
    [[nodiscard]] std::size_t size() const { return count_; }

    Effect apply(const RouteEvent& event, const DumpClock& clock);
    // A dump of some routes only: those whose path satisfies this. Empty: a dump of all.
    using Scope = std::function<bool(PathId)>;
    void begin_dump() { erased_.clear(); }
    // A dump's word, in the kernel's order; is_change when the copy differed, and now follows.
    Effect offer(const RouteKey& key, const Path& path, const Scope& scope, const DumpClock& clock);
    struct Swept {
        std::size_t forgotten = 0;
        bool is_clear = true;
    };
    // Ends a dump: forgets what it should have mentioned and did not.
    Swept sweep(const Scope& scope, const DumpClock& clock);

    // What becomes of every route, by its path: stays (the same number), leads elsewhere (another
    // number, held once for this call's sake by the caller), or goes (nothing). True when any did.
    using Fate = std::function<std::optional<PathId>(PathId)>;
    bool rewrite(const Fate& fate, const DumpClock& clock);

    [[nodiscard]] ChangedPrefixes take_changed() { return std::exchange(changed_, {}); }

 private:
    Effect set(const RouteEvent& event, const DumpClock& clock);
    Effect remove(const RouteEvent& event, const DumpClock& clock);
    Effect offer_known(Routes& routes, const Path& path, const Scope& scope,
                       const DumpClock& clock);
    Effect offer_more(Routes& routes, const Path& path, const Scope& scope);
    void assign(PathId& slot, PathId path);  // takes over the caller's hold on `path`
    void append(Routes& routes, PathId path);
    Swept sweep_key(Map::iterator at, const Scope& scope, const DumpClock& clock);
    void drop(Map::iterator at, std::size_t index, const DumpClock& clock);

    Paths* paths_;
    Map entries_;
    std::size_t count_ = 0;
    ChangedPrefixes changed_;
    std::set<RouteKey> erased_;  // by events, while a dump runs
};

}  // namespace detour::mirror
