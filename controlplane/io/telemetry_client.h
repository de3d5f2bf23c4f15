// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Asks detour-dataplane's telemetry socket (DPDK's rte_telemetry: a Unix seqpacket socket, a
// command in, one JSON document out). One request is under way at a time; others wait in order. A
// connection that is not there, or breaks, or gives no answer in time fails the request, and the
// next one connects anew, so that the data plane may come and go. One thread, the event loop's.
#pragma once

#include <asio/generic/seq_packet_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

namespace detour::io {

class TelemetryClient {
 public:
    // The answer's JSON text; on failure why (the data plane is away or silent).
    using Handler = std::function<void(std::expected<std::string, std::error_code>)>;

    TelemetryClient(asio::io_context& loop, std::filesystem::path socket_path);

    // Asks `command`, for example "/detour/sets". The handler is called once, from the loop, never
    // from here.
    void request(std::string command, Handler handler);

 private:
    struct Request {
        std::string command;
        Handler handler;
    };

    void start();
    void send();
    void receive(std::function<void(std::string)> next);
    void finish(std::expected<std::string, std::error_code> result);
    [[nodiscard]] std::error_code connect();

    asio::io_context& loop_;
    std::filesystem::path path_;
    asio::generic::seq_packet_protocol::socket socket_;
    asio::steady_timer timer_;
    std::deque<Request> queue_;
    std::vector<char> buffer_;
    asio::socket_base::message_flags flags_{};
    std::uint64_t turn_ =
        0;  // of the request under way: an answer that comes for an older one is not ours
};

}  // namespace detour::io
