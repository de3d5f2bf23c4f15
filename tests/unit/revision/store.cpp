// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/revision/store.h"

#include "tests/unit/revision/fixture.h"

using namespace detour;
using namespace detour::revision;

namespace {

Revision draft(const std::string& reason) {
    return {.at = WallTime(std::chrono::seconds(1'700'000'000)),
            .kind = Kind::apply,
            .actor = "alice",
            .reason = reason};
}

}  // namespace

TEST_CASE("a revision comes back as it was written, text and all") {
    const Folder folder;
    const Store store(folder.state());
    CHECK(store.list().empty());
    CHECK(store.standing() == Standing{});

    Revision rollback = draft("mail is slow: back");
    rollback.kind = Kind::rollback;
    rollback.of = 7;
    const auto first = store.add("version: 1\n# ü\n", draft("a second target"));
    const auto second = store.add("", rollback);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->number == 1);
    CHECK(second->number == 2);
    CHECK(store.list() == std::vector<Revision>{*first, *second});
    CHECK(*store.find(2) == *second);
    CHECK(*store.text(1) == "version: 1\n# ü\n");
    CHECK(store.text(2)->empty());
    CHECK(store.text(3).error() ==
          "the text of revision 3 is not there; detour revisions lists them");
}

TEST_CASE("a reason of two lines does not become a field") {
    Revision revision = draft("one\nnumber: 99");
    revision.number = 3;
    const auto again = parse_revision(to_text(revision));
    REQUIRE(again);
    CHECK(again->number == 3);
    CHECK(again->reason == "one number: 99");
}

TEST_CASE("what stands comes back; a damaged file says that nothing stands") {
    const Folder folder;
    const Store store(folder.state());
    REQUIRE(store.add("a", draft("r")));
    const Standing standing{.current = 4,
                            .previous = 3,
                            .trial = Trial{WallTime(std::chrono::seconds(5)), "boot-1"},
                            .set_aside = digest("x")};
    REQUIRE(store.stand(standing));
    CHECK(store.standing() == standing);
    std::ofstream(store.directory() / "standing") << "current: four\n";
    CHECK(store.standing() == Standing{});
}

TEST_CASE("digests tell texts apart") {
    CHECK(digest("") == "cbf29ce484222325");  // FNV-1a's offset basis
    CHECK(digest("a") == "af63dc4c8601ec8c");
    CHECK(digest("mode: auto") != digest("mode: advise"));
}

TEST_CASE("old revisions go, those that stand stay, and numbers are never used again") {
    const Folder folder;
    const Store store(folder.state());
    REQUIRE(store.add("first", draft("r")));
    REQUIRE(store.stand({.current = 1, .previous = {}, .trial = {}, .set_aside = {}}));
    for (std::size_t i = 0; i < Store::kept_count + 10; ++i)
        REQUIRE(store.add("text", draft("r")));
    const auto revisions = store.list();
    CHECK(revisions.size() <= Store::kept_count + 1);
    CHECK(revisions.front().number == 1);
    CHECK(revisions[1].number > 2);
    CHECK(revisions.back().number == Store::kept_count + 11);
    CHECK(*store.text(1) == "first");
}

TEST_CASE("a store that cannot be written says where") {
    const Folder folder;
    std::ofstream(folder.state()) << "a file where the directory should be";
    const auto added = Store(folder.state()).add("a", draft("r"));
    REQUIRE(!added);
    CHECK(added.error().find("--state-dir") != std::string::npos);
}
