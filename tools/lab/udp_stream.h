// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A one-way stream of numbered UDP packets at a steady rate, and its receiver. The payload starts
// with 24 bytes in network order: a magic number, the stream's id, the packet's number, the time it
// was sent (CLOCK_MONOTONIC, nanoseconds); zeros fill it. Packets of 1 ms leave in one system call,
// and arrivals are read many at once, so that 20,000 packets/s cost a few per cent of a core.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/types/duration.h"
#include "tools/lab/endpoint.h"

namespace detour::lab {

struct SourceOptions {
    Endpoint to;
    std::optional<Endpoint> from;
    std::uint64_t rate = 1000;         // packets a second
    std::size_t payload_size = 64;     // bytes after the UDP header, at least 24
    std::optional<Duration> duration;  // until a signal if none
    std::uint32_t stream = 1;
};

struct SinkOptions {
    Endpoint listen;
    std::uint32_t stream = 1;
    Duration gap_threshold = std::chrono::milliseconds(20);
    // A line of JSON on standard output this often while packets come; none if absent.
    std::optional<Duration> report_every;
};

// Both run until their time is over or a signal comes, and return a result of one line of JSON.
// Source: {"sent", "refused", "stalls", "longest_stall_ms", "started_ns", "ended_ns"}; `refused`
// packets were numbered but turned away by the local kernel (no route, device down). A stall is
// time in which the source was not scheduled; it lowers the rate and is never made up by a burst.
[[nodiscard]] std::string run_source(const SourceOptions& options);
// Sink: {"received", "duplicates", "reordered", "missing", "end", "longest_gap_ms",
// "gaps": [{"from_ns", "to_ns", "ms"}], "holes": [[first, last]], "first_ns", "last_ns",
// "delay_us": {"p50", "p99", "max"}, "strangers"}.
[[nodiscard]] std::string run_sink(const SinkOptions& options);

}  // namespace detour::lab
