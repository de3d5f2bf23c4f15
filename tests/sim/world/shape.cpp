// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/world/shape.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <stdexcept>

#include "conf/model/load.h"

namespace sim {
namespace {

using detour::model::Profile;

constexpr const char* provider = R"(  provider:
    kind: direct
    port: wan0
    control-sources: [192.0.2.2, "2001:db8:1::2"]
    sentinels: [192.0.2.161, 192.0.2.165, "2001:db8:161::1", "2001:db8:161::5"]
    limit: 10Gbps
    bgp:
      peers: [192.0.2.1, "2001:db8:1::1"]
      asn: 64496
)";

constexpr const char* partner = R"(  partner:
    kind: gre
    underlay: {port: xcon0, local: 192.0.2.66, remote: 192.0.2.65}
    inner: [10.255.0.1/31, "2001:db8:ff::1/127"]
    control-sources: [192.0.2.98, "2001:db8:98::1"]
    sentinels: [192.0.2.105, 192.0.2.106, "2001:db8:105::1", "2001:db8:105::2"]
    limit: 2Gbps
    bgp: {peers: [10.255.0.0], asn: 64497, hold: 30s}
)";

constexpr const char* second = R"(  second:
    kind: gre
    underlay: {port: xcon1, local: 192.0.2.70, remote: 192.0.2.69}
    inner: [10.255.0.3/31, "2001:db8:fe::1/127"]
    control-sources: [192.0.2.99, "2001:db8:99::1"]
    sentinels: [192.0.2.113, 192.0.2.114, "2001:db8:113::1", "2001:db8:113::2"]
    limit: 2Gbps
    bgp: {peers: [10.255.0.2], asn: 64498, hold: 30s}
)";

// Two of their own, or parts of the two blocks that documentation has.
std::string prefixes_of(std::uint32_t set, const Shape& shape) {
    const bool is_dual = shape.families == Shape::Families::dual && set == 1;
    if (shape.sets <= 2)
        return fmt::format(
            "{{prefixes: [{0}0/24{1}], beacons: [{0}2, {0}254{2}], next-hops: [10.1.0.2{3}]}}",
            set == 0 ? "198.51.100." : "203.0.113.", is_dual ? ", \"2001:db8:77::/48\"" : "",
            is_dual ? ", \"2001:db8:77::2\", \"2001:db8:77:8000::2\"" : "",
            is_dual ? ", \"2001:db8:10::2\"" : "");
    const std::uint32_t first = set % 16 * 16;
    const char* block = set < 16 ? "203.0.113." : "198.51.100.";
    return fmt::format(
        "{{prefixes: [{0}{1}/28], beacons: [{0}{2}, {0}{3}], next-hops: [10.1.0.2]}}", block, first,
        first + 2, first + 13);
}

}  // namespace

std::string set_name(std::uint32_t set) {
    return set == 0 ? "mail" : set == 1 ? "web" : fmt::format("s{}", set + 1);
}

std::string uplink_name(std::uint32_t uplink) {
    constexpr std::array names{"provider", "partner", "second"};
    return names.at(uplink);
}

std::string to_yaml(const Shape& shape) {
    std::string text = fmt::format(
        R"(version: 1
router: {{name: box, asn: 64500, id: 192.0.2.2, mode: {}}}
ports:
  wan0:  {{device: "net_null0", addresses: [192.0.2.2/30, "2001:db8:1::2/64"]}}
  xcon0: {{device: "net_null1", addresses: [192.0.2.66/30]}}
  xcon1: {{device: "net_null2", addresses: [192.0.2.70/30]}}
  lan0:  {{device: "net_null3", addresses: [10.1.0.1/24, "2001:db8:10::1/64"]}}
uplinks:
)",
        shape.mode == Shape::Mode::automatic ? "auto" : "advise");
    text += provider;
    if (shape.canary == Shape::Canary::communities)
        text += "      canary-communities: [\"64496:990\"]\n";
    text += partner;
    if (shape.uplinks > 2)
        text += second;
    text += "prefix-sets:\n";
    for (std::uint32_t set = 0; set < shape.sets; ++set)
        text += fmt::format("  {}: {}\n", set_name(set), prefixes_of(set, shape));
    text += fmt::format("detect:\n  profile: {}\n", detour::model::to_string(shape.profile));
    for (const std::string& line : shape.detect)
        text += "  " + line + "\n";
    text += "  targets:\n";
    const bool is_dual = shape.families == Shape::Families::dual;
    for (int asn = 0; asn < 3; ++asn)
        text += fmt::format(
            "    - {{asn: {}, addresses: [192.0.2.{}, 192.0.2.{}{}]{}}}\n", 64501 + asn,
            129 + 8 * asn, 130 + 8 * asn,
            is_dual ? fmt::format(", \"2001:db8:{0}::1\", \"2001:db8:{0}::2\"", 501 + asn) : "",
            shape.profile == Profile::fast ? ", own: true" : "");
    text += fmt::format("policy: {{fail-back: {}}}\n",
                        shape.fail_back == Shape::FailBack::automatic ? "auto" : "manual");
    return text;
}

std::shared_ptr<const detour::model::Config> config_of(const Shape& shape) {
    static std::mutex mutex;
    static std::map<Shape, std::shared_ptr<const detour::model::Config>> known;
    const std::lock_guard lock(mutex);
    auto& config = known[shape];
    if (!config) {
        auto read = detour::model::parse(to_yaml(shape), "/simulated.yaml", {});
        if (!read)
            throw std::runtime_error(detour::model::to_string(read.error()));
        config = std::make_shared<const detour::model::Config>(std::move(*read));
    }
    return config;
}

}  // namespace sim
