// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the picture of the kernel to facts the controller can act on, each told when it changes:
// the condition of our interfaces, gateways, and whether a placement stands. No I/O.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "conf/model/config.h"
#include "controlplane/kernel/outputs.h"

namespace detour::kernel {

class Facts {
 public:
    // What is asked for from now on. A place that was already asked for keeps its clock.
    void want(Instant now, const model::Config& config, const plan::Placement& placement);

    void note(const Neighbour& neighbour, Presence presence);

    // Everything that differs from what was told last. `desired` names the interfaces and their
    // addresses; while operations are outstanding a place that does not stand yet is not told.
    enum class Progress : std::uint8_t { outstanding, settled };
    [[nodiscard]] Outputs observe(Instant now, const plan::Desired& desired,
                                  const plan::Actual& actual, Progress progress);

 private:
    struct Device {
        InterfaceIndex index;
        Condition condition = Condition::absent;
        bool is_ready = false;

        friend bool operator==(const Device&, const Device&) = default;
    };
    struct Wish {
        plan::Place place;
        Instant since;
        enum class Told : std::uint8_t { nothing, stands, waits } told = Told::nothing;
    };
    struct Gateway {
        Address address;
        std::string device;
        Neighbour::State told = Neighbour::State::unknown;
    };

    void observe_devices(Instant now, const plan::Desired& desired, const plan::Actual& actual,
                         Outputs& outputs);
    void observe_gateways(Instant now, const plan::Actual& actual, Outputs& outputs);
    void observe_places(Instant now, const plan::Actual& actual, Progress progress,
                        Outputs& outputs);

    std::map<std::string, Device> devices_;
    std::map<plan::Placed, Wish> wishes_;
    std::map<std::pair<UplinkId, Family>, Gateway> gateways_;
    std::map<std::pair<InterfaceIndex, Address>, Neighbour::State> neighbours_;
    std::map<UplinkId, std::string> uplink_devices_;
};

}  // namespace detour::kernel
