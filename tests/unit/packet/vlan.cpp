// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/vlan.h"

#include <array>

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;

namespace {

// Two MAC addresses, the tag if there is one, a type and a payload.
Bytes frame(std::initializer_list<std::uint16_t> tag, std::size_t payload = 46) {
    Bytes bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    detour::ByteWriter writer(bytes);
    for (const std::uint16_t word : tag)
        writer.u16(word);
    writer.u16(0x0800);
    for (std::size_t i = 0; i < payload; ++i)
        bytes.push_back(static_cast<std::uint8_t>(i));
    return bytes;
}

}  // namespace

TEST_CASE("a frame is tagged when tag and type are there whole") {
    CHECK(is_tagged(frame({0x8100, 100})));
    CHECK(is_tagged(frame({0x8100, 100}, 0)));
    CHECK_FALSE(is_tagged(frame({})));
    CHECK_FALSE(is_tagged(frame({0x88a8, 100})));
    const Bytes whole = frame({0x8100, 100}, 0);
    CHECK_FALSE(is_tagged(std::span(whole).first(17)));
    CHECK_FALSE(is_tagged({}));
}

TEST_CASE("802.1Q 9.6: priority and drop eligibility are no part of the VLAN's identifier") {
    CHECK(vlan_of(frame({0x8100, 0x0064}).data()) == 100);
    CHECK(vlan_of(frame({0x8100, 0xf064}).data()) == 100);
    CHECK(vlan_of(frame({0x8100, 0xe000}).data()) == 0);
    CHECK(vlan_of(frame({0x8100, 0xffff}).data()) == 4095);
}

TEST_CASE("a tag taken off leaves the frame that had none, and put on it is the same again") {
    const Bytes plain = frame({});
    for (const std::uint16_t vlan : std::array<std::uint16_t, 3>{1, 100, 4094}) {
        const Bytes tagged = frame({0x8100, vlan});
        Bytes work = tagged;
        std::uint8_t* const start = pop_vlan(work.data());
        CHECK(start == work.data() + 4);
        CHECK(Bytes(start, work.data() + work.size()) == plain);
        CHECK(push_vlan(start, vlan) == work.data());
        CHECK(work == tagged);
    }
}
