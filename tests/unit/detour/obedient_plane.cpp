// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A plane that does what a test tells it. It connects to $DETOUR_TEST_CONTROL (SOCK_SEQPACKET),
// says who it is and what it was given, and then obeys one command a packet:
//     notify TEXT      one datagram to $NOTIFY_SOCKET (\n written as |)
//     store NAME       a new empty file to the keeper; answers with its inode
//     say TEXT         TEXT and a newline to stderr
//     stubborn         do not stop on SIGTERM
//     exit CODE
// Signals are reported as {"signal": NAME}; SIGTERM also ends it.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using nlohmann::json;

sockaddr_un address_of(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return address;
}

json variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? json() : json(value);
}

unsigned long inode(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

class Plane {
 public:
    explicit Plane(int control) : control_(control) {}

    void introduce(int argc, char** argv) {
        json passed = json::array();
        const json count = variable("LISTEN_FDS");
        for (int i = 0; i < (count.is_null() ? 0 : std::stoi(count.get<std::string>())); ++i)
            passed.push_back(inode(3 + i));
        report({{"name", argv[0]},
                {"pid", ::getpid()},
                {"arguments", std::vector<std::string>(argv + 1, argv + argc)},
                {"notify_socket", variable("NOTIFY_SOCKET")},
                {"listen_pid", variable("LISTEN_PID")},
                {"listen_names", variable("LISTEN_FDNAMES")},
                {"passed", passed}});
    }

    void obey(const std::string& packet) {
        const std::size_t space = std::min(packet.find(' '), packet.size());
        const std::string verb = packet.substr(0, space);
        std::string rest = packet.substr(std::min(space + 1, packet.size()));
        if (verb == "notify") {
            std::replace(rest.begin(), rest.end(), '|', '\n');
            notify(rest, -1);
        } else if (verb == "store") {
            const int file = ::memfd_create(rest.c_str(), MFD_CLOEXEC);
            notify("FDSTORE=1\nFDNAME=" + rest, file);
            report({{"stored", inode(file)}});
        } else if (verb == "say") {
            fmt::print(stderr, "{}\n", rest);
        } else if (verb == "stubborn") {
            is_stubborn_ = true;
        } else if (verb == "exit") {
            std::exit(std::stoi(rest));
        }
        report({{"done", verb}});
    }

    void hear(int signal) {
        report({{"signal", ::sigabbrev_np(signal)}});
        if (signal == SIGTERM && !is_stubborn_)
            std::exit(0);
    }

 private:
    void report(const json& message) const {
        const std::string text = message.dump();
        [[maybe_unused]] const auto sent = ::send(control_, text.data(), text.size(), MSG_NOSIGNAL);
    }

    static void notify(const std::string& text, int descriptor) {
        const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_un address = address_of(std::getenv("NOTIFY_SOCKET"));
        iovec part{const_cast<char*>(text.data()), text.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
        msghdr message{};
        message.msg_name = &address;
        message.msg_namelen = sizeof address;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (descriptor >= 0) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            cmsghdr* const header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
        }
        [[maybe_unused]] const auto sent = ::sendmsg(sender, &message, 0);
        ::close(sender);
    }

    int control_;
    bool is_stubborn_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2})
        sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    const int signals = ::signalfd(-1, &set, SFD_CLOEXEC);
    const int control = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const sockaddr_un address = address_of(std::getenv("DETOUR_TEST_CONTROL"));
    if (::connect(control, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return 1;
    Plane plane(control);
    plane.introduce(argc, argv);
    for (;;) {
        pollfd watched[] = {{control, POLLIN, 0}, {signals, POLLIN, 0}};
        ::poll(watched, 2, -1);
        if (watched[1].revents != 0) {
            signalfd_siginfo info{};
            if (::read(signals, &info, sizeof info) == sizeof info)
                plane.hear(static_cast<int>(info.ssi_signo));
        }
        if (watched[0].revents != 0) {
            char packet[1024];
            const ssize_t size = ::recv(control, packet, sizeof packet, 0);
            if (size <= 0)  // the test is gone
                return 1;
            plane.obey({packet, static_cast<std::size_t>(size)});
        }
    }
}
