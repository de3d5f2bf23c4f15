// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/udp_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <vector>

#include "conf/types/bytes.h"
#include "tools/lab/sequence_record.h"

namespace detour::lab {

namespace {

using nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr std::uint32_t magic = 0x44e70524;
constexpr std::size_t header_size = 24;
constexpr std::size_t batch_size = 64;
constexpr Duration tick = 1ms;
// Later than this, the source lowers its rate rather than sending a burst that no sender makes.
constexpr Duration lateness_forgiven = 10ms;
constexpr std::size_t holes_listed = 50;
constexpr std::size_t gaps_listed = 200;

std::int64_t nanoseconds(Instant instant) {
    return instant.time_since_epoch().count();
}

double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

// Into the payload's first bytes; `scratch` spares an allocation.
void put_header(std::span<std::uint8_t> payload, Bytes& scratch, std::uint32_t stream,
                std::uint64_t number, Instant sent) {
    scratch.clear();
    ByteWriter writer(scratch);
    writer.u32(magic);
    writer.u32(stream);
    writer.u64(number);
    writer.u64(static_cast<std::uint64_t>(nanoseconds(sent)));
    std::ranges::copy(scratch, payload.begin());
}

// Buffers for one sendmmsg or recvmmsg.
class Batch {
 public:
    explicit Batch(std::size_t size) : size_(size), bytes_(size * batch_size) {
        for (std::size_t i = 0; i < batch_size; ++i) {
            vectors_[i] = {.iov_base = bytes_.data() + i * size_, .iov_len = size_};
            messages_[i] = {};
            messages_[i].msg_hdr.msg_iov = &vectors_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }
    [[nodiscard]] std::span<std::uint8_t> payload(std::size_t i) {
        return {bytes_.data() + i * size_, size_};
    }
    [[nodiscard]] std::span<const std::uint8_t> received(std::size_t i) const {
        return {bytes_.data() + i * size_, std::min<std::size_t>(messages_[i].msg_len, size_)};
    }
    [[nodiscard]] mmsghdr* messages() { return messages_.data(); }

 private:
    std::size_t size_;
    Bytes bytes_;
    std::array<iovec, batch_size> vectors_{};
    std::array<mmsghdr, batch_size> messages_{};
};

struct Sent {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
};

// Send packets first..first+count-1; what the kernel refuses is counted and passed over.
Sent send_packets(const Descriptor& socket, Batch& batch, std::uint32_t stream, std::uint64_t first,
                  std::size_t count) {
    Sent sent;
    const Instant time = now();
    Bytes scratch;
    scratch.reserve(header_size);
    for (std::size_t i = 0; i < count; ++i)
        put_header(batch.payload(i), scratch, stream, first + i, time);
    for (std::size_t done = 0; done < count;) {
        const int result = ::sendmmsg(socket.number(), batch.messages() + done,
                                      static_cast<unsigned>(count - done), 0);
        if (result > 0) {
            done += static_cast<std::size_t>(result);
            sent.accepted += static_cast<std::uint64_t>(result);
        } else if (errno != EINTR) {
            // A connected socket also reports here the ICMP error of an earlier packet, which was
            // not this one's fault: once more before it counts.
            if (::sendmmsg(socket.number(), batch.messages() + done, 1, 0) == 1)
                ++sent.accepted;
            else
                ++sent.refused;
            ++done;
        }
    }
    return sent;
}

// One-way delays: the latest 65,536 of them, and the longest of all.
class Delays {
 public:
    void add(Duration delay) {
        samples_[seen_ % samples_.size()] = delay;
        ++seen_;
        max_ = std::max(max_, delay);
    }
    [[nodiscard]] ordered_json to_json() const {
        const std::size_t count = std::min<std::size_t>(seen_, samples_.size());
        std::vector<Duration> sorted(samples_.begin(),
                                     samples_.begin() + static_cast<std::ptrdiff_t>(count));
        std::ranges::sort(sorted);
        const auto at = [&sorted](std::size_t percent) {
            const Duration delay =
                sorted.empty() ? Duration{} : sorted[(sorted.size() - 1) * percent / 100];
            return std::chrono::duration_cast<std::chrono::microseconds>(delay).count();
        };
        return {{"p50", at(50)},
                {"p99", at(99)},
                {"max", std::chrono::duration_cast<std::chrono::microseconds>(max_).count()}};
    }

 private:
    std::vector<Duration> samples_ = std::vector<Duration>(65536);
    std::uint64_t seen_ = 0;
    Duration max_{};
};

class Sink {
 public:
    explicit Sink(const SinkOptions& options) : options_(options), record_(options.gap_threshold) {}

    void take(std::span<const std::uint8_t> payload, Instant time) {
        ByteReader reader(payload);
        const std::uint32_t found_magic = reader.u32();
        const std::uint32_t stream = reader.u32();
        const std::uint64_t number = reader.u64();
        const auto sent = static_cast<std::int64_t>(reader.u64());
        // A wild number must not make the record ask for all memory there is.
        if (!reader.ok() || found_magic != magic || stream != options_.stream ||
            number > record_.end() + 100'000'000) {
            ++stranger_count_;
            return;
        }
        record_.arrived(number, time);
        delays_.add(time - Instant(Duration(sent)));
    }

