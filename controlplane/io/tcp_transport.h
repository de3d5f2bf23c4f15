// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// TCP to configured neighbours: calls, listening sockets that know their neighbours (a key of MD5
// belongs to one of them), and connections by number. It knows nothing of what is said on them. A
// listening socket that cannot be opened, or whose device was made anew, is opened again within a
// second. One thread, the event loop's; handlers are called from the loop, never from within a call
// of this class.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "controlplane/io/tcp_connection.h"
#include "controlplane/io/tcp_options.h"

namespace detour::io {

class TcpListener;

// Calls are numbered by who asks for them, accepted connections here, each from 1.
struct TcpConnectionId {
    enum class Origin : std::uint8_t { opened, accepted };

    Origin origin = Origin::opened;
    std::uint64_t number = 0;

    friend constexpr auto operator<=>(const TcpConnectionId&, const TcpConnectionId&) = default;
};

struct TcpHandlers {
    std::function<void(TcpConnectionId)> connected;
    std::function<void(TcpConnectionId, std::string error)> connect_failed;
    // From a neighbour that is listened for, others are turned away.
    std::function<void(TcpConnectionId, const Address& local, const Address& remote)> accepted;
    std::function<void(TcpConnectionId, std::span<const std::uint8_t>)> received;
    std::function<void(TcpConnectionId, std::uint64_t written, std::uint64_t acknowledged)>
        progressed;
    std::function<void(TcpConnectionId, std::string error)> closed;
    // For a log: why nobody can call us on that path, each time the reason changes.
    std::function<void(const TcpPath&, std::string error)> listen_failed;
};

class TcpTransport {
 public:
    TcpTransport(asio::io_context& loop, TcpHandlers handlers);
    ~TcpTransport();
    TcpTransport(const TcpTransport&) = delete;
    TcpTransport& operator=(const TcpTransport&) = delete;

    // Paths with the same local address, port and device share a socket.
    void listen(const TcpPath& path);
    void stop_listening(const TcpPath& path);
    void connect(std::uint64_t number, const TcpPath& path);
    // Of a connection that is gone: ignored.
    void send(TcpConnectionId connection, Bytes bytes, TcpConnection::Watch watch);
    // What was sent before is still written. Nothing is told of the connection any more.
    void close(TcpConnectionId connection);

 private:
    struct Place {
        Address local;
        std::uint16_t port = 0;
        std::string device;

        friend auto operator<=>(const Place&, const Place&) = default;
    };

    [[nodiscard]] TcpConnection::Handlers handlers_of(TcpConnectionId id);
    void take_call(const TcpPath& path, asio::ip::tcp::socket socket);
    void tend_listeners();

    asio::io_context& loop_;
    TcpHandlers handlers_;
    asio::steady_timer tending_;
    bool is_tending_ = false;
    std::map<Place, std::shared_ptr<TcpListener>> listeners_;
    std::map<TcpConnectionId, std::shared_ptr<TcpConnection>> connections_;
    std::uint64_t next_accepted_ = 1;
};

}  // namespace detour::io
