// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Ids are positions in the lists of one configuration. When another takes its place, this says
// which of the new ids names the same thing; what is gone has none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "conf/types/ids.h"

namespace detour {

struct Renumbering {
    // By the old id.
    std::vector<std::optional<UplinkId>> uplinks;
    std::vector<std::optional<PrefixSetId>> sets;
    std::vector<std::optional<TargetId>> targets;

    [[nodiscard]] std::optional<UplinkId> operator()(UplinkId id) const {
        return find(uplinks, id);
    }
    [[nodiscard]] std::optional<PrefixSetId> operator()(PrefixSetId id) const {
        return find(sets, id);
    }
    [[nodiscard]] std::optional<TargetId> operator()(TargetId id) const {
        return find(targets, id);
    }
    // Whatever has an id keeps it; new things may have come behind.
    [[nodiscard]] bool is_identity() const {
        return is_identity(uplinks) && is_identity(sets) && is_identity(targets);
    }

 private:
    template <class Id>
    [[nodiscard]] static std::optional<Id> find(const std::vector<std::optional<Id>>& ids, Id id) {
        return id.value < ids.size() ? ids[id.value] : std::nullopt;
    }
    template <class Id>
    [[nodiscard]] static bool is_identity(const std::vector<std::optional<Id>>& ids) {
        std::size_t position = 0;
        return std::ranges::all_of(ids,
                                   [&](const auto& id) { return id && id->value == position++; });
    }
};

}  // namespace detour
