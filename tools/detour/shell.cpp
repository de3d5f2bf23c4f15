// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/shell.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace detour::command {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
    int read_end = -1;
    int write_end = -1;

    Pipe() {
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
            read_end = ends[0];
            write_end = ends[1];
        }
    }
    ~Pipe() {
        close_end(read_end);
        close_end(write_end);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    static void close_end(int& end) {
        if (end >= 0)
            ::close(end);
        end = -1;
    }
};

// Also in /usr/sbin and /sbin, which a person's PATH may lack.
std::string full_name(const std::string& program) {
    if (program.find('/') != std::string::npos)
        return program;
    for (const char* folder :
         {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/", "/usr/local/sbin/", "/usr/local/bin/"})
        if (std::string path = folder + program; ::access(path.c_str(), X_OK) == 0)
            return path;
    return "";
}

pid_t start(const std::vector<std::string>& words, const Pipe& output, const Pipe& complaint) {
    const std::string program = full_name(words.front());
    if (program.empty())
        return -1;
    std::vector<char*> arguments;
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    // Numbers and words as the parser knows them, whatever the operator's language.
    std::string language = "LC_ALL=C";
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::array<char*, 3> environment{language.data(), path.data(), nullptr};
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output.write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaint.write_end, STDERR_FILENO);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(),
                                    environment.data());
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? pid : -1;
}

// Appends what is there; false at the end.
bool drain(int descriptor, std::string& text) {
    std::array<char, 65536> buffer{};
    const ssize_t size = ::read(descriptor, buffer.data(), buffer.size());
    if (size > 0)
        text.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
}

void read_both(Pipe& output, Pipe& complaint, const Bounds& bounds, Ran& ran) {
    const auto deadline = Clock::now() + bounds.time;
    while (output.read_end >= 0 || complaint.read_end >= 0) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        ran.is_cut = left.count() <= 0 || ran.output.size() > bounds.bytes;
        if (ran.is_cut)
            return;
        std::array<pollfd, 2> ends{{{output.read_end, POLLIN, 0}, {complaint.read_end, POLLIN, 0}}};
        ::poll(ends.data(), ends.size(), static_cast<int>(left.count()));
        if (ends[0].revents != 0 && !drain(output.read_end, ran.output))
            Pipe::close_end(output.read_end);
        if (ends[1].revents != 0 && !drain(complaint.read_end, ran.complaint))
            Pipe::close_end(complaint.read_end);
    }
}

}  // namespace

Ran run(const std::vector<std::string>& words, const Bounds& bounds) {
    Ran ran;
    Pipe output;
    Pipe complaint;
    const pid_t pid = start(words, output, complaint);
    if (pid < 0)
        return ran;
    Pipe::close_end(output.write_end);
    Pipe::close_end(complaint.write_end);
    read_both(output, complaint, bounds, ran);
    if (ran.is_cut)
        ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ran;
}

std::optional<nlohmann::json> ip(const std::vector<std::string>& words) {
    std::vector<std::string> all{"ip", "-j"};
    all.insert(all.end(), words.begin(), words.end());
    const Ran ran = run(all);
    if (!ran.is_ok())
        return std::nullopt;
    // Nothing to list is an empty line, or "[{},{}]" with entries for what a filter left out.
    nlohmann::json list = nlohmann::json::parse(ran.output, nullptr, false);
    if (!list.is_array())
        return nlohmann::json::array();
    nlohmann::json kept = nlohmann::json::array();
    std::ranges::copy_if(list, std::back_inserter(kept),
                         [](const nlohmann::json& one) { return !one.empty(); });
    return kept;
}

}  // namespace detour::command
