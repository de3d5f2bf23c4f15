// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From a figure in the configuration to the words of `detour why`, through the shipping controller,
// its journal and nothing else: the text is built from rows, so what it names is what was compared.
#include <doctest/doctest.h>

#include "controlplane/observe/encode.h"
#include "controlplane/observe/journal.h"
#include "controlplane/observe/why.h"
#include "tests/unit/controller/bench.h"
#include "tests/unit/observe/folder.h"

namespace detour::observe {
namespace {

using namespace std::chrono_literals;

// The story of a null route on web, as `detour why` tells it of a box with this in its `detect`.
std::string told(const std::string& detect, bool is_partner_dead = false) {
    const Folder folder;
    {
        bench::Bench box(bench::story(detect));
        box.settle();
        if (is_partner_dead)
            box.dead_paths = {bench::partner};
        box.run(5s);
        box.null_routes = {{bench::provider, PrefixSetId(1)}};
        box.run(8s);
        const Names names(box.config);
        auto journal = Journal::open(folder.journal());
        REQUIRE(journal.has_value());
        for (const controller::Record& record : box.records())
            (*journal)->append(encode(record, WallTime{}, names));
        (*journal)->flush();
    }
    // The configuration is gone; only the file is left.
    const auto reader = Reader::open(folder.journal());
    REQUIRE(reader.has_value());
    const Question question{"web", Family::ipv4, "203.0.113.0/24"};
    const auto evidence = gather(*reader, question);
    REQUIRE(evidence.has_value());
    return to_text(answer(question, *evidence));
}

bool has(const std::string& text, const char* words) {
    return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("why names the T_min of the configuration that was in force") {
    const std::string profile = told("");
    CHECK(has(profile, "NULLROUTED on provider"));
    CHECK(has(profile, "at least 250 ms"));
    CHECK_FALSE(has(profile, "at least 777 ms"));
    const std::string changed = told("forgiven-gap: 777ms");
    CHECK(has(changed, "NULLROUTED on provider"));
    CHECK(has(changed, "at least 777 ms"));
    CHECK_FALSE(has(changed, "at least 250 ms"));
}

TEST_CASE("why names the armed age that held a move back") {
    const std::string profile = told("", true);
    CHECK(has(profile, "not done: move to partner (armed)"));
    CHECK(has(profile, "at most 1 s"));
    const std::string changed = told("armed-age: 1500ms", true);
    CHECK(has(changed, "not done: move to partner (armed)"));
    CHECK(has(changed, "at most 1.50 s"));
    CHECK_FALSE(has(changed, "at most 1 s "));
}

}  // namespace detour::observe
