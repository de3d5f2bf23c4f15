// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/kernel_interface.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "dataplane/engine/descriptor.h"

namespace detour::engine {
namespace {

struct Offload {
    std::string_view what;
    std::uint32_t get;
    std::uint32_t set;
};

// In the order they are switched off; segmentation needs checksums, so it goes first.
constexpr std::array<Offload, 5> offloads{{
    {"tcp-segmentation", ETHTOOL_GTSO, ETHTOOL_STSO},
    {"generic-segmentation", ETHTOOL_GGSO, ETHTOOL_SGSO},
    {"generic-receive", ETHTOOL_GGRO, ETHTOOL_SGRO},
    {"tx-checksum", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
    {"rx-checksum", ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
}};

class Interface {
 public:
    explicit Interface(const std::string& name)
        : name_(name), socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

    [[nodiscard]] bool exists() const { return flags().has_value(); }

    [[nodiscard]] std::optional<int> flags() const {
        ifreq request = named();
        if (ioctl(socket_.get(), SIOCGIFFLAGS, &request) != 0)
            return std::nullopt;
        return request.ifr_flags;
    }
    bool set_flags(int flags) {
        ifreq request = named();
        request.ifr_flags = static_cast<short>(flags);
        return ioctl(socket_.get(), SIOCSIFFLAGS, &request) == 0;
    }
    [[nodiscard]] int mtu() const {
        ifreq request = named();
        return ioctl(socket_.get(), SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : 0;
    }
    bool set_mtu(int mtu) {
        ifreq request = named();
        request.ifr_mtu = mtu;
        return ioctl(socket_.get(), SIOCSIFMTU, &request) == 0;
    }
    // Nothing: the device has no such offload.
    [[nodiscard]] std::optional<std::uint32_t> offload(const Offload& offload) const {
        ethtool_value value{.cmd = offload.get, .data = 0};
        if (!ethtool(value))
            return std::nullopt;
        return value.data;
    }
    bool set_offload(const Offload& offload, std::uint32_t data) {
        ethtool_value value{.cmd = offload.set, .data = data};
        return ethtool(value);
    }

 private:
    [[nodiscard]] ifreq named() const {
        ifreq request{};
        name_.copy(request.ifr_name, IFNAMSIZ - 1);
        return request;
    }
    bool ethtool(ethtool_value& value) const {
        ifreq request = named();
        request.ifr_data = reinterpret_cast<char*>(&value);
        return ioctl(socket_.get(), SIOCETHTOOL, &request) == 0;
    }

    std::string name_;
    Descriptor socket_;
};

std::expected<void, Error> switch_offloads_off(Interface& interface, const std::string& name,
                                               UndoFile& undo) {
    for (const Offload& offload : offloads) {
        const auto before = interface.offload(offload);
        if (before.value_or(0) == 0)
            continue;
        if (auto remembered =
                undo.remember({name, std::string(offload.what), fmt::format("{}", *before)});
            !remembered)
            return remembered;
        // Receive checksums of a device that cannot do without are harmless: the frame is as it
        // was on the wire.
        if (!interface.set_offload(offload, 0) && offload.set != ETHTOOL_SRXCSUM)
            return std::unexpected(system_error(fmt::format(
                "cannot switch {} off on {} (ethtool -K {})", offload.what, name, name)));
    }
    return {};
}

std::expected<void, Error> enlarge_mtu(Interface& interface, const std::string& name,
                                       std::uint16_t mtu, UndoFile& undo) {
    const int before = interface.mtu();
    if (before >= mtu)
        return {};
    if (auto remembered = undo.remember({name, "mtu", fmt::format("{}", before)}); !remembered)
        return remembered;
    if (!interface.set_mtu(mtu))
        return std::unexpected(system_error(
            fmt::format("cannot raise the MTU of {} from {} to the port's {}", name, before, mtu)));
    return {};
}

std::expected<void, Error> set_up(Interface& interface, const std::string& name, UndoFile& undo) {
    const int before = interface.flags().value_or(0);
    if ((before & IFF_UP) != 0)
        return {};
    if (auto remembered = undo.remember({name, "admin", "down"}); !remembered)
        return remembered;
    if (!interface.set_flags(before | IFF_UP))
        return std::unexpected(system_error("cannot set up interface " + name));
    return {};
}

void restore(Interface& interface, const UndoFile::Entry& entry) {
    int before = 0;
    std::from_chars(entry.before.data(), entry.before.data() + entry.before.size(), before);
    if (entry.what == "mtu")
        interface.set_mtu(before);
    if (entry.what == "admin")
        interface.set_flags(interface.flags().value_or(0) & ~IFF_UP);
    for (const Offload& offload : offloads)
        if (entry.what == offload.what)
            interface.set_offload(offload, static_cast<std::uint32_t>(before));
}

}  // namespace

std::expected<void, Error> prepare_interface(const std::string& name, std::uint16_t mtu,
                                             UndoFile& undo) {
    Interface interface(name);
    if (!interface.exists())
        return std::unexpected(
            setup_error(fmt::format("there is no interface {} in this network namespace", name)));
    if (auto off = switch_offloads_off(interface, name, undo); !off)
        return off;
    if (auto enlarged = enlarge_mtu(interface, name, mtu, undo); !enlarged)
        return enlarged;
    return set_up(interface, name, undo);
}

void restore_interface(const std::string& name, UndoFile& undo) {
    Interface interface(name);
    const auto entries = undo.entries();
    // The reverse order: checksums come back before the segmentation that needs them.
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        if (entry->interface != name || entry->what == "twin")
            continue;
        if (interface.exists())
            restore(interface, *entry);
        undo.forget(*entry);
    }
}

}  // namespace detour::engine
