// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Memory, processors, clock.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "tools/detour/doctor/finding.h"
#include "tools/detour/doctor/host.h"

namespace detour::command::doctor {
namespace {

constexpr unsigned cap_ipc_lock = 14;

struct HugePages {
    long total = 0;  // megabytes
    long free = 0;
    long size = 2;
};

HugePages huge_pages() {
    HugePages pages;
    long total = 0;
    long free = 0;
    std::ifstream stream("/proc/meminfo");
    for (std::string name; stream >> name;) {
        if (name == "HugePages_Total:")
            stream >> total;
        else if (name == "HugePages_Free:")
            stream >> free;
        else if (name == "Hugepagesize:" && stream >> pages.size)
            pages.size = std::max(pages.size / 1024, 1L);
    }
    pages.total = total * pages.size;
    pages.free = free * pages.size;
    return pages;
}

// About what the data plane will ask for; it says the exact number when it starts.
long wanted_megabytes(const model::Config& config) {
    const auto workers = static_cast<long>(std::max<std::size_t>(config.dataplane.cores.size(), 1));
    long megabytes = 40;
    for (const model::Port& port : config.ports)
        megabytes += workers * (8L * (port.mtu / 2048 + 1));
    return megabytes;
}

void check_hugepages(const Patient& patient, Findings& findings) {
    const HugePages pages = huge_pages();
    const long wanted = wanted_megabytes(patient.config);
    // What a running data plane holds is not free any more, as it should be.
    const long there = patient.is_forwarding ? pages.total : pages.free;
    if (there >= wanted)
        return findings.ok("hugepages", fmt::format("{} MB free of {} MB, about {} MB wanted",
                                                    pages.free, pages.total, wanted));
    findings.warn("hugepages",
                  fmt::format("{} MB free of {} MB, about {} MB wanted: the data plane goes on "
                              "without, somewhat slower",
                              pages.free, pages.total, wanted),
                  fmt::format("sysctl -w vm.nr_hugepages={} (and in /etc/sysctl.d, then start the "
                              "data plane anew)",
                              (pages.total - pages.free + wanted) / pages.size + 1));
}

void check_memlock(const Patient& patient, Findings& findings) {
    const bool pins_memory = std::ranges::any_of(patient.config.ports, [](const auto& port) {
        return pci_address(port) || port.device.starts_with("net_af_xdp");
    });
    if (!pins_memory)
        return findings.ok("memlock", "no port pins memory");
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    const auto wanted = static_cast<rlim_t>(wanted_megabytes(patient.config)) << 20U;
    if (has_capability(cap_ipc_lock) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted)
        return findings.ok("memlock", "enough memory may be pinned");
    findings.error("memlock",
                   fmt::format("only {} kB may be locked, and PCI and af_xdp ports pin about {} MB",
                               limit.rlim_cur / 1024, wanted >> 20U),
                   "ulimit -l unlimited; under systemd LimitMEMLOCK=infinity; in a container "
                   "--ulimit memlock=-1 or --cap-add IPC_LOCK");
}

}  // namespace

void check_memory(const Patient& patient, Findings& findings) {
    if (!patient.is_dpdk())
        return;
    check_hugepages(patient, findings);
    check_memlock(patient, findings);
}

void check_cores(const Patient& patient, Findings& findings) {
    if (!patient.is_dpdk())
        return;
    cpu_set_t usable;
    CPU_ZERO(&usable);
    ::sched_getaffinity(0, sizeof usable, &usable);
    const auto& cores = patient.config.dataplane.cores;
    const auto count = static_cast<std::size_t>(CPU_COUNT(&usable));
    bool is_well = true;
    for (const unsigned core : cores)
        if (core >= CPU_SETSIZE || CPU_ISSET(core, &usable) == 0) {
            is_well = false;
            findings.error("cores",
                           fmt::format("core {} of dataplane: cores is not one that this process "
                                       "may use: the data plane will not start",
                                       core),
                           "name cores of `taskset -pc $$` (in a container: of its cpuset)");
        }
    const std::size_t workers = std::max<std::size_t>(cores.size(), 1);
    if (patient.config.dataplane.poll == model::PollMode::busy && workers >= count) {
        is_well = false;
        findings.warn("cores",
                      fmt::format("{} busy workers on {} usable cores leave nothing to the control "
                                  "plane: BGP and detection will stall",
                                  workers, count),
                      "dataplane: {poll: adaptive}, or fewer cores, or a larger machine");
    }
    for (const unsigned core : cores) {
        const auto governor =
            contents(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", core));
        if (governor && *governor == "powersave") {
            is_well = false;
            findings.warn("cores",
                          fmt::format("core {} saves power: packets wait for its clock", core),
                          "cpupower frequency-set -g performance");
        }
    }
    if (is_well)
        findings.ok("cores", fmt::format("{} worker(s), {} usable cores", workers, count));
}

void check_clock(const Patient& /*patient*/, Findings& findings) {
    const auto source =
        contents("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    static constexpr std::array quick{"tsc", "kvm-clock", "arch_sys_counter",
                                      "hyperv_clocksource_tsc_page"};
    if (source && std::ranges::find(quick, *source) == quick.end())
        findings.warn("clock source",
                      fmt::format("the kernel reads time from {}, which is slow: each probe and "
                                  "packet time costs a microsecond",
                                  *source),
                      "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource "
                      "(if it is in available_clocksource)");
    else
        findings.ok("clock source", source.value_or("unknown"));
    timex time{};
    const int state = ::adjtimex(&time);
    if (state == -1)
        return findings.not_checked("clock", "the kernel does not say whether it is synchronised");
    if (state == TIME_ERROR || (time.status & STA_UNSYNC) != 0)
        return findings.warn("clock",
                             "not synchronised (no NTP, or not yet): incidents and captures get "
                             "times that fit no other log",
                             "systemctl enable --now chrony (apt install chrony), or timedatectl "
                             "set-ntp true; chronyc tracking");
    findings.ok("clock", fmt::format("synchronised, within {} ms", time.maxerror / 1000));
}

}  // namespace detour::command::doctor
