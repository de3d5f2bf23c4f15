// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/log.h"

#include <fmt/ranges.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace detour::observe {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
        case Level::off:
            return spdlog::level::off;
    }
    return spdlog::level::off;
}

// sd-daemon(3): "<3>" error to "<7>" debug.
class Priority final : public spdlog::custom_flag_formatter {
 public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const std::string_view prefix = message.level >= spdlog::level::err    ? "<3>"
                                        : message.level >= spdlog::level::warn ? "<4>"
                                        : message.level >= spdlog::level::info ? "<6>"
                                                                               : "<7>";
        out.append(prefix.data(), prefix.data() + prefix.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<Priority>();
    }
};

LogSink stderr_sink() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    const bool is_journal = stream != nullptr && is_journal_stream(STDERR_FILENO, stream);
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<Priority>('*').set_pattern(is_journal ? "%*%n: %v"
                                                              : "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v");
    sink->set_formatter(std::move(formatter));
    return [sink](Level level, std::string_view room, std::string_view line) {
        sink->log({spdlog::source_loc{},
                   {room.data(), room.size()},
                   spdlog_level(level),
                   {line.data(), line.size()}});
        sink->flush();
    };
}

constexpr std::array<std::pair<std::string_view, Level>, 5> levels{{{"debug", Level::debug},
                                                                    {"info", Level::info},
                                                                    {"warning", Level::warning},
                                                                    {"error", Level::error},
                                                                    {"off", Level::off}}};

}  // namespace

std::string_view to_string(Level level) {
    return std::ranges::find(levels, level, &std::pair<std::string_view, Level>::second)->first;
}

std::string to_string(const LogOptions& options) {
    std::string text(to_string(options.level));
    for (const auto& [room, level] : options.rooms)
        text += fmt::format(",{}={}", room, to_string(level));
    return text;
}

std::expected<LogOptions, std::string> parse_log_options(std::string_view text) {
    LogOptions options;
    while (!text.empty()) {
        const std::string_view entry = text.substr(0, text.find(','));
        text.remove_prefix(std::min(entry.size() + 1, text.size()));
        const auto equals = entry.find('=');
        const std::string_view room =
            equals == std::string_view::npos ? std::string_view{} : entry.substr(0, equals);
        const std::string_view name =
            equals == std::string_view::npos ? entry : entry.substr(equals + 1);
        const auto level =
            std::ranges::find(levels, name, &std::pair<std::string_view, Level>::first);
        if (level == levels.end())
            return std::unexpected(fmt::format(
                "\"{}\" is no level; there are debug, info, warning, error and off", name));
        if (equals == std::string_view::npos)
            options.level = level->second;
        else if (std::ranges::find(log_rooms, room) != log_rooms.end())
            options.rooms.insert_or_assign(std::string(room), level->second);
        else
            return std::unexpected(fmt::format("there is no room \"{}\"; there are {}", room,
                                               fmt::join(log_rooms, ", ")));
    }
    return options;
}

bool is_journal_stream(int fd, std::string_view journal_stream) {
    struct stat file {};
    if (fstat(fd, &file) != 0)
        return false;
    return journal_stream == fmt::format("{}:{}", file.st_dev, file.st_ino);
}

Logger::Logger(std::string room, SharedLevel level, const LogOptions& options,
               std::shared_ptr<LogSink> sink)
    : room_(std::move(room)),
      level_(std::move(level)),
      burst_(options.burst),
      interval_(options.interval),
      sink_(std::move(sink)) {}

bool Logger::is_allowed(Instant now, Level level, std::string_view place) {
    const auto [found, is_new] = allowances_.try_emplace(place);
    Allowance& allowance = found->second;
    const double full = burst_;
    if (is_new)
        allowance = {full, now, 0};
    const double earned = std::chrono::duration<double>(now - allowance.filled) /
                          std::chrono::duration<double>(interval_);
    allowance.tokens = std::min(full, allowance.tokens + earned);
    allowance.filled = now;
    if (allowance.tokens < 1) {
        ++allowance.suppressed;
        return false;
    }
    allowance.tokens -= 1;
    if (allowance.suppressed != 0) {
        write(level, fmt::format("({} more like the next were not said)",
                                 std::exchange(allowance.suppressed, 0)));
    }
    return true;
}

void Logger::write(Level level, std::string_view line) {
    (*sink_)(level, room_, line);
}

Log::Log(LogOptions options) : Log(std::move(options), stderr_sink()) {}
Log::Log(LogOptions options, LogSink sink)
    : options_(std::move(options)), sink_(std::make_shared<LogSink>(std::move(sink))) {}

Level Log::level_of(const std::string& room) const {
    const auto own = options_.rooms.find(room);
    return own == options_.rooms.end() ? options_.level : own->second;
}

Logger Log::room(const std::string& name) {
    auto& level = levels_[name];
    if (!level)
        level = std::make_shared<std::atomic<Level>>(level_of(name));
    return {name, level, options_, sink_};
}

void Log::use(Level level, std::map<std::string, Level, std::less<>> rooms) {
    options_.level = level;
    options_.rooms = std::move(rooms);
    for (const auto& [room, shared] : levels_)
        shared->store(level_of(room), std::memory_order_relaxed);
}

}  // namespace detour::observe