    // An interim line: what came since the last one.
    void report(Instant time) {
        fmt::print("{}\n", ordered_json{{"at_ns", nanoseconds(time)},
                                        {"received", record_.received_count()},
                                        {"missing", record_.missing_count()},
                                        {"new", record_.received_count() - reported_count_}}
                               .dump());
        std::fflush(stdout);
        reported_count_ = record_.received_count();
    }

    [[nodiscard]] std::string result() const {
        ordered_json gaps = ordered_json::array();
        for (const Gap& gap : record_.gaps()) {
            if (gaps.size() == gaps_listed)
                break;
            gaps.push_back({{"from_ns", nanoseconds(gap.from)},
                            {"to_ns", nanoseconds(gap.to)},
                            {"ms", milliseconds(gap.to - gap.from)}});
        }
        ordered_json holes = ordered_json::array();
        for (const Hole& hole : record_.holes(holes_listed))
            holes.push_back({hole.first, hole.last});
        const auto or_null = [](const std::optional<Instant>& instant) {
            return instant ? ordered_json(nanoseconds(*instant)) : ordered_json(nullptr);
        };
        return ordered_json{{"received", record_.received_count()},
                            {"duplicates", record_.duplicate_count()},
                            {"reordered", record_.reordered_count()},
                            {"missing", record_.missing_count()},
                            {"end", record_.end()},
                            {"longest_gap_ms", milliseconds(record_.longest_gap())},
                            {"gap_count", record_.gaps().size()},
                            {"gaps", gaps},
                            {"holes", holes},
                            {"first_ns", or_null(record_.first_arrival())},
                            {"last_ns", or_null(record_.last_arrival())},
                            {"delay_us", delays_.to_json()},
                            {"strangers", stranger_count_}}
            .dump();
    }

 private:
    SinkOptions options_;
    SequenceRecord record_;
    Delays delays_;
    std::uint64_t stranger_count_ = 0;
    std::uint64_t reported_count_ = 0;
};

}  // namespace

std::string run_source(const SourceOptions& options) {
    if (options.payload_size < header_size || options.rate == 0)
        throw std::invalid_argument("a payload has at least 24 bytes, and a rate is not 0");
    const Descriptor socket = connected_socket(options.to, options.from ? &*options.from : nullptr,
                                               SOCK_DGRAM, Duration{});
    come_first();
    Batch batch(options.payload_size);
    Sent total;
    std::uint64_t stall_count = 0;
    Duration longest_stall{};
    const Instant started = now();
    Instant origin = started;  // moves when a stall is not made up
    std::uint64_t number = 0;
    std::uint64_t number_at_origin = 0;
    while (is_stopping == 0 && (!options.duration || now() - started < *options.duration)) {
        const auto elapsed = static_cast<std::uint64_t>((now() - origin).count());
        std::uint64_t due =
            number_at_origin + elapsed / 1000 * options.rate / 1'000'000 + 1 - number;
        const auto lateness = Duration(due * 1'000'000'000 / options.rate);
        if (lateness > lateness_forgiven + Duration(1'000'000'000 / options.rate)) {
            ++stall_count;
            longest_stall = std::max(longest_stall, lateness);
            origin = now();
            number_at_origin = number;
            due = 1;
        }
        while (due > 0) {
            const auto count = std::min<std::uint64_t>(due, batch_size);
            const Sent sent = send_packets(socket, batch, options.stream, number, count);
            total.accepted += sent.accepted;
            total.refused += sent.refused;
            number += count;
            due -= count;
        }
        // The next packet's time, but not more often than once a tick.
        const auto next = Duration((number - number_at_origin) * 1'000'000'000 / options.rate);
        sleep_until(std::max(origin + next, now() + tick - 100us));
    }
    return ordered_json{{"sent", total.accepted},
                        {"refused", total.refused},
                        {"stalls", stall_count},
                        {"longest_stall_ms", milliseconds(longest_stall)},
                        {"started_ns", nanoseconds(started)},
                        {"ended_ns", nanoseconds(now())}}
        .dump();
}

std::string run_sink(const SinkOptions& options) {
    const Descriptor socket = bound_socket(options.listen, SOCK_DGRAM);
    // Wakes for a report, and sees a stop that came between the test and the call.
    const timeval wake{.tv_sec = 0, .tv_usec = 100'000};
    ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof wake);
    come_first();
    Batch batch(2048);
    Sink sink(options);
    Instant next_report = now() + options.report_every.value_or(1h);
    while (is_stopping == 0) {
        const int count =
            ::recvmmsg(socket.number(), batch.messages(), batch_size, MSG_WAITFORONE, nullptr);
        const Instant time = now();
        for (int i = 0; i < count; ++i)
            sink.take(batch.received(static_cast<std::size_t>(i)), time);
        if (options.report_every && time >= next_report) {
            sink.report(time);
            next_report += *options.report_every;
        }
        // What the clock's resolution gathers into one system call: the next arrivals may wait.
        if (count > 0 && count < static_cast<int>(batch_size))
            sleep_until(time + 200us);
    }
    return sink.result();
}

}  // namespace detour::lab
