// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/flow.h"

#include <doctest/doctest.h>

#include "controlplane/kernel/plan/numbers.h"
#include "tools/detour/tables.h"

using namespace detour;
using namespace detour::command;

namespace {

// Two LANs, a provider and a partner's tunnel.
model::Config house() {
    model::Config config;
    const auto port = [&](const char* name, const char* address) {
        model::Port one;
        one.id = PortId(static_cast<std::uint16_t>(config.ports.size()));
        one.name = name;
        one.addresses = {*InterfaceAddress::parse(address)};
        config.ports.push_back(one);
        return one.id;
    };
    const PortId wan = port("wan0", "192.0.2.2/30");
    const PortId xcon = port("xcon0", "192.0.2.66/30");
    port("lan0", "10.1.0.1/24");
    port("lan1", "10.2.0.1/24");
    model::Uplink provider;
    provider.name = "provider";
    provider.port = wan;
    model::Uplink partner;
    partner.id = UplinkId(1);
    partner.name = "partner";
    partner.kind = model::UplinkKind::gre;
    partner.port = xcon;
    partner.underlay = model::Underlay{.port = xcon,
                                       .local = *Address::parse("192.0.2.66"),
                                       .remote = *Address::parse("192.0.2.65"),
                                       .key = 7};
    config.uplinks = {provider, partner};
    model::PrefixSet mail;
    mail.name = "mail";
    mail.prefixes = {*Prefix::parse("198.51.100.0/24")};
    config.prefix_sets = {mail};
    return config;
}

std::string entrances_of(std::string_view text) {
    const model::Config config = house();
    const std::vector<std::string> words{std::string(text)};
    const auto flow = parse_flow(config, words);
    if (!flow)
        return flow.error();
    std::string list;
    for (const std::string& name : entrances(config, *flow))
        list += (list.empty() ? "" : " ") + name;
    return list;
}

}  // namespace

TEST_CASE("a flow comes in where it says, by the name of a port or of an uplink") {
    CHECK(entrances_of("198.51.100.9 > 203.0.113.9 in lan1") == "lan1");
    CHECK(entrances_of("203.0.113.9 > 198.51.100.9 in partner") == "partner");
    CHECK(entrances_of("203.0.113.9 > 198.51.100.9 in provider") == "wan0");
}

TEST_CASE("without a place a flow comes in by where its source is") {
    CHECK(entrances_of("198.51.100.9 > 203.0.113.9") == "lan0 lan1");
    CHECK(entrances_of("10.2.0.9 > 203.0.113.9") == "lan1");
    CHECK(entrances_of("203.0.113.9>198.51.100.9") == "wan0 partner");
}

TEST_CASE("the words of a flow may be one argument or several, and the arrow needs no spaces") {
    const model::Config config = house();
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"198.51.100.9", ">", "203.0.113.9", "in", "lan0"},
          {"198.51.100.9>203.0.113.9", "in", "lan0"},
          {"198.51.100.9 > 203.0.113.9 in lan0"}}) {
        const auto flow = parse_flow(config, words);
        REQUIRE(flow);
        CHECK(flow->source.to_string() == "198.51.100.9");
        CHECK(flow->in == "lan0");
    }
}

TEST_CASE("what is no flow is refused with what was wanted") {
    CHECK(entrances_of("198.51.100.9").starts_with("wanted: "));
    CHECK(entrances_of("198.51.100.9 < 203.0.113.9").starts_with("wanted: "));
    CHECK(entrances_of("198.51.100.9 > 203.0.113.9 by lan0").starts_with("wanted: "));
    CHECK(entrances_of("198.51.100.9 > 203.0.113.999").starts_with("203.0.113.999: "));
    CHECK(entrances_of("198.51.100.9 > 2001:db8::1").find("two families") != std::string::npos);
    CHECK(entrances_of("198.51.100.9 > 203.0.113.9 in lan7") ==
          "there is no port and no tunnel lan7; there are wan0, xcon0, lan0, lan1, provider, "
          "partner");
}

TEST_CASE("tables have the numbers that the control plane gives them") {
    namespace plan = kernel::plan;
    CHECK(our_protocol == plan::our_protocol);
    CHECK(uplink_group == plan::uplink_group);
    CHECK(main_table == plan::table::main.value);
    CHECK(in_table == plan::table::in.value);
    CHECK(learned_table == plan::table::learned.value);
    CHECK(table_of(UplinkId(3)) == plan::table::of(UplinkId(3)).value);
    CHECK(table_of(PrefixSetId(5)) == plan::table::of(PrefixSetId(5)).value);
    const model::Config config = house();
    CHECK(table_name(&config, table_of(UplinkId(1))) == "U(partner)");
    CHECK(table_name(&config, table_of(PrefixSetId(0))) == "S(mail)");
    CHECK(table_name(&config, 1234) == "1234");
    CHECK(table_name(nullptr, in_table) == "IN");
}
