// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What detourd is around the controller, in virtual time: sockets, a kernel that writes routes, a
// disk that takes a moment (and outputs behind a Persist wait for it), counters that are read, a
// process that can be killed at any instant and finds what was saved last.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "controlplane/controller/controller.h"
#include "tests/sim/world/internet.h"
#include "tests/sim/world/sessions.h"

namespace sim {

class Box {
 public:
    Box(Agenda& agenda, const detour::model::Config& config, Internet& internet, Sessions& sessions,
        Dice dice);

    void start();
    void kill();
    void stall();
    void wake(Duration length);
    void give(const detour::controller::Input& input);
    void deliver(const Packet& packet);
    void tick() { give(detour::controller::Tick{}); }
    void command(detour::controller::Command::Deed deed);
    void set_telemetry(bool is_present) { is_telemetry_present_ = is_present; }
    // The carrier of an uplink, as the kernel tells of it: a moment later, up to a second.
    void tell_link(std::uint32_t uplink, detour::decision::Presence state);

    [[nodiscard]] bool is_running() const { return controller_ && !is_stalled_; }
    [[nodiscard]] bool is_alive() const { return controller_ != nullptr; }
    [[nodiscard]] std::optional<Instant> next_deadline() const {
        return is_running() ? controller_->next_deadline() : std::nullopt;
    }
    [[nodiscard]] detour::controller::View view(Instant now) const {
        return controller_->view(now);
    }
    [[nodiscard]] Instant started() const { return started_; }

    // Who looks over its shoulder.
    struct Watcher {
        virtual ~Watcher() = default;
        virtual void on_start(const std::optional<detour::decision::State>&, Duration /*age*/) {}
        virtual void on_record(const detour::controller::Record&) {}
        virtual void on_send(const detour::probe::Send&) {}
        virtual void on_reply(const Packet&) {}
    };
    std::vector<Watcher*> watchers;

 private:
    void carry_out(detour::controller::Outputs outputs);
    void carry_out(detour::controller::Output& output);
    void save(const detour::controller::Persist& order);
    void read_counters(std::uint64_t of_life, std::uint64_t reading);
    void later(Duration delay, std::function<void()> deed);

    Agenda& agenda_;
    const detour::model::Config& config_;
    Internet& internet_;
    Sessions& sessions_;
    Dice dice_;
    std::unique_ptr<detour::controller::Controller> controller_;
    std::uint64_t life_ = 0;
    std::uint64_t next_record_ = 1;
    Instant started_{};
    bool is_stalled_ = false;
    bool is_telemetry_present_ = true;
    std::vector<detour::decision::Presence> links_;
    std::vector<std::uint64_t> link_tellings_;
    // Behind a Persist.
    bool is_saving_ = false;
    std::deque<detour::controller::Output> waiting_;
    std::optional<detour::decision::State> disk_;
    Instant saved_{};
    Duration counters_every_{};
    std::uint64_t reading_ = 0;
    // What came while it was not scheduled.
    std::vector<Packet> unread_;
    std::vector<std::function<void()>> unheard_;
    detour::Bytes message_;
    std::uint64_t commands_ = 0;
};

}  // namespace sim
