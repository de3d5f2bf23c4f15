// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/detour/box.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace detour::test {
namespace {

using nlohmann::json;
using supervise::Descriptor;

constexpr int patience = 10'000;

void wait_for(const Descriptor& descriptor, const std::string& what) {
    pollfd watched{descriptor.get(), POLLIN, 0};
    if (::poll(&watched, 1, patience) != 1)
        throw std::runtime_error("waited in vain for " + what);
}

Descriptor listen_on(const std::filesystem::path& path, int type) {
    Descriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_SEQPACKET)
        REQUIRE(::listen(socket.get(), 8) == 0);
    return socket;
}

// As an installation has it: detour looks for its siblings where its own file is, so links to the
// build would not do.
void install(const std::filesystem::path& program, const std::filesystem::path& place) {
    std::error_code error;
    std::filesystem::create_hard_link(program, place, error);
    if (error)
        std::filesystem::copy_file(program, place);
}

}  // namespace

PlaneControl::PlaneControl(Descriptor connection) : connection_(std::move(connection)) {
    hello = next().value();
}

std::optional<json> PlaneControl::next() {
    wait_for(connection_, "a word of a plane");
    std::array<char, 8192> packet{};
    const ssize_t size = ::recv(connection_.get(), packet.data(), packet.size(), 0);
    if (size <= 0)
        return std::nullopt;
    return json::parse(packet.data(), packet.data() + size);
}

void PlaneControl::tell_last(const std::string& command) {
    REQUIRE(::send(connection_.get(), command.data(), command.size(), MSG_NOSIGNAL) > 0);
}

void PlaneControl::tell(const std::string& command) {
    tell_last(command);
    REQUIRE(next().value().contains("done"));
}

unsigned long PlaneControl::store(const std::string& name) {
    tell_last("store " + name);
    const auto inode = next().value().at("stored").get<unsigned long>();
    REQUIRE(next().value().contains("done"));
    return inode;
}

std::vector<json> PlaneControl::wait_for_end() {
    std::vector<json> messages;
    while (auto message = next())
        messages.push_back(std::move(*message));
    return messages;
}

Box::Box(Planes planes) : planes_(planes) {
    std::string name = (std::filesystem::temp_directory_path() / "detour-box-XXXXXX").native();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    run_dir_ = directory_ / "run";
    install(DETOUR_PROGRAM, directory_ / "detour");
    if (planes != Planes::none)
        install(OBEDIENT_PLANE, directory_ / "detour-dataplane");
    if (planes == Planes::both)
        install(OBEDIENT_PLANE, directory_ / "detourd");
    listener_ = listen_on(directory_ / "control", SOCK_SEQPACKET);
}

Box::~Box() {
    if (pid_ != 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    // They go when their control connection does; kill only for the sake of a test that failed.
    for (const pid_t plane : plane_pids_)
        ::kill(plane, SIGKILL);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void Box::supervise() {
    own_supervisor_ = listen_on(directory_ / "systemd", SOCK_DGRAM);
}

std::string Box::next_notification() const {
    wait_for(own_supervisor_, "a notification");
    std::array<char, 256> text{};
    const ssize_t size = ::recv(own_supervisor_.get(), text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

void Box::start(std::vector<std::string> arguments) {
    if (arguments.empty()) {
        arguments = {"run", "--config", SOURCE_DIR "/conf/examples/minimal.yaml"};
        if (planes_ == Planes::dataplane_only)
            arguments.insert(arguments.end(), {"--only", "detour-dataplane"});
    }
    arguments.insert(arguments.begin(), (directory_ / "detour").native());
    arguments.insert(arguments.end(), {"--run-dir", run_dir().native(), "--state-dir",
                                       (directory_ / "state").native()});
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);

    std::string control = "DETOUR_TEST_CONTROL=" + (directory_ / "control").native();
    std::string upwards = "NOTIFY_SOCKET=" + (directory_ / "systemd").native();
    std::vector<char*> variables{control.data()};
    if (own_supervisor_.is_open())
        variables.push_back(upwards.data());
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (!std::string_view(*variable).starts_with("NOTIFY_SOCKET="))
            variables.push_back(*variable);
    variables.push_back(nullptr);

    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    error_stream_ = Descriptor(ends[0]);
    const Descriptor write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    REQUIRE(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), variables.data()) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
}

PlaneControl Box::next_plane() {
    wait_for(listener_, "a plane; stderr so far:\n" + errors_);
    PlaneControl control(Descriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    plane_pids_.push_back(control.pid());
    return control;
}

void Box::signal(int number) const {
    REQUIRE(::kill(pid_, number) == 0);
}

void Box::wait_for_line(const std::string& part) {
    for (;;) {
        const std::size_t found = errors_.find(part, seen_);
        const std::size_t end = errors_.find('\n', found);
        if (found != errors_.npos && end != errors_.npos) {
            seen_ = end + 1;
            return;
        }
        wait_for(error_stream_, "\"" + part + "\" in:\n" + errors_);
        std::array<char, 4096> bytes{};
        const ssize_t size = ::read(error_stream_.get(), bytes.data(), bytes.size());
        if (size <= 0)
            throw std::runtime_error("ended without \"" + part + "\":\n" + errors_);
        errors_.append(bytes.data(), static_cast<std::size_t>(size));
    }
}

int Box::wait_for_end() {
    // A process's end is an event as well.
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    wait_for(process, "the end of detour; stderr so far:\n" + errors_);
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = 0;
    std::array<char, 4096> bytes{};
    for (ssize_t size = 1; size > 0;) {
        size = ::read(error_stream_.get(), bytes.data(), bytes.size());
        errors_.append(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace detour::test
