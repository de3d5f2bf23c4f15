// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The kernel: what it must be able to do, found out by doing it in a network namespace that ends
// with the attempt, and the sysctls that decide over packets.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tools/detour/doctor/finding.h"
#include "tools/detour/doctor/host.h"
#include "tools/detour/shell.h"

namespace detour::command::doctor {
namespace {

constexpr unsigned cap_net_admin = 12;
constexpr unsigned cap_net_raw = 13;

struct Feature {
    const char* name;
    const char* commands;  // for sh, in an empty network namespace with lo up
    const char* consequence;
    const char* mend;
    bool is_for_dpdk;
    bool is_for_kernel;
};

constexpr const char* newer_kernel = "a kernel of 5.17 or later (Debian 12 has 6.1)";

constexpr std::array features{
    Feature{"nexthop objects",
            "ip nexthop add id 1 dev lo && ip nexthop add id 2 group 1 && "
            "ip nexthop replace id 2 group 1 && ip route add 192.0.2.0/24 nhid 2 protocol 142",
            "a prefix set cannot move at once", newer_kernel, true, true},
    Feature{
        "rules",
        "ip rule add pref 200 lookup main suppress_prefixlength 0 suppress_ifgroup 196 protocol "
        "142 && ip rule add pref 100 iif lo lookup 1420000 && ip -6 rule add pref 300 oif lo "
        "lookup 1430000 && ip rule add pref 450 iif lo prohibit",
        "prefix sets cannot be routed by source",
        "a kernel with IP_MULTIPLE_TABLES, for both "
        "families",
        true, true},
    Feature{"GRE", "ip link add t type gre local 192.0.2.1 remote 192.0.2.2 ttl 64 dev lo",
            "no tunnel can be made in kind kernel",
            "modprobe ip_gre (apt install linux-modules-extra, or kind: dpdk, which needs none)",
            false, true},
    Feature{"guard",
            "nft 'add table netdev t; add chain netdev t c { type filter hook ingress device lo "
            "priority -500; policy drop; }'",
            "the kernel would forward what af_packet ports receive a second time",
            "modprobe nf_tables (kernel option NFT_NETDEV); apt install nftables", true, false},
};

void check_feature(const Feature& feature, Findings& findings) {
    const Ran ran = run(
        {"unshare", "--net", "sh", "-c", fmt::format("ip link set lo up; {}", feature.commands)});
    if (ran.is_ok())
        return findings.ok(feature.name, "works (tried)");
    const std::string said = ran.complaint.substr(0, ran.complaint.find('\n'));
    if (ran.exit_code == 127 || said.find("unshare") != std::string::npos)
        return findings.not_checked(feature.name, fmt::format("cannot be tried here: {}", said));
    findings.error(feature.name,
                   fmt::format("this kernel cannot: {} ({})", feature.consequence, said),
                   feature.mend);
}

struct Sysctl {
    std::string name;
    long wanted;
    bool is_minimum;
    Level level;
    const char* consequence;
};

std::vector<Sysctl> wanted_sysctls(const Patient& patient) {
    std::vector<Sysctl> list{
        {"net.ipv4.ip_forward", 1, false, Level::error, "the kernel forwards nothing"},
        {"net.ipv6.conf.all.forwarding", 1, false, Level::error, "the kernel forwards no IPv6"},
        {"net.ipv4.conf.all.rp_filter", 0, false, Level::error,
         "what comes back by another way than it left is dropped, as after every move"},
        {"net.ipv4.neigh.default.gc_thresh3", 8192, true, Level::warning,
         "neighbours are forgotten on a LAN with many hosts"},
        {"net.ipv6.neigh.default.gc_thresh3", 8192, true, Level::warning,
         "neighbours are forgotten on a LAN with many hosts"},
    };
    if (std::filesystem::exists(sysctl_file("net.ipv4.nexthop_compat_mode")))
        list.push_back({"net.ipv4.nexthop_compat_mode", 0, false, Level::warning,
                        "a move sends one message a route"});
    std::vector<std::string> devices;
    for (const model::Port& port : patient.config.ports)
        devices.push_back(patient.config.interface_name(port.id));
    for (const model::Uplink& uplink : patient.config.uplinks)
        devices.push_back(patient.config.interface_name(uplink.id));
    std::ranges::sort(devices);
    const auto rest = std::ranges::unique(devices);
    devices.erase(rest.begin(), rest.end());
    for (const std::string& device : devices) {
        if (!exists(device))
            continue;
        list.push_back({fmt::format("net.ipv4.conf.{}.rp_filter", device), 0, false, Level::error,
                        "what comes back by another way than it left is dropped"});
        list.push_back({fmt::format("net.ipv6.conf.{}.accept_ra", device), 0, false, Level::error,
                        "a router advertisement can take the default route"});
    }
    return list;
}

// Where the next boot gets it from, as far as files say.
std::string file_that_sets(const std::string& name) {
    std::string slashed = name;
    std::ranges::replace(slashed, '.', '/');
    for (const char* folder : {"/etc/sysctl.d", "/run/sysctl.d", "/usr/lib/sysctl.d"})
        for (const auto& file : entries(folder)) {
            const std::string text = "\n" + contents(file).value_or("");
            for (const std::string& key : {name, slashed})
                if (text.find("\n" + key) != std::string::npos)
                    return file.native();
        }
    return "";
}

void check_sysctl(const Patient& patient, const Sysctl& sysctl, Findings& findings) {
    const auto file = sysctl_file(sysctl.name);
    const auto value = number_in(file);
    if (!value)
        return;
    if (*value == sysctl.wanted || (sysctl.is_minimum && *value > sysctl.wanted))
        return findings.ok("sysctl", fmt::format("{} = {}", sysctl.name, *value));
    const std::string set_by = file_that_sets(sysctl.name);
    std::string text =
        fmt::format("{} is {} and should be {}{}: {}", sysctl.name, *value,
                    sysctl.is_minimum ? "at least " : "", sysctl.wanted, sysctl.consequence);
    if (!set_by.empty())
        text += fmt::format("; {} sets it", set_by);
    if (::access(file.c_str(), W_OK) != 0)
        return findings.add(sysctl.level, "sysctl", text + "; /proc/sys is read-only here",
                            fmt::format("on the host, or with the container's --sysctl {}={}",
                                        sysctl.name, sysctl.wanted));
    // detourd sets most of them when it starts: before that they are no more than a remark.
    const bool is_before_start = !patient.is_controlled && !sysctl.is_minimum;
    findings.add(is_before_start ? Level::warning : sysctl.level, "sysctl",
                 is_before_start ? text + " (detourd sets it when it starts)" : text,
                 fmt::format("sysctl -w {}={}", sysctl.name, sysctl.wanted));
}

}  // namespace

void check_features(const Patient& patient, Findings& findings) {
    if (!has_capability(cap_net_admin) || !has_capability(cap_net_raw))
        findings.error("rights", "without CAP_NET_ADMIN and CAP_NET_RAW the box cannot run",
                       "run it (and detour doctor) as root; in a container --cap-add NET_ADMIN "
                       "--cap-add NET_RAW");
    if (patient.is_dpdk()) {
        const int tun = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        if (tun < 0)
            findings.error("TUN", "/dev/net/tun cannot be opened: there can be no twins",
                           "modprobe tun; in a container --device /dev/net/tun");
        else
            findings.ok("TUN", "/dev/net/tun opens");
        ::close(tun);
    }
    if (!has_capability(cap_net_admin))
        return;
    for (const Feature& feature : features)
        if (patient.is_dpdk() ? feature.is_for_dpdk : feature.is_for_kernel)
            check_feature(feature, findings);
}

void check_sysctls(const Patient& patient, Findings& findings) {
    for (const Sysctl& sysctl : wanted_sysctls(patient))
        check_sysctl(patient, sysctl, findings);
}

}  // namespace detour::command::doctor
