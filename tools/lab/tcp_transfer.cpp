// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/tcp_transfer.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "conf/types/bytes.h"

namespace detour::lab {

namespace {

using nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr std::size_t block_size = 64 << 10;
// What the receiver answers at the end: how many bytes it found right.
constexpr std::size_t verdict_size = 8;

// splitmix64 of the position's word: cheap, and no two positions look alike.
std::uint8_t byte_at(std::uint64_t position) {
    std::uint64_t word = (position / 8 + 1) * 0x9e3779b97f4a7c15U;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebU;
    word ^= word >> 31;
    return static_cast<std::uint8_t>(word >> (position % 8 * 8));
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// Wait for `events`; false when `patience` or a signal ended the wait.
bool wait_for(const Descriptor& socket, short events, Duration patience) {
    pollfd entry{.fd = socket.number(), .events = events, .revents = 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    return ::poll(&entry, 1, static_cast<int>(limit.count())) > 0;
}

class Sender {
 public:
    explicit Sender(const SendOptions& options)
        : options_(options),
          socket_(connected_socket(options.to, options.from ? &*options.from : nullptr, SOCK_STREAM,
                                   options.patience)),
          started_(now()) {}

    std::string run() {
        while (!is_over() && send_block()) {
        }
        if (error_.empty())
            finish();
        return ordered_json{{"sent", sent_},
                            {"verified", verified_},
                            {"survived", error_.empty() && verified_ == sent_},
                            {"seconds", seconds(now() - started_)},
                            {"longest_stall_ms", seconds(longest_stall_) * 1e3},
                            {"error", error_}}
            .dump();
    }

 private:
    [[nodiscard]] bool is_over() const {
        return is_stopping != 0 || (options_.size != 0 && sent_ >= options_.size) ||
               (options_.duration && now() - started_ >= *options_.duration);
    }

    bool send_block() {
        std::size_t size = block_size;
        if (options_.size != 0)
            size = std::min<std::uint64_t>(size, options_.size - sent_);
        if (options_.rate != 0) {  // a hundredth of a second at a time
            size = std::min<std::uint64_t>(size, std::max<std::uint64_t>(options_.rate / 100, 1));
            sleep_until(started_ +
                        Duration(static_cast<std::int64_t>(static_cast<double>(sent_) * 1e9 /
                                                           static_cast<double>(options_.rate))));
        }
        for (std::size_t i = 0; i < size; ++i)
            block_[i] = byte_at(sent_ + i);
        const Instant before = now();
        const ssize_t result = ::send(socket_.number(), block_.data(), size, MSG_NOSIGNAL);
        if (result < 0 && errno != EINTR) {
            error_ = std::generic_category().message(errno);
            return false;
        }
        longest_stall_ = std::max(longest_stall_, now() - before);
        sent_ += static_cast<std::uint64_t>(std::max<ssize_t>(result, 0));
        return true;
    }

    void finish() {
        ::shutdown(socket_.number(), SHUT_WR);
        is_stopping = 0;  // the stop asked for the end of sending, and the verdict is still wanted
        if (!wait_for(socket_, POLLIN, options_.patience)) {
            error_ = "no verdict from the receiver";
            return;
        }
        std::array<std::uint8_t, verdict_size> verdict{};
        if (::recv(socket_.number(), verdict.data(), verdict.size(), MSG_WAITALL) !=
            static_cast<ssize_t>(verdict.size())) {
            error_ = "the connection ended before the receiver's verdict";
            return;
        }
        verified_ = ByteReader(verdict).u64();
    }

    SendOptions options_;
    Descriptor socket_;
    Instant started_;
    std::array<std::uint8_t, block_size> block_{};
    std::uint64_t sent_ = 0;
    std::uint64_t verified_ = 0;
    Duration longest_stall_{};
    std::string error_;
};

class Receiver {
 public:
    explicit Receiver(Descriptor socket) : socket_(std::move(socket)) {}

    std::string run() {
        Instant last = started_;
        while (is_stopping == 0) {
            if (!wait_for(socket_, POLLIN, 100ms))
                continue;
            const ssize_t size = ::recv(socket_.number(), block_.data(), block_.size(), 0);
            if (size <= 0)
                break;
            const Instant time = now();
            longest_gap_ = std::max(longest_gap_, time - last);
            last = time;
            check(static_cast<std::size_t>(size));
        }
        Bytes verdict;
        ByteWriter(verdict).u64(verified_);
        const bool is_told = ::send(socket_.number(), verdict.data(), verdict.size(),
                                    MSG_NOSIGNAL) == static_cast<ssize_t>(verdict.size());
        return ordered_json{
            {"received", received_},
            {"verified", verified_},
            {"wrong_at", wrong_at_ ? ordered_json(*wrong_at_) : ordered_json(nullptr)},
            {"seconds", seconds(last - started_)},
            {"longest_gap_ms", seconds(longest_gap_) * 1e3},
            {"told_sender", is_told}}
            .dump();
    }

 private:
    void check(std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            if (block_[i] == byte_at(received_ + i))
                ++verified_;
            else if (!wrong_at_)
                wrong_at_ = received_ + i;
        }
        received_ += size;
    }

    Descriptor socket_;
    Instant started_ = now();
    std::array<std::uint8_t, block_size> block_{};
    std::uint64_t received_ = 0;
    std::uint64_t verified_ = 0;
    std::optional<std::uint64_t> wrong_at_;
    Duration longest_gap_{};
};

}  // namespace

std::string run_tcp_sender(const SendOptions& options) {
    return Sender(options).run();
}

std::string run_tcp_receiver(const Endpoint& listen) {
    const Descriptor listener = bound_socket(listen, SOCK_STREAM);
    if (::listen(listener.number(), 1) != 0)
        throw_errno("listen");
    while (is_stopping == 0) {
        if (!wait_for(listener, POLLIN, 100ms))
            continue;
        Descriptor connection(::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection.number() < 0)
            throw_errno("accept");
        return Receiver(std::move(connection)).run();
    }
    return ordered_json{{"received", 0}, {"verified", 0}}.dump();
}

}  // namespace detour::lab
