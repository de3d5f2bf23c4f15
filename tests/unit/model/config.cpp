// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/config.h"

#include <doctest/doctest.h>

#include "conf/model/load.h"

using namespace std::chrono_literals;
using namespace detour;
using namespace detour::model;

namespace {

Address address(const char* text) {
    return Address::parse(text).value();
}

Config two_provider() {
    const auto config = load(SOURCE_DIR "/conf/examples/two-provider.yaml");
    REQUIRE_MESSAGE(config, to_string(config.error()));
    return *config;
}

}  // namespace

TEST_CASE("the two-provider example reads as it is written") {
    const Config config = two_provider();
    CHECK(config.warnings.empty());
    CHECK(config.router.name == "cage-07");
    CHECK(config.router.asn == AsNumber(64500));
    CHECK(config.router.id == address("192.0.2.2"));
    CHECK(config.router.mode == Mode::automatic);
    CHECK(config.dataplane.kind == DataplaneKind::dpdk);
    CHECK(config.dataplane.cores == std::vector<unsigned>{1});
    REQUIRE(config.ports.size() == 3);
    CHECK(config.ports[1].device == "net_af_packet0,iface=eth2");
    CHECK(config.ports[1].mtu == 9000);
    CHECK(config.ports[2].mtu == 1500);

    REQUIRE(config.uplinks.size() == 2);
    const Uplink& provider = config.uplinks[0];
    CHECK(provider.kind == UplinkKind::direct);
    CHECK(provider.sentinels.size() == 4);
    REQUIRE(provider.bgp);
    CHECK(provider.bgp->has_ttl_security);
    CHECK(provider.bgp->hold == 90s);
    CHECK(provider.bgp->password_file == SOURCE_DIR "/conf/examples/keys/provider");
    CHECK(provider.bgp->canary_communities ==
          std::vector<Community>{StandardCommunity{64496, 990}});

    const Uplink& partner = config.uplinks[1];
    REQUIRE(partner.underlay);
    CHECK(partner.port == PortId(1));
    CHECK(partner.underlay->remote == address("192.0.2.65"));
    CHECK(partner.underlay->key == 7);
    CHECK(partner.underlay->ttl == 64);
    CHECK(partner.bgp->hold == 30s);
    CHECK(partner.limit == BitRate{2'000'000'000});
    CHECK(partner.upstreams == std::vector{AsNumber(64499)});

    REQUIRE(config.prefix_sets.size() == 2);
    CHECK(config.prefix_sets[1].prefixes[1] == Prefix::parse("2001:db8:77::/48"));
    CHECK(config.detect.targets.size() == 12);
    CHECK(config.detect.targets[4].asn == AsNumber(64502));
    CHECK(config.detect.targets[4].id == TargetId(4));
    CHECK(config.policy.fail_back == FailBack::manual);
    CHECK(config.timing == timing_of(Profile::careful));
}

TEST_CASE("names, roles and next hops are looked up in one place") {
    const Config config = two_provider();
    CHECK(config.find_port("lan0")->id == PortId(2));
    CHECK(config.find_port("lan1") == nullptr);
    CHECK(config.find_uplink("partner")->id == UplinkId(1));
    CHECK(config.find_prefix_set("mail")->id == PrefixSetId(0));
    CHECK(config.prefix_set_of(address("203.0.113.9"))->name == "web");
    CHECK(config.prefix_set_of(address("192.0.2.1")) == nullptr);
    CHECK(config.is_lan(PortId(2)));
    CHECK_FALSE(config.is_lan(PortId(0)));
    CHECK_FALSE(config.is_lan(PortId(1)));
    CHECK(config.interface_name(UplinkId(0)) == "wan0");
    CHECK(config.interface_name(UplinkId(1)) == "partner");
    CHECK(config.gateway(UplinkId(0), Family::ipv4) == address("192.0.2.1"));
    CHECK(config.gateway(UplinkId(0), Family::ipv6) == address("2001:db8:1::1"));
    CHECK_FALSE(config.gateway(UplinkId(1), Family::ipv4));
    CHECK(config.link_address(UplinkId(0), Family::ipv6)->address == address("2001:db8:1::2"));
    CHECK(config.link_address(UplinkId(1), Family::ipv4)->address == address("10.255.0.1"));
    CHECK(config.protects(Family::ipv6));
}
