// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/keeper.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "tests/unit/engine/scratch.h"

namespace detour::engine {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("the descriptors that are passed have the names that are listed") {
    CHECK(listed_names("42", "3", "wan0:lan0:partner", 42) == Names{"wan0", "lan0", "partner"});
    CHECK(listed_names("42", "3", "wan0", 42) == Names{"wan0", "", ""});
    CHECK(listed_names("42", "1", nullptr, 42) == Names{""});
    CHECK(listed_names("42", "0", "", 42).empty());
}

TEST_CASE("a list for somebody else, or none that can be read, is no list") {
    CHECK(listed_names("43", "3", "a:b:c", 42).empty());
    CHECK(listed_names(nullptr, nullptr, nullptr, 42).empty());
    CHECK(listed_names("42", "three", "a", 42).empty());
    CHECK(listed_names("42", "-1", "a", 42).empty());
    CHECK(listed_names("42x", "1", "a", 42).empty());
}

// A supervisor's end of the socket.
class Supervisor {
 public:
    explicit Supervisor(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
    }

    struct Datagram {
        std::string text;
        Descriptor descriptor;
    };
    Datagram receive() {
        Datagram datagram;
        std::array<char, 256> text{};
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
        iovec part{text.data(), text.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t size = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
        REQUIRE(size >= 0);
        datagram.text.assign(text.data(), static_cast<std::size_t>(size));
        if (const cmsghdr* const header = CMSG_FIRSTHDR(&message); header != nullptr) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
            datagram.descriptor = Descriptor(fd);
        }
        return datagram;
    }

 private:
    Descriptor socket_;
};

TEST_CASE("a keeper gets the descriptor, its name, and the request not to watch it") {
    const test::Scratch scratch;
    const std::string path = scratch.path() / "notify.sock";
    Supervisor supervisor(path);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    Keeper keeper = Keeper::from_environment();
    CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
    REQUIRE(keeper.is_there());
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const Descriptor reader(ends[0]);
    const Descriptor writer(ends[1]);
    REQUIRE(keeper.store("wan0", reader.get()));
    const auto stored = supervisor.receive();
    CHECK(stored.text == "FDSTORE=1\nFDNAME=wan0\nFDPOLL=0");
    REQUIRE(stored.descriptor.is_open());
    CHECK(write(writer.get(), "x", 1) == 1);
    char got = 0;
    CHECK(read(stored.descriptor.get(), &got, 1) == 1);
    keeper.say_ready("forwarding");
    CHECK(supervisor.receive().text == "READY=1\nSTATUS=forwarding");
    keeper.say_stopping();
    CHECK(supervisor.receive().text == "STOPPING=1");
    keeper.remove("wan0");
    CHECK(supervisor.receive().text == "FDSTOREREMOVE=1\nFDNAME=wan0");
}

TEST_CASE("without a supervisor nothing is sent and nothing fails") {
    unsetenv("NOTIFY_SOCKET");
    Keeper keeper = Keeper::from_environment();
    CHECK_FALSE(keeper.is_there());
    CHECK(keeper.store("wan0", 0));
    keeper.say_ready("forwarding");
}

TEST_CASE("a supervisor that is gone is an error for what must be kept") {
    setenv("NOTIFY_SOCKET", "/nowhere/notify.sock", 1);
    Keeper keeper = Keeper::from_environment();
    CHECK_FALSE(keeper.store("wan0", 0));
}

}  // namespace
}  // namespace detour::engine
