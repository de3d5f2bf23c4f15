// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Sends one probe by the shipping sockets and codecs, and says what was heard for 300 ms:
//     probe_driver DEVICE SOURCE TARGET icmp|tcp|udp PORT SIZE HOP-LIMIT     (0: the kernel's)
//     sent | not sent: ERROR
//     answer KIND from ADDRESS by DEVICE      it answers the probe
//     error MEANING from ADDRESS by DEVICE    an ICMP error that quotes the probe
//     heard KIND from ADDRESS by DEVICE       came through the filters and is neither
#include <net/if.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "controlplane/io/probe_sockets.h"
#include "controlplane/probe/wire/segment.h"

namespace {

namespace io = detour::io;
using namespace detour::probe;
using detour::Address;

constexpr EchoMark mark{0x1234, 7, 3, 0x0123456789abcdefU};

struct Asked {
    io::ProbeProtocol protocol;
    Address source, target;
    Ports ports;
    std::size_t size;
    EchoHead head{};
};

EchoHead head_of(const Asked& asked) {
    switch (asked.protocol) {
        case io::ProbeProtocol::icmp:
            return encode_echo_request(mark, asked.source, asked.target, asked.size);
        case io::ProbeProtocol::tcp:
            return encode_syn(asked.ports, 0x01020304, asked.source, asked.target);
        case io::ProbeProtocol::udp:
            break;
    }
    return encode_datagram(asked.ports, mark, asked.source, asked.target);
}

bool is_answer(const Asked& asked, const io::ProbeReply& reply) {
    if (reply.protocol != asked.protocol)
        return false;
    switch (reply.protocol) {
        case io::ProbeProtocol::icmp:
            return decode_echo_reply(reply.bytes, reply.source, reply.destination) == mark;
        case io::ProbeProtocol::tcp:
            return decode_syn_reply(reply.bytes, reply.source, reply.destination) ==
                   signature_of(asked.head);
        case io::ProbeProtocol::udp:
            break;
    }
    const auto heard = decode_datagram_reply(reply.bytes, reply.source, reply.destination);
    return heard && heard->token == mark.token && heard->ports == asked.ports;
}

const char* name_of(io::ProbeProtocol protocol) {
    constexpr std::array names{"icmp", "tcp", "udp"};
    return names[static_cast<std::size_t>(protocol)];
}

const char* name_of(IcmpError::Meaning meaning) {
    constexpr std::array names{"port-unreachable", "time-exceeded", "other"};
    return names[static_cast<std::size_t>(meaning)];
}

void tell(const Asked& asked, const io::ProbeReply& reply) {
    std::array<char, IF_NAMESIZE> device{};
    if_indextoname(reply.interface.value, device.data());
    const std::string from = reply.source.to_string();
    if (is_answer(asked, reply)) {
        std::printf("answer %s from %s by %s\n", name_of(reply.protocol), from.c_str(),
                    device.data());
        return;
    }
    const auto error = reply.protocol == io::ProbeProtocol::icmp
                           ? decode_icmp_error(reply.bytes, reply.source, reply.destination)
                           : std::unexpected(ReplyError::foreign);
    if (error && error->signature == signature_of(asked.head))
        std::printf("error %s from %s by %s\n", name_of(error->meaning), from.c_str(),
                    device.data());
    else
        std::printf("heard %s from %s by %s\n", name_of(reply.protocol), from.c_str(),
                    device.data());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 8)
        return 2;
    const std::string kind = argv[4];
    Asked asked{.protocol = kind == "tcp"   ? io::ProbeProtocol::tcp
                            : kind == "udp" ? io::ProbeProtocol::udp
                                            : io::ProbeProtocol::icmp,
                .source = *Address::parse(argv[2]),
                .target = *Address::parse(argv[3]),
                .ports = {62000, static_cast<std::uint16_t>(std::atoi(argv[5]))},
                .size = static_cast<std::size_t>(std::atoi(argv[6]))};
    asked.head = head_of(asked);
    asio::io_context loop;
    const auto sockets = io::ProbeSockets::open(
        loop, first_probe_port, [&](const io::ProbeReply& reply) { tell(asked, reply); });
    if (!sockets) {
        std::printf("no sockets: %s\n", sockets.error().message().c_str());
        return 1;
    }
    std::vector<std::uint8_t> bytes(asked.head.begin(), asked.head.end());
    bytes.resize(asked.size);
    io::ProbeSockets::Message message{asked.protocol, asked.source, asked.target, bytes};
    if (const int hops = std::atoi(argv[7]); hops != 0)
        message.hop_limit = static_cast<std::uint8_t>(hops);
    const auto error = (*sockets)->send(detour::InterfaceIndex{if_nametoindex(argv[1])}, message);
    std::printf(error ? "not sent: %s\n" : "sent\n", error.message().c_str());
    loop.run_for(std::chrono::milliseconds(300));
}
