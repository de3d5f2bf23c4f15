// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What `detour capture` and the data plane say to each other over RunDir::capture_socket(), a Unix
// socket of packets (SOCK_SEQPACKET), both ends on one host and of one version:
//
//     command                                    data plane
//     TapRequest + Instruction[]  (one a tap) ->
//     StartRequest                            ->
//                                             <- Reply accepted, or Reply refused + a sentence
//                                             <- Reply packets + Record, bytes, Record, bytes ...
//     shutdown() of its sending side, when it has enough
//                                             <- Reply ended + TapCount[] (one a tap)
//
// A Record's bytes are padded to 8. The filter is classic BPF as libpcap compiles it, for Ethernet
// frames (a port) or IP packets (a tunnel); the data plane checks it before it runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace detour::program::capture {

inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t max_tap_count = 4;
inline constexpr std::size_t max_instruction_count = 4096;
inline constexpr std::uint32_t max_snap = 65535;
inline constexpr std::uint32_t max_seconds = 3600;
// No message is longer.
inline constexpr std::size_t max_message_size = 128 * 1024;

enum class Kind : std::uint32_t { tap = 1, start, accepted, refused, packets, ended };
// Of what is seen: frames of a port, or the packets that a tunnel carries.
enum class LinkType : std::uint32_t { ethernet, ip };
enum class Direction : std::uint8_t { in, out };
enum class End : std::uint32_t { asked, time, stopping };

struct Instruction {
    std::uint16_t code;
    std::uint8_t jump_true;
    std::uint8_t jump_false;
    std::uint32_t k;
};
static_assert(sizeof(Instruction) == 8);

struct TapRequest {
    Kind kind = Kind::tap;
    std::uint32_t version = capture::version;
    std::array<char, 16> name{};  // of the port or tunnel, with a zero behind it
    LinkType link_type = LinkType::ethernet;
    std::uint32_t snap = max_snap;  // bytes kept of a packet
    std::uint32_t instruction_count = 0;
};

struct StartRequest {
    Kind kind = Kind::start;
    std::uint32_t seconds = 0;  // 1 .. max_seconds
};

struct Reply {
    Kind kind = Kind::accepted;
    End end = End::asked;  // of `ended`
};

struct Record {
    std::uint32_t size = 0;      // of record and bytes, padding included
    std::uint32_t captured = 0;  // bytes that follow
    std::uint32_t original = 0;  // bytes that there were
    std::uint16_t tap = 0;       // in the order of the requests
    Direction direction = Direction::in;
    std::uint8_t reserved = 0;
    std::uint64_t time = 0;  // nanoseconds since 1970
};
static_assert(sizeof(Record) == 24);

struct TapCount {
    std::uint64_t seen = 0;     // packets that went by
    std::uint64_t matched = 0;  // that the filter wanted
    std::uint64_t lost = 0;     // of those: no room for the copy
    std::uint64_t skipped = 0;  // not looked at, so that forwarding keeps its time
};

[[nodiscard]] constexpr std::uint32_t padded(std::size_t size) {
    return static_cast<std::uint32_t>((size + 7) / 8 * 8);
}

}  // namespace detour::program::capture
