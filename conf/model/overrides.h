// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Temporary policy: `overrides` gives values that hold until a point in time, with the name of who
// answers for them. While one is in force its values stand in the place of the file's, and
// everything that reads the configuration sees them there; when its time has come the file's own
// values are back, in a running box and without anybody's doing.
//
// So only keys can be overridden that a running box takes without a session reset, a new start or
// a packet that goes another way: a value that ends by itself at night must not do more than that.
// And the configuration must be good in every state that it comes to by itself, which is judged
// beforehand (load.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model/config.h"
#include "conf/model/reader.h"

namespace detour::model {

struct OverrideDraft {
    struct Value {
        std::string path;
        Place place;  // of the key
        const Node* node;
    };

    std::string name;
    Place place;  // of its name
    Given<std::string> owner;
    Given<std::string> reason;
    Given<WallTime> until;
    std::vector<Value> values;

    [[nodiscard]] bool is_in_force(WallTime now) const { return until && now < until->value; }
};

// The path of a key that an override may set: "policy.fail-back".
[[nodiscard]] bool can_be_overridden(std::string_view path);

// The document must outlive what is read from it.
[[nodiscard]] std::vector<OverrideDraft> read_overrides(const Node& document, WallTime now,
                                                        const Complaints& complaints);
// The document with the values that are in force at that time in place.
[[nodiscard]] Node with_overrides(Node document, std::span<const OverrideDraft> overrides,
                                  WallTime time);
// Those of one that is whole.
[[nodiscard]] std::vector<Override> assemble(std::span<const OverrideDraft> overrides,
                                             WallTime now);

// When the configuration changes by itself next; nothing: never.
[[nodiscard]] std::optional<WallTime> next_end(const Config& config, WallTime now);
// Some override is in force and should not be, or the other way round (the clock was set).
[[nodiscard]] bool is_stale(const Config& config, WallTime now);

}  // namespace detour::model
