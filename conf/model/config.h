// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The one configuration, typed: what both planes, the command and the tests read. A Config exists
// only if validate() found no error in it, so its readers need not doubt it: ids are in range,
// families match, names are unique. Every value that the file did not give holds its default.
// Positions are kept for messages. Lists stand in the order of the file; an id is an index into its
// list (conf/types/ids.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "conf/types/rate.h"

namespace detour::model {

// Where a value stands in the file; both from 1.
struct Position {
    std::uint32_t line = 1;
    std::uint32_t column = 1;

    friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

enum class Mode : std::uint8_t { advise, automatic };
enum class DataplaneKind : std::uint8_t { dpdk, kernel };
enum class PollMode : std::uint8_t { adaptive, busy };
enum class UplinkKind : std::uint8_t { direct, gre };
enum class Profile : std::uint8_t { careful, quick, fast };
enum class FailBack : std::uint8_t { manual, window, automatic };

struct Router {
    std::string name;
    AsNumber asn;
    Address id;  // IPv4, the BGP identifier
    Mode mode = Mode::advise;
};

struct Dataplane {
    DataplaneKind kind = DataplaneKind::dpdk;
    std::vector<unsigned> cores;  // processors of the workers; empty: one worker on the last one
    PollMode poll = PollMode::adaptive;
};

struct Port {
    PortId id;
    std::string name;  // also the name of its TAP twin
    std::string
        device;  // a DPDK device name: PCI address or vdev string; kernel mode: an interface
    std::vector<InterfaceAddress> addresses;
    std::uint16_t mtu = 1500;
    Position position;
};

// Where a tunnel's outer packets run.
struct Underlay {
    PortId port;
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;  // RFC 2890
    std::uint8_t ttl = 64;
};

struct UplinkBgp {
    std::vector<Address> peers;
    AsNumber asn;
    std::optional<std::filesystem::path> password_file;
    bool has_ttl_security = false;
    Duration hold = std::chrono::seconds(90);
    std::uint32_t max_prefixes = 1000;
    Position position;
};

struct Uplink {
    UplinkId id;
    std::string name;  // of a gre uplink also the name of its TUN twin
    UplinkKind kind = UplinkKind::direct;
    PortId port;                       // direct: the port; gre: the underlay's port
    std::optional<Underlay> underlay;  // gre only
    std::vector<InterfaceAddress> inner;
    std::vector<Address> gateways;  // explicit `gateway:`, at most one a family
    std::vector<Address> control_sources;
    std::vector<Address> sentinels;
    std::optional<UplinkBgp> bgp;
    std::optional<BitRate> limit;
    Position position;
};

struct PrefixSet {
    PrefixSetId id;
    std::string name;
    std::vector<Prefix> prefixes;
    std::vector<Address> beacons;
    std::vector<Address> next_hops;  // on the LAN, at most one a family
    Position position;
};

struct Target {
    TargetId id;
    AsNumber asn;
    Address address;
    bool is_own = false;
};

struct Detect {
    Profile profile = Profile::careful;
    std::vector<Target> targets;
    std::optional<std::uint32_t> probe_limit;  // probes per second, all targets together
};

struct Policy {
    FailBack fail_back = FailBack::manual;
};

struct Config {
    std::filesystem::path file;
    Router router;
    Dataplane dataplane;
    std::vector<Port> ports;
    std::vector<Uplink> uplinks;  // in order of preference
    std::vector<PrefixSet> prefix_sets;
    Detect detect;
    Policy policy;

    [[nodiscard]] const Port& port(PortId port_id) const { return ports.at(port_id.value); }
    [[nodiscard]] const Uplink& uplink(UplinkId uplink_id) const {
        return uplinks.at(uplink_id.value);
    }
    [[nodiscard]] const PrefixSet& prefix_set(PrefixSetId set) const {
        return prefix_sets.at(set.value);
    }
    // A port that carries no direct uplink and no tunnel: the customer's side.
    [[nodiscard]] bool is_lan(PortId port_id) const;
};

}  // namespace detour::model
