// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the kernel's routing tables mean to this box, by the numbers that the control plane gives
// them (controlplane/kernel/plan/numbers.h; this room may not know that one, a unit test compares).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/model/config.h"

namespace detour::command {

inline constexpr std::uint8_t our_protocol = 142;
inline constexpr std::uint32_t uplink_group = 196;
inline constexpr std::uint32_t local_table = 255;
inline constexpr std::uint32_t main_table = 254;
inline constexpr std::uint32_t in_table = 1420000;
inline constexpr std::uint32_t learned_table = 1420001;
[[nodiscard]] std::uint32_t table_of(UplinkId uplink);
[[nodiscard]] std::uint32_t table_of(PrefixSetId set);

// "main", "IN", "B", "U(provider)", "S(mail)"; of others the number. Without a configuration the
// sets and uplinks have numbers.
[[nodiscard]] std::string table_name(const model::Config* config, std::uint32_t table);

// Those that a packet may meet, in the order of the rules: IN, main, U, S, B.
[[nodiscard]] std::vector<std::uint32_t> our_tables(const model::Config& config);

}  // namespace detour::command
