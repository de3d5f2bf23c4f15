// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A packet in one line, for a look without Wireshark: who to whom, what, how long; a GRE packet
// with what is inside it. Whatever the bytes are, it reads no byte beyond them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "conf/program/capture.h"

namespace detour::command {

// "198.51.100.10.4000 > 203.0.113.10.53 UDP 64", "ARP who-has 192.0.2.1 tell 192.0.2.2",
// "192.0.2.66 > 192.0.2.65 GRE key 7: 198.51.100.10 > 203.0.113.10 ICMP echo request 64".
[[nodiscard]] std::string packet_line(std::span<const std::uint8_t> bytes,
                                      program::capture::LinkType link_type);

}  // namespace detour::command
