// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// rtnetlink messages -> plan's words. Dumps and notifications have the same form; both come here.
// What plan cannot say (a rule with a mark, a route of somebody else) is nothing; what bears our
// protocol and has a form we never write is decoded to something that equals none of our objects,
// so that the difference repairs it.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <variant>

#include "controlplane/kernel/plan/objects.h"

namespace detour::kernel {

enum class Presence : std::uint8_t { present, absent };

// An entry of the neighbour table.
struct Neighbour {
    enum class State : std::uint8_t {
        unknown,   // no entry, or being asked for
        resolved,  // usable (NUD_VALID)
        failed,    // asked, no answer
    };

    InterfaceIndex device;
    Address address;
    State state = State::unknown;

    friend constexpr auto operator<=>(const Neighbour&, const Neighbour&) = default;
};

struct Notice {
    using Address = std::pair<plan::LinkAddress, plan::AddressState>;
    using Rule = std::pair<plan::Rule, std::uint8_t>;  // and its protocol

    Presence presence = Presence::present;
    std::variant<plan::Link, Address, Rule, plan::Nexthop, plan::Route, Neighbour> object;
};

[[nodiscard]] std::optional<Notice> decode(const nlmsghdr& message);

}  // namespace detour::kernel
