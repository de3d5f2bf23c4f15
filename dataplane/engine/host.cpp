// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/host.h"

#include <algorithm>

#include "dataplane/engine/log.h"
#include "dataplane/engine/port/guard.h"
#include "dataplane/engine/port/kernel_interface.h"
#include "dataplane/engine/twin.h"

namespace detour::engine {
namespace {

// "detour-0a1b2c3d" -> "detour_0a1b2c3d_guard": nft names have no dash.
std::string guard_table(const program::RunDir& run) {
    std::string table = run.eal_file_prefix() + "_guard";
    std::ranges::replace(table, '-', '_');
    return table;
}

std::set<std::string> interfaces_of(std::span<const HostPort> ports) {
    std::set<std::string> interfaces;
    for (const HostPort& port : ports)
        if (const auto interface = port.device.interface())
            interfaces.insert(*interface);
    return interfaces;
}

}  // namespace

std::expected<std::unique_ptr<Host>, Error> Host::open(const program::RunDir& run,
                                                       std::span<const HostPort> ports,
                                                       const std::set<std::string>& twins) {
    std::unique_ptr<Host> host(new Host(UndoFile::read(run.path() / "undo"), guard_table(run)));
    host->clean_up_after_crash(ports, twins);
    if (auto claimed = host->claim(ports); !claimed)
        return std::unexpected(claimed.error());
    return host;
}

void Host::clean_up_after_crash(std::span<const HostPort> ports,
                                const std::set<std::string>& twins) {
    if (!undo_.entries().empty())
        say("the last instance did not end cleanly; what it changed on this host is put right");
    const std::set<std::string> interfaces = interfaces_of(ports);
    const auto entries = undo_.entries();
    for (const UndoFile::Entry& entry : entries) {
        if (entry.what == "twin" && !twins.contains(entry.interface)) {
            Twin::remove(entry.interface);
            undo_.forget(entry);
        } else if (entry.what != "twin" && !interfaces.contains(entry.interface)) {
            restore_interface(entry.interface, undo_);
        }
    }
}

std::expected<void, Error> Host::claim(std::span<const HostPort> ports) {
    std::vector<std::string> guarded;
    for (const HostPort& port : ports) {
        const auto interface = port.device.interface();
        if (!interface)
            continue;
        if (auto prepared = prepare_interface(*interface, port.mtu, undo_); !prepared)
            return prepared;
        if (port.device.driver() == Driver::af_packet)
            guarded.push_back(*interface);
    }
    has_guard_ = !guarded.empty();
    return set_guard(guard_table_, guarded);
}

Host::~Host() {
    const auto entries = undo_.entries();
    for (const UndoFile::Entry& entry : entries) {
        if (entry.what == "twin") {
            Twin::remove(entry.interface);
            undo_.forget(entry);
        } else {
            restore_interface(entry.interface, undo_);
        }
    }
    if (has_guard_)
        remove_guard(guard_table_);
}

}  // namespace detour::engine
