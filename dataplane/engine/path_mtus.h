// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Gives each TUN the MTU of its tunnel's outer path: what workers heard (node/path_mtu.h), judged
// by PathMtu. The kernel's interface is where everybody reads it, the mirror of this process too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/path_mtu.h"
#include "dataplane/engine/twin.h"
#include "dataplane/engine/worker/fabric.h"

namespace detour::engine {

class PathMtus {
 public:
    // `tunnels` and `twins` by TunnelIndex; all outlives it. What an earlier instance learned, and
    // left with the TUN, is learned anew.
    PathMtus(const model::Config& config, std::span<const model::Uplink* const> tunnels,
             std::span<Twin> twins, const Fabric& fabric, Instant now);

    [[nodiscard]] std::optional<Instant> next_deadline() const;
    // Whenever the engine is awake, at least once a second.
    void look(Instant now);

 private:
    struct Path {
        PathMtu mtu;
        std::vector<std::uint64_t> heard = {};  // messages so far, by worker
    };

    std::span<const model::Uplink* const> tunnels_;
    std::span<Twin> twins_;
    const Fabric& fabric_;
    std::vector<Path> paths_;  // by TunnelIndex
};

}  // namespace detour::engine
