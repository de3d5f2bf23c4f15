// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One worker's pipeline on a bench: frames are put in by hand, what would leave by a port or go to
// the kernel is taken out of rings. Buffers are DPDK's own, in ordinary memory.
//
//     port 0 "lan"  (uplink none)  prefix set 0 behind it
//     port 1 "wan"  (uplink 0)     the provider
//     tunnel 0      (uplink 1)     over port 1, 192.0.2.66 -> 192.0.2.65 key 7
//     tunnel 1      (uplink 1)     over port 1, 2001:db8:66::2 -> 2001:db8:66::1 key 9; sources in
//                                  198.51.101/24 (2001:db8:78::/48) leave by it
//
// IPv4 and IPv6 alike: from lan, sources in set 0 leave by the tunnel, destinations in 203.0.113/24
// (2001:db8:3::/48) by wan; from wan and the tunnel, set 0 goes to lan. State can be changed before
// the first frame.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "conf/types/bytes.h"
#include "dataplane/fib/forwarding_state.h"
#include "dataplane/node/pipeline.h"
#include "dataplane/packet/ethernet.h"
#include "tests/unit/packet/builder.h"

namespace detour::node::test {

using packet::Drop;
using packet::Punt;
using packet::test::Ipv4;
using packet::test::Ipv6;

inline constexpr packet::MacAddress lan_mac{0x02, 0, 0, 0, 0, 0x10};
inline constexpr packet::MacAddress wan_mac{0x02, 0, 0, 0, 0, 0x11};
inline constexpr packet::MacAddress host_mac{0x02, 0, 0, 0, 0, 0x20};     // on the LAN
inline constexpr packet::MacAddress gateway_mac{0x02, 0, 0, 0, 0, 0x21};  // on the WAN

inline constexpr PortId lan{0};
inline constexpr PortId wan{1};
inline constexpr fib::TunnelIndex partner{0};

// Adjacencies and leaves have the same numbers in the rig's state.
enum Next : std::uint16_t {
    next_none,
    next_host,     // forward to lan
    next_gateway,  // forward to wan
    next_tunnel,   // into the partner's tunnel
    next_local,
    next_blackhole,
    next_unresolved,
    next_group,    // of next_gateway and next_tunnel
    next_tunnel6,  // into the tunnel over IPv6
    next_free,     // for a test's own
};

[[nodiscard]] Bytes frame(const packet::MacAddress& to, const packet::MacAddress& from,
                          std::uint16_t type, const Bytes& payload);
[[nodiscard]] Bytes frame(const packet::MacAddress& to, const packet::MacAddress& from,
                          const Ipv4& packet);
[[nodiscard]] Bytes frame(const packet::MacAddress& to, const packet::MacAddress& from,
                          const Ipv6& packet);
// The payload of a GRE packet: header with the key, then `inner`.
[[nodiscard]] Bytes gre(std::uint16_t flags, std::uint16_t protocol,
                        std::optional<std::uint32_t> key, const Bytes& inner);
// What the partner sends us.
[[nodiscard]] Ipv4 from_partner(const Bytes& inner, std::uint16_t protocol = 0x0800);
// The same over IPv6, perhaps with the options that Linux puts before GRE.
enum class Options : std::uint8_t { none, encapsulation_limit };
[[nodiscard]] Ipv6 from_partner6(const Bytes& inner, std::uint16_t protocol = 0x0800,
                                 Options options = Options::none);

struct Punted {
    Origin origin;
    Bytes bytes;
};

class Rig {
 public:
    Rig();
    ~Rig();
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    // One burst.
    void receive(PortId port, const std::vector<Bytes>& frames);
    void receive(PortId port, const Bytes& one) { receive(port, std::vector<Bytes>{one}); }
    // One burst by the long way: the express is left out.
    void receive_in_full(PortId port, const std::vector<Bytes>& frames);
    // What the kernel wrote into a twin.
    void inject(Origin twin, const Bytes& bytes);

    // What left since the last call.
    [[nodiscard]] std::vector<Bytes> sent(PortId port);
    [[nodiscard]] std::vector<Punted> first_class_punts();
    [[nodiscard]] std::vector<Punted> bulk_punts();

    [[nodiscard]] std::uint64_t drops(Drop reason) const;
    [[nodiscard]] std::uint64_t drops() const;
    [[nodiscard]] std::uint64_t punts(Punt reason) const;
    [[nodiscard]] unsigned buffers_in_use() const;

    fib::ForwardingState state;
    Counters counters{Extent{.ports = 2, .tunnels = 2, .uplinks = 2, .sets = 1}};
    std::uint64_t now = 1'000'000'000;  // nanoseconds
    std::atomic<bool> is_wan_up{true};

 private:
    struct Plumbing;
    std::unique_ptr<Plumbing> plumbing_;
};

}  // namespace detour::node::test
