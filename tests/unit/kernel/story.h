// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The configuration of the null-route story, typed by hand: a direct provider, a partner behind a
// tunnel, one IPv4 set and one dual-stack set; and the links as the kernel has them.
#pragma once

#include "conf/model/config.h"
#include "controlplane/kernel/plan/desired.h"

namespace detour::kernel::plan::story {

inline constexpr UplinkId provider{0};
inline constexpr UplinkId partner{1};
inline constexpr PrefixSetId mail{0};
inline constexpr PrefixSetId web{1};

// Interface indices of links().
inline constexpr InterfaceIndex lo{1};
inline constexpr InterfaceIndex wan0{2};
inline constexpr InterfaceIndex xcon0{3};
inline constexpr InterfaceIndex lan0{4};
inline constexpr InterfaceIndex tunnel{5};

[[nodiscard]] model::Config config();
// All up with carrier, as the data plane makes them: no group, MTU 1500.
[[nodiscard]] Links links();
[[nodiscard]] Placement all_on(UplinkId uplink);

[[nodiscard]] Address ip(const char* text);
[[nodiscard]] Prefix prefix(const char* text);

}  // namespace detour::kernel::plan::story
