// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// DPDK's environment, as the configuration wants it: how it is called for is computed purely
// (plan_eal), so that a test can read it; Eal starts and ends it, once a process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/engine/error.h"

namespace detour::engine {

struct EalRequest {
    std::string file_prefix;
    std::vector<unsigned> processors;    // that this process may run on
    std::vector<unsigned> worker_cores;  // as configured; empty: one worker on the last processor
    std::vector<std::string> pci_devices{};
    std::size_t huge_megabytes = 0;      // wanted, where there are hugepages
    std::size_t ordinary_megabytes = 0;  // wanted, where there are none
    std::size_t free_hugepage_megabytes = 0;
};

struct EalPlan {
    std::vector<std::string> arguments;
    std::vector<unsigned> worker_cores;  // by worker; lcore i + 1 runs worker i
    bool has_hugepages = false;
};

// Errors: a core that is not this process's, or twice.
[[nodiscard]] std::expected<EalPlan, Error> plan_eal(const EalRequest& request);

// Of this machine and process, now.
[[nodiscard]] std::vector<unsigned> usable_processors();
[[nodiscard]] std::size_t free_hugepage_megabytes();

class Eal {
 public:
    // `run_dir` gets DPDK's runtime files, the telemetry socket among them (conf/program/paths.h).
    [[nodiscard]] static std::expected<Eal, Error> start(const EalPlan& plan,
                                                         const std::filesystem::path& run_dir);
    ~Eal();
    Eal(Eal&& other) noexcept : runtime_dir_(std::move(other.runtime_dir_)) {
        other.runtime_dir_.clear();
    }
    Eal& operator=(Eal&&) = delete;

 private:
    Eal() = default;

    std::filesystem::path runtime_dir_;  // empty: moved from
};

}  // namespace detour::engine
