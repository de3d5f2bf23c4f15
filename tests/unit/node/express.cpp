// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The express against the long way: the same frames, made at random, must fare the same, to the
// last octet and counter.
#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

constexpr std::size_t outer_at = sizeof(packet::EthernetHeader);

// What the rig's box meets: to hosts and the Internet, into the tunnel and out of it, both
// families.
std::vector<std::pair<PortId, Bytes>> seeds() {
    const Ipv4 to_host{.source = "203.0.113.9", .destination = "198.51.100.7"};
    const Ipv6 to_host6{.source = "2001:db8:3::9", .destination = "2001:db8:77::7"};
    Ipv4 marked = from_partner(Ipv4{.destination = "198.51.100.7", .traffic_class = 2}.bytes());
    marked.traffic_class = 3;
    Ipv4 padded = to_host;
    padded.padding = 10;
    Ipv4 padded_within = from_partner(padded.bytes());
    Ipv6 marked6 = from_partner6(Ipv4{.destination = "198.51.100.7", .traffic_class = 2}.bytes());
    marked6.traffic_class = 3;
    marked6.padding = 6;
    const auto limit = Options::encapsulation_limit;
    return {
        {wan, frame(wan_mac, gateway_mac, to_host)},
        {wan, frame(wan_mac, gateway_mac, padded)},
        {wan, frame(wan_mac, gateway_mac, to_host6)},
        {wan, frame(wan_mac, gateway_mac, from_partner(to_host.bytes()))},
        {wan, frame(wan_mac, gateway_mac, from_partner(to_host6.bytes(), 0x86dd))},
        {wan, frame(wan_mac, gateway_mac, marked)},
        {wan, frame(wan_mac, gateway_mac, from_partner6(to_host.bytes()))},
        {wan, frame(wan_mac, gateway_mac, from_partner6(to_host6.bytes(), 0x86dd))},
        {wan, frame(wan_mac, gateway_mac, from_partner6(to_host.bytes(), 0x0800, limit))},
        {wan, frame(wan_mac, gateway_mac, from_partner6(to_host6.bytes(), 0x86dd, limit))},
        {wan, frame(wan_mac, gateway_mac, marked6)},
        {wan, frame(wan_mac, gateway_mac, padded_within)},
        {wan, frame(wan_mac, gateway_mac, Ipv4{.destination = "192.0.2.66", .protocol = 1})},
        {wan, frame(wan_mac, gateway_mac, Ipv4{.destination = "198.51.100.99"})},
        {lan, frame(lan_mac, host_mac, Ipv4{.destination = "192.0.2.200"})},
        {lan, frame(lan_mac, host_mac, Ipv4{.traffic_class = 0xb9})},
        {lan, frame(lan_mac, host_mac, Ipv4{.payload = Bytes(1452)})},
        {lan, frame(lan_mac, host_mac, Ipv4{.payload = Bytes(1453)})},
        {lan, frame(lan_mac, host_mac, Ipv4{.ttl = 1})},
        {lan, frame(lan_mac, host_mac,
                    Ipv4{.source = "192.0.2.7", .protocol = 6, .payload = Bytes(20)})},
        {lan, frame(lan_mac, host_mac, Ipv6{.source = "2001:db8:77::7"})},
        {lan,
         frame(lan_mac, host_mac, Ipv6{.source = "2001:db8:9::7", .destination = "2001:db8:3::1"})},
        {lan, frame(lan_mac, host_mac, Ipv4{.source = "198.51.101.7", .traffic_class = 0xb9})},
        {lan, frame(lan_mac, host_mac, Ipv6{.source = "2001:db8:78::7", .traffic_class = 0x2e})},
    };
}

// The header checksum of an IPv4 header at `at`, made right again.
void mend(Bytes& bytes, std::size_t at) {
    if (at + 20 > bytes.size() || bytes[at] != 0x45)
        return;
    bytes[at + 10] = bytes[at + 11] = 0;
    const std::uint16_t sum = packet::test::reference_checksum(std::span(bytes).subspan(at, 20));
    bytes[at + 10] = static_cast<std::uint8_t>(sum >> 8);
    bytes[at + 11] = static_cast<std::uint8_t>(sum);
}

