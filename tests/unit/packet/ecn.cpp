// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/ecn.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;

namespace {

// RFC 6040 figure 4: rows are the inner, columns the outer codepoint, in the order of the figure.
constexpr std::array<std::uint8_t, 4> order{ecn::not_ect, ecn::ect_0, ecn::ect_1, ecn::ce};
constexpr std::uint8_t dropped = 0xff;
constexpr std::array<std::array<std::uint8_t, 4>, 4> figure_4{{
    {ecn::not_ect, ecn::not_ect, ecn::not_ect, dropped},
    {ecn::ect_0, ecn::ect_0, ecn::ect_1, ecn::ce},
    {ecn::ect_1, ecn::ect_1, ecn::ect_1, ecn::ce},
    {ecn::ce, ecn::ce, ecn::ce, ecn::ce},
}};
constexpr std::uint8_t inner_dscp = 46 << 2;  // EF, which must stay
constexpr std::uint8_t outer_dscp = 10 << 2;  // which must not matter

}  // namespace

TEST_CASE("RFC 6040 4.2: decapsulation follows figure 4 for IPv4, checksum and DSCP intact") {
    for (std::size_t row = 0; row < 4; ++row) {
        for (std::size_t column = 0; column < 4; ++column) {
            CAPTURE(row);
            CAPTURE(column);
            const auto inner_class = static_cast<std::uint8_t>(inner_dscp | order[row]);
            auto bytes = test::Ipv4{.traffic_class = inner_class}.bytes();
            auto& header = header_at<Ipv4Header>(bytes.data());
            const auto outer = static_cast<std::uint8_t>(outer_dscp | order[column]);
            const Finding finding = take_outer_ecn(header, outer);
            const std::uint8_t expected = figure_4[row][column];
            if (expected == dropped) {
                CHECK(finding == Finding(Drop::gre_ecn));
                continue;
            }
            CHECK(finding == Finding());
            CHECK(header.traffic_class == (inner_dscp | expected));
            CHECK(test::reference_checksum(std::span(bytes).first(20)) == 0);
        }
    }
}

TEST_CASE("RFC 6040 4.2: decapsulation follows figure 4 for IPv6, flow label and DSCP intact") {
    for (std::size_t row = 0; row < 4; ++row) {
        for (std::size_t column = 0; column < 4; ++column) {
            CAPTURE(row);
            CAPTURE(column);
            const auto inner_class = static_cast<std::uint8_t>(inner_dscp | order[row]);
            auto bytes = test::Ipv6{.traffic_class = inner_class, .flow_label = 0xabcde}.bytes();
            auto& header = header_at<Ipv6Header>(bytes.data());
            const auto outer = static_cast<std::uint8_t>(outer_dscp | order[column]);
            const Finding finding = take_outer_ecn(header, outer);
            const std::uint8_t expected = figure_4[row][column];
            if (expected == dropped) {
                CHECK(finding == Finding(Drop::gre_ecn));
                continue;
            }
            CHECK(finding == Finding());
            CHECK(header.traffic_class() == (inner_dscp | expected));
            CHECK(header.version_and_flow.value() ==
                  (0x600abcdeU | std::uint32_t{header.traffic_class()} << 20));
        }
    }
}
