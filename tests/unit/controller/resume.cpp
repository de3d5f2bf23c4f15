// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a neighbour that kept our routes hears when the next detourd comes up: it takes End-of-RIB
// for the end of what we did not say again.
#include <doctest/doctest.h>

#include "controlplane/bgp/wire/open.h"
#include "controlplane/bgp/wire/update.h"
#include "tests/unit/controller/bench.h"

using namespace bench;
using namespace std::chrono_literals;

namespace {

struct Heard {
    std::optional<bgp::GracefulRestart> offer;
    std::string updates;  // 'U' for routes, 'e' for End-of-RIB
};

// By connection, of everything that was said.
std::map<bgp::ConnectionId, Heard> heard(const Bench& box) {
    bgp::Negotiated both;
    both.families = {true, true};
    both.has_four_octet_as = true;
    std::map<bgp::ConnectionId, Bytes> streams;
    for (const auto& order : box.all<controller::TransportOrder>())
        if (const auto* send = std::get_if<bgp::Send>(&order)) {
            Bytes& stream = streams[send->connection];
            stream.insert(stream.end(), send->bytes.begin(), send->bytes.end());
        }
    std::map<bgp::ConnectionId, Heard> result;
    for (const auto& [connection, stream] : streams) {
        bgp::Framer framer;
        framer.feed(stream);
        Heard& row = result[connection];
        for (auto frame = framer.next(); frame && *frame; frame = framer.next()) {
            if ((*frame)->type == bgp::MessageType::open)
                row.offer = bgp::decode_open((*frame)->body)->capabilities.graceful;
            if ((*frame)->type == bgp::MessageType::update)
                row.updates +=
                    bgp::decode_update((*frame)->body, both, bgp::PeerScope::external)->end_of_rib
                        ? 'e'
                        : 'U';
        }
    }
    return result;
}

}  // namespace

TEST_CASE("a box that starts asks nobody to have kept anything") {
    Bench box(story());
    box.start();
    box.run(10s);
    REQUIRE(heard(box).size() == 3);
    for (const auto& [connection, row] : heard(box)) {
        CHECK_FALSE(row.offer->is_restarting);
        CHECK_FALSE(row.offer->keeps_forwarding(Family::ipv4));
        CHECK(row.offer->time <= 30s);
    }
}

TEST_CASE("the next one after a crash says what stood before End-of-RIB, on each session") {
    Bench box(story());
    box.settle();
    box.kill(3s);
    box.said.clear();
    box.start();
    box.run(10s);
    REQUIRE(heard(box).size() == 3);
    std::size_t with_routes = 0;
    for (const auto& [connection, row] : heard(box)) {
        CHECK(row.offer->is_restarting);
        CHECK(row.offer->keeps_forwarding(Family::ipv4));
        CAPTURE(row.updates);
        CHECK(row.updates.find('e') != std::string::npos);
        CHECK(row.updates.find('U', row.updates.find('e')) == std::string::npos);
        with_routes += row.updates.starts_with('U') ? 1U : 0U;
    }
    CHECK(with_routes == 2);  // the provider's; the partner has nothing to announce
}

TEST_CASE("a crash of long ago is none that a peer still waits for") {
    Bench box(story());
    box.settle();
    box.kill(10min);
    box.said.clear();
    box.start();
    box.run(10s);
    for (const auto& [connection, row] : heard(box))
        CHECK_FALSE(row.offer->is_restarting);
}
