// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/telemetry_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace detour::io {
namespace {

// rte_telemetry announces at most 16 KiB per answer; ours are paged to stay below.
constexpr std::size_t answer_size = 64 * 1024;
constexpr std::chrono::seconds answer_time{1};
// Beyond this many waiting requests the data plane is not keeping up, and more would not help.
constexpr std::size_t queue_size = 64;

}  // namespace

TelemetryClient::TelemetryClient(asio::io_context& loop, std::filesystem::path socket_path)
    : loop_(loop),
      path_(std::move(socket_path)),
      socket_(loop),
      timer_(loop),
      buffer_(answer_size) {}

void TelemetryClient::request(std::string command, Handler handler) {
    if (queue_.size() >= queue_size) {
        asio::post(loop_, [handler = std::move(handler)] {
            handler(std::unexpected(std::make_error_code(std::errc::no_buffer_space)));
        });
        return;
    }
    queue_.push_back({std::move(command), std::move(handler)});
    if (queue_.size() == 1)
        asio::post(loop_, [this] { start(); });
}

void TelemetryClient::start() {
    ++turn_;
    timer_.expires_after(answer_time);
    timer_.async_wait([this, turn = turn_](const asio::error_code& error) {
        if (!error && turn == turn_)
            finish(std::unexpected(std::make_error_code(std::errc::timed_out)));
    });
    if (socket_.is_open())
        return send();
    if (const std::error_code error = connect())
        return finish(std::unexpected(error));
    // The greeting: {"version":..., "pid":..., "max_output_len":...}; nothing in it that we need.
    receive([this](std::string) { send(); });
}

std::error_code TelemetryClient::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.native().size() >= sizeof address.sun_path)
        return std::make_error_code(std::errc::filename_too_long);
    std::memcpy(address.sun_path, path_.c_str(), path_.native().size());
    // asio's connect() would wait, and the loop with it, for a data plane that is there and does
    // not accept (stopped, or stuck) once its queue of connections is full.
    const int descriptor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return {errno, std::generic_category()};
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const std::error_code error(errno, std::generic_category());
        ::close(descriptor);
        return error;
    }
    asio::error_code error;
    socket_.assign(asio::generic::seq_packet_protocol(AF_UNIX, 0), descriptor, error);
    if (error)
        ::close(descriptor);
    return error;
}

void TelemetryClient::send() {
    socket_.async_send(asio::buffer(queue_.front().command), 0,
                       [this, turn = turn_](const asio::error_code& error, std::size_t) {
                           if (turn != turn_)
                               return;
                           if (error)
                               return finish(std::unexpected(error));
                           receive([this](std::string answer) { finish(std::move(answer)); });
                       });
}

void TelemetryClient::receive(std::function<void(std::string)> next) {
    socket_.async_receive(
        asio::buffer(buffer_), flags_,
        [this, turn = turn_, next = std::move(next)](const asio::error_code& error,
                                                     std::size_t size) {
            if (turn != turn_)
                return;
            if (error)
                return finish(std::unexpected(error));
            if (size == 0)
                return finish(std::unexpected(std::make_error_code(std::errc::connection_reset)));
            next(std::string(buffer_.data(), size));
        });
}

void TelemetryClient::finish(std::expected<std::string, std::error_code> result) {
    ++turn_;
    timer_.cancel();
    if (!result)
        socket_.close();  // whatever is still on its way belongs to a request that has failed
    const Handler handler = std::move(queue_.front().handler);
    queue_.pop_front();
    if (!queue_.empty())
        asio::post(loop_, [this] { start(); });
    handler(std::move(result));
}

}  // namespace detour::io
