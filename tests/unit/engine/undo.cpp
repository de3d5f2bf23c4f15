// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/undo.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/engine/scratch.h"

namespace detour::engine {
namespace {

using Entries = std::vector<UndoFile::Entry>;

TEST_CASE("what was remembered is there for the next instance, the first value of each") {
    const test::Scratch scratch;
    const auto file = scratch.path() / "undo";
    UndoFile undo = UndoFile::read(file);
    CHECK(undo.entries().empty());
    CHECK(undo.remember({"eth1", "tx-checksum", "1"}));
    CHECK(undo.remember({"lan0", "twin", "made"}));
    CHECK(undo.remember({"eth1", "tx-checksum", "0"}));
    const UndoFile next = UndoFile::read(file);
    CHECK(next.entries() == Entries{{"eth1", "tx-checksum", "1"}, {"lan0", "twin", "made"}});
    CHECK(next.has("lan0", "twin"));
    CHECK_FALSE(next.has("eth1", "twin"));
}

TEST_CASE("the file goes with its last entry") {
    const test::Scratch scratch;
    const auto file = scratch.path() / "undo";
    UndoFile undo = UndoFile::read(file);
    CHECK(undo.remember({"eth1", "mtu", "1500"}));
    CHECK(std::filesystem::exists(file));
    undo.forget({"eth1", "mtu", "1500"});
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("a line that was cut is skipped") {
    const test::Scratch scratch;
    const auto file = scratch.path() / "undo";
    std::ofstream(file) << "eth1 mtu 1500\neth2 tx-chec";
    CHECK(UndoFile::read(file).entries() == Entries{{"eth1", "mtu", "1500"}});
}

TEST_CASE("what cannot be written down is not to be done") {
    UndoFile undo = UndoFile::read("/proc/nowhere/undo");
    CHECK_FALSE(undo.remember({"eth1", "mtu", "1500"}));
}

}  // namespace
}  // namespace detour::engine
