// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/eal.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace detour::engine {
namespace {

EalRequest usual() {
    return {.file_prefix = "detour-0a1b2c3d",
            .processors = {0, 1, 2, 3},
            .worker_cores = {},
            .huge_megabytes = 64,
            .ordinary_megabytes = 100,
            .free_hugepage_megabytes = 1024};
}

bool has(const EalPlan& plan, const std::string& argument) {
    return std::ranges::find(plan.arguments, argument) != plan.arguments.end();
}

TEST_CASE("without cores in the configuration one worker runs on the last processor") {
    const auto plan = plan_eal(usual());
    REQUIRE(plan);
    CHECK(plan->worker_cores == std::vector<unsigned>{3});
    CHECK(has(*plan, "--lcores=0@(0,1,2),1@3"));
    CHECK(has(*plan, "--file-prefix=detour-0a1b2c3d"));
    CHECK(has(*plan, "--in-memory"));
    CHECK(has(*plan, "64"));
    CHECK(has(*plan, "--no-pci"));
}

TEST_CASE("the main thread stays off the workers' cores, and shares when there is no other") {
    auto request = usual();
    request.worker_cores = {1, 3};
    CHECK(has(*plan_eal(request), "--lcores=0@(0,2),1@1,2@3"));
    request.processors = {1, 3};
    CHECK(has(*plan_eal(request), "--lcores=0@(1,3),1@1,2@3"));
    request.processors = {0};
    request.worker_cores = {};
    CHECK(has(*plan_eal(request), "--lcores=0@(0),1@0"));
}

TEST_CASE("cores that cannot be had are a mistake of the configuration") {
    auto request = usual();
    request.worker_cores = {4};
    auto plan = plan_eal(request);
    REQUIRE_FALSE(plan);
    CHECK(plan.error().message.find("core 4") != std::string::npos);
    CHECK(plan.error().message.find("0, 1, 2, 3") != std::string::npos);
    CHECK(plan.error().code == program::ExitCode::configuration);
    request.worker_cores = {1, 1};
    plan = plan_eal(request);
    REQUIRE_FALSE(plan);
    CHECK(plan.error().message.find("twice") != std::string::npos);
}

TEST_CASE("without enough hugepages ordinary memory is taken, and nothing is shared either way") {
    auto request = usual();
    request.free_hugepage_megabytes = 63;
    const auto plan = plan_eal(request);
    REQUIRE(plan);
    CHECK_FALSE(plan->has_hugepages);
    CHECK(has(*plan, "--no-huge"));
    CHECK(has(*plan, "--no-shconf"));
    CHECK(has(*plan, "100"));
    CHECK_FALSE(has(*plan, "--in-memory"));
}

TEST_CASE("of PCI devices only the ports' are touched") {
    auto request = usual();
    request.pci_devices = {"0000:3b:00.0", "0000:af:00.1"};
    const auto plan = plan_eal(request);
    REQUIRE(plan);
    CHECK_FALSE(has(*plan, "--no-pci"));
    CHECK(has(*plan, "--allow=0000:3b:00.0"));
    CHECK(has(*plan, "--allow=0000:af:00.1"));
}

}  // namespace
}  // namespace detour::engine
