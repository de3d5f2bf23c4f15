// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/log.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace detour::observe {
namespace {

using std::chrono::seconds;

struct Ear {
    std::vector<std::string> lines;

    [[nodiscard]] Log log(LogOptions options) {
        return {std::move(options),
                [this](Level level, std::string_view room, std::string_view line) {
                    lines.push_back(fmt::format("{} {} {}", static_cast<int>(level), room, line));
                }};
    }
};

}  // namespace

TEST_CASE("each room has its own level") {
    Ear ear;
    LogOptions options;
    options.rooms["bgp"] = Level::debug;
    options.rooms["probe"] = Level::off;
    Log log = ear.log(options);
    for (const char* name : {"bgp", "kernel", "probe"}) {
        Logger logger = log.room(name);
        logger.debug({}, "one {}", 1);
        logger.error({}, "two {}", 2);
    }
    CHECK(ear.lines == std::vector<std::string>{"0 bgp one 1", "3 bgp two 2", "3 kernel two 2"});
}

TEST_CASE(
    "what one place says too often is counted, and the count is said when it may speak again") {
    Ear ear;
    LogOptions options;
    options.burst = 3;
    options.interval = seconds(10);
    Logger logger = ear.log(options).room("kernel");
    const Instant start{};
    for (int i = 0; i < 100; ++i)
        logger.warning(start, "link {}", i);
    CHECK(ear.lines.size() == 3);
    // Another place is not held back by it.
    logger.warning(start, "gateway");
    CHECK(ear.lines.size() == 4);
    logger.warning(start + seconds(9), "link {}", 100);
    CHECK(ear.lines.size() == 4);
    logger.warning(start + seconds(10), "link {}", 101);
    REQUIRE(ear.lines.size() == 6);
    CHECK(ear.lines[4] == "2 kernel (98 more like the next were not said)");
    CHECK(ear.lines[5] == "2 kernel link 101");
    // After a long silence the whole burst is there again, and not more.
    for (int i = 0; i < 100; ++i)
        logger.warning(start + seconds(1000), "link {}", i);
    CHECK(ear.lines.size() == 9);
}

TEST_CASE("journald is recognised by its very stream") {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    struct stat file {};
    REQUIRE(fstat(ends[1], &file) == 0);
    const std::string stream = fmt::format("{}:{}", file.st_dev, file.st_ino);
    CHECK(is_journal_stream(ends[1], stream));
    // The variable is inherited, but stderr was sent elsewhere.
    CHECK_FALSE(is_journal_stream(STDIN_FILENO, stream));
    CHECK_FALSE(is_journal_stream(ends[1], ""));
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("levels are read from one word for all and one for each room") {
    const auto options = parse_log_options("warning,bgp=debug,api=off");
    REQUIRE(options.has_value());
    CHECK(options->level == Level::warning);
    CHECK(options->rooms.at("bgp") == Level::debug);
    CHECK(options->rooms.at("api") == Level::off);
    CHECK(parse_log_options("")->level == Level::info);
    CHECK(parse_log_options("loud").error() ==
          "\"loud\" is no level; there are debug, info, warning, error and off");
    CHECK(parse_log_options("bpg=debug").error() ==
          "there is no room \"bpg\"; there are api, bgp, daemon, decision, io, kernel");
}

TEST_CASE("lines about different things do not use up each other's allowance") {
    Ear ear;
    Log log = ear.log({});
    Logger logger = log.room("decision");
    for (int i = 0; i < 90; ++i)
        logger.line({}, Level::info, "verdict", "again");
    logger.line({}, Level::warning, "held", "something else");
    CHECK(ear.lines.size() == 51);
    CHECK(ear.lines.back().find("something else") != std::string::npos);
}

TEST_CASE("loggers that were handed out follow when the levels change") {
    Ear ear;
    Log log = ear.log({.level = Level::warning, .rooms = {{"bgp", Level::debug}}});
    const Logger bgp = log.room("bgp");
    const Logger api = log.room("api");
    CHECK(bgp.is_heard(Level::debug));
    CHECK_FALSE(api.is_heard(Level::info));
    log.use(Level::info, {{"api", Level::off}});
    CHECK_FALSE(bgp.is_heard(Level::debug));
    CHECK(bgp.is_heard(Level::info));
    CHECK_FALSE(api.is_heard(Level::error));
    CHECK(log.room("io").is_heard(Level::info));
}

TEST_CASE("levels are written as they are read") {
    for (const char* text : {"info", "warning,api=off,bgp=debug", "off"})
        CHECK(to_string(*parse_log_options(text)) == text);
}

}  // namespace detour::observe
