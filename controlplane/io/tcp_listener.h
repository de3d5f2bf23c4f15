// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One listening socket and the neighbours that may call it. Part of TcpTransport.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/io/tcp_options.h"

namespace detour::io {

class TcpListener : public std::enable_shared_from_this<TcpListener> {
 public:
    using Accept = std::function<void(const TcpPath&, asio::ip::tcp::socket)>;
    using Complain = std::function<void(const TcpPath&, std::string)>;

    TcpListener(asio::io_context& loop, Accept accept, Complain complain);

    // A path replaces one of the same remote address.
    void add(const TcpPath& path);
    void remove(const TcpPath& path);
    [[nodiscard]] bool is_idle() const { return paths_.empty(); }

    // Opens the socket if it is not open, or belongs to a device of that name that is no more.
    void tend();

 private:
    [[nodiscard]] std::error_code open();
    [[nodiscard]] std::error_code configure();
    [[nodiscard]] unsigned device_index() const;
    void accept();
    void take(const asio::error_code& error, asio::ip::tcp::socket socket);

    asio::ip::tcp::acceptor acceptor_;
    Accept accept_;
    Complain complain_;
    std::vector<TcpPath> paths_;
    unsigned device_index_ = 0;  // when the socket was opened
    std::string last_complaint_;
};

}  // namespace detour::io
