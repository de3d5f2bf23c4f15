// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Places in the workers' counters for things with names (uplinks, prefix sets), which keep theirs
// while the process lives: a configuration may come that orders them otherwise, and nobody's
// packets may be counted on with another's. The place of what is gone is given to the next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace detour::engine {

class Slots {
 public:
    explicit Slots(std::size_t capacity = 0) : names_(capacity) {}

    [[nodiscard]] std::size_t capacity() const { return names_.size(); }

    // From now on these. False, and nothing is changed: there are more of them than places.
    template <class Items>
    [[nodiscard]] bool assign(const Items& items) {
        if (items.size() > names_.size())
            return false;
        for (std::string& name : names_)
            if (std::ranges::find(items, name, [](const auto& item) { return item.name; }) ==
                items.end())
                name.clear();
        for (const auto& item : items)
            if (!of(item.name))
                *std::ranges::find(names_, std::string()) = item.name;
        return true;
    }

    [[nodiscard]] std::optional<std::uint16_t> of(std::string_view name) const {
        const auto found = std::ranges::find(names_, name);
        return found == names_.end()
                   ? std::nullopt
                   : std::optional(static_cast<std::uint16_t>(found - names_.begin()));
    }
    // Empty: nobody's.
    [[nodiscard]] const std::string& name(std::size_t slot) const { return names_.at(slot); }

 private:
    std::vector<std::string> names_;  // empty: free
};

}  // namespace detour::engine
