// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/mirror/house.h"

#include <sstream>

#include "dataplane/fib/decide.h"

namespace detour::mirror::test {

namespace {

std::vector<std::string> words_of(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return words;
}

std::uint32_t number(const std::string& word) {
    return static_cast<std::uint32_t>(std::stoul(word));
}

std::optional<RouteType> type_of(std::string_view word) {
    for (const RouteType type :
         {RouteType::local, RouteType::broadcast, RouteType::anycast, RouteType::multicast,
          RouteType::blackhole, RouteType::unreachable, RouteType::prohibit, RouteType::throw_away})
        if (to_string(type) == word)
            return type;
    return std::nullopt;
}

Prefix prefix_of(std::string_view text, std::string_view family_hint) {
    if (text == "default")
        return Prefix::default_of(family_hint == "6" ? Family::ipv6 : Family::ipv4);
    return *Prefix::parse(text);
}

MacAddress mac(std::uint8_t last_octet) {
    return {0x02, 0x00, 0x5e, 0x00, 0x53, last_octet};
}

}  // namespace

Devices house_devices() {
    Devices devices;
    devices.ports = {{wan, 0}, {xcon, fib::no_uplink}, {lan, fib::no_uplink}};
    devices.tunnels.push_back({partner, UplinkId(1), PortId(1), *Address::parse("192.0.2.66"),
                               *Address::parse("192.0.2.65"), 7, 64});
    devices.prefixes = {{*Prefix::parse("198.51.100.0/24"), PrefixSetId(0)},
                        {*Prefix::parse("203.0.113.0/24"), PrefixSetId(1)},
                        {*Prefix::parse("2001:db8:77::/48"), PrefixSetId(1)}};
    return devices;
}

Link house_link(InterfaceIndex interface) {
    static constexpr std::array names{"", "wan", "xcon", "lan", "partner", "other"};
    Link link;
    link.interface = interface;
    link.name = names[interface.value];
    link.mtu = interface == partner ? 1472 : 1500;
    link.group = interface == wan || interface == partner ? 196 : 0;
    link.is_up = link.has_carrier = true;
    link.has_neighbours = interface != partner;
    if (interface != partner)
        link.mac = mac(static_cast<std::uint8_t>(0xf0 + interface.value));
    return link;
}

Path path(std::string_view text) {
    Path path;
    path.protocol = 142;
    const auto words = words_of(text);
    Hop hop;
    const auto finish = [&] {
        if (hop.device.value != 0)
            path.hops.push_back(std::exchange(hop, {}));
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (const auto type = type_of(words[i]))
            path.type = *type;
        else if (words[i] == "foreign")
            path.is_foreign = true;
        else if (words[i] == "nexthop")
            finish();
        else if (words[i] == "via")
            hop.gateway = *Address::parse(words.at(++i));
        else if (words[i] == "dev")
            hop.device = InterfaceIndex(number(words.at(++i)));
        else if (words[i] == "weight")
            hop.weight = static_cast<std::uint16_t>(number(words.at(++i)));
        else if (words[i] == "nhid")
            path.nexthop = NexthopId(number(words.at(++i)));
        else if (words[i] == "mtu")
            path.mtu = number(words.at(++i));
        else if (words[i] == "proto")
            path.protocol = static_cast<std::uint8_t>(number(words.at(++i)));
        else if (words[i] == "src")
            path.preferred_source = *Address::parse(words.at(++i));
    }
    finish();
    return path;
}

House::House() : compiler_(kernel_, house_devices()) {
    for (const InterfaceIndex one : {wan, xcon, lan, partner, other})
        link(house_link(one));
}

std::unique_ptr<House> House::furnished() {
    auto house = std::make_unique<House>();
    house->rule(0, "lookup 255");
    house->rule(100, "iif wan lookup 100");
    house->rule(100, "iif partner lookup 100");
    house->rule(200, "lookup 254 suppress_prefixlength 0 suppress_ifgroup 196");
    house->rule(300, "oif wan lookup 900");
    house->rule(400, "from 198.51.100.0/24 lookup 1000");
    house->rule(400, "from 203.0.113.0/24 lookup 1001");
    house->rule(400, "from 2001:db8:77::/48 lookup 1001");
    house->rule(450, "iif lan prohibit");
    house->rule(460, "lookup 254 suppress_prefixlength 0");
    house->rule(500, "lookup 500");
    house->rule(32766, "lookup 254");

    house->address(wan, "192.0.2.2/30");
    house->address(xcon, "192.0.2.66/30");
    house->address(lan, "10.1.0.1/24");
    house->address(lan, "2001:db8:10::1/64");
    for (const auto& [prefix, way] : {std::pair{"192.0.2.2/32", "local dev 1"},
                                      {"192.0.2.66/32", "local dev 2"},
                                      {"10.1.0.1/32", "local dev 3"},
                                      {"10.1.0.255/32", "broadcast dev 3"},
                                      {"2001:db8:10::1/128", "local dev 3"},
                                      {"2001:db8:10::/128", "anycast dev 3"}})
        house->route(255, prefix, way);
    for (const auto& [prefix, way] : {std::pair{"192.0.2.0/30", "dev 1 proto 2"},
                                      {"192.0.2.64/30", "dev 2 proto 2"},
                                      {"10.1.0.0/24", "dev 3 proto 2"},
                                      {"2001:db8:10::/64", "dev 3 proto 2"},
                                      {"2001:db8:1::/64", "dev 1 proto 2"},
                                      {"10.255.0.0/31", "dev 4 proto 2"},
                                      {"default", "via 192.0.2.1 dev 1"}})
        house->route(254, prefix, way);
    for (const std::uint32_t table : {in_table, 254U}) {
        house->route(table, "198.51.100.0/24", "via 10.1.0.2 dev 3");
        house->route(table, "203.0.113.0/24", "via 10.1.0.2 dev 3");
        house->route(table, "2001:db8:77::/48", "via 2001:db8:10::2 dev 3");
    }
    house->route(in_table, "default", "blackhole");
    house->route(in_table, "::/0", "blackhole");

    house->neighbour(wan, "192.0.2.1", 0x01);
    house->neighbour(wan, "2001:db8:1::1", 0x01);
    house->neighbour(xcon, "192.0.2.65", 0x65);
    house->neighbour(lan, "10.1.0.2", 0x02);
    house->neighbour(lan, "2001:db8:10::2", 0x02);

    house->nexthop(1, "via 192.0.2.1 dev 1");
    house->nexthop(2, "dev 4");
    house->nexthop(3, "via 2001:db8:1::1 dev 1");
    house->nexthop(10, "group 1,1");
    house->nexthop(11, "group 1,1");
    house->nexthop(12, "group 3,1");
    house->route(mail_table, "default", "nhid 10");
    house->route(web_table, "default", "nhid 11");
    house->route(web_table, "::/0", "nhid 12");
    for (const std::uint32_t table : {mail_table, web_table}) {
        house->route(table, "default", "unreachable", 4278198272);
        house->route(table, "::/0", "unreachable", 4278198272);
    }
    house->compile();
    return house;
}

void House::address(InterfaceIndex interface, std::string_view text, Change change) {
    const auto parsed = *InterfaceAddress::parse(text);
    kernel_.apply(AddressEvent{change, {interface, parsed.address, parsed.length}});
}

void House::neighbour(InterfaceIndex interface, std::string_view address, std::uint8_t last_octet,
                      std::uint16_t state) {
    kernel_.apply(NeighbourEvent{
        Change::set, {interface, *Address::parse(address)}, {state, false, mac(last_octet)}});
}

void House::no_neighbour(InterfaceIndex interface, std::string_view address) {
    kernel_.apply(NeighbourEvent{Change::removed, {interface, *Address::parse(address)}, {}});
}

void House::nexthop(std::uint32_t id, std::string_view target) {
    Nexthop nexthop;
    if (target.starts_with("group ")) {
        std::istringstream members{std::string(target.substr(6))};
        for (std::string member; std::getline(members, member, '/');) {
            const auto comma = member.find(',');
            nexthop.members.push_back(
                {NexthopId(number(member.substr(0, comma))),
                 static_cast<std::uint16_t>(number(member.substr(comma + 1)))});
        }
    } else if (const Path way = path(target); way.type == RouteType::blackhole) {
        nexthop.is_blackhole = true;
    } else {
        nexthop.hop = way.hops.at(0);
        nexthop.is_foreign = way.is_foreign;
    }
    kernel_.apply(NexthopEvent{Change::set, NexthopId(id), nexthop});
}

void House::no_nexthop(std::uint32_t id) {
    kernel_.apply(NexthopEvent{Change::removed, NexthopId(id), {}});
}

void House::route(std::uint32_t table, std::string_view prefix, std::string_view way,
                  std::uint32_t metric) {
    kernel_.apply(RouteEvent{
        Change::set, TableId(table), {prefix_of(prefix, "4"), 0, metric}, path(way), true, false});
}

void House::no_route(std::uint32_t table, std::string_view prefix, std::string_view way,
                     std::uint32_t metric) {
    kernel_.apply(RouteEvent{Change::removed,
                             TableId(table),
                             {prefix_of(prefix, "4"), 0, metric},
                             path(way),
                             false,
                             false});
}

void House::rule(std::uint32_t priority, std::string_view text) {
    Rule rule;
    rule.priority = priority;
    std::optional<Family> only;
    const auto words = words_of(text);
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "lookup")
            rule.table = TableId(number(words.at(++i)));
        else if (words[i] == "iif")
            rule.input = words.at(++i);
        else if (words[i] == "oif")
            rule.output = words.at(++i);
        else if (words[i] == "from")
            only = (rule.source = *Prefix::parse(words.at(++i)))->family();
        else if (words[i] == "to")
            only = (rule.destination = *Prefix::parse(words.at(++i)))->family();
        else if (words[i] == "suppress_prefixlength")
            rule.suppress_length = number(words.at(++i));
        else if (words[i] == "suppress_ifgroup")
            rule.suppress_group = number(words.at(++i));
        else if (words[i] == "prohibit")
            rule.action = RuleAction::prohibit;
        else if (words[i] == "unreachable")
            rule.action = RuleAction::unreachable;
        else if (words[i] == "blackhole")
            rule.action = RuleAction::blackhole;
        else if (words[i] == "fwmark")
            rule.is_foreign = true;
    }
    for (const Family family : families) {
        rule.family = family;
        if (!only || *only == family)
            kernel_.apply(RuleEvent{Change::set, rule});
    }
}

bool House::compile() {
    auto next = compiler_.compile();
    if (!next)
        return false;
    state_ = std::move(next);
    return true;
}

const fib::Ingress& House::ingress(std::string_view input) {
    if (input == "partner")
        return state_->tunnels.at(0);
    return state_->ports.at(input == "wan" ? 0 : input == "xcon" ? 1 : 2);
}

std::string House::says(std::string_view input, std::string_view source,
                        std::string_view destination) {
    compile();
    const auto decision =
        fib::decide(*state_, ingress(input), *Address::parse(source), *Address::parse(destination));
    return fib::describe(*state_, state_->adjacencies.at(decision.meaning.adjacency));
}

std::uint16_t House::set_of(std::string_view input, std::string_view source,
                            std::string_view destination) {
    compile();
    return fib::decide(*state_, ingress(input), *Address::parse(source),
                       *Address::parse(destination))
        .meaning.set;
}

}  // namespace detour::mirror::test
