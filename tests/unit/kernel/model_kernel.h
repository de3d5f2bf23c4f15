// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The kernel's rules about its own objects, as observed on Linux 6.18, written down a second time
// for the tests: what it refuses and what vanishes with what. plan/apply is not used here.
#pragma once

#include <string>

#include "controlplane/kernel/plan/diff.h"

namespace detour::kernel::plan {

class ModelKernel {
 public:
    Actual state;

    // Empty, or why the kernel would refuse.
    [[nodiscard]] std::string execute(const Operation& operation);

    // ip link set up/down, carrier: the silent flush.
    void set_carrier(InterfaceIndex device);
    void clear_carrier(InterfaceIndex device);

 private:
    std::string put(Verb verb, const LinkGoal& goal);
    std::string put(Verb verb, const LinkChange& change);
    std::string put(Verb verb, const LinkAddress& address);
    std::string put(Verb verb, const Nexthop& nexthop);
    std::string put(Verb verb, const Route& route);
    std::string put(Verb verb, const Rule& rule);

    [[nodiscard]] bool is_usable(InterfaceIndex device) const;
    void remove_nexthop(NexthopId id);
    void remove_link(InterfaceIndex device);

    std::uint32_t next_index_ = 100;
};

}  // namespace detour::kernel::plan
