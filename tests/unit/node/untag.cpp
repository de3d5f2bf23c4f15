// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/untag.h"

#include <rte_mbuf.h>

#include <deque>

#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

constexpr PortId trunk{4};
constexpr PortId blue{1};
constexpr PortId red{7};

// Mbufs without a pool around frames whose last octet is their number.
class Frames {
 public:
    rte_mbuf* add(std::initializer_list<std::uint16_t> tag, std::uint8_t number) {
        Bytes& bytes = frames_.emplace_back(Bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2});
        ByteWriter writer(bytes);
        for (const std::uint16_t word : tag)
            writer.u16(word);
        writer.u16(0x0800);
        bytes.push_back(number);
        rte_mbuf& mbuf = mbufs_.emplace_back();
        mbuf.buf_addr = bytes.data();
        mbuf.nb_segs = 1;
        mbuf.data_len = static_cast<std::uint16_t>(bytes.size());
        mbuf.pkt_len = mbuf.data_len;
        all_.push_back(&mbuf);
        return &mbuf;
    }
    [[nodiscard]] std::span<rte_mbuf* const> all() const { return all_; }

 private:
    std::deque<Bytes> frames_;
    std::deque<rte_mbuf> mbufs_;
    std::vector<rte_mbuf*> all_;
};

std::vector<std::uint8_t> numbers(std::span<rte_mbuf* const> frames) {
    std::vector<std::uint8_t> result;
    for (const rte_mbuf* mbuf : frames)
        result.push_back(*rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, mbuf->data_len - 1));
    return result;
}

VlanPorts vlans() {
    VlanPorts ports(trunk);
    ports.add(100, blue);
    ports.add(4094, red);
    return ports;
}

TEST_CASE("frames are sorted by the port that is their VLAN, each port's in their order") {
    Frames frames;
    frames.add({0x8100, 100}, 0);
    frames.add({}, 1);
    frames.add({0x8100, 4094}, 2);
    frames.add({0x8100, 0xe064}, 3);
    frames.add({0x8100, 0xe000}, 4);
    Untagged sorted;
    sorted.sort(vlans(), frames.all());
    REQUIRE(sorted.groups().size() == 3);
    const auto of = [&](std::size_t i) {
        const auto& group = sorted.groups()[i];
        return numbers(std::span(group.frames).first(group.count));
    };
    CHECK(sorted.groups()[0].port == blue);
    CHECK(of(0) == std::vector<std::uint8_t>{0, 3});
    CHECK(sorted.groups()[1].port == trunk);
    CHECK(of(1) == std::vector<std::uint8_t>{1, 4});
    CHECK(sorted.groups()[2].port == red);
    CHECK(of(2) == std::vector<std::uint8_t>{2});
    CHECK(sorted.strangers().empty());
    for (const rte_mbuf* mbuf : frames.all()) {
        CHECK(mbuf->data_len == 15);
        CHECK(mbuf->pkt_len == 15);
        const auto* const bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        CHECK(Bytes(bytes, bytes + 14) == Bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0});
    }
}

TEST_CASE("a VLAN that is no port's is a stranger's, and 802.1Q's reserved one always") {
    Frames frames;
    frames.add({0x8100, 101}, 0);
    frames.add({0x8100, 4095}, 1);
    Untagged sorted;
    sorted.sort(vlans(), frames.all());
    CHECK(sorted.groups().empty());
    CHECK(numbers(sorted.strangers()) == std::vector<std::uint8_t>{0, 1});
}

TEST_CASE("a second burst finds nothing of the first") {
    Untagged sorted;
    Frames first;
    first.add({0x8100, 100}, 0);
    first.add({0x8100, 7}, 1);
    sorted.sort(vlans(), first.all());
    Frames second;
    second.add({0x8100, 100}, 2);
    sorted.sort(vlans(), second.all());
    REQUIRE(sorted.groups().size() == 1);
    CHECK(sorted.groups()[0].count == 1);
    CHECK(sorted.strangers().empty());
}

TEST_CASE("a burst of as many VLANs as frames has room") {
    Frames frames;
    VlanPorts ports(trunk);
    for (std::uint16_t i = 0; i < vector_size; ++i) {
        ports.add(static_cast<std::uint16_t>(i + 1), PortId(static_cast<std::uint16_t>(i + 10)));
        frames.add({0x8100, static_cast<std::uint16_t>(i + 1)}, static_cast<std::uint8_t>(i));
    }
    Untagged sorted;
    sorted.sort(ports, frames.all());
    CHECK(sorted.groups().size() == vector_size);
}

}  // namespace
}  // namespace detour::node::test
