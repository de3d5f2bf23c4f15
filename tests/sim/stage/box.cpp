// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/stage/box.h"

#include <utility>

#include "conf/types/overloaded.h"

namespace sim {

namespace controller = detour::controller;
namespace decision = detour::decision;
using namespace std::chrono_literals;
using detour::Overloaded;
using detour::UplinkId;

Box::Box(Agenda& agenda, const detour::model::Config& config, Internet& internet,
         Sessions& sessions, Dice dice)
    : agenda_(agenda),
      config_(config),
      internet_(internet),
      sessions_(sessions),
      dice_(dice),
      links_(config.uplinks.size(), decision::Presence::up),
      link_tellings_(config.uplinks.size()) {
    sessions_.give = [this](const detour::bgp::Input& input) {
        if (!is_stalled_)
            return give(input);
        // Sockets keep it. Received refers to bytes that will be gone.
        if (const auto* received = std::get_if<detour::bgp::Received>(&input))
            unheard_.emplace_back(
                [this, id = received->connection,
                 bytes = detour::Bytes(received->bytes.begin(), received->bytes.end())] {
                    give(detour::bgp::Input(detour::bgp::Received{id, bytes}));
                });
        else
            unheard_.emplace_back([this, input] { give(input); });
    };
}

void Box::later(Duration delay, std::function<void()> deed) {
    agenda_.after(delay, [this, life = life_, deed = std::move(deed)] {
        if (life != life_)
            return;
        if (is_stalled_)
            unheard_.push_back(deed);
        else
            deed();
    });
}

void Box::start() {
    ++life_;
    started_ = agenda_.now();
    const Duration age = disk_ ? started_ - saved_ : Duration{};
    for (Watcher* watcher : watchers)
        watcher->on_start(disk_, age);
    controller_ = std::make_unique<controller::Controller>(
        config_, controller::Beginning{.at = started_,
                                       .next_record = next_record_,
                                       .seed = dice_.next(),
                                       .state = disk_,
                                       .state_age = age,
                                       .passwords = {}});
    counters_every_ = {};
    give(controller::Start{});
    for (std::uint32_t u = 0; u < links_.size(); ++u)
        if (links_[u] == decision::Presence::up)
            later(dice_.between(5ms, 40ms), [this, u] {
                give(controller::UplinkLink{UplinkId(static_cast<std::uint16_t>(u)), links_[u]});
            });
}

void Box::kill() {
    ++life_;
    controller_.reset();
    is_saving_ = is_stalled_ = false;
    waiting_.clear();
    unread_.clear();
    unheard_.clear();
    sessions_.box_died();
}

void Box::stall() {
    is_stalled_ = true;
}

// What piled up is read in one go; whether the timer or the sockets come first is chance, as it is
// in the event loop.
void Box::wake(Duration length) {
    if (!is_alive() || !std::exchange(is_stalled_, false))
        return;
    const bool is_timer_first = dice_.chance(0.5);
    const auto notice = [&] {
        if (length > config_.timing.scheduling_gap)
            give(controller::SchedulingGap{length});
        tick();
    };
    if (is_timer_first)
        notice();
    for (const Packet& packet : std::exchange(unread_, {}))
        deliver(packet);
    for (const auto& deed : std::exchange(unheard_, {}))
        deed();
    if (!is_timer_first)
        notice();
}

void Box::give(const controller::Input& input) {
    if (!controller_)
        return;
    carry_out(controller_->handle(agenda_.now(), input));
}

void Box::deliver(const Packet& packet) {
    if (!controller_)
        return;
    if (is_stalled_) {
        unread_.push_back(packet);
        return;
    }
    for (Watcher* watcher : watchers)
        watcher->on_reply(packet);
    if (packet.message.empty()) {
        message_.assign(packet.head.begin(), packet.head.end());
        message_.resize(packet.size);
    } else {
        message_ = packet.message;
    }
    give(controller::ProbeReply{packet.kind, packet.arrival, packet.source, packet.destination,
                                message_});
}

void Box::command(controller::Command::Deed deed) {
    give(controller::Command{++commands_, "simulator", "scenario", std::move(deed)});
}

void Box::tell_link(std::uint32_t uplink, decision::Presence state) {
    links_[uplink] = state;
    const auto telling = ++link_tellings_[uplink];
    const Duration delay =
        state == decision::Presence::up ? dice_.between(1ms, 5ms) : dice_.between(1ms, 1s);
    later(delay, [this, uplink, telling] {
        if (telling == link_tellings_[uplink])
            give(controller::UplinkLink{UplinkId(static_cast<std::uint16_t>(uplink)),
                                        links_[uplink]});
    });
}

void Box::carry_out(controller::Outputs outputs) {
    const auto life = life_;
    for (controller::Output& output : outputs) {
        if (life != life_)
            return;
        const bool can_pass = std::holds_alternative<controller::Record>(output) ||
                              std::holds_alternative<controller::SendProbe>(output);
        if (is_saving_ && !can_pass)
            waiting_.push_back(std::move(output));
        else
            carry_out(output);
    }
}

void Box::carry_out(controller::Output& output) {
    std::visit(Overloaded{
                   [&](const controller::TransportOrder& order) { sessions_.carry_out(order); },
                   [&](const controller::SendProbe& order) {
                       for (Watcher* watcher : watchers)
                           watcher->on_send(order.probe);
                       internet_.send(order.probe);
                   },
                   [&](const controller::Forward& order) {
                       later(dice_.between(200us, 5ms),
                             [this, ticket = order.ticket] { give(controller::Done{ticket}); });
                   },
                   [&](const controller::Persist& order) { save(order); },
                   [&](const controller::ReadCounters& order) {
                       counters_every_ = order.every;
                       read_counters(life_, ++reading_);
                   },
                   [](const controller::CommandAnswer&) {},
                   [&](const controller::Record& record) {
                       next_record_ = record.number + 1;
                       for (Watcher* watcher : watchers)
                           watcher->on_record(record);
                   },
               },
               output);
}

void Box::save(const controller::Persist& order) {
    is_saving_ = true;
    later(dice_.between(200us, 8ms), [this, order] {
        disk_ = order.state;
        saved_ = agenda_.now();
        is_saving_ = false;
        while (!waiting_.empty() && !is_saving_) {
            controller::Output output = std::move(waiting_.front());
            waiting_.pop_front();
            carry_out(output);
        }
        if (order.ticket != decision::ActionId{})
            give(controller::Done{order.ticket});
    });
}

// Another interval begins with a reading of its own, which comes back in a moment.
void Box::read_counters(std::uint64_t of_life, std::uint64_t reading) {
    const auto is_meant = [this, of_life, reading] {
        return of_life == life_ && reading == reading_;
    };
    agenda_.after(300us, [this, is_meant, of_life, reading] {
        if (!is_meant())
            return;
        if (!is_stalled_ && is_telemetry_present_)
            give(controller::CountersRead{internet_.count()});
        else if (!is_stalled_)
            give(controller::CountersRead{});
        if (is_meant())
            agenda_.after(counters_every_, [this, is_meant, of_life, reading] {
                if (is_meant())
                    read_counters(of_life, reading);
            });
    });
}

}  // namespace sim
