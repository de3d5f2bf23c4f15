// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace detour::supervise {
namespace {

constexpr int first_passed_descriptor = 3;  // SD_LISTEN_FDS_START
constexpr int exec_failed = 127;

bool is_ours(std::string_view variable) {
    for (const std::string_view name : {"NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=",
                                        "LISTEN_FDNAMES=", "WATCHDOG_PID=", "WATCHDOG_USEC="})
        if (variable.starts_with(name))
            return true;
    return false;
}

// Our environment with what the protocol adds. LISTEN_PID is the child's own, known there only.
std::vector<std::string> environment_for(const std::filesystem::path& notify_socket,
                                         const DescriptorStore& store, pid_t self) {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (!is_ours(*variable))
            variables.emplace_back(*variable);
    variables.push_back("NOTIFY_SOCKET=" + notify_socket.native());
    if (store.entries().empty())
        return variables;
    std::string names;
    for (const StoredDescriptor& entry : store.entries())
        names += (names.empty() ? "" : ":") + entry.name;
    variables.push_back(fmt::format("LISTEN_PID={}", self));
    variables.push_back(fmt::format("LISTEN_FDS={}", store.entries().size()));
    variables.push_back("LISTEN_FDNAMES=" + names);
    return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts)
        pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

[[noreturn]] void give_up(const Command& command, const char* what) {
    const std::string text =
        fmt::format("{}: {}: {}\n", command.executable.native(), what, std::strerror(errno));
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(exec_failed);
}

// Stored files become 3, 4, ... in order. First away from those numbers: a stored one may sit on
// the place of another. dup2 leaves the copies open across exec; all else here is close-on-exec.
void place_descriptors(const Command& command, const DescriptorStore& store) {
    const auto count = static_cast<int>(store.entries().size());
    std::vector<int> parked;
    for (const StoredDescriptor& entry : store.entries()) {
        parked.push_back(
            ::fcntl(entry.descriptor.get(), F_DUPFD_CLOEXEC, first_passed_descriptor + count));
        if (parked.back() < 0)
            give_up(command, "cannot pass on a stored file");
    }
    for (int i = 0; i < count; ++i)
        if (::dup2(parked[static_cast<std::size_t>(i)], first_passed_descriptor + i) < 0)
            give_up(command, "cannot pass on a stored file");
}

[[noreturn]] void become(const Command& command, const std::filesystem::path& notify_socket,
                         const DescriptorStore& store, int error_stream, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent)  // died before the line above could notice
        ::_exit(exec_failed);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);

    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(error_stream, STDERR_FILENO) < 0)
        give_up(command, "cannot set up its streams");
    place_descriptors(command, store);
    auto environment = environment_for(notify_socket, store, ::getpid());
    std::vector<std::string> arguments{command.name};
    arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
    ::execve(command.executable.c_str(), pointers_to(arguments).data(),
             pointers_to(environment).data());
    give_up(command, "cannot be started");
}

}  // namespace

std::expected<Child, std::string> start(const Command& command,
                                        const std::filesystem::path& notify_socket,
                                        const DescriptorStore& store) {
    const auto fail = [&command] {
        return std::unexpected(
            fmt::format("cannot start {}: {}", command.name, std::strerror(errno)));
    };
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return fail();
    Descriptor read_end(ends[0]);
    const Descriptor write_end(ends[1]);
    ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0)
        return fail();
    if (pid == 0)
        become(command, notify_socket, store, write_end.get(), parent);
    return Child{pid, std::move(read_end)};
}

std::string describe_end(int status) {
    if (WIFEXITED(status))
        return fmt::format("ended with exit code {}", WEXITSTATUS(status));
    const char* const name = ::sigabbrev_np(WTERMSIG(status));
    return fmt::format("was killed by SIG{}{}", name != nullptr ? name : "?",
                       WCOREDUMP(status) ? " (core dumped)" : "");
}

}  // namespace detour::supervise