// Some octets of the headers changed, so that most packets are still whole: values that mean
// something somewhere are likelier than others.
Bytes changed(std::mt19937& random, Bytes bytes) {
    static constexpr std::array<std::uint8_t, 16> telling{0,  1,  2,   6,   17,  44,  47,  58,
                                                          60, 64, 127, 224, 240, 254, 255, 0x45};
    const std::size_t count = random() % 4 == 0 ? 0 : random() % 3;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = random() % std::min<std::size_t>(bytes.size(), 90);
        bytes[at] = random() % 2 == 0 ? telling[random() % telling.size()]
                                      : static_cast<std::uint8_t>(random());
    }
    if (random() % 16 == 0)
        bytes.resize(random() % (bytes.size() + 1));
    if (random() % 4 != 0) {
        for (const std::size_t inner : {28U, 48U, 56U})
            mend(bytes, outer_at + inner);
        mend(bytes, outer_at);
    }
    return bytes;
}

struct Outcome {
    std::array<std::vector<Bytes>, 2> sent;
    std::vector<Bytes> punted;
    std::vector<std::uint64_t> counts;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Of what is sent: identifications of the outer header follow the order of sending.
Bytes without_identification(Bytes bytes) {
    const bool is_gre =
        bytes.size() >= outer_at + 20 && bytes[12] == 0x08 && bytes[outer_at + 9] == 47;
    if (is_gre)
        for (const std::size_t at : {4U, 5U, 10U, 11U})
            bytes[outer_at + at] = 0;
    return bytes;
}

void add(std::vector<std::uint64_t>& counts, const PacketCount& count) {
    counts.push_back(count.packets.get());
    counts.push_back(count.bytes.get());
}

void add(std::vector<std::uint64_t>& counts, const Traffic& traffic) {
    add(counts, traffic.in);
    add(counts, traffic.out);
}

std::vector<std::uint64_t> all_counts(const Counters& counters) {
    std::vector<std::uint64_t> counts;
    for (const Count& count : counters.drops)
        counts.push_back(count.get());
    for (const Count& count : counters.punts)
        counts.push_back(count.get());
    for (const Traffic& traffic : counters.ports)
        add(counts, traffic);
    for (const Traffic& traffic : counters.tunnels)
        add(counts, traffic);
    for (std::uint16_t i = 0; i < next_free; ++i) {
        add(counts, counters.leaves[i]);
        add(counts, counters.adjacencies[i]);
    }
    for (std::uint16_t uplink = 0; uplink < 2; ++uplink)
        for (const Family family : families)
            add(counts, counters.of(UplinkId(uplink), PrefixSetId(0), family));
    return counts;
}

using Bursts = std::vector<std::pair<PortId, std::vector<Bytes>>>;

template <class Receive>
Outcome outcome(const Bursts& bursts, Receive receive) {
    Rig rig;
    Outcome result;
    for (const auto& [port, frames] : bursts) {
        receive(rig, port, frames);
        for (const PortId out : {lan, wan})
            for (const Bytes& bytes : rig.sent(out))
                result.sent[out.value].push_back(without_identification(bytes));
        for (const auto& punts : {rig.first_class_punts(), rig.bulk_punts()})
            for (const Punted& punt : punts)
                result.punted.push_back(punt.bytes);
        rig.now += 1'000'000'000;  // a new budget for what the kernel gets
    }
    // Packets of different flows may overtake each other.
    for (auto& sent : result.sent)
        std::ranges::sort(sent);
    std::ranges::sort(result.punted);
    result.counts = all_counts(rig.counters);
    return result;
}

TEST_CASE("the express and the long way agree on packets made at random") {
    std::mt19937 random(20);
    const auto all = seeds();
    Bursts bursts;
    std::size_t frames = 0;
    while (frames < 60'000) {
        const PortId port{static_cast<std::uint16_t>(random() % 2)};
        std::vector<Bytes> burst;
        for (std::size_t size = 1 + random() % vector_size; burst.size() < size;)
            if (const auto& [from, bytes] = all[random() % all.size()]; from == port)
                burst.push_back(changed(random, bytes));
        frames += burst.size();
        bursts.emplace_back(port, std::move(burst));
    }
    const Outcome express =
        outcome(bursts, [](Rig& rig, PortId port, const auto& burst) { rig.receive(port, burst); });
    const Outcome in_full = outcome(
        bursts, [](Rig& rig, PortId port, const auto& burst) { rig.receive_in_full(port, burst); });
    // Both ways are really taken.
    CHECK(express.sent[lan.value].size() > 5000);
    CHECK(express.sent[wan.value].size() > 5000);
    CHECK(express.punted.size() > 1000);
    CHECK(express.sent == in_full.sent);
    CHECK(express.punted == in_full.punted);
    CHECK(express.counts == in_full.counts);
}

TEST_CASE("GRE over IPv6 is ordinary both ways") {
    // What takes the long way is sent behind what does not.
    const auto is_first = [](PortId in, PortId out, const Bytes& one, const auto& other) {
        const auto first = [&](const std::vector<Bytes>& burst) {
            Rig rig;
            rig.receive(in, burst);
            const auto sent = rig.sent(out);
            REQUIRE(sent.size() == burst.size());
            return without_identification(sent.front());
        };
        return first({one, other(1), other(2), other(3)}) == first({one});
    };
    const Ipv4 to_host{.source = "203.0.113.9", .destination = "198.51.100.7"};
    const auto from_wan = [&](std::uint8_t n) {
        Ipv4 other = to_host;
        other.payload = Bytes(8, n);
        return frame(wan_mac, gateway_mac, other);
    };
    const auto from_lan = [&](std::uint8_t n) {
        return frame(lan_mac, host_mac, Ipv4{.payload = Bytes(8, n)});
    };
    const auto limit = Options::encapsulation_limit;
    const auto arriving = [](const Ipv6& packet) { return frame(wan_mac, gateway_mac, packet); };
    CHECK(is_first(wan, lan, arriving(from_partner6(to_host.bytes())), from_wan));
    CHECK(is_first(wan, lan, arriving(from_partner6(to_host.bytes(), 0x0800, limit)), from_wan));
    CHECK(is_first(lan, wan, frame(lan_mac, host_mac, Ipv4{.source = "198.51.101.7"}), from_lan));
    // A tunnel that is more than plain shows that this would be seen.
    Rig rig;
    rig.state.adjacencies[next_tunnel6].options |= packet::gre_option::fixed_dscp;
    rig.receive(lan, {frame(lan_mac, host_mac, Ipv4{.source = "198.51.101.7"}), from_lan(1),
                      from_lan(2), from_lan(3)});
    CHECK(rig.sent(wan).front()[12] == 0x08);
}

TEST_CASE("packets of one flow leave in their order") {
    Rig rig;
    std::vector<Bytes> burst;
    for (std::uint16_t i = 0; i < vector_size; ++i)
        burst.push_back(frame(lan_mac, host_mac, Ipv4{.identification = i}));
    rig.receive(lan, burst);
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == vector_size);
    for (std::uint16_t i = 0; i < vector_size; ++i)
        CHECK(sent[i][outer_at + 28 + 5] == i);
}

