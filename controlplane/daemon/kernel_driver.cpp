// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/kernel_driver.h"

#include <unistd.h>

#include <utility>
#include <variant>

#include "controlplane/io/clock.h"

namespace detour::daemon {
namespace {

kernel::plan::Placed to_placed(const decision::Block& block) {
    return {block.set, block.family};
}

}  // namespace

KernelDriver::KernelDriver(asio::io_context& loop, std::shared_ptr<const model::Config> config,
                           std::unique_ptr<kernel::Reconciler> reconciler, Listener listener)
    : config_(std::move(config)),
      reconciler_(std::move(reconciler)),
      listener_(std::move(listener)),
      // The descriptors stay the reconciler's: the loop watches copies.
      descriptors_{asio::posix::stream_descriptor(loop, ::dup(reconciler_->fds()[0])),
                   asio::posix::stream_descriptor(loop, ::dup(reconciler_->fds()[1]))},
      timer_(loop) {}

void KernelDriver::start() {
    activity_ = Activity::running;
    take(reconciler_->configure(io::now(), config_, placement_));
    wait(0);
    wait(1);
}

void KernelDriver::place(const std::map<decision::Block, UplinkId>& egress) {
    placement_.places.clear();
    for (const auto& [block, uplink] : egress)
        placement_.places[to_placed(block)] = {{uplink}};
}

// What stands is compared with what is wanted by the numbers of the new configuration: the
// reconciler tells again what stands under them.
void KernelDriver::reconfigure(std::shared_ptr<const model::Config> config,
                               const std::map<decision::Block, UplinkId>& egress) {
    config_ = std::move(config);
    tickets_.clear();
    told_.clear();
    place(egress);
    if (activity_ == Activity::running)
        take(reconciler_->configure(io::now(), config_, placement_));
    tell_links();
}

void KernelDriver::forward(const controller::Forward& order) {
    place(order.egress);
    const kernel::plan::Placed placed = to_placed(order.block);
    tickets_[placed] = {order.ticket, placement_.places[placed]};
    if (activity_ == Activity::running)
        take(reconciler_->place(io::now(), placement_));
    answer();
}

void KernelDriver::remove_all() {
    take(reconciler_->remove_all(io::now()));
}

std::optional<UplinkId> KernelDriver::uplink_of(InterfaceIndex interface) const {
    for (const model::Uplink& uplink : config_->uplinks)
        if (interface_of(uplink.id) == interface)
            return uplink.id;
    return std::nullopt;
}

InterfaceIndex KernelDriver::interface_of(UplinkId uplink) const {
    const auto device = devices_.find(config_->interface_name(uplink));
    return device == devices_.end() ? InterfaceIndex{} : device->second.index;
}

void KernelDriver::wait(std::size_t which) {
    descriptors_[which].async_wait(asio::posix::stream_descriptor::wait_read,
                                   [this, which](const asio::error_code& error) {
                                       if (error)
                                           return;  // the loop is going down
                                       take(reconciler_->on_readable(io::now()));
                                       wait(which);
                                   });
}

void KernelDriver::arm() {
    const auto deadline = reconciler_->next_deadline();
    if (!deadline) {
        timer_.cancel();
        return;
    }
    timer_.expires_after(std::max(Duration::zero(), *deadline - io::now()));
    timer_.async_wait([this](const asio::error_code& error) {
        if (!error)
            take(reconciler_->on_time(io::now()));
    });
}

void KernelDriver::take(const kernel::Outputs& outputs) {
    for (const kernel::Output& output : outputs) {
        listener_.on_output(output);
        if (const auto* changed = std::get_if<kernel::DeviceChanged>(&output))
            take(*changed);
        else if (const auto* stands = std::get_if<kernel::PlaceStands>(&output))
            take(*stands);
        else if (const auto* waits = std::get_if<kernel::PlaceWaits>(&output))
            take(*waits);
    }
    arm();
}

void KernelDriver::take(const kernel::DeviceChanged& changed) {
    devices_[changed.device] = {changed.index,
                                changed.condition == kernel::Condition::up && changed.is_ready};
    tell_links();
}

void KernelDriver::tell_links() {
    for (const model::Uplink& uplink : config_->uplinks) {
        const bool is_up = is_usable(uplink);
        const auto known = told_.find(uplink.id);
        if (known != told_.end() && known->second == is_up)
            continue;
        told_[uplink.id] = is_up;
        listener_.on_input(controller::UplinkLink{
            uplink.id, is_up ? decision::Presence::up : decision::Presence::down});
    }
}

// A tunnel's TUN stays up whatever its underlay does, as a real gre link would: the port below it
// counts too.
bool KernelDriver::is_usable(const model::Uplink& uplink) const {
    const auto is_up = [&](const std::string& name) {
        const auto device = devices_.find(name);
        return device != devices_.end() && device->second.is_usable;
    };
    return is_up(config_->interface_name(uplink.id)) && is_up(config_->interface_name(uplink.port));
}

void KernelDriver::take(const kernel::PlaceStands& stands) {
    standing_[stands.placed] = stands.place;
    answer();
}

void KernelDriver::take(const kernel::PlaceWaits& waits) {
    standing_.erase(waits.placed);
}

void KernelDriver::answer() {
    for (auto it = tickets_.begin(); it != tickets_.end();) {
        const auto standing = standing_.find(it->first);
        if (standing == standing_.end() || !(standing->second == it->second.wanted)) {
            ++it;
            continue;
        }
        const decision::ActionId ticket = it->second.id;
        it = tickets_.erase(it);
        listener_.on_input(controller::Done{ticket, decision::Acknowledgement::Fact::done});
    }
}

}  // namespace detour::daemon
