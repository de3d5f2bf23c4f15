// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Sends the GRE keepalives of the tunnels that have them (packet/gre_keepalive.h), and lets each
// tunnel's TUN lose its carrier while the far end does not answer, as a line that is down. Answers
// come in by the workers (node/keepalive.h), which count them. One thread, the engine's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/keepalive_watch.h"
#include "dataplane/engine/twin.h"
#include "dataplane/engine/worker/fabric.h"
#include "dataplane/fib/publisher.h"

namespace detour::engine {

class Keepalives {
 public:
    // `tunnels` and `twins` by TunnelIndex; all outlives it.
    Keepalives(std::span<const model::Uplink* const> tunnels, std::span<Twin> twins, Fabric& fabric,
               const fib::Publisher& publisher, rte_mempool* buffers, Instant now);

    [[nodiscard]] std::optional<Instant> next_deadline() const;
    void on_time(Instant now);

 private:
    struct Line {
        std::size_t tunnel;
        KeepaliveWatch watch;
        bool was_up = true;
    };

    [[nodiscard]] std::uint64_t heard(std::size_t tunnel) const;
    void send(std::size_t tunnel);
    void tell(Line& line);

    std::span<const model::Uplink* const> tunnels_;
    std::span<Twin> twins_;
    Fabric& fabric_;
    const fib::Publisher& publisher_;
    rte_mempool* buffers_;
    std::vector<Line> lines_;
};

}  // namespace detour::engine