// TCP from the LAN's host into the tunnel; identifications count up.
Bytes segment(std::uint16_t port, std::uint8_t flags, std::uint16_t identification) {
    Bytes tcp(20);
    tcp[0] = static_cast<std::uint8_t>(port >> 8);
    tcp[1] = static_cast<std::uint8_t>(port);
    tcp[12] = 0x50;
    tcp[13] = flags;
    return frame(lan_mac, host_mac,
                 Ipv4{.identification = identification, .protocol = 6, .payload = tcp});
}

TEST_CASE("a packet that is not ordinary is overtaken by nothing of its flow") {
    constexpr std::uint8_t syn = 0x02;
    constexpr std::uint8_t ack = 0x10;
    Rig rig;
    std::vector<Bytes> burst;
    std::uint16_t number = 0;
    for (std::uint16_t i = 0; i < 4; ++i)
        for (std::uint16_t port = 7; port < 14; ++port)
            burst.push_back(segment(port, i == 1 ? syn : ack, number++));
    rig.receive(lan, burst);
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == burst.size());
    std::map<std::uint8_t, std::uint8_t> last;  // by port
    for (const Bytes& bytes : sent) {
        const std::size_t inner = outer_at + 28;
        const std::uint8_t id = bytes[inner + 5];
        const std::uint8_t port = bytes[inner + 20 + 1];
        CHECK(last.try_emplace(port, std::uint8_t{0}).first->second <= id);
        last[port] = id;
    }
    CHECK(last.size() == 7);
    CHECK(rig.counters.ports[lan.value].in.packets.get() == burst.size());
}

TEST_CASE("a group's members share the flows, and a flow has one") {
    Rig express;
    express.state.leaves[next_tunnel].adjacency = next_group;
    for (std::uint16_t i = 0; i < 64; ++i) {
        Ipv4 packet{.payload = Bytes(8, static_cast<std::uint8_t>(i))};
        express.receive(lan, {frame(lan_mac, host_mac, packet), frame(lan_mac, host_mac, packet)});
    }
    CHECK(express.counters.adjacencies[next_gateway].packets.get() > 16);
    CHECK(express.counters.adjacencies[next_tunnel].packets.get() > 16);
    CHECK(express.counters.adjacencies[next_gateway].packets.get() % 2 == 0);
    CHECK(express.sent(wan).size() == 128);
}

}  // namespace
}  // namespace detour::node::test
