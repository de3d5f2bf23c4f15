// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace detour::engine {
namespace {

bool contains(const std::vector<unsigned>& list, unsigned value) {
    return std::ranges::find(list, value) != list.end();
}

std::expected<void, Error> check_cores(const std::vector<unsigned>& cores,
                                       const std::vector<unsigned>& processors) {
    for (std::size_t i = 0; i < cores.size(); ++i) {
        if (!contains(processors, cores[i]))
            return std::unexpected(setup_error(
                fmt::format("dataplane.cores names core {}, but this process may use only {}: "
                            "choose one of these",
                            cores[i], fmt::join(processors, ", "))));
        if (contains({cores.begin(), cores.begin() + static_cast<std::ptrdiff_t>(i)}, cores[i]))
            return std::unexpected(setup_error(fmt::format(
                "dataplane.cores names core {} twice: a worker needs one of its own", cores[i])));
    }
    return {};
}

// The main thread and the exchange go where no worker is, as long as there is such a processor.
std::string lcore_map(const std::vector<unsigned>& workers,
                      const std::vector<unsigned>& processors) {
    std::vector<unsigned> others;
    std::ranges::copy_if(processors, std::back_inserter(others),
                         [&](unsigned processor) { return !contains(workers, processor); });
    const auto& mains = others.empty() ? processors : others;
    std::string map = fmt::format("0@({})", fmt::join(mains, ","));
    for (std::size_t i = 0; i < workers.size(); ++i)
        map += fmt::format(",{}@{}", i + 1, workers[i]);
    return map;
}

std::size_t number_in(const std::filesystem::path& file) {
    std::size_t number = 0;
    std::ifstream(file) >> number;
    return number;
}

}  // namespace

std::expected<EalPlan, Error> plan_eal(const EalRequest& request) {
    EalPlan plan;
    plan.worker_cores = request.worker_cores;
    if (plan.worker_cores.empty() && !request.processors.empty())
        plan.worker_cores = {request.processors.back()};
    if (auto checked = check_cores(plan.worker_cores, request.processors); !checked)
        return std::unexpected(checked.error());
    plan.has_hugepages = request.free_hugepage_megabytes >= request.huge_megabytes;
    // Either way nothing is shared through files, so that two boxes never meet and a crash leaves
    // no hugepage behind; --no-huge and --in-memory exclude each other.
    plan.arguments = {"detour-dataplane",
                      "--file-prefix=" + request.file_prefix,
                      "--lcores=" + lcore_map(plan.worker_cores, request.processors),
                      "--main-lcore=0",
                      "--log-level=error",
                      "-m",
                      fmt::format("{}", plan.has_hugepages ? request.huge_megabytes
                                                           : request.ordinary_megabytes)};
    if (plan.has_hugepages)
        plan.arguments.emplace_back("--in-memory");
    else
        plan.arguments.insert(plan.arguments.end(), {"--no-huge", "--no-shconf"});
    if (request.pci_devices.empty())
        plan.arguments.emplace_back("--no-pci");
    for (const std::string& device : request.pci_devices)
        plan.arguments.push_back("--allow=" + device);
    return plan;
}

std::vector<unsigned> usable_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> processors;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor)
            if (CPU_ISSET(processor, &set))
                processors.push_back(processor);
    return processors;
}

std::size_t free_hugepage_megabytes() {
    std::size_t kilobytes = 0;
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        // "hugepages-2048kB"
        const std::string name = entry.path().filename();
        const std::size_t dash = name.find('-');
        if (dash != std::string::npos)
            kilobytes += std::strtoull(name.c_str() + dash + 1, nullptr, 10) *
                         number_in(entry.path() / "free_hugepages");
    }
    return kilobytes / 1024;
}

std::expected<Eal, Error> Eal::start(const EalPlan& plan, const std::filesystem::path& run_dir) {
    setenv("RUNTIME_DIRECTORY", run_dir.c_str(), 1);
    std::vector<std::string> arguments = plan.arguments;
    std::vector<char*> pointers;
    for (std::string& argument : arguments)
        pointers.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0)
        return std::unexpected(
            Error{fmt::format("DPDK does not start ({}); it was asked for: {}",
                              rte_strerror(rte_errno), fmt::join(plan.arguments, " "))});
    Eal eal;
    eal.runtime_dir_ = rte_eal_get_runtime_dir();
    return eal;
}

Eal::~Eal() {
    if (runtime_dir_.empty())
        return;
    rte_eal_cleanup();
    // DPDK leaves its directory; in ours nothing shall be left.
    std::error_code error;
    std::filesystem::remove_all(runtime_dir_, error);
    std::filesystem::remove(runtime_dir_.parent_path(), error);
}

}  // namespace detour::engine
