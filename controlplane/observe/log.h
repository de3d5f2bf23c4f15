// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The daemon's log: to stderr, or to journald when stderr is its stream ($JOURNAL_STREAM names this
// very file): then each line begins with its priority, and journald keeps the time. A level for
// each room, and a limit on repetition: what the same place says too often is counted instead, and
// the count is said when it may speak again. What happened is the journal's business; the log is
// for what the daemon wants a person to read.
//
// A Log is made once, by the daemon; rooms that may do I/O are handed a Logger, which follows when
// the levels change. Time comes in as an
// argument, as everywhere. One thread at a time may use one Logger; several Loggers of a Log may be
// used from several threads.
#pragma once

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "conf/types/duration.h"

namespace spdlog {
class logger;
}

namespace detour::observe {

enum class Level : std::uint8_t { debug, info, warning, error, off };

struct LogOptions {
    Level level = Level::info;
    std::map<std::string, Level, std::less<>> rooms;  // "bgp": debug
    // A place may say so much at once, and then once an interval.
    unsigned burst = 50;
    Duration interval = std::chrono::seconds(2);
};

// The rooms that speak.
inline constexpr std::array<std::string_view, 6> log_rooms{"api",      "bgp", "daemon",
                                                           "decision", "io",  "kernel"};

[[nodiscard]] std::string_view to_string(Level level);
// As parse_log_options() reads it: "warning,api=off,bgp=debug".
[[nodiscard]] std::string to_string(const LogOptions& options);

// "warning,bgp=debug,api=off": a level for all, and levels of rooms. The error says what is wrong
// and what there is.
[[nodiscard]] std::expected<LogOptions, std::string> parse_log_options(std::string_view text);

// Where lines go; `line` has neither prefix nor end.
using LogSink = std::function<void(Level level, std::string_view room, std::string_view line)>;

class Logger {
 public:
    // The Log changes the level, from any thread.
    using SharedLevel = std::shared_ptr<const std::atomic<Level>>;

    Logger(std::string room, SharedLevel level, const LogOptions& options,
           std::shared_ptr<LogSink> sink);

    template <class... Arguments>
    void debug(Instant now, fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        say(now, Level::debug, text, std::forward<Arguments>(arguments)...);
    }
    template <class... Arguments>
    void info(Instant now, fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        say(now, Level::info, text, std::forward<Arguments>(arguments)...);
    }
    template <class... Arguments>
    void warning(Instant now, fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        say(now, Level::warning, text, std::forward<Arguments>(arguments)...);
    }
    template <class... Arguments>
    void error(Instant now, fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        say(now, Level::error, text, std::forward<Arguments>(arguments)...);
    }

    // A line made elsewhere. What it is about, a literal, stands for the place in the code.
    void line(Instant now, Level level, std::string_view about, std::string_view text) {
        if (is_heard(level) && is_allowed(now, level, about))
            write(level, text);
    }

    [[nodiscard]] bool is_heard(Level level) const {
        return level >= level_->load(std::memory_order_relaxed);
    }

 private:
    // What one place in the code, known by its format text, may still say.
    struct Allowance {
        double tokens = 0;
        Instant filled{};
        std::uint64_t suppressed = 0;
    };

    template <class... Arguments>
    void say(Instant now, Level level, fmt::format_string<Arguments...> text,
             Arguments&&... arguments) {
        const fmt::string_view raw = text;
        // Formatting is what costs: first ask whether anybody will read it.
        if (is_heard(level) && is_allowed(now, level, {raw.data(), raw.size()}))
            write(level, fmt::format(text, std::forward<Arguments>(arguments)...));
    }
    [[nodiscard]] bool is_allowed(Instant now, Level level, std::string_view place);
    void write(Level level, std::string_view line);

    std::string room_;
    SharedLevel level_;
    unsigned burst_;
    Duration interval_;
    std::shared_ptr<LogSink> sink_;
    std::map<std::string_view, Allowance> allowances_;  // keys are literals
};

class Log {
 public:
    // To stderr or journald.
    explicit Log(LogOptions options);
    // To somewhere else: tests.
    Log(LogOptions options, LogSink sink);

    [[nodiscard]] Logger room(const std::string& name);

    // Other levels from now on, for the loggers that were handed out too. The thread that owns the
    // Log.
    void use(Level level, std::map<std::string, Level, std::less<>> rooms);
    [[nodiscard]] const LogOptions& options() const { return options_; }

 private:
    [[nodiscard]] Level level_of(const std::string& room) const;

    LogOptions options_;
    std::map<std::string, std::shared_ptr<std::atomic<Level>>> levels_;  // of rooms that were asked
    std::shared_ptr<LogSink> sink_;
};

// Whether this file descriptor is the stream that $JOURNAL_STREAM ("DEVICE:INODE") names.
[[nodiscard]] bool is_journal_stream(int fd, std::string_view journal_stream);

}  // namespace detour::observe
