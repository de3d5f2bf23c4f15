// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/api/server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

namespace detour::api {
namespace {

constexpr int backlog = 32;
// Enough for a few followers of events (each holds a thread while it waits) and the commands beside
// them.
constexpr std::size_t thread_count = 8;
constexpr std::size_t largest_body = 1 << 20;

struct UnixAddress {
    sockaddr_un storage{};

    static std::optional<UnixAddress> of(const std::filesystem::path& path) {
        UnixAddress address;
        address.storage.sun_family = AF_UNIX;
        if (path.native().size() >= sizeof address.storage.sun_path)
            return std::nullopt;
        std::memcpy(address.storage.sun_path, path.c_str(), path.native().size());
        return address;
    }
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

bool answers(const UnixAddress& address) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_connected = ::connect(fd, address.get(), sizeof address.storage) == 0;
    ::close(fd);
    return is_connected;
}

std::unexpected<std::string> cannot_listen(const std::filesystem::path& path) {
    return std::unexpected(
        fmt::format("cannot listen on {}: {}; check --run-dir and its permissions", path.string(),
                    std::strerror(errno)));
}

std::expected<int, std::string> listen_on(const std::filesystem::path& path) {
    const auto address = UnixAddress::of(path);
    if (!address)
        return std::unexpected(fmt::format(
            "{} is too long for a Unix socket; choose a shorter --run-dir", path.string()));
    if (answers(*address))
        return std::unexpected(fmt::format(
            "another detourd answers on {}; stop it, or choose another --run-dir", path.string()));
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cannot_listen(path);
    if (::bind(fd, address->get(), sizeof address->storage) != 0 || ::listen(fd, backlog) != 0 ||
        ::chmod(path.c_str(), 0660) != 0) {
        const auto error = cannot_listen(path);
        ::close(fd);
        return error;
    }
    return fd;
}

// httplib of Debian 12 listens on IP only; everything behind its accept() takes any stream socket.
class SocketServer : public httplib::Server {
 public:
    void adopt(int listening) { svr_sock_ = listening; }
};

void write(const Response& from, httplib::Response& to) {
    nlohmann::json body = from.body;
    body["schema_version"] = schema_version;
    to.status = from.status;
    to.set_content(body.dump() + "\n", "application/json");
}

void answer(const Resource& resource, const httplib::Request& from, httplib::Response& to) {
    Request request;
    for (const auto& [name, value] : from.params)
        request.query[name] = value;
    if (!from.body.empty()) {
        request.body = nlohmann::json::parse(from.body, nullptr, false);
        if (request.body.is_discarded())
            return write(failure(400, "the request's body is not JSON"), to);
    }
    write(resource.answer(request), to);
}

}  // namespace

std::string_view Request::parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string_view{} : found->second;
}

std::optional<std::uint64_t> Request::number(const std::string& name,
                                             std::uint64_t otherwise) const {
    const std::string_view text = parameter(name);
    if (text.empty())
        return otherwise;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

Response failure(int status, std::string error, std::string hint) {
    Response response{status, {{"error", std::move(error)}}};
    if (!hint.empty())
        response.body["hint"] = std::move(hint);
    return response;
}

struct Server::Implementation {
    std::filesystem::path path;
    std::vector<Resource> resources;
    SocketServer http;
    std::thread thread;
};

std::expected<std::unique_ptr<Server>, std::string> Server::open(
    const std::filesystem::path& socket, std::vector<Resource> resources) {
    const auto listening = listen_on(socket);
    if (!listening)
        return std::unexpected(listening.error());
    auto implementation = std::make_unique<Implementation>();
    implementation->path = socket;
    implementation->resources = std::move(resources);
    implementation->http.adopt(*listening);
    return std::unique_ptr<Server>(new Server(std::move(implementation)));
}

Server::Server(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {
    SocketServer& http = implementation_->http;
    http.new_task_queue = [] { return new httplib::ThreadPool(thread_count); };
    http.set_payload_max_length(largest_body);
    for (const Resource& resource : implementation_->resources) {
        const auto handler = [&resource](const httplib::Request& request,
                                         httplib::Response& response) {
            answer(resource, request, response);
        };
        if (resource.method == Resource::Method::get)
            http.Get(resource.path, handler);
        else
            http.Post(resource.path, handler);
    }
    http.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
            write(failure(500, "detourd met an error of its own; its log has more"), response);
        });
    http.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
        if (response.body.empty())
            write(failure(response.status,
                          fmt::format("there is no {} {}", request.method, request.path)),
                  response);
    });
    implementation_->thread = std::thread([&http] { http.listen_after_bind(); });
}

Server::~Server() {
    // stop() before the thread has begun to listen would be lost.
    while (!implementation_->http.is_running() && implementation_->thread.joinable())
        std::this_thread::yield();
    implementation_->http.stop();
    implementation_->thread.join();
    std::error_code ignored;
    std::filesystem::remove(implementation_->path, ignored);
}

}  // namespace detour::api
