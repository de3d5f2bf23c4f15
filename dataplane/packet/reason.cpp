// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/reason.h"

#include <array>

namespace detour::packet {
namespace {

struct Row {
    std::string_view text;
    std::string_view meaning;
};

#define DETOUR_ROW(name, text, meaning) Row{text, meaning},
constexpr std::array<Row, drop_count> drops{{DETOUR_DROP_REASONS(DETOUR_ROW)}};
constexpr std::array<Row, punt_count> punts{{DETOUR_PUNT_REASONS(DETOUR_ROW)}};
#undef DETOUR_ROW

}  // namespace

std::string_view to_string(Drop reason) {
    return drops.at(static_cast<std::size_t>(reason)).text;
}
std::string_view meaning(Drop reason) {
    return drops.at(static_cast<std::size_t>(reason)).meaning;
}
std::string_view to_string(Punt reason) {
    return punts.at(static_cast<std::size_t>(reason)).text;
}
std::string_view meaning(Punt reason) {
    return punts.at(static_cast<std::size_t>(reason)).meaning;
}

}  // namespace detour::packet
