// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/capture_stream.h"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "tools/detour/dataplane_socket.h"

namespace detour::command {
namespace {

namespace wire = program::capture;
using wire::Instruction;
using wire::LinkType;
using wire::Record;
using wire::TapCount;

struct ClosePcap {
    void operator()(pcap_t* handle) const { pcap_close(handle); }
};

std::vector<std::uint8_t> message_of(const TapWish& tap, std::uint32_t snap) {
    wire::TapRequest request{.link_type = tap.link_type,
                             .snap = snap,
                             .instruction_count = static_cast<std::uint32_t>(tap.filter.size())};
    tap.name.copy(request.name.data(), request.name.size() - 1);
    std::vector<std::uint8_t> message(sizeof request + tap.filter.size() * sizeof(Instruction));
    std::memcpy(message.data(), &request, sizeof request);
    if (!tap.filter.empty())
        std::memcpy(message.data() + sizeof request, tap.filter.data(),
                    message.size() - sizeof request);
    return message;
}

}  // namespace

std::expected<std::vector<Instruction>, std::string> compile_filter(const std::string& filter,
                                                                    LinkType link_type) {
    std::vector<Instruction> instructions;
    if (filter.empty())
        return instructions;
    const std::unique_ptr<pcap_t, ClosePcap> handle(pcap_open_dead(
        link_type == LinkType::ethernet ? DLT_EN10MB : DLT_RAW, static_cast<int>(wire::max_snap)));
    bpf_program program{};
    if (handle == nullptr)
        return std::unexpected(std::string("out of memory"));
    if (pcap_compile(handle.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return std::unexpected(std::string(pcap_geterr(handle.get())));
    for (u_int i = 0; i < program.bf_len; ++i) {
        const bpf_insn& one = program.bf_insns[i];
        instructions.push_back({one.code, one.jt, one.jf, one.k});
    }
    pcap_freecode(&program);
    return instructions;
}

CaptureStream::CaptureStream(int descriptor)
    : descriptor_(descriptor), buffer_(wire::max_message_size) {}

CaptureStream::~CaptureStream() {
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

CaptureStream::CaptureStream(CaptureStream&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)),
      ended_(std::move(other.ended_)) {}

std::expected<CaptureStream, ClientError> CaptureStream::open(const std::filesystem::path& socket,
                                                              std::span<const TapWish> taps,
                                                              std::uint32_t snap,
                                                              std::uint32_t seconds) {
    const auto descriptor = connect_dataplane(socket);
    if (!descriptor)
        return std::unexpected(descriptor.error());
    CaptureStream stream(*descriptor);
    for (const TapWish& tap : taps) {
        const auto message = message_of(tap, snap);
        // Refused at once, it closes; why stands in what it sent before.
        if (::send(stream.descriptor_, message.data(), message.size(), MSG_NOSIGNAL) < 0)
            break;
    }
    const wire::StartRequest start{.seconds = seconds};
    ::send(stream.descriptor_, &start, sizeof start, MSG_NOSIGNAL);
    ssize_t size = ::recv(stream.descriptor_, stream.buffer_.data(), stream.buffer_.size(), 0);
    // Who refuses closes without having read all of the request: the kernel says that first, and
    // what was sent to us after it.
    if (size < 0 && errno == ECONNRESET)
        size = ::recv(stream.descriptor_, stream.buffer_.data(), stream.buffer_.size(), 0);
    wire::Reply reply;
    if (size < static_cast<ssize_t>(sizeof reply))
        return std::unexpected(dataplane_unreachable(socket, size < 0 ? errno : ECONNRESET));
    std::memcpy(&reply, stream.buffer_.data(), sizeof reply);
    if (reply.kind == wire::Kind::accepted) {
        // So that an interrupt that comes between two reads is not slept over.
        const timeval patience{.tv_sec = 0, .tv_usec = 250'000};
        ::setsockopt(stream.descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return stream;
    }
    return std::unexpected(ClientError{
        ClientError::Kind::refused,
        std::string(stream.buffer_.begin() + sizeof reply, stream.buffer_.begin() + size),
        {}});
}

CaptureStream::Step CaptureStream::read(const Take& take) {
    const ssize_t size = ::recv(descriptor_, buffer_.data(), buffer_.size(), 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return Step::interrupted;
    wire::Reply reply;
    if (size < static_cast<ssize_t>(sizeof reply))
        return Step::ended;
    std::memcpy(&reply, buffer_.data(), sizeof reply);
    auto rest = std::span(buffer_).first(static_cast<std::size_t>(size)).subspan(sizeof reply);
    if (reply.kind == wire::Kind::ended) {
        ended_ = {.is_whole = true, .end = reply.end, .counts = {}};
        ended_.counts.resize(rest.size() / sizeof(TapCount));
        std::memcpy(ended_.counts.data(), rest.data(), ended_.counts.size() * sizeof(TapCount));
        return Step::ended;
    }
    while (rest.size() >= sizeof(Record)) {
        Record record;
        std::memcpy(&record, rest.data(), sizeof record);
        if (record.size > rest.size() || record.size < sizeof record + record.captured)
            break;
        take(record, rest.subspan(sizeof record, record.captured));
        rest = rest.subspan(record.size);
    }
    return Step::more;
}

void CaptureStream::finish() {
    ::shutdown(descriptor_, SHUT_WR);
}

}  // namespace detour::command
