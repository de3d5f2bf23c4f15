// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/client.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <utility>

namespace detour::command {
namespace {

// Longer than the longest wait that the daemon allows a request (following events, a mutation).
constexpr std::chrono::seconds answer_time{90};

// httplib of Debian 12 connects to IP only; everything behind the connect takes any stream socket.
class SocketClient : public httplib::ClientImpl {
 public:
    explicit SocketClient(const std::filesystem::path& path)
        : ClientImpl("localhost"), path_(path) {
        set_read_timeout(answer_time);
    }
    // errno of the connection that failed; 0 when it was made.
    [[nodiscard]] int reason() const { return reason_; }

 private:
    bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
        error = httplib::Error::Connection;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path_.native().size() >= sizeof address.sun_path)
            return false;
        std::memcpy(address.sun_path, path_.c_str(), path_.native().size());
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return false;
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            reason_ = errno;
            ::close(fd);
            return false;
        }
        socket.sock = fd;
        error = httplib::Error::Success;
        return true;
    }

    std::filesystem::path path_;
    int reason_ = 0;
};

Reply read(const httplib::Result& result, const SocketClient& client,
           const std::filesystem::path& socket) {
    if (!result)
        return std::unexpected(ClientError{
            ClientError::Kind::unreachable,
            fmt::format(
                "detourd does not answer on {} ({}); is it running (systemctl status detour), "
                "and is this its --run-dir?",
                socket.string(),
                client.reason() != 0 ? std::strerror(client.reason())
                                     : httplib::to_string(result.error())),
            {}});
    nlohmann::json body = nlohmann::json::parse(result->body, nullptr, false);
    if (result->status < 400 && !body.is_discarded())
        return body;
    std::string message = fmt::format(
        "detourd answered {} in a form this command does not know; "
        "compare detour version on both",
        result->status);
    if (body.is_object() && body.contains("error")) {
        message = body.at("error").get<std::string>();
        if (body.contains("hint"))
            message += "; " + body.at("hint").get<std::string>();
    }
    return std::unexpected(ClientError{ClientError::Kind::refused, message, std::move(body)});
}

}  // namespace

Reply Client::get(const std::string& path, const Query& query) const {
    SocketClient client(socket_);
    const httplib::Params parameters(query.begin(), query.end());
    return read(client.Get(path, parameters, httplib::Headers{}), client, socket_);
}

Reply Client::post(const std::string& path, const nlohmann::json& body) const {
    SocketClient client(socket_);
    return read(client.Post(path, body.dump(), "application/json"), client, socket_);
}

}  // namespace detour::command
