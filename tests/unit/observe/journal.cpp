// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/journal.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <future>
#include <latch>

#include "controlplane/observe/reader.h"
#include "tests/unit/observe/folder.h"

namespace detour::observe {
namespace {

std::unique_ptr<Journal> open(const Folder& folder, const JournalLimits& limits = {}) {
    auto journal = Journal::open(folder.journal(), limits);
    REQUIRE_MESSAGE(journal.has_value(), (journal ? "" : journal.error().message));
    return std::move(*journal);
}

std::vector<RecordNumber> numbers(const std::vector<Record>& records) {
    std::vector<RecordNumber> result;
    for (const Record& record : records)
        result.push_back(record.number);
    return result;
}

void run_sql(const Folder& folder, const char* sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(folder.journal().c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
}

}  // namespace

TEST_CASE("a record comes back as it was written") {
    const Folder folder;
    Record record = row(1, kind::verdict);
    record.direction = Direction::output;
    record.weight = Weight::lasting;
    record.subject = {"provider", "web", Family::ipv6, "2001:db8:1::1"};
    record.causes = {3, 7};
    record.payload = {{"to", "NULLROUTED"}, {"note", "it's \"quoted\"; \u00e9"}};
    Record plain = row(2, kind::link);
    plain.subject = {};
    {
        const auto journal = open(folder);
        journal->append(record);
        journal->append(plain);
    }
    const auto reader = Reader::open(folder.journal());
    REQUIRE(reader.has_value());
    CHECK(*reader->tail({}, 10) == std::vector{record, plain});
}

TEST_CASE("numbers go on where the last run stopped") {
    const Folder folder;
    {
        const auto journal = open(folder);
        CHECK(journal->first_number() == 1);
        journal->append(row(1, "a"));
        journal->append(row(2, "a"));
    }
    CHECK(open(folder)->first_number() == 3);
}

TEST_CASE("what is durable is on the disk before it is said to be, whoever is killed then") {
    const Folder folder;
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const pid_t child = fork();
    if (child == 0) {
        // An interval that never ends: only durability can have written it.
        auto journal =
            Journal::open(folder.journal(),
                          {.size = 1 << 20, .queue_count = 100, .interval = std::chrono::hours(1)});
        (*journal)->append(row(1, "before"));
        (*journal)->save({"decision", {}, 1, {{"mail", "partner"}}},
                         [&](auto outcome) { (void)!write(ends[1], outcome ? "y" : "n", 1); });
        pause();
    }
    char answer = 0;
    REQUIRE(read(ends[0], &answer, 1) == 1);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(answer == 'y');
    const auto reader = Reader::open(folder.journal());
    REQUIRE(reader.has_value());
    CHECK(numbers(*reader->tail({}, 10)) == std::vector<RecordNumber>{1});
    CHECK((*reader->state("decision"))->payload == nlohmann::json{{"mail", "partner"}});
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("state is replaced as a whole, and what was never saved is nothing") {
    const Folder folder;
    const StateEntry first{"decision", WallTime(std::chrono::seconds(1)), 1, {{"a", 1}, {"b", 2}}};
    const StateEntry second{"decision", WallTime(std::chrono::seconds(2)), 9, {{"a", 3}}};
    {
        const auto journal = open(folder);
        journal->save(first, {});
        journal->save(second, {});
    }
    const auto reader = Reader::open(folder.journal());
    CHECK(**reader->state("decision") == second);
    CHECK_FALSE(reader->state("baselines")->has_value());
}

TEST_CASE("a journal of a newer format is refused with what to do, and not touched") {
    const Folder folder;
    open(folder).reset();
    run_sql(folder, "PRAGMA user_version = 2");
    const auto journal = Journal::open(folder.journal());
    REQUIRE_FALSE(journal.has_value());
    CHECK(journal.error().kind == JournalError::Kind::newer);
    CHECK(journal.error().message.find("format 2, this detour knows up to 1") != std::string::npos);
    CHECK(Reader::open(folder.journal()).error().kind == JournalError::Kind::newer);
}

TEST_CASE("a file that is no journal is refused") {
    SUBCASE("no database at all") {
        const Folder folder;
        std::ofstream(folder.journal()) << std::string(8192, 'x');
        CHECK(Journal::open(folder.journal()).error().kind == JournalError::Kind::foreign);
    }
    SUBCASE("somebody else's database") {
        const Folder folder;
        run_sql(folder, "CREATE TABLE contacts (name TEXT)");
        CHECK(Journal::open(folder.journal()).error().kind == JournalError::Kind::foreign);
    }
    SUBCASE("a folder that does not exist") {
        CHECK(Journal::open("/nonexistent/journal.db").error().kind == JournalError::Kind::io);
    }
}

TEST_CASE("with the disk standing still rows are dropped, counted and said, durable ones kept") {
    const Folder folder;
    std::latch is_stuck(1);
    std::latch goes_on(1);
    {
        const auto journal =
            open(folder, {.size = 1 << 20, .queue_count = 5, .interval = Duration::zero()});
        journal->append_durable(row(1, "first"), [&](auto) {
            is_stuck.count_down();
            goes_on.wait();
        });
        is_stuck.wait();
        for (RecordNumber number = 2; number <= 10; ++number)
            journal->append(row(number, "routine"));
        journal->append_durable(row(11, "durable"), [](auto) {});
        CHECK(journal->health().lost == 4);
        goes_on.count_down();
        journal->flush();
        journal->append(row(12, "after"));
    }
    const auto reader = Reader::open(folder.journal());
    const auto records = *reader->tail({}, 100);
    std::vector<std::string> kinds;
    for (const Record& record : records)
        kinds.push_back(record.kind);
    CHECK(std::ranges::count(kinds, "routine") == 5);
    CHECK(std::ranges::count(kinds, "durable") == 1);
    CHECK(std::ranges::count(kinds, "after") == 1);
}

TEST_CASE("a batch that cannot be written is lost as a whole, told, and the next one is written") {
    const Folder folder;
    const auto journal = open(folder);
    journal->append(row(1, "first"));
    journal->flush();
    std::promise<bool> outcome;
    // A number that is taken stands for whatever SQLite may refuse.
    journal->append_durable(row(1, "again"),
                            [&](auto result) { outcome.set_value(result.has_value()); });
    CHECK_FALSE(outcome.get_future().get());
    journal->flush();
    CHECK(journal->health().lost == 1);
    CHECK(journal->health().error.find("UNIQUE") != std::string::npos);
    journal->append(row(2, "next"));
    journal->flush();
    CHECK(journal->health().error.empty());
    const auto reader = Reader::open(folder.journal());
    CHECK(numbers(*reader->tail({}, 10)) == std::vector<RecordNumber>{1, 2});
}

TEST_CASE("a hole left by lost rows is filled by one that says how many") {
    const Folder folder;
    std::latch is_stuck(1);
    std::latch goes_on(1);
    {
        const auto journal =
            open(folder, {.size = 1 << 20, .queue_count = 1, .interval = Duration::zero()});
        journal->append_durable(row(1, "first"), [&](auto) {
            is_stuck.count_down();
            goes_on.wait();
        });
        is_stuck.wait();
        journal->append(row(2, "kept"));
        journal->append(row(3, "lost"));
        journal->append(row(4, "lost"));
        goes_on.count_down();
        journal->flush();
        journal->append(row(5, "next"));
    }
    const auto reader = Reader::open(folder.journal());
    const auto said = *reader->tail({.set = {},
                                     .uplink = {},
                                     .family = {},
                                     .kinds = {"journal-lost"},
                                     .weight = {},
                                     .after = 0,
                                     .until = {}},
                                    10);
    REQUIRE(said.size() == 1);
    CHECK(said[0].payload.at("count") == 2);
}

TEST_CASE("a full journal loses its oldest routine rows, but not the reasons of acts") {
    const Folder folder;
    {
        const auto journal =
            open(folder, {.size = 600'000, .queue_count = 1 << 20, .interval = Duration::zero()});
        for (RecordNumber number = 1; number <= 30'000; ++number) {
            Record record = row(number, kind::probe);
            if (number == 200) {
                record.kind = kind::verdict;
                record.weight = Weight::lasting;
                record.causes = {17, 150};
            }
            journal->append(std::move(record));
            if (number % 200 == 0)
                journal->flush();
        }
        CHECK(journal->health().pruned > 0);
    }
    CHECK(std::filesystem::file_size(folder.journal()) < 3'000'000);
    const auto reader = Reader::open(folder.journal());
    CHECK(numbers(*reader->chain(200, 10)) == std::vector<RecordNumber>{17, 150, 200});
    CHECK(numbers(*reader->next({}, 4))[0] == 17);
    CHECK(numbers(*reader->next({}, 4))[3] > 1'000);
    CHECK(numbers(*reader->tail({}, 1)) == std::vector<RecordNumber>{30'000});
}

TEST_CASE("rows are found by set, family, kind and number, and followed") {
    const Folder folder;
    {
        const auto journal = open(folder);
        for (RecordNumber number = 1; number <= 12; ++number) {
            Record record = row(number, number % 2 == 0 ? kind::verdict : kind::probe);
            record.subject.set = number % 3 == 0 ? "web" : "mail";
            if (number > 6)
                record.subject.family = Family::ipv6;
            if (number == 9)
                record.subject.family.reset();
            journal->append(std::move(record));
        }
    }
    const auto reader = Reader::open(folder.journal());
    const auto found = [&](RecordFilter filter, std::size_t count = 100) {
        return numbers(*reader->tail(filter, count));
    };
    RecordFilter web;
    web.set = "web";
    CHECK(found(web) == std::vector<RecordNumber>{3, 6, 9, 12});
    CHECK(found(web, 2) == std::vector<RecordNumber>{9, 12});
    // What is about no family is about both.
    web.family = Family::ipv4;
    CHECK(found(web) == std::vector<RecordNumber>{3, 6, 9});
    RecordFilter verdicts;
    verdicts.kinds = {"verdict", "move"};
    verdicts.uplink = "provider";
    verdicts.after = 4;
    verdicts.until = 10;
    CHECK(found(verdicts) == std::vector<RecordNumber>{6, 8, 10});
    verdicts.uplink = "partner";
    CHECK(found(verdicts).empty());
    RecordFilter follow;
    follow.after = 8;
    CHECK(numbers(*reader->next(follow, 2)) == std::vector<RecordNumber>{9, 10});
    follow.after = 12;
    CHECK(reader->next(follow, 2)->empty());
}

TEST_CASE(
    "a chain leads from an act to everything below it, each row once, and stops at its bound") {
    const Folder folder;
    {
        const auto journal = open(folder);
        for (RecordNumber number = 1; number <= 6; ++number) {
            Record record = row(number, "x");
            if (number == 4)
                record.causes = {1, 2};
            if (number == 5)
                record.causes = {2, 999};
            if (number == 6)
                record.causes = {4, 5};
            journal->append(std::move(record));
        }
    }
    const auto reader = Reader::open(folder.journal());
    CHECK(numbers(*reader->chain(6, 100)) == std::vector<RecordNumber>{1, 2, 4, 5, 6});
    CHECK(numbers(*reader->chain(6, 3)) == std::vector<RecordNumber>{4, 5, 6});
    CHECK(numbers(*reader->chain(3, 3)) == std::vector<RecordNumber>{3});
    CHECK(reader->chain(77, 3)->empty());
}

TEST_CASE("a reader follows while the journal is written") {
    const Folder folder;
    const auto journal = open(folder);
    const auto reader = Reader::open(folder.journal());
    REQUIRE(reader.has_value());
    for (RecordNumber number = 1; number <= 50; ++number) {
        journal->append(row(number, "x"));
        journal->flush();
        REQUIRE(numbers(*reader->tail({}, 1)) == std::vector{number});
    }
}

TEST_CASE("bytes that are no text do not stop the journal") {
    const Folder folder;
    Record record = row(1, "x");
    record.payload = {{"reason", std::string("\xff\xfe shutdown")}};
    {
        const auto journal = open(folder);
        journal->append(record);
    }
    const auto reader = Reader::open(folder.journal());
    CHECK(reader->tail({}, 1)->at(0).payload.at("reason").get<std::string>().find("shutdown") !=
          std::string::npos);
}

TEST_CASE("a journal is readable by its owner and group only") {
    const Folder folder;
    const auto journal = open(folder);
    CHECK(std::filesystem::status(folder.journal()).permissions() == std::filesystem::perms(0640));
}

}  // namespace detour::observe
