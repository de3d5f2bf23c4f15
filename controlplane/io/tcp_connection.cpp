// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/tcp_connection.h"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <utility>

namespace detour::io {
namespace {

// The kernel does not tell of acknowledgements: we look, first often, then less.
constexpr std::chrono::microseconds first_look{200};
constexpr std::chrono::microseconds slowest_look{20000};
// A neighbour that does not read our last words does not keep us.
constexpr std::chrono::seconds closing_time{1};

}  // namespace

TcpConnection::TcpConnection(asio::io_context& loop, Handlers handlers)
    : socket_(loop), timer_(loop), handlers_(std::move(handlers)) {}

void TcpConnection::connect(const TcpPath& path) {
    const auto remote = to_endpoint(path.remote, path.port);
    asio::error_code error;
    socket_.open(remote.protocol(), error);
    if (!error)
        error = prepare_caller(socket_.native_handle(), path);
    if (!error)
        socket_.bind(to_endpoint(path.local, 0), error);
    if (error) {
        asio::post(socket_.get_executor(),
                   [self = shared_from_this(), error] { self->finish(error.message()); });
        return;
    }
    socket_.async_connect(remote, [self = shared_from_this()](const asio::error_code& failed) {
        if (self->is_closing_)
            return;
        if (failed)
            return self->finish(failed.message());
        self->begin();
        self->handlers_.connected();
    });
}

void TcpConnection::adopt(asio::ip::tcp::socket socket) {
    socket_ = std::move(socket);
    begin();
}

void TcpConnection::begin() {
    asio::error_code ignored;
    // Messages are whole when they get here: nothing is gained by waiting for more.
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    is_connected_ = true;
    read();
    write();
}

void TcpConnection::send(Bytes bytes, Watch watch) {
    end_ += bytes.size();
    if (watch == Watch::acknowledged) {
        watched_ = end_;
        watch_interval_ = first_look;
        if (is_watching_)
            timer_.cancel();  // look sooner
    }
    if (waiting_.empty())
        waiting_ = std::move(bytes);
    else
        waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    write();
}

void TcpConnection::close() {
    if (std::exchange(is_closing_, true))
        return;
    timer_.cancel();
    if (!is_connected_)
        return abandon();
    timer_.expires_after(closing_time);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
        if (!cancelled)
            self->abandon();
    });
    if (!is_writing_)
        drain();
}

void TcpConnection::read() {
    socket_.async_read_some(
        asio::buffer(incoming_),
        [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
            if (self->is_closing_) {
                // What still comes is not heard; its end is what we wait for.
                return error ? self->abandon() : self->read();
            }
            if (error)
                return self->finish(error == asio::error::eof ? std::string() : error.message());
            self->handlers_.received(std::span(self->incoming_).first(size));
            self->read();
        });
}

void TcpConnection::write() {
    if (!is_connected_ || is_writing_ || waiting_.empty())
        return;
    is_writing_ = true;
    writing_ = std::exchange(waiting_, {});
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
                          self->is_writing_ = false;
                          self->written_ += size;
                          if (error)
                              return self->is_closing_ ? self->abandon()
                                                       : self->finish(error.message());
                          self->write();
                          if (!self->is_closing_)
                              self->look();
                          else if (!self->is_writing_)
                              self->drain();
                      });
}

void TcpConnection::look() {
    if (const auto unsent = unacknowledged(socket_.native_handle()))
        acknowledged_ = std::max(acknowledged_, written_ - std::min(written_, *unsent));
    watch();
    handlers_.progressed(written_, acknowledged_);
}

void TcpConnection::watch() {
    if (is_watching_ || acknowledged_ >= watched_)
        return;
    is_watching_ = true;
    timer_.expires_after(watch_interval_);
    watch_interval_ = std::min(2 * watch_interval_, slowest_look);
    timer_.async_wait([self = shared_from_this()](const asio::error_code&) {
        self->is_watching_ = false;
        if (!self->is_closing_)
            self->look();
    });
}

void TcpConnection::finish(std::string error) {
    if (std::exchange(is_closing_, true))
        return;
    abandon();
    handlers_.ended(std::move(error));
}

// Our stream is complete; a connection that is closed while bytes come in would be reset, and with
// it our last words lost.
void TcpConnection::drain() {
    asio::error_code error;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
    if (error)
        abandon();
}

void TcpConnection::abandon() {
    asio::error_code ignored;
    timer_.cancel();
    socket_.close(ignored);
}

}  // namespace detour::io
