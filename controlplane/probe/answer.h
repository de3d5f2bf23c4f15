// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The far end of a probe: what a correct host answers to a Send. For tests and simulations, which
// speak the shipping codecs in both directions; detourd itself answers nobody.
#pragma once

#include <optional>

#include "controlplane/probe/prober.h"

namespace detour::probe {

// How a host answers the second kinds: a closed port is answered by a RST or by "port unreachable",
// an open one by a SYN-ACK or an echo service's datagram.
enum class Manner : std::uint8_t { closed, open };

struct Answer {
    Kind kind = Kind::icmp;  // of the message: UDP may be answered by ICMP
    Bytes message;
};

// Nothing: `send` is no message that a host would answer.
[[nodiscard]] std::optional<Answer> answer(const Send& send, Manner manner = Manner::closed);

}  // namespace detour::probe
