// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/revision/choice.h"

#include <sstream>

#include "tests/unit/revision/fixture.h"

using namespace detour;
using namespace detour::revision;

namespace {

// A good configuration whose router is called so.
std::string text_of(const std::string& name) {
    std::ifstream stream(SOURCE_DIR "/conf/examples/minimal.yaml");
    std::ostringstream whole;
    whole << stream.rdbuf();
    std::string text = whole.str();
    const auto place = text.find("name: ");
    REQUIRE(place != text.npos);
    return text.replace(place, text.find(',', place) - place, "name: " + name);
}

const std::string bad = "version: 1\nrouter: {nam: box}\n";

// Revisions 1 ("first") and 2 ("second"), of which the second stands.
struct Scene {
    Scene() {
        for (const char* name : {"first", "second"})
            REQUIRE(store.add(text_of(name), {.at = {}, .kind = Kind::apply, .reason = "r"}));
        standing.current = 2;
        standing.previous = 1;
    }
    [[nodiscard]] Question question(Plane plane, Peer control = Peer::absent) const {
        return {folder.file(), folder.state(), plane, control, "this boot"};
    }
    [[nodiscard]] std::string chosen(const Question& asked) const {
        REQUIRE(store.stand(standing));
        const auto choice = choose(asked);
        return choice ? choice->config.router.name : "nothing";
    }

    Folder folder;
    Store store{folder.state()};
    Standing standing;
};

}  // namespace

TEST_CASE("a plane starts with the file when it has no error") {
    const Scene scene;
    scene.folder.write(text_of("third"));
    CHECK(scene.chosen(scene.question(Plane::control)) == "third");
    CHECK(scene.chosen(scene.question(Plane::data)) == "third");
    CHECK(choose(scene.question(Plane::control))->notice.empty());
}

TEST_CASE("a file with errors, or none, does not keep the last good configuration from running") {
    const Scene scene;
    CHECK(scene.chosen(scene.question(Plane::control)) == "second");
    scene.folder.write(bad);
    CHECK(scene.chosen(scene.question(Plane::control)) == "second");
    CHECK(scene.chosen(scene.question(Plane::data)) == "second");
    const auto choice = choose(scene.question(Plane::data));
    CHECK(choice->number == 2);
    CHECK(choice->notice.find("last good configuration, revision 2, runs") != std::string::npos);
}

TEST_CASE("a box that never ran says what is wrong with its file") {
    const Folder folder;
    folder.write(bad);
    const auto choice = choose({folder.file(), folder.state(), Plane::control, {}, {}});
    REQUIRE(!choice);
    CHECK(!choice.error().empty());
}

TEST_CASE("an apply that nobody confirmed is undone by a restart") {
    Scene scene;
    scene.folder.write(text_of("second"));
    scene.standing.trial = Trial{{}, "this boot"};
    // detourd was restarted in the trial; the data plane alone may be restarted in it.
    CHECK(scene.chosen(scene.question(Plane::control)) == "first");
    CHECK(scene.chosen(scene.question(Plane::data, Peer::running)) == "second");
    scene.standing.trial = Trial{{}, "the boot before"};
    CHECK(scene.chosen(scene.question(Plane::control)) == "first");
    CHECK(scene.chosen(scene.question(Plane::data)) == "first");
}

TEST_CASE("a file that was rolled back from is passed over until it is changed") {
    Scene scene;
    scene.folder.write(text_of("third"));
    scene.standing.set_aside = digest(text_of("third"));
    CHECK(scene.chosen(scene.question(Plane::control)) == "second");
    scene.folder.write(text_of("fourth"));
    CHECK(scene.chosen(scene.question(Plane::control)) == "fourth");
}

TEST_CASE("a data plane that comes back alone runs what detourd runs, not what was edited since") {
    const Scene scene;
    scene.folder.write(text_of("third"));
    CHECK(scene.chosen(scene.question(Plane::data, Peer::running)) == "second");
    CHECK(scene.chosen(scene.question(Plane::data, Peer::absent)) == "third");
}

TEST_CASE("relative file names in a revision mean what they mean in the file") {
    const Scene scene;
    const auto choice = read_revision(scene.question(Plane::control), 1);
    REQUIRE(choice);
    CHECK(choice->config.file == scene.folder.file());
}
