// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the decision's wish to know where packets vanish to walks of the prober, two for each uplink
// (from the block, and from outside it), and back to rows of the journal that name their cause.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "controlplane/controller/record.h"
#include "controlplane/decision/action.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

class Localiser {
 public:
    // `record`: the wish's own number.
    [[nodiscard]] std::array<probe::Walk, 2> begin(const decision::Localise& wish,
                                                   std::uint64_t record);

    struct Finding {
        Localised body;
        std::uint64_t cause = 0;
    };
    // Nothing: nobody asked for it (any more).
    [[nodiscard]] std::optional<Finding> end(const probe::Walked& walked);
    // Nobody walks any more.
    void forget() { asked_.clear(); }

 private:
    struct Asked {
        decision::Block block;
        std::uint64_t record = 0;
    };

    std::map<std::uint32_t, Asked> asked_;  // by Walk::number
    std::uint32_t last_ = 0;
};

}  // namespace detour::controller
