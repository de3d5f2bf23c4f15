// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/path_attributes.h"

#include <fmt/format.h>

namespace detour::bgp {

namespace {

std::string to_string(ExtendedCommunity community) {
    return fmt::format("0x{:016x}", community.value);
}

std::string to_string(const UnknownAttribute& attribute) {
    return fmt::format("{}({} octets)", attribute.type, attribute.value.size());
}

// " NAME a b c" for a list that is not empty.
template <class List>
std::string listed(std::string_view name, const List& list) {
    if (list.empty())
        return {};
    std::string text = fmt::format(", {}", name);
    for (const auto& item : list)
        text += " " + to_string(item);
    return text;
}

}  // namespace

std::string to_string(Origin origin) {
    switch (origin) {
        case Origin::igp:
            return "IGP";
        case Origin::egp:
            return "EGP";
        case Origin::incomplete:
            return "INCOMPLETE";
    }
    return "?";
}

std::string to_string(Community community) {
    if (community == graceful_shutdown)
        return "GRACEFUL_SHUTDOWN";
    if (community == blackhole)
        return "BLACKHOLE";
    if (community == no_export)
        return "NO_EXPORT";
    if (community == no_advertise)
        return "NO_ADVERTISE";
    if (community == no_export_subconfed)
        return "NO_EXPORT_SUBCONFED";
    return fmt::format("{}:{}", community.value >> 16, community.value & 0xffff);
}

std::string to_string(const LargeCommunity& community) {
    return fmt::format("{}:{}:{}", community.global, community.local_1, community.local_2);
}

std::string to_string(const PathAttributes& attributes) {
    std::string text =
        fmt::format("ORIGIN {}, AS_PATH {}, NEXT_HOP {}", to_string(attributes.origin),
                    attributes.as_path.to_string(), attributes.next_hop.to_string());
    if (attributes.link_local_next_hop)
        text += " " + attributes.link_local_next_hop->to_string();
    if (attributes.med)
        text += fmt::format(", MULTI_EXIT_DISC {}", *attributes.med);
    if (attributes.local_pref)
        text += fmt::format(", LOCAL_PREF {}", *attributes.local_pref);
    if (attributes.is_atomic_aggregate)
        text += ", ATOMIC_AGGREGATE";
    if (attributes.aggregator)
        text += fmt::format(", AGGREGATOR {} {}", attributes.aggregator->asn.value,
                            attributes.aggregator->address.to_string());
    text += listed("COMMUNITIES", attributes.communities);
    text += listed("EXTENDED_COMMUNITIES", attributes.extended_communities);
    text += listed("LARGE_COMMUNITY", attributes.large_communities);
    if (attributes.only_to_customer)
        text += fmt::format(", ONLY_TO_CUSTOMER {}", attributes.only_to_customer->value);
    text += listed("unknown", attributes.unknown);
    return text;
}

}  // namespace detour::bgp
