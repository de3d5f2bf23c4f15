// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What happens to the world, to the box, or by its operator's hand, as one line of a scenario:
//
//     at 5min null-route mail provider inside for 10min
//
// A kind says which words follow it (event.cpp has the table). Without `for` it lasts to the end,
// or is over at once.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "conf/types/duration.h"

namespace sim {

using detour::Duration;

enum class EventKind : std::uint8_t {
    // Packets to one block.
    null_route,     // SET WHERE PLACE
    gap,            // SET UPLINK                 as short as the name says; the block alone
    intermittent,   // SET UPLINK SECONDS         so long on, so long off
    filter_icmp,    // SET UPLINK                 pings to the block die, traffic passes
    scrub,          // SET UPLINK SHARE           diverted: pings die, a share of the traffic passes
    refuse_source,  // SET UPLINK                 packets from the block are not let out
    traffic,        // SET PACKETS                a second, from the whole world
    attack,         // SET PACKETS                so many more
    // An uplink.
    dark,          // UPLINK                    nothing passes, carrier stays
    core_fault,    // UPLINK                    nothing passes behind the neighbour
    isolated,      // UPLINK                    its network is whole, the world is unreachable
    loss,          // UPLINK SHARE              every packet by lot
    lossy_block,   // SET UPLINK SHARE          only those to the block
    lag,           // UPLINK MEMBERS            of eight members so many are dead
    link_down,     // UPLINK
    flap,          // UPLINK SECONDS            down and up so often
    control_dead,  // UPLINK                   nobody answers its control sources
    small_mtu,     // UPLINK BYTES             large packets die
    // BGP.
    reset,         // UPLINK                      the TCP connection breaks
    session_down,  // UPLINK                      breaks, and calls are refused
    shutdown,      // UPLINK                      Cease, Administrative Shutdown
    hijack,        // SET UPLINK AS               the block with this origin is told of there
    max_prefix,    // UPLINK                      Cease at the next announcement of another prefix
    strip,         // WHERE                       communities are not honoured
    stuck,         // WHERE                       withdrawals are not heard
    prefer,        // WHERE UPLINK                sends by this way whatever the path
    // Hosts.
    target_dead,     // TARGET
    target_limit,    // TARGET MILLISECONDS      answers at most so often
    sentinels_dead,  // UPLINK
    // The box.
    restart,         //                           killed; starts again when the time is over
    stall,           //                           detourd is not scheduled
    clock_step,      //
    telemetry_lost,  //                           the data plane does not answer
    deaf,            //                           the box's own fault: all uplinks at once
    // The operator.
    move,        // SET UPLINK
    failback,    // SET
    return_now,  // SET
    abort,       // SET
    freeze,      //
    thaw,        //
    advise,      //
    automatic,   //
};
inline constexpr std::size_t event_kind_count = 42;

enum class Place : std::uint8_t { inside, border, half_border, host };

struct Event {
    Duration at{};
    EventKind kind = EventKind::null_route;
    std::uint32_t set = 0;
    std::optional<std::uint8_t> family;  // 0, 1; nothing: both
    std::string where;                   // an uplink, or a network of the world
    Place place = Place::inside;
    double number = 0;
    std::uint32_t target = 0;
    bool has_urpf = false;
    std::optional<Duration> length;

    [[nodiscard]] Duration end() const { return at + length.value_or(Duration{}); }
};

// The words that follow a kind: s SET, u UPLINK, w WHERE, p PLACE, n number, t TARGET.
struct EventForm {
    EventKind kind;
    std::string_view name;
    std::string_view words;
    bool is_lasting;  // has a `for`
    // It disturbs what a verdict on null routes is read from: while it lasts none is owed.
    bool is_disturbing;
    std::string_view meaning;
};
[[nodiscard]] const EventForm& form_of(EventKind kind);

[[nodiscard]] std::expected<Event, std::string> parse_event(std::string_view line);
[[nodiscard]] std::string to_string(const Event& event);

}  // namespace sim
