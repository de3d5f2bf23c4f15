// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/telemetry_client.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

namespace detour::io {
namespace {

// Somebody who listens and never accepts, as a data plane that was stopped; more connections than
// the queue holds stand in it already.
class Stopped {
 public:
    Stopped() : path_("/tmp/detour-telemetry-" + std::to_string(::getpid())) {
        ::unlink(path_.c_str());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.c_str(), path_.size());
        const auto* const where = reinterpret_cast<const sockaddr*>(&address);
        const int listener = open_one();
        REQUIRE(::bind(listener, where, sizeof address) == 0);
        REQUIRE(::listen(listener, 1) == 0);
        while (::connect(open_one(), where, sizeof address) == 0)
            REQUIRE(descriptors_.size() < 100);
        REQUIRE(errno == EAGAIN);
    }
    ~Stopped() {
        for (const int descriptor : descriptors_)
            ::close(descriptor);
        ::unlink(path_.c_str());
    }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }

 private:
    int open_one() {
        return descriptors_.emplace_back(
            ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    }

    std::string path_;
    std::vector<int> descriptors_;
};

}  // namespace

TEST_CASE("a data plane that is stopped does not stop the loop that asks it") {
    const Stopped dataplane;
    asio::io_context loop;
    TelemetryClient client(loop, dataplane.path());
    bool has_failed = false;
    client.request("/detour/sets", [&](const auto& answer) { has_failed = !answer; });
    const auto begun = std::chrono::steady_clock::now();
    loop.run_for(std::chrono::seconds(3));
    CHECK(has_failed);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(2));
}

}  // namespace detour::io
