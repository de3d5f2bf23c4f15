// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where the BGP speaker's words become sockets: it carries out those of the speaker's outputs that
// are the transport's, and turns what happens on the sockets into its inputs. The two rooms know
// nothing of each other. One thread, the event loop's.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <map>
#include <string>

#include "controlplane/bgp/events.h"
#include "controlplane/io/tcp_transport.h"

namespace detour::daemon {

class BgpTransport {
 public:
    struct Handlers {
        // To be handed to the speaker with the time; never called from within carry_out().
        std::function<void(const bgp::Input&)> input;
        // For the log: a listening socket that cannot be opened.
        std::function<void(const std::string&)> complaint;
    };

    BgpTransport(asio::io_context& loop, Handlers handlers);

    // Listen, StopListening, Connect, Send and Close are done; others are somebody else's.
    void carry_out(const bgp::Output& output);

 private:
    void send(const bgp::Send& send);

    Handlers handlers_;
    io::TcpTransport tcp_;
    std::map<bgp::PeerId, io::TcpPath> listening_;
};

}  // namespace detour::daemon
