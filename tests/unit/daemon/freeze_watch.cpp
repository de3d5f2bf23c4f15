// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/freeze_watch.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace detour;
using namespace detour::daemon;
using namespace std::chrono_literals;

namespace {

using State = decision::OperatorFreeze::State;

// A run directory of its own.
struct Place {
    Place() {
        std::string name = std::filesystem::temp_directory_path() / "freeze-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        run.emplace(name);
    }
    ~Place() { std::filesystem::remove_all(run->path()); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    static void write(const std::filesystem::path& file, const std::string& text) {
        std::ofstream(file) << text;
    }
    void freeze(const std::string& text) const { write(run->freeze_file(), text); }

    std::optional<program::RunDir> run;
};

std::string said(const std::optional<controller::Command>& command) {
    if (!command)
        return "nothing";
    const bool is_frozen = std::get<decision::OperatorFreeze>(command->deed).state == State::frozen;
    return (is_frozen ? "frozen by " : "thawed by ") + command->actor + ": " + command->reason;
}

constexpr WallTime evening{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 22h};

}  // namespace

TEST_CASE("what freeze wrote is read, and any other text will do") {
    const FreezeNote whole =
        parse_freeze("actor: anna\nreason: the line: a: b\nuntil: 2026-11-22T06:00Z\n");
    CHECK(whole == FreezeNote{"anna", "the line: a: b", evening + 8h});
    CHECK(parse_freeze("") == FreezeNote{});
    CHECK(parse_freeze("until: tomorrow") == FreezeNote{});
}

TEST_CASE("a freeze is told once, and its end with who ended it and why") {
    const Place place;
    FreezeWatch watch(*place.run);
    CHECK(said(watch.look(evening)) == "nothing");
    CHECK(watch.document(evening).is_null());
    place.freeze("actor: anna\nreason: a test\n");
    CHECK(said(watch.look(evening)) == "frozen by anna: a test");
    CHECK(said(watch.look(evening)) == "nothing");
    CHECK(watch.document(evening) ==
          nlohmann::json{
              {"actor", "anna"}, {"reason", "a test"}, {"until", nullptr}, {"left_s", nullptr}});
    Place::write(place.run->thaw_file(), "actor: ben\nreason: it is done\n");
    std::filesystem::remove(place.run->freeze_file());
    CHECK(said(watch.look(evening)) == "thawed by ben: it is done");
    CHECK_FALSE(std::filesystem::exists(place.run->thaw_file()));
    // Somebody removes the file by hand.
    place.freeze("");
    CHECK(said(watch.look(evening)) == "frozen by unknown: the freeze file");
    std::filesystem::remove(place.run->freeze_file());
    CHECK(said(watch.look(evening)) == "thawed by unknown: the freeze file is gone");
}

TEST_CASE("a freeze with an end ends by itself, and its file with it") {
    const Place place;
    FreezeWatch watch(*place.run);
    place.freeze("actor: anna\nreason: a test\nuntil: 2026-11-22T06:00Z\n");
    CHECK(said(watch.look(evening)) == "frozen by anna: a test");
    CHECK(watch.document(evening)["left_s"] == 8 * 3600.0);
    CHECK(said(watch.look(evening + 8h - 1ns)) == "nothing");
    CHECK(said(watch.look(evening + 8h)) ==
          "thawed by detourd: the time of the freeze by anna is over");
    CHECK_FALSE(std::filesystem::exists(place.run->freeze_file()));
    CHECK(said(watch.look(evening + 9h)) == "nothing");
}

TEST_CASE("what changed while detourd was away is told at its start") {
    const Place place;
    FreezeWatch watch(*place.run);
    watch.begin(true);
    Place::write(place.run->thaw_file(), "actor: ben\nreason: at night\n");
    CHECK(said(watch.look(evening)) == "thawed by ben: at night");
    place.freeze("actor: anna\nreason: again\n");
    FreezeWatch another(*place.run);
    another.begin(true);
    CHECK(said(another.look(evening)) == "nothing");
    CHECK(another.document(evening)["actor"] == "anna");
}
