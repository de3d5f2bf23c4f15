// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The box and its surroundings, small enough to be written into a scenario: how many uplinks and
// sets, which families, who is whose customer. From it comes the YAML that the shipping reader
// reads, and the map of the world's networks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/model/config.h"

namespace sim {

struct Shape {
    detour::model::Profile profile = detour::model::Profile::careful;
    std::uint32_t uplinks = 2;  // provider, partner, second
    std::uint32_t sets = 2;     // mail, web; more are s3, s4, ...
    enum class Families : std::uint8_t { ipv4, dual } families = Families::ipv4;
    enum class Mode : std::uint8_t { advise, automatic } mode = Mode::automatic;
    enum class FailBack : std::uint8_t { manual, automatic } fail_back = FailBack::manual;
    // The partner's only way to the world: transit B of its own, or the provider.
    enum class Partner : std::uint8_t {
        independent,
        behind_provider
    } partner = Partner::independent;
    enum class Canary : std::uint8_t { no_export, communities } canary = Canary::no_export;
    // Changes of the profile's figures, as detect: and policy: have them ("forgiven-gap 4s").
    std::vector<std::string> detect;

    friend auto operator<=>(const Shape&, const Shape&) = default;
};

[[nodiscard]] std::string set_name(std::uint32_t set);
[[nodiscard]] std::string uplink_name(std::uint32_t uplink);

[[nodiscard]] std::string to_yaml(const Shape& shape);
// Read once a shape, then kept; safe from several threads.
[[nodiscard]] std::shared_ptr<const detour::model::Config> config_of(const Shape& shape);

}  // namespace sim
