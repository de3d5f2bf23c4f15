// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/garbage.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "tools/lab/endpoint.h"

namespace detour::lab {

namespace {

constexpr std::size_t frame_size = 64;
constexpr std::size_t batch_size = 64;
constexpr std::size_t different_frames = 8192;
constexpr std::size_t ethernet_size = 14;

class Maker {
 public:
    explicit Maker(const GarbageOptions& options) : options_(options), random_(options.seed) {
        std::array<unsigned, 6> octets{};
        if (std::sscanf(options.to.c_str(), "%x:%x:%x:%x:%x:%x", &octets[0], &octets[1], &octets[2],
                        &octets[3], &octets[4], &octets[5]) != 6)
            throw std::invalid_argument("no MAC: " + options.to);
        std::ranges::transform(octets, mac_.begin(),
                               [](unsigned octet) { return static_cast<std::uint8_t>(octet); });
    }

    [[nodiscard]] Bytes frame() {
        Bytes bytes(frame_size);
        std::ranges::generate(bytes, [this] { return static_cast<std::uint8_t>(random_()); });
        std::ranges::copy(mac_, bytes.begin());
        bytes[6] = 0x02;  // a station of nobody's
        const unsigned kind = below(20);
        if (kind < 12)
            fill_ipv4(bytes);
        else if (kind < 18)
            fill_ipv6(bytes);
        else if (kind == 18)
            put16(bytes, 12, 0x0800);  // IPv4 says the type
        return bytes;
    }

 private:
    static constexpr std::array<std::uint8_t, 8> protocols{6, 6, 6, 17, 17, 1, 47, 89};
    static constexpr std::array<std::uint8_t, 8> next_headers{6, 6, 6, 17, 17, 58, 47, 60};
    static constexpr std::array<std::uint16_t, 4> session_ports{179, 3784, 3785, 4784};

    unsigned below(unsigned count) { return static_cast<unsigned>(random_() % count); }
    static void put16(Bytes& bytes, std::size_t at, unsigned value) {
        bytes[at] = static_cast<std::uint8_t>(value >> 8);
        bytes[at + 1] = static_cast<std::uint8_t>(value);
    }
    // One of the targets of the family, or what the octets already are.
    void aim(Bytes& bytes, std::size_t at, Family family) {
        const auto is_of = [family](const Address& one) { return one.family() == family; };
        const auto count = std::ranges::count_if(options_.targets, is_of);
        if (count == 0 || below(2) == 0)
            return;
        auto chosen = below(static_cast<unsigned>(count));
        for (const Address& one : options_.targets)
            if (is_of(one) && chosen-- == 0)
                std::ranges::copy(one.bytes(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void knock(Bytes& bytes, std::size_t transport) {
        if (below(4) == 0)
            put16(bytes, transport + 2, session_ports[below(session_ports.size())]);
    }
    void fill_ipv4(Bytes& bytes) {
        const std::size_t ip = ethernet_size;
        put16(bytes, 12, 0x0800);
        bytes[ip] = below(16) == 0 ? 0x46 : 0x45;
        put16(bytes, ip + 2, frame_size - ethernet_size);
        put16(bytes, ip + 6, below(16) == 0 ? 0x2000 : 0x4000);
        bytes[ip + 8] = below(4) == 0 ? 255 : 60;
        bytes[ip + 9] = protocols[below(protocols.size())];
        bytes[ip + 12] = static_cast<std::uint8_t>(1 + below(126));
        bytes[ip + 16] = static_cast<std::uint8_t>(1 + below(126));
        aim(bytes, ip + 16, Family::ipv4);
        knock(bytes, ip + 20);
        put16(bytes, ip + 10, 0);
        unsigned sum = 0;
        const std::size_t header_size = std::size_t{bytes[ip] & 0x0fU} * 4;
        for (std::size_t at = ip; at < ip + header_size; at += 2)
            sum += static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
        sum = (sum & 0xffff) + (sum >> 16);
        put16(bytes, ip + 10, below(16) == 0 ? 0xbad : ~(sum + (sum >> 16)));
    }
    void fill_ipv6(Bytes& bytes) {
        const std::size_t ip = ethernet_size;
        put16(bytes, 12, 0x86dd);
        bytes[ip] = 0x60;
        put16(bytes, ip + 4, frame_size - ethernet_size - 40);
        bytes[ip + 6] = next_headers[below(next_headers.size())];
        bytes[ip + 7] = below(4) == 0 ? 255 : 60;
        put16(bytes, ip + 8, 0x2001);
        put16(bytes, ip + 24, 0x2001);
        aim(bytes, ip + 24, Family::ipv6);
        knock(bytes, ip + 40);
    }

    const GarbageOptions& options_;
    std::mt19937_64 random_;
    std::array<std::uint8_t, 6> mac_{};
};

Descriptor socket_to(const std::string& interface) {
    Descriptor descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (descriptor.number() < 0 || address.sll_ifindex == 0 ||
        ::bind(descriptor.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0)
        throw_errno(interface.c_str());
    const int on = 1;
    ::setsockopt(descriptor.number(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    return descriptor;
}

}  // namespace

std::vector<Bytes> make_garbage(const GarbageOptions& options, std::size_t count) {
    Maker maker(options);
    std::vector<Bytes> frames(count);
    std::ranges::generate(frames, [&maker] { return maker.frame(); });
    return frames;
}

std::string run_garbage(const GarbageOptions& options) {
    const Descriptor socket = socket_to(options.interface);
    std::vector<Bytes> frames = make_garbage(options, different_frames);
    std::vector<iovec> vectors(frames.size());
    std::vector<mmsghdr> messages(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        vectors[i] = {.iov_base = frames[i].data(), .iov_len = frames[i].size()};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const Instant started = now();
    std::uint64_t sent = 0;
    std::size_t next = 0;
    while (is_stopping == 0 && (!options.duration || now() - started < *options.duration)) {
        const int count = ::sendmmsg(socket.number(), messages.data() + next, batch_size, 0);
        if (count > 0)
            sent += static_cast<std::uint64_t>(count);
        next = (next + batch_size) % frames.size();
        if (options.rate != 0)
            sleep_until(started + Duration(sent * 1'000'000'000 / options.rate));
    }
    const double seconds = std::chrono::duration<double>(now() - started).count();
    return nlohmann::ordered_json{
        {"sent", sent}, {"seconds", seconds}, {"rate", static_cast<double>(sent) / seconds}}
        .dump();
}

}  // namespace detour::lab
