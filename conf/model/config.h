// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The one configuration, typed: what both planes, the command and the tests read. A Config exists
// only if load() (load.h) found no error in it, so its readers need not doubt it: ids are in range,
// families match, names are unique. Every value that the file did not give holds its default.
// Positions are kept for messages. Lists stand in the order of the file; an id is an index into its
// list (conf/types/ids.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/model/diagnostic.h"
#include "conf/model/timing.h"
#include "conf/types/address.h"
#include "conf/types/as_path_pattern.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "conf/types/prefix_range.h"
#include "conf/types/rate.h"

namespace detour::model {

enum class Mode : std::uint8_t { advise, automatic };
enum class DataplaneKind : std::uint8_t { dpdk, kernel };
enum class PollMode : std::uint8_t { adaptive, busy };
enum class UplinkKind : std::uint8_t { direct, gre };
enum class FailBack : std::uint8_t { manual, window, automatic };
// What a cold box does with its prefixes when it never saw their LAN next hop alive.
enum class LanDead : std::uint8_t { announce, hold };

struct Router {
    std::string name;
    AsNumber asn;
    Address id;  // IPv4, the BGP identifier
    Mode mode = Mode::advise;
};

// What fragments of outer packets may hold of a worker's memory while they wait for the rest.
struct Reassembly {
    std::uint32_t entries = 256;      // packets at once
    std::uint32_t bytes = 1U << 20U;  // of their fragments together

    friend bool operator==(const Reassembly&, const Reassembly&) = default;
};

struct Dataplane {
    DataplaneKind kind = DataplaneKind::dpdk;
    std::vector<unsigned> cores;  // processors of the workers; empty: one worker on the last one
    PollMode poll = PollMode::adaptive;
    Reassembly reassembly;  // of tunnels that want it
};

// What a packet's source must be for its port (RFC 3704): reached by some route, or by that port.
enum class SourceCheck : std::uint8_t { off, loose, strict };

struct Port {
    PortId id;
    std::string name;  // also the name of its TAP twin
    // A DPDK device name (PCI address or vdev string); kind kernel: a network interface. Empty: the
    // port is a VLAN on another.
    std::string device;
    std::optional<PortId> parent = {};  // whose device carries the VLAN, tagged
    std::uint16_t vlan = 0;             // with a parent: the VLAN's identifier, 1 to 4094
    std::vector<InterfaceAddress> addresses;
    std::uint16_t mtu = 1500;
    SourceCheck source_check = SourceCheck::off;
    Position position;
};

// What the outer IPv4 header says of fragmentation; `copy`: what an inner IPv4 header says.
enum class DontFragment : std::uint8_t { set, copy, clear };

// Where a tunnel's outer packets run, and what is agreed with the far end.
struct Underlay {
    PortId port;
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;  // RFC 2890
    std::uint8_t ttl = 64;
    std::optional<Address> gateway = {};    // given when remote is not on the port's link
    bool has_checksum = false;              // RFC 2784
    bool has_sequence = false;              // RFC 2890
    bool has_reassembly = false;            // of outer packets that come in fragments
    std::optional<std::uint8_t> dscp = {};  // of outer packets; nothing: the inner one's
    DontFragment dont_fragment = DontFragment::set;
    std::optional<std::uint16_t> mtu = {};  // of inner packets; nothing: what the port leaves
    std::uint16_t mss =
        0xffff;  // TCP's, the most that passes if the MTU holds it; 0: not looked at
    std::optional<Duration> keepalive = {};  // how often one is sent; nothing: never
    std::uint8_t keepalive_retries = 3;      // unanswered ones until the tunnel is down

    // Bytes that the tunnel puts before an inner packet: the outer IP and GRE headers.
    [[nodiscard]] std::uint16_t overhead() const;
};

// RFC 1997
struct StandardCommunity {
    std::uint16_t asn = 0;
    std::uint16_t value = 0;

    friend constexpr auto operator<=>(const StandardCommunity&, const StandardCommunity&) = default;
};

// RFC 8092
struct LargeCommunity {
    std::uint32_t asn = 0;
    std::uint32_t function = 0;
    std::uint32_t parameter = 0;

    friend constexpr auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};

using Community = std::variant<StandardCommunity, LargeCommunity>;

inline constexpr StandardCommunity blackhole{65535, 666};  // RFC 7999

// What is taken of a neighbour's routes: the first rule that means one decides. Of each list that
// is given one must be met.
struct ImportRule {
    enum class Action : std::uint8_t { accept, refuse };

    Action action = Action::accept;
    std::vector<PrefixRange> prefixes = {};
    std::vector<AsPathPattern> as_paths = {};
    std::vector<Community> communities = {};

    friend bool operator==(const ImportRule&, const ImportRule&) = default;
};

// What goes with every announcement on an uplink, beside what a move wants of it. What is announced
// there are the declared prefixes, whatever stands here.
struct ExportPolicy {
    std::uint8_t prepend = 0;  // our AS so often more
    std::optional<std::uint32_t> med = {};
    std::vector<Community> communities = {};
    std::optional<std::uint32_t> limit = {};  // of prefixes that the neighbour takes, a family

