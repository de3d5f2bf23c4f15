// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The shipped examples as configurations, whole or with something replaced in their text.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "conf/model/load.h"

namespace detour::model {

using Replacements = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] inline std::string example_text(const std::string& name,
                                              const Replacements& replacements = {}) {
    std::ifstream stream(SOURCE_DIR "/conf/examples/" + name + ".yaml");
    std::ostringstream whole;
    whole << stream.rdbuf();
    std::string text = whole.str();
    for (const auto& [from, to] : replacements) {
        const auto place = text.find(from);
        REQUIRE_MESSAGE(place != text.npos, from);
        text.replace(place, from.size(), to);
    }
    return text;
}

[[nodiscard]] inline Config example(const std::string& name,
                                    const Replacements& replacements = {}) {
    auto config =
        parse(example_text(name, replacements), SOURCE_DIR "/conf/examples/" + name + ".yaml", {});
    REQUIRE_MESSAGE(config, (config ? "" : to_string(config.error())));
    return std::move(*config);
}

}  // namespace detour::model
