// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/tcp_listener.h"

#include <net/if.h>

#include <algorithm>
#include <utility>

namespace detour::io {

TcpListener::TcpListener(asio::io_context& loop, Accept accept, Complain complain)
    : acceptor_(loop), accept_(std::move(accept)), complain_(std::move(complain)) {}

void TcpListener::add(const TcpPath& path) {
    std::erase_if(paths_, [&](const TcpPath& known) { return known.remote == path.remote; });
    paths_.push_back(path);
    if (acceptor_.is_open())
        if (const auto error = configure())
            complain_(path, error.message());
}

void TcpListener::remove(const TcpPath& path) {
    std::erase(paths_, path);
    if (!acceptor_.is_open() || paths_.empty())
        return;  // the socket goes with its last path
    // Its key first: configure() knows only those that are left.
    if (const auto error = set_md5_key(acceptor_.native_handle(), path.remote, {}))
        return complain_(path, error.message());
    if (const auto error = configure())
        complain_(path, error.message());
}

void TcpListener::tend() {
    if (acceptor_.is_open() && device_index_ == device_index())
        return;
    asio::error_code ignored;
    acceptor_.close(ignored);
    const auto error = open();
    if (!error) {
        last_complaint_.clear();
        return accept();
    }
    acceptor_.close(ignored);
    if (std::string text = error.message(); text != last_complaint_) {
        last_complaint_ = text;
        complain_(paths_.front(), std::move(text));
    }
}

std::error_code TcpListener::open() {
    const TcpPath& path = paths_.front();
    const auto endpoint = to_endpoint(path.local, path.port);
    asio::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (error)
        return error;
    const int socket = acceptor_.native_handle();
    if (auto refused = prepare_listener(socket, path.local.family(), path.device))
        return refused;
    device_index_ = device_index();
    if (auto refused = configure())
        return refused;
    acceptor_.bind(endpoint, error);
    if (!error)
        acceptor_.listen(asio::socket_base::max_listen_connections, error);
    return error;
}

std::error_code TcpListener::configure() {
    const int socket = acceptor_.native_handle();
    for (const TcpPath& path : paths_)
        if (auto error = set_md5_key(socket, path.remote, path.password))
            return error;
    // RFC 5082: a call from too far away is not even answered, if no neighbour may be farther.
    const auto farthest = std::ranges::max_element(
        paths_, {}, [](const TcpPath& path) { return path.ttl_security_hops.value_or(255); });
    return set_min_ttl(socket, *farthest);
}

unsigned TcpListener::device_index() const {
    const std::string& device = paths_.front().device;
    return device.empty() ? 0 : ::if_nametoindex(device.c_str());
}

void TcpListener::accept() {
    acceptor_.async_accept(
        [weak = weak_from_this()](const asio::error_code& error, asio::ip::tcp::socket socket) {
            const auto self = weak.lock();
            if (!self || error == asio::error::operation_aborted)
                return;  // closed: for good, or by tend()
            self->take(error, std::move(socket));
            self->accept();
        });
}

void TcpListener::take(const asio::error_code& error, asio::ip::tcp::socket socket) {
    if (error)
        return;  // the caller has thought better of it
    asio::error_code gone;
    const auto remote = socket.remote_endpoint(gone);
    if (gone)
        return;
    const auto path = std::ranges::find(paths_, to_address(remote.address()), &TcpPath::remote);
    if (path == paths_.end())
        return;
    // From here on a neighbour that is too far away is not heard.
    if (!set_min_ttl(socket.native_handle(), *path))
        accept_(*path, std::move(socket));
}

}  // namespace detour::io
