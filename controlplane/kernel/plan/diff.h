// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From what should be and what is: the operations that lead from one to the other, in an order that
// never leaves a hole. Links and addresses first, then next hops, groups and routes, rules behind
// them; then removals the other way round. What exists is replaced in place. Pure.
//
// Moves are idempotent: a group that changes brings its members and every route that names it, even
// if they seem to be there, because the kernel flushes all of them without a word when a link goes
// down. Objects of others are never touched: a nexthop id that somebody else holds is a conflict,
// and what would need it is left out; a rule or an address that somebody else made serves us as it
// is.
#pragma once

#include <compare>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/kernel/plan/objects.h"

namespace detour::kernel::plan {

enum class Verb : std::uint8_t {
    create,   // must not exist
    replace,  // exists, or may have vanished: create or replace
    remove,
};

// What to change on a link that exists.
struct LinkChange {
    enum class Raise : std::uint8_t { no, yes };

    InterfaceIndex index;
    std::string name;
    std::optional<std::uint32_t> group;
    std::optional<std::uint32_t> mtu;
    Raise raise = Raise::no;

    friend auto operator<=>(const LinkChange&, const LinkChange&) = default;
};

struct Operation {
    Verb verb = Verb::create;
    // LinkGoal: create or remove a tunnel link. LinkChange: always replace.
    std::variant<LinkGoal, LinkChange, LinkAddress, Nexthop, Route, Rule> object;

    friend auto operator<=>(const Operation&, const Operation&) = default;
};

struct Conflict {
    std::string what;  // "nexthop id 251658240 belongs to protocol 196"

    friend auto operator<=>(const Conflict&, const Conflict&) = default;
};

struct Difference {
    std::vector<Operation> operations;
    std::vector<Conflict> conflicts;
};

enum class Extent : std::uint8_t {
    whole,
    part,  // `desired` is a part of what should be: nothing is removed
};

[[nodiscard]] Difference diff(const Desired& desired, const Actual& actual,
                              Extent extent = Extent::whole);

// As an `ip` command, for people: "nexthop replace id 0xf100000 group 0xf000000".
[[nodiscard]] std::string to_string(const Operation& operation);

}  // namespace detour::kernel::plan
