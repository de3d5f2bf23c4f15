// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A TCP transfer whose every byte is checked: the byte at each position is a function of the
// position, so that the receiver notices what is lost, repeated or exchanged. The sender paces
// itself when a rate is given, half-closes at its end and waits for the receiver's verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/types/duration.h"
#include "tools/lab/endpoint.h"

namespace detour::lab {

struct SendOptions {
    Endpoint to;
    std::optional<Endpoint> from;
    std::uint64_t size = 0;  // bytes; 0: until the duration or a signal ends it
    std::optional<Duration> duration;
    std::uint64_t rate = 0;                        // bytes a second; 0: as fast as TCP takes them
    Duration patience = std::chrono::seconds(20);  // of connecting, and of waiting at the end
};

// Both return a result of one line of JSON.
// Sender: {"sent", "verified", "survived", "seconds", "longest_stall_ms", "error"}: a stall is a
// time in which the connection took no byte; survived means that the receiver checked all of them.
[[nodiscard]] std::string run_tcp_sender(const SendOptions& options);
// Receiver of one connection: {"received", "verified", "wrong_at", "seconds", "longest_gap_ms"}.
[[nodiscard]] std::string run_tcp_receiver(const Endpoint& listen);

}  // namespace detour::lab
