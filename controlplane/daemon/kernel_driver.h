// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Drives the reconciler from the event loop and speaks the controller's words: a Forward goes down
// as a placement, and comes back as Done when the kernel has it; devices come back as links of
// uplinks.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "conf/model/config.h"
#include "controlplane/controller/input.h"
#include "controlplane/controller/output.h"
#include "controlplane/kernel/reconciler.h"

namespace detour::daemon {

class KernelDriver {
 public:
    struct Listener {
        std::function<void(const controller::Input&)>
            on_input;  // UplinkLink, Done; must not call back
        std::function<void(const kernel::Output&)> on_output;  // everything, for the log
    };

    KernelDriver(asio::io_context& loop, std::shared_ptr<const model::Config> config,
                 std::unique_ptr<kernel::Reconciler> reconciler, Listener listener);

    // With the placement of the forward() calls before it: a restart adopts what stands in the
    // kernel and must not isolate a set in between.
    void start();
    void forward(const controller::Forward& order);
    // Another configuration, and where each block leaves by its numbers. Devices and tickets of
    // before are told anew.
    void reconfigure(std::shared_ptr<const model::Config> config,
                     const std::map<decision::Block, UplinkId>& egress);
    // The clean stop: nothing of ours stays in the kernel.
    void remove_all();

    // The uplink whose device it is.
    [[nodiscard]] std::optional<UplinkId> uplink_of(InterfaceIndex interface) const;
    // The kernel's index of the uplink's device; 0 while there is none.
    [[nodiscard]] InterfaceIndex interface_of(UplinkId uplink) const;

 private:
    struct Device {
        InterfaceIndex index;
        bool is_usable = false;  // up, with carrier and all its addresses
    };

    void wait(std::size_t which);
    void arm();
    void take(const kernel::Outputs& outputs);
    void take(const kernel::DeviceChanged& changed);
    void take(const kernel::PlaceStands& stands);
    void take(const kernel::PlaceWaits& waits);
    void answer();
    void tell_links();
    void place(const std::map<decision::Block, UplinkId>& egress);
    [[nodiscard]] bool is_usable(const model::Uplink& uplink) const;

    std::shared_ptr<const model::Config> config_;
    std::unique_ptr<kernel::Reconciler> reconciler_;
    Listener listener_;
    std::array<asio::posix::stream_descriptor, 2> descriptors_;
    asio::steady_timer timer_;

    std::map<std::string, Device> devices_;
    std::map<UplinkId, bool> told_;
    kernel::plan::Placement placement_;
    enum class Activity { idle, running } activity_ = Activity::idle;
    std::map<kernel::plan::Placed, kernel::plan::Place> standing_;
    struct Ticket {
        decision::ActionId id;
        kernel::plan::Place wanted;
    };
    std::map<kernel::plan::Placed, Ticket> tickets_;
};

}  // namespace detour::daemon
