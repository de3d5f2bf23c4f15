// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A house as design.md 2.1 describes it, told to a KernelState by events, and what the compiled
// fast path says about a flow. Ports wan (0, the provider), xcon (1, the underlay), lan (2);
// tunnel partner (0) behind 192.0.2.65 on xcon.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/fib/forwarding_state.h"
#include "dataplane/mirror/compile.h"
#include "dataplane/mirror/kernel_state.h"

namespace detour::mirror::test {

inline constexpr InterfaceIndex wan{1};
inline constexpr InterfaceIndex xcon{2};
inline constexpr InterfaceIndex lan{3};
inline constexpr InterfaceIndex partner{4};
inline constexpr InterfaceIndex other{5};  // not ours

inline constexpr std::uint32_t in_table = 100;
inline constexpr std::uint32_t mail_table = 1000;
inline constexpr std::uint32_t web_table = 1001;
inline constexpr std::uint32_t bgp_table = 500;

[[nodiscard]] Devices house_devices();
[[nodiscard]] Link house_link(InterfaceIndex interface);

// "via 10.1.0.2 dev 3", "dev 3", "nhid 10", "blackhole", "mtu 1400", "proto 186", several
// "nexthop".
[[nodiscard]] Path path(std::string_view text);

class House {
 public:
    // Links up; nothing else.
    House();
    // Addresses, neighbours, rules, tables and nexthop objects of both families.
    static std::unique_ptr<House> furnished();

    void link(const Link& link) { kernel_.apply(LinkEvent{Change::set, link}); }
    void address(InterfaceIndex interface, std::string_view text, Change change = Change::set);
    void neighbour(InterfaceIndex interface, std::string_view address, std::uint8_t last_octet,
                   std::uint16_t state = 0x80);  // NUD_PERMANENT
    void no_neighbour(InterfaceIndex interface, std::string_view address);
    void nexthop(std::uint32_t id, std::string_view target);  // as path(), or "group 1,3/2"
    void no_nexthop(std::uint32_t id);
    void route(std::uint32_t table, std::string_view prefix, std::string_view way,
               std::uint32_t metric = 0);
    void no_route(std::uint32_t table, std::string_view prefix, std::string_view way,
                  std::uint32_t metric = 0);
    // For both families where it names no address.
    void rule(std::uint32_t priority, std::string_view text);

    // What the fast path does: "forward port 2 to 02:00:5e:00:53:02 mtu 1500".
    [[nodiscard]] std::string says(std::string_view input, std::string_view source,
                                   std::string_view destination);
    [[nodiscard]] std::uint16_t set_of(std::string_view input, std::string_view source,
                                       std::string_view destination);
    // Compiles what is new; true when that made a snapshot.
    bool compile();

    KernelState& kernel() { return kernel_; }
    Compiler& compiler() { return compiler_; }
    const fib::ForwardingState& state() { return *state_; }

 private:
    const fib::Ingress& ingress(std::string_view input);

    KernelState kernel_;
    Compiler compiler_;
    std::unique_ptr<const fib::ForwardingState> state_;
};

}  // namespace detour::mirror::test
