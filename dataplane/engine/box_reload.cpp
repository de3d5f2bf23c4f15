// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The part of the box that takes another configuration as it runs.
#include <algorithm>
#include <chrono>

#include "dataplane/engine/box_parts.h"
#include "dataplane/engine/log.h"

namespace detour::engine {

// Judged whole before anything is changed. Workers see the new state as they see a new route.
std::expected<void, Error> Box::Parts::reload(std::optional<revision::Number> number) {
    auto choice = next_configuration(options, number);
    if (!choice)
        return std::unexpected(choice.error());
    auto next = successor(config, std::move(choice->config));
    if (!next)
        return std::unexpected(next.error());
    if (tunnels.counted(*next).size() > uplink_slots.capacity() ||
        next->prefix_sets.size() > set_slots.capacity())
        return std::unexpected(Error{"needs a new start: more uplinks or sets than counters"});
    auto planned = tunnels.plan(*next, keeper, host->undo());
    if (!planned)
        return std::unexpected(planned.error());
    const bool needs_standstill = planned->needs_standstill;
    const auto change = [&] {
        config = std::move(*next);
        tunnels.commit(config, std::move(*planned), engine_now());
        (void)uplink_slots.assign(tunnels.counted(config));
        (void)set_slots.assign(config.prefix_sets);
    };
    if (needs_standstill) {
        rework(change);
    } else {
        change();
        kernel->change_devices(engine_now(), mirrored_devices());
    }
    digest = revision::digest(choice->text);
    say("revision {} runs", number ? fmt::format("{} ({})", *number, digest) : digest);
    return {};
}

// What workers hold by reference is changed while none of them runs: meanwhile packets wait in the
// queues of the ports. Everything that was made of it is made anew; without memory for that the
// box ends, and is started again.
void Box::Parts::rework(const std::function<void()>& change) {
    const Instant start = engine_now();
    if (is_forwarding) {
        capture.reset();
        keepalives.reset();
        path_mtus.reset();
    }
    fabric->stop();
    next_hops.restart();
    fabric.reset();
    change();
    if (auto made = make_fabric(); !made) {
        failure = made.error();
        return;
    }
    kernel->change_devices(engine_now(), mirrored_devices());
    if (!is_forwarding)
        return;
    fabric->start();
    say("{} tunnels; the workers stood still for {} us", tunnels.uplinks().size(),
        std::chrono::duration_cast<std::chrono::microseconds>(engine_now() - start).count());
    follow_tunnels();
    open_capture();
}

void Box::Parts::sweep_tunnels() {
    std::vector<Twin> gone;
    rework([&] {
        gone = tunnels.sweep(engine_now());
        (void)uplink_slots.assign(tunnels.counted(config));
    });
    TunnelRoster::dismiss(std::move(gone), keeper, host->undo());
}

Answer::Object Box::Parts::answer_reload(const std::string& parameters) {
    const auto number = wanted_revision(parameters);
    if (!number)
        return {{"result", "refused"}, {"error", number.error().message}};
    const auto done = reload(*number);
    if (!done)
        return {{"result", "refused"}, {"error", done.error().message}, {"revision", digest}};
    return {{"result", "taken"}, {"revision", digest}};
}

}  // namespace detour::engine