    friend bool operator==(const ExportPolicy&, const ExportPolicy&) = default;
};

struct UplinkBgp {
    std::vector<Address> peers;  // each on the uplink's own link
    AsNumber asn;
    std::optional<std::filesystem::path> password_file;  // absolute
    bool has_ttl_security = false;
    Duration hold = std::chrono::seconds(90);
    std::uint32_t max_prefixes = 1000;
    std::uint8_t max_prefixes_warning = 80;  // percent; 100: no warning
    // How long a session stays away that brought more; nothing: until an operator clears it.
    std::optional<Duration> max_prefixes_restart = std::chrono::minutes(15);
    // Nothing: no policy, and routes are evidence alone (RFC 8212).
    std::optional<std::vector<ImportRule>> import = {};
    ExportPolicy exported = {};
    // What the provider reads as "announce to your customers only"; empty: it has no such thing.
    std::vector<Community> canary_communities;
    Position position;
};

struct Uplink {
    UplinkId id;
    std::string name;  // of a gre uplink also the name of its TUN twin
    UplinkKind kind = UplinkKind::direct;
    PortId port;                          // direct: the port; gre: the underlay's port
    std::optional<Underlay> underlay;     // gre only
    std::vector<InterfaceAddress> inner;  // gre only
    std::vector<Address> gateways;        // direct: explicit `gateway:`, at most one a family
    std::vector<Address> control_sources;
    std::vector<Address> sentinels;
    std::optional<UplinkBgp> bgp;
    std::vector<AsNumber> upstreams;  // whom it is known to depend on, for shared fate
    std::optional<BitRate> limit;
    Position position;
};

struct PrefixSet {
    PrefixSetId id;
    std::string name;
    std::vector<Prefix> prefixes;
    std::vector<Address> beacons;
    std::vector<Address> next_hops;         // on the LAN, at most one a family
    std::vector<AsNumber> other_origins{};  // who may originate them as well: no hijack
    Position position{};
};

// How a target is asked beside ICMP: without it a null route of a quiet block cannot be proved.
struct SecondKind {
    enum class Protocol : std::uint8_t { tcp, udp } protocol = Protocol::tcp;
    std::uint16_t port = 443;

    friend constexpr auto operator<=>(const SecondKind&, const SecondKind&) = default;
    [[nodiscard]] std::string to_string() const;  // "tcp/443"
};

struct Target {
    TargetId id;
    AsNumber asn;
    Address address;
    bool is_own = false;
    std::optional<SecondKind> second = SecondKind{};  // nothing: ICMP only
};

struct Detect {
    Profile profile = Profile::careful;
    std::vector<Target> targets;
    std::optional<std::uint32_t> probe_limit;  // probes per second, all targets together
};

// Every day, UTC; over midnight when it ends before it begins.
struct DailyWindow {
    std::chrono::minutes from{};
    std::chrono::minutes to{};

    [[nodiscard]] bool contains(std::chrono::minutes since_midnight) const;
};

struct Policy {
    FailBack fail_back = FailBack::manual;
    std::optional<DailyWindow> fail_back_window;
    LanDead lan_dead = LanDead::announce;
};

// Values that hold for a time only, for which somebody answers (overrides.h).
struct Override {
    std::string name;
    std::string owner;
    std::optional<std::string> reason;
    WallTime until;
    std::map<std::string, std::string> values;  // path -> as written: policy.fail-back -> auto
    bool is_in_force = false;                   // when the configuration was read
    Position position;
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
    Timing timing;  // the profile's, with what `detect` and `policy` override
    std::vector<Override> overrides;
    Diagnostics warnings;  // what check says about a configuration that is in force all the same
    std::map<std::string, Position> written;  // every value that the file gives, by its path

    [[nodiscard]] const Port& port(PortId port_id) const { return ports.at(port_id.value); }
    [[nodiscard]] const Uplink& uplink(UplinkId uplink_id) const {
        return uplinks.at(uplink_id.value);
    }
    [[nodiscard]] const PrefixSet& prefix_set(PrefixSetId set) const {
        return prefix_sets.at(set.value);
    }

    // By name; null when there is none.
    [[nodiscard]] const Port* find_port(std::string_view name) const;
    [[nodiscard]] const Uplink* find_uplink(std::string_view name) const;
    [[nodiscard]] const PrefixSet* find_prefix_set(std::string_view name) const;
    // The set that protects the address; null when none does.
    [[nodiscard]] const PrefixSet* prefix_set_of(const Address& address) const;

    // A port that carries no direct uplink and no tunnel: the customer's side.
    [[nodiscard]] bool is_lan(PortId port_id) const;
    // The largest packet that fits the uplink as a whole: its port's MTU, or a tunnel's.
    [[nodiscard]] std::uint16_t mtu(const Uplink& one) const;
    // The kernel interface by which the port, or the uplink, is seen: a twin, or in kind kernel the
    // interface itself and the gre link.
    [[nodiscard]] const std::string& interface_name(PortId port_id) const;
    [[nodiscard]] const std::string& interface_name(UplinkId uplink_id) const;
    // Our addresses on the uplink's own link: the port's, or a tunnel's inner ones.
    [[nodiscard]] const std::vector<InterfaceAddress>& link_addresses(UplinkId uplink_id) const;
    // Our address of the family on the uplink's link, the next hop that we announce there: the one
    // beside the gateway or a peer, else the first. Nothing: the uplink cannot carry the family.
    [[nodiscard]] std::optional<InterfaceAddress> link_address(UplinkId uplink_id,
                                                               Family family) const;
    // Where a direct uplink's packets go next: its `gateway:` of the family, else its one BGP peer
    // of the family. Nothing for a gre uplink (its device is the next hop) and for a family that
    // the uplink does not carry.
    [[nodiscard]] std::optional<Address> gateway(UplinkId uplink_id, Family family) const;
    // Some prefix set has a prefix of the family.
    [[nodiscard]] bool protects(Family family) const;
};

}  // namespace detour::model
