// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/tcp_transport.h"

#include <utility>

#include "controlplane/io/tcp_listener.h"

namespace detour::io {
namespace {

constexpr std::chrono::seconds tending_interval{1};

}  // namespace

TcpTransport::TcpTransport(asio::io_context& loop, TcpHandlers handlers)
    : loop_(loop), handlers_(std::move(handlers)), tending_(loop) {}

TcpTransport::~TcpTransport() {
    for (const auto& [id, connection] : connections_)
        connection->close();
}

void TcpTransport::listen(const TcpPath& path) {
    auto& listener = listeners_[{path.local, path.port, path.device}];
    if (!listener)
        listener = std::make_shared<TcpListener>(
            loop_,
            [this](const TcpPath& from, asio::ip::tcp::socket socket) {
                take_call(from, std::move(socket));
            },
            [this](const TcpPath& of, std::string error) {
                handlers_.listen_failed(of, std::move(error));
            });
    listener->add(path);
    if (!std::exchange(is_tending_, true)) {
        tending_.expires_after(std::chrono::seconds(0));
        tending_.async_wait([this](const asio::error_code& cancelled) {
            if (!cancelled)
                tend_listeners();
        });
    }
}

void TcpTransport::stop_listening(const TcpPath& path) {
    const auto listener = listeners_.find({path.local, path.port, path.device});
    if (listener == listeners_.end())
        return;
    listener->second->remove(path);
    if (listener->second->is_idle())
        listeners_.erase(listener);
}

void TcpTransport::connect(std::uint64_t number, const TcpPath& path) {
    const TcpConnectionId id{TcpConnectionId::Origin::opened, number};
    auto connection = std::make_shared<TcpConnection>(loop_, handlers_of(id));
    connections_[id] = connection;
    connection->connect(path);
}

void TcpTransport::send(TcpConnectionId connection, Bytes bytes, TcpConnection::Watch watch) {
    if (const auto found = connections_.find(connection); found != connections_.end())
        found->second->send(std::move(bytes), watch);
}

void TcpTransport::close(TcpConnectionId connection) {
    const auto found = connections_.find(connection);
    if (found == connections_.end())
        return;
    found->second->close();
    connections_.erase(found);
}

TcpConnection::Handlers TcpTransport::handlers_of(TcpConnectionId id) {
    auto is_up = std::make_shared<bool>(id.origin == TcpConnectionId::Origin::accepted);
    return {
        [this, id, is_up] {
            *is_up = true;
            handlers_.connected(id);
        },
        [this, id](std::span<const std::uint8_t> bytes) { handlers_.received(id, bytes); },
        [this, id](std::uint64_t written, std::uint64_t acknowledged) {
            handlers_.progressed(id, written, acknowledged);
        },
        [this, id, is_up](std::string error) {
            connections_.erase(id);
            if (*is_up)
                handlers_.closed(id, std::move(error));
            else
                handlers_.connect_failed(id, std::move(error));
        },
    };
}

void TcpTransport::take_call(const TcpPath& path, asio::ip::tcp::socket socket) {
    const TcpConnectionId id{TcpConnectionId::Origin::accepted, next_accepted_++};
    auto connection = std::make_shared<TcpConnection>(loop_, handlers_of(id));
    connections_[id] = connection;
    // Who was called is known before anything is heard.
    handlers_.accepted(id, path.local, path.remote);
    connection->adopt(std::move(socket));
}

void TcpTransport::tend_listeners() {
    for (const auto& [place, listener] : listeners_)
        listener->tend();
    is_tending_ = !listeners_.empty();
    if (!is_tending_)
        return;
    tending_.expires_after(tending_interval);
    tending_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled)
            tend_listeners();
    });
}

}  // namespace detour::io
