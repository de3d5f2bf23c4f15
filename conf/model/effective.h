// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The configuration as it is in force: every key with the value that holds, given or not, and where
// that value comes from. What is compared by a plan (diff.h) and printed by `detour config
// --effective`; its YAML reads back as the same configuration, which a test holds it to.
#pragma once

#include <string>
#include <vector>

#include "conf/model/config.h"

namespace detour::model {

struct Setting {
    enum class Source : std::uint8_t {
        file,      // written there
        profile,   // the profile's figure
        standard,  // what holds when nothing is said
        derived,   // follows from other settings
        override,  // of an override that is in force (overrides.h)
    };

    std::vector<std::string> path;    // {"uplinks", "provider", "bgp", "hold"}
    std::vector<std::string> values;  // as one writes them; a single one unless it is a list
    enum class Shape : std::uint8_t { scalar, list, lines } shape = Shape::scalar;
    Source source = Source::standard;
    Position position = {};   // in the file
    std::string origin = {};  // derived: from what; profile: its name; override: whose, until when
    // Has no value, or a key of its own: shown, and not to be written into a file.
    bool is_only_shown = false;

    [[nodiscard]] std::string name() const;  // "uplinks.provider.bgp.hold"
    [[nodiscard]] std::string text() const;  // "90s"; "[a, b]"
};

// In the order of the sections, entries in the order of the file.
[[nodiscard]] std::vector<Setting> effective(const Config& config);

// "line 12", "default", "profile careful", "from the one BGP peer".
[[nodiscard]] std::string source_text(const Setting& setting);

// A YAML document with the source behind each value that the file does not give.
[[nodiscard]] std::string to_yaml(const std::vector<Setting>& settings);

}  // namespace detour::model
