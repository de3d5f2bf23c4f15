// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/watch.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

namespace detour::command {
namespace {

constexpr std::string_view clear_screen = "\033[2J";
constexpr std::string_view home = "\033[H";
constexpr std::string_view clear_line = "\033[K";
constexpr std::string_view clear_below = "\033[J";

struct Reading {
    int code = 0;
    std::string text;
};

// What the verb writes to stdout and stderr, read from a file in memory.
Reading read(const Action& action, const Context& context) {
    const int file = ::memfd_create("detour-watch", MFD_CLOEXEC);
    if (file < 0)
        return {action(context), ""};
    std::fflush(nullptr);
    const int out = ::dup(STDOUT_FILENO);
    const int err = ::dup(STDERR_FILENO);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    Reading reading;
    reading.code = action(context);
    std::fflush(nullptr);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::close(out);
    ::close(err);
    ::lseek(file, 0, SEEK_SET);
    std::array<char, 4096> part{};
    for (ssize_t size = 0; (size = ::read(file, part.data(), part.size())) > 0;)
        reading.text.append(part.data(), static_cast<std::size_t>(size));
    ::close(file);
    return reading;
}

std::string as_line(const std::string& text) {
    const auto document = nlohmann::json::parse(text, nullptr, false);
    return document.is_discarded() ? text : document.dump() + "\n";
}

}  // namespace

std::string frame(std::string_view text, Size size) {
    std::string drawn(home);
    for (unsigned row = 0; row + 1 < size.rows && !text.empty(); ++row) {
        const std::size_t end = text.find('\n');
        drawn += cut(text.substr(0, end), size.columns);
        drawn += clear_line;
        drawn += "\r\n";
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return drawn.append(clear_below);
}

int watch(const Action& action, const Context& context, Duration every) {
    for (bool is_first = true;; is_first = false) {
        const auto size = terminal_size();
        const Reading reading = read(action, context);
        if (context.output == Output::json)
            fmt::print("{}", as_line(reading.text));
        else if (size)
            fmt::print("{}{}", is_first ? clear_screen : "", frame(reading.text, *size));
        else
            fmt::print("{}{}", is_first ? "" : "\n", reading.text);
        std::fflush(stdout);
        if (reading.code == exit_code::error)
            return reading.code;
        std::this_thread::sleep_for(every);
    }
}

}  // namespace detour::command
