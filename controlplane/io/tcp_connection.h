// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One TCP connection, ours or accepted, as its owner sees it: bytes out in order, bytes in as they
// come, how far the stream has come, and one end. Made and driven by TcpTransport.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "conf/types/bytes.h"
#include "controlplane/io/tcp_options.h"

namespace detour::io {

class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
 public:
    // Called from the loop, never from within a call of a function of this class; none after
    // ended() or after the owner has said close().
    struct Handlers {
        std::function<void()> connected;
        std::function<void(std::span<const std::uint8_t>)> received;
        // Bytes given to the kernel, and of these acknowledged by the neighbour's TCP, so far.
        std::function<void(std::uint64_t written, std::uint64_t acknowledged)> progressed;
        // The attempt failed or the connection ended; an empty error: the neighbour closed it.
        std::function<void(std::string error)> ended;
    };

    TcpConnection(asio::io_context& loop, Handlers handlers);

    void connect(const TcpPath& path);
    void adopt(asio::ip::tcp::socket socket);

    // `end` is the offset of the stream behind these bytes. Progress is told when they are written;
    // with `wants_acknowledgement` also when they are acknowledged, within milliseconds.
    enum class Watch : std::uint8_t { written, acknowledged };
    void send(Bytes bytes, Watch watch);

    // Writes what was sent before, says so to the neighbour, and is gone after a second at most.
    void close();

 private:
    void begin();
    void read();
    void write();
    void look();
    void watch();
    void finish(std::string error);
    void drain();
    void abandon();

    asio::ip::tcp::socket socket_;
    asio::steady_timer timer_;  // of the watch, later of the closing
    Handlers handlers_;
    std::array<std::uint8_t, 16384> incoming_;
    Bytes waiting_;  // not yet being written
    Bytes writing_;
    std::uint64_t end_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t watched_ = 0;  // acknowledgement of this offset is waited for
    std::chrono::microseconds watch_interval_{};
    bool is_connected_ = false;
    bool is_writing_ = false;
    bool is_watching_ = false;
    bool is_closing_ = false;
};

}  // namespace detour::io
