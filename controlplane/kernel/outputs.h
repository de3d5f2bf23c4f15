// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the reconciler tells its caller: facts about interfaces and gateways, acknowledgements of
// placements, and what stood in its way. Each is said when it changes, not each time it is seen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/kernel/decode.h"
#include "controlplane/kernel/plan/desired.h"
#include "controlplane/kernel/plan/diff.h"
#include "controlplane/kernel/socket.h"
#include "controlplane/kernel/sysctl.h"

namespace detour::kernel {

enum class Condition : std::uint8_t { absent, down, no_carrier, up };

// An interface of ours: a port's twin, a tunnel, lo.
struct DeviceChanged {
    std::string device;
    InterfaceIndex index;
    Condition condition = Condition::absent;
    // All our addresses stand on it and can be bound.
    bool is_ready = false;
    Instant at;
};

struct GatewayChanged {
    UplinkId uplink;
    Family family = Family::ipv4;
    Neighbour::State state = Neighbour::State::unknown;
    Instant at;
};

// The set leaves by exactly these uplinks now: group and default route are in the kernel.
struct PlaceStands {
    plan::Placed placed;
    plan::Place place;
    Duration latency{};  // since it was asked for, or since it was lost
};

// It cannot, for now: an uplink has no usable link. It will stand when that is back.
struct PlaceWaits {
    plan::Placed placed;
    plan::Place place;
    std::string why;
};

// Somebody else's object is where ours should be; what needs it is left out.
struct ConflictFound {
    plan::Conflict conflict;
};

// The kernel does not do what we ask, and still does not when asked again.
struct Refused {
    std::string operation;
    std::string reason;
};

struct SettingMissing {
    SysctlFault fault;
};

enum class Cause : std::uint8_t {
    configuration,
    move,
    link,          // a link or address event, and what it flushed silently
    interference,  // somebody changed an object of ours
    audit,
    overrun,  // the kernel dropped notifications
    retry,
};
[[nodiscard]] std::string_view to_string(Cause cause);

// Operations that nobody asked for: the kernel's state had drifted.
struct Repaired {
    Cause cause = Cause::audit;
    std::size_t operation_count = 0;
};

struct Audited {
    std::size_t difference_count = 0;
};

// A socket failed; everything will be dumped again.
struct Faltered {
    KernelError error;
};

using Output = std::variant<DeviceChanged, GatewayChanged, PlaceStands, PlaceWaits, ConflictFound,
                            Refused, SettingMissing, Repaired, Audited, Faltered>;
using Outputs = std::vector<Output>;

}  // namespace detour::kernel
