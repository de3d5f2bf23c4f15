// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tools/detour/supervise/descriptor_store.h"
#include "tools/detour/supervise/line_splitter.h"
#include "tools/detour/supervise/restart_policy.h"

using namespace std::chrono_literals;
using namespace detour::supervise;
using detour::Duration;

TEST_CASE("restarts wait twice as long each time, ten seconds at most, until one lives") {
    RestartPolicy policy;
    std::vector<Duration> waits;
    for (int i = 0; i < 9; ++i)
        waits.push_back(policy.next_wait(1s));
    CHECK(waits ==
          std::vector<Duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10s, 10s});
    CHECK(policy.next_wait(30s) == 100ms);
    CHECK(policy.next_wait(29s) == 200ms);
}

TEST_CASE("a stream is cut into lines, long ones too, and the rest is there at its end") {
    LineSplitter lines;
    CHECK(lines.add("one").empty());
    CHECK(lines.add(" line\n\ntwo\nthr") == std::vector<std::string>{"one line", "", "two"});
    CHECK(lines.take_rest() == "thr");
    CHECK(lines.take_rest().empty());
    const auto cut = lines.add(std::string(LineSplitter::max_line_size + 5, 'x') + "\n");
    REQUIRE(cut.size() == 2);
    CHECK(cut[0].size() == LineSplitter::max_line_size);
    CHECK(cut[1] == "xxxxx");
}

TEST_CASE("a store holds one open file once under a name, and has a bound") {
    DescriptorStore store;
    const Descriptor file(::memfd_create("file", MFD_CLOEXEC));
    CHECK(store.add("a", Descriptor(::dup(file.get()))));
    CHECK(store.add("a", Descriptor(::dup(file.get()))));
    CHECK(store.entries().size() == 1);
    CHECK(store.add("b", Descriptor(::dup(file.get()))));
    CHECK(store.add("a", Descriptor(::memfd_create("other", MFD_CLOEXEC))));
    CHECK(store.entries().size() == 3);
    store.remove("a");
    REQUIRE(store.entries().size() == 1);
    CHECK(store.entries()[0].name == "b");
    store.remove("none");
    for (std::size_t i = 1; i < DescriptorStore::max_count; ++i)
        REQUIRE(store.add("n" + std::to_string(i), Descriptor(::dup(file.get()))));
    CHECK_FALSE(store.add("one too many", Descriptor(::dup(file.get()))));
}
