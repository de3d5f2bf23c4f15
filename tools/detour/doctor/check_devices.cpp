// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The devices behind the ports: PCI cards and their driver and IOMMU, interfaces of the kernel with
// their link, MTU, addresses and offloads.
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "tools/detour/doctor/finding.h"
#include "tools/detour/doctor/host.h"
#include "tools/detour/shell.h"

namespace detour::command::doctor {
namespace {

using nlohmann::json;

// Drivers of the kernel that DPDK works beside, without taking the card away.
constexpr std::array shared_drivers{"mlx4_core", "mlx5_core", "mana"};

void check_iommu(const Patient& patient, Findings& findings) {
    const bool has_card = std::ranges::any_of(patient.config.ports, [](const model::Port& port) {
        return pci_address(port).has_value();
    });
    if (!has_card)
        return findings.ok("IOMMU", "not needed: no port is a PCI card");
    if (!entries("/sys/kernel/iommu_groups").empty())
        return findings.ok("IOMMU", "on");
    if (contents("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode").value_or("N") == "Y")
        return findings.warn("IOMMU", "off, and vfio goes without: a card may write to any memory",
                             "where there is an IOMMU: intel_iommu=on iommu=pt (AMD: iommu=pt) on "
                             "the kernel's command line, and reboot");
    findings.error("IOMMU", "off: vfio-pci will not give a card to the data plane",
                   "intel_iommu=on iommu=pt (AMD: iommu=pt) on the kernel's command line, and "
                   "reboot; in a virtual machine without one: modprobe vfio "
                   "enable_unsafe_noiommu_mode=1");
}

void check_card(const model::Port& port, const std::string& address, Findings& findings) {
    const std::filesystem::path device = "/sys/bus/pci/devices/" + address;
    const std::string bind =
        fmt::format("modprobe vfio-pci; dpdk-devbind.py --bind=vfio-pci {}", address);
    if (!std::filesystem::exists(device))
        return findings.error("driver",
                              fmt::format("port {}: there is no PCI device {}", port.name, address),
                              "lspci -D lists them; in a container: --device, and /sys writable");
    std::error_code error;
    const std::string driver =
        std::filesystem::read_symlink(device / "driver", error).filename().native();
    if (driver.empty())
        return findings.error("driver",
                              fmt::format("port {}: {} has no driver", port.name, address), bind);
    if (driver == "vfio-pci" || std::ranges::find(shared_drivers, driver) != shared_drivers.end())
        return findings.ok("driver", fmt::format("{}: {}", port.name, driver));
    if (driver == "igb_uio" || driver == "uio_pci_generic")
        return findings.warn("driver",
                             fmt::format("port {}: {} is bound to {}, which knows no IOMMU and few "
                                         "interrupts",
                                         port.name, address, driver),
                             bind);
    findings.error(
        "driver",
        fmt::format("port {}: {} is bound to the kernel's {}: the data plane cannot have "
                    "it",
                    port.name, address, driver),
        bind);
}

bool is_on(const std::string& interface, std::uint32_t question) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ethtool_value value{.cmd = question, .data = 0};
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    const bool is_known = ::ioctl(socket, SIOCETHTOOL, &request) == 0;
    ::close(socket);
    return is_known && value.data != 0;
}

// The data plane switches them off when it starts: what is on now was switched on since.
void check_offloads(const Patient& patient, const std::string& interface, Findings& findings) {
    if (!patient.is_dpdk())
        return;
    if (!patient.is_forwarding)
        return findings.not_checked(
            "offloads", fmt::format("{}: the data plane sees to them when it starts", interface));
    std::string on;
    std::string mend = "ethtool -K " + interface;
    for (const auto& [name, question] : {std::pair{"tso", ETHTOOL_GTSO},
                                         {"gso", ETHTOOL_GGSO},
                                         {"gro", ETHTOOL_GGRO},
                                         {"tx", ETHTOOL_GTXCSUM}})
        if (is_on(interface, static_cast<std::uint32_t>(question))) {
            on += fmt::format("{}{}", on.empty() ? "" : ", ", name);
            mend += fmt::format(" {} off", name);
        }
    if (on.empty())
        return findings.ok("offloads", interface + ": off");
    findings.error(
        "offloads",
        fmt::format("{}: {} on: packets come in glued together or without checksums, and "
                    "are dropped or sent broken",
                    interface, on),
        mend);
}

// In kind dpdk the twin has the addresses; the interface behind it must have none.
void check_addresses(const Patient& patient, const model::Port& port, const std::string& interface,
                     const json& link, Findings& findings) {
    if (!patient.is_dpdk())
        return;
    for (const json& address : link.value("addr_info", json::array())) {
        if (address.value("scope", "") == "link")
            continue;
        const std::string text =
            fmt::format("{}/{}", address.value("local", ""), address.value("prefixlen", 0));
        findings.error("addresses",
                       fmt::format("{} has {} of its own: the kernel would send to that network "
                                   "past the data plane; the port's twin {} has the addresses",
                                   interface, text, port.name),
                       fmt::format("ip addr del {} dev {}", text, interface));
    }
}

void check_interface(const Patient& patient, const model::Port& port, const std::string& interface,
                     Findings& findings) {
    const auto links = ip({"addr", "show", "dev", interface});
    if (!links || links->empty())
        return findings.error(
            "interface",
            fmt::format("port {}: there is no interface {} in this network "
                        "namespace",
                        port.name, interface),
            "ip link show; is the name right, is the card's driver loaded, and in "
            "a container: is the interface moved into it?");
    const json& link = links->front();
    const json flags = link.value("flags", json::array());
    const auto has = [&](const char* flag) {
        return std::ranges::find(flags, flag) != flags.end();
    };
    const bool is_up = has("UP");
    // The data plane sets its interfaces up and large enough itself.
    const bool is_ours_to_set = patient.is_dpdk() && !patient.is_forwarding;
    if (!is_up && !is_ours_to_set)
        findings.error("interface", fmt::format("{} (port {}) is down", interface, port.name),
                       fmt::format("ip link set {} up", interface));
    if (is_up && !has("LOWER_UP"))
        findings.warn(
            "interface",
            fmt::format("{} (port {}) has no carrier: no cable, or the other side is down",
                        interface, port.name),
            fmt::format("ethtool {}; look at the cable and the other side", interface));
    if (link.value("mtu", 0) < port.mtu && !is_ours_to_set)
        findings.error("MTU",
                       fmt::format("{} takes {} bytes and port {} is to take {}: larger packets "
                                   "are lost",
                                   interface, link.value("mtu", 0), port.name, port.mtu),
                       fmt::format("ip link set {} mtu {}", interface, port.mtu));
    check_addresses(patient, port, interface, link, findings);
    check_offloads(patient, interface, findings);
    if (is_up && has("LOWER_UP"))
        findings.ok("interface", fmt::format("{}: up", interface));
}

}  // namespace

void check_devices(const Patient& patient, Findings& findings) {
    if (patient.is_dpdk())
        check_iommu(patient, findings);
    for (const model::Port& port : patient.config.ports) {
        if (const auto address = pci_address(port); address && patient.is_dpdk())
            check_card(port, *address, findings);
        else if (const auto interface = interface_behind(patient.config, port))
            check_interface(patient, port, *interface, findings);
    }
}

}  // namespace detour::command::doctor
