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
    const auto config = load(SOURCE_DIR "/conf/examples/two-provider.yaml", {});
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
    CHECK(!partner.bgp->import);
    CHECK(partner.bgp->exported == ExportPolicy{});
    CHECK(partner.bgp->max_prefixes_restart == 15min);
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

TEST_CASE("every key is heeded") {
    const auto loaded = load(SOURCE_DIR "/tests/config/good/every-key.yaml", {});
    REQUIRE_MESSAGE(loaded, to_string(loaded.error()));
    const Config& config = *loaded;
    CHECK(config.router.asn == AsNumber(4200000000));
    CHECK(config.dataplane.poll == PollMode::busy);
    CHECK(config.ports[0].mtu == 9000);
    const Uplink& provider = config.uplinks[0];
    CHECK(provider.bgp->peers.size() == 4);
    CHECK(provider.bgp->max_prefixes == 1'000'000);
    CHECK(provider.bgp->max_prefixes_warning == 95);
    CHECK(!provider.bgp->max_prefixes_restart);
    REQUIRE(provider.bgp->import);
    REQUIRE(provider.bgp->import->size() == 3);
    const auto& rules = *provider.bgp->import;
    CHECK(rules[0].action == ImportRule::Action::refuse);
    CHECK(rules[0].prefixes[2].to_string() == "10.0.0.0/8 le 32");
    CHECK(rules[1].as_paths[1].to_string() == "? 64512");
    CHECK(rules[2].action == ImportRule::Action::accept);
    CHECK(rules[2].communities == std::vector<Community>{StandardCommunity{64496, 100},
                                                         LargeCommunity{64496, 1, 100}, blackhole});
    CHECK(
        provider.bgp->exported ==
        ExportPolicy{2, 50, {StandardCommunity{65535, 65281}, LargeCommunity{64496, 1, 300}}, 20});
    CHECK(provider.bgp->canary_communities[1] == Community(LargeCommunity{64496, 1, 990}));
    CHECK(provider.upstreams.size() == 2);
    CHECK(provider.limit == BitRate{10'000'000'000});
    // Of two peers in a family, `gateway:` says where packets go.
    CHECK(config.gateway(UplinkId(0), Family::ipv4) == address("192.0.2.3"));
    CHECK(config.gateway(UplinkId(0), Family::ipv6) == address("2001:db8:1::3"));
    CHECK(config.prefix_sets[0].other_origins == std::vector{AsNumber(64496), AsNumber(64511)});
    const Uplink& partner = config.uplinks[1];
    CHECK(partner.underlay->gateway == address("192.0.2.65"));
    CHECK(partner.underlay->key == 4294967295);
    CHECK(partner.underlay->ttl == 255);
    CHECK(partner.underlay->has_checksum);
    CHECK(partner.underlay->has_sequence);
    CHECK(partner.underlay->dscp == 48);
    CHECK(partner.underlay->dont_fragment == DontFragment::copy);
    CHECK(partner.underlay->mss == 1300);
    CHECK(partner.underlay->keepalive == 3s);
    CHECK(partner.underlay->keepalive_retries == 4);
    CHECK(partner.underlay->overhead() == 36);
    CHECK(config.mtu(partner) == 1400);
    CHECK(config.mtu(provider) == 9000);
    CHECK(partner.bgp->hold == 0s);
    CHECK(config.detect.probe_limit == 2000);
    CHECK(config.detect.targets[0].is_own);
    CHECK(config.policy.fail_back == FailBack::automatic);
    CHECK(config.policy.fail_back_window->contains(0min));
    CHECK(config.policy.lan_dead == LanDead::hold);

    Timing expected = timing_of(Profile::fast);
    expected.forgiven_gap = 300ms;
    expected.start_up_grace = 0s;
    expected.link_up_grace = 500ms;
    expected.armed_age = 2s;
    expected.withdraw_gate = 100ms;
    expected.first_life = 1500ms;
    expected.complete = 10s;
    expected.overlap = 0s;
    expected.stair_step = 2s;
    expected.stable_time = 20s;
    expected.canary = 3s;
    expected.canary_interval = 1min;
    CHECK(config.timing == expected);
}

TEST_CASE("in kind kernel a port is the interface that it names") {
    const auto config = load(SOURCE_DIR "/conf/examples/kernel-container.yaml", {});
    REQUIRE_MESSAGE(config, to_string(config.error()));
    CHECK(config->interface_name(PortId(0)) == "eth0");
    CHECK(config->interface_name(UplinkId(0)) == "eth0");
    CHECK(config->interface_name(UplinkId(1)) == "partner");
    CHECK(config->policy.fail_back == FailBack::window);
}

TEST_CASE("our address on a link is the one beside the neighbour") {
    Config config = two_provider();
    config.ports[0].addresses.insert(config.ports[0].addresses.begin(),
                                     InterfaceAddress::parse("192.0.2.18/30").value());
    CHECK(config.link_address(UplinkId(0), Family::ipv4)->address == address("192.0.2.2"));
    config.uplinks[0].bgp.reset();
    CHECK(config.link_address(UplinkId(0), Family::ipv4)->address == address("192.0.2.18"));
    CHECK_FALSE(config.gateway(UplinkId(0), Family::ipv4));
    config.prefix_sets.pop_back();
    CHECK_FALSE(config.protects(Family::ipv6));
    CHECK(config.link_addresses(UplinkId(1)).size() == 2);
}
