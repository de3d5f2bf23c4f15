// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/tables.h"

#include <fmt/format.h>

namespace detour::command {
namespace {

constexpr std::uint32_t first_uplink_table = 1430000;
constexpr std::uint32_t first_set_table = 1500000;

}  // namespace

std::uint32_t table_of(UplinkId uplink) {
    return first_uplink_table + uplink.value;
}

std::uint32_t table_of(PrefixSetId set) {
    return first_set_table + set.value;
}

std::string table_name(const model::Config* config, std::uint32_t table) {
    switch (table) {
        case local_table:
            return "local";
        case main_table:
            return "main";
        case in_table:
            return "IN";
        case learned_table:
            return "B";
        default:
            break;
    }
    if (config != nullptr) {
        for (const model::Uplink& uplink : config->uplinks)
            if (table == table_of(uplink.id))
                return fmt::format("U({})", uplink.name);
        for (const model::PrefixSet& set : config->prefix_sets)
            if (table == table_of(set.id))
                return fmt::format("S({})", set.name);
    }
    return fmt::format("{}", table);
}

std::vector<std::uint32_t> our_tables(const model::Config& config) {
    std::vector<std::uint32_t> tables{in_table, main_table};
    for (const model::Uplink& uplink : config.uplinks)
        tables.push_back(table_of(uplink.id));
    for (const model::PrefixSet& set : config.prefix_sets)
        tables.push_back(table_of(set.id));
    tables.push_back(learned_table);
    return tables;
}

}  // namespace detour::command
