// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The IP header of a family, for code that is written once for both.
#pragma once

#include <type_traits>

#include "conf/types/address.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {

template <Family family>
using HeaderOf = std::conditional_t<family == Family::ipv4, Ipv4Header, Ipv6Header>;

}  // namespace detour::packet
