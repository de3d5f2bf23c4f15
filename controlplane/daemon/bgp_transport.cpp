// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/bgp_transport.h"

#include <fmt/format.h>

#include <utility>

namespace detour::daemon {
namespace {

io::TcpPath path_of(const bgp::Transport& transport) {
    return {transport.local,  transport.remote,   transport.port,
            transport.device, transport.password, transport.ttl_security_hops};
}

io::TcpConnectionId to_io(bgp::ConnectionId id) {
    using Origin = io::TcpConnectionId::Origin;
    return {id.origin == bgp::ConnectionId::Origin::opened ? Origin::opened : Origin::accepted,
            id.number};
}

bgp::ConnectionId to_bgp(io::TcpConnectionId id) {
    using Origin = bgp::ConnectionId::Origin;
    return {id.origin == io::TcpConnectionId::Origin::opened ? Origin::opened : Origin::accepted,
            id.number};
}

io::TcpHandlers tcp_handlers(const BgpTransport::Handlers& handlers) {
    const auto& input = handlers.input;
    io::TcpHandlers tcp;
    tcp.connected = [input](io::TcpConnectionId id) { input(bgp::Connected{to_bgp(id)}); };
    tcp.connect_failed = [input](io::TcpConnectionId id, std::string error) {
        input(bgp::ConnectFailed{to_bgp(id), std::move(error)});
    };
    tcp.accepted = [input](io::TcpConnectionId id, const Address& local, const Address& remote) {
        input(bgp::Accepted{to_bgp(id), local, remote});
    };
    tcp.received = [input](io::TcpConnectionId id, std::span<const std::uint8_t> bytes) {
        input(bgp::Received{to_bgp(id), bytes});
    };
    tcp.progressed = [input](io::TcpConnectionId id, std::uint64_t written,
                             std::uint64_t acknowledged) {
        input(bgp::StreamProgress{to_bgp(id), written, acknowledged});
    };
    tcp.closed = [input](io::TcpConnectionId id, std::string error) {
        input(bgp::Closed{to_bgp(id), std::move(error)});
    };
    tcp.listen_failed = [complaint = handlers.complaint](const io::TcpPath& path,
                                                         const std::string& error) {
        complaint(fmt::format("cannot listen on {} port {}{}{}: {}", path.local.to_string(),
                              path.port, path.device.empty() ? "" : " of ", path.device, error));
    };
    return tcp;
}

}  // namespace

BgpTransport::BgpTransport(asio::io_context& loop, Handlers handlers)
    : handlers_(std::move(handlers)), tcp_(loop, tcp_handlers(handlers_)) {}

void BgpTransport::carry_out(const bgp::Output& output) {
    if (const auto* listen = std::get_if<bgp::Listen>(&output)) {
        const io::TcpPath path = path_of(listen->transport);
        listening_[listen->peer] = path;
        tcp_.listen(path);
    } else if (const auto* stop = std::get_if<bgp::StopListening>(&output)) {
        if (const auto path = listening_.extract(stop->peer))
            tcp_.stop_listening(path.mapped());
    } else if (const auto* connect = std::get_if<bgp::Connect>(&output)) {
        tcp_.connect(connect->connection.number, path_of(connect->transport));
    } else if (const auto* message = std::get_if<bgp::Send>(&output)) {
        send(*message);
    } else if (const auto* close = std::get_if<bgp::Close>(&output)) {
        tcp_.close(to_io(close->connection));
    }
}

void BgpTransport::send(const bgp::Send& send) {
    tcp_.send(to_io(send.connection), send.bytes,
              send.wants_acknowledgement ? io::TcpConnection::Watch::acknowledged
                                         : io::TcpConnection::Watch::written);
}

}  // namespace detour::daemon
