// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/lock.h"

#include <doctest/doctest.h>

#include "tests/unit/engine/scratch.h"

namespace detour::engine {
namespace {

TEST_CASE("a second instance is told who the first is, until the first is gone") {
    const test::Scratch scratch;
    const auto file = scratch.path() / "run" / "detour-dataplane.lock";
    {
        const auto first = take_lock(file);
        REQUIRE(first);
        const auto second = take_lock(file);
        REQUIRE_FALSE(second);
        CHECK(second.error().message.find(std::to_string(getpid())) != std::string::npos);
        CHECK(second.error().message.find("--run-dir") != std::string::npos);
        CHECK(second.error().code == program::ExitCode::configuration);
    }
    CHECK(take_lock(file));
}

TEST_CASE("a run directory that cannot be made is said") {
    const auto lock = take_lock("/proc/nowhere/detour-dataplane.lock");
    REQUIRE_FALSE(lock);
    CHECK(lock.error().message.find("/proc/nowhere") != std::string::npos);
}

}  // namespace
}  // namespace detour::engine
