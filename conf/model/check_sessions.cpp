// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

// TCP_MD5SIG_MAXKEYLEN
constexpr std::size_t max_password_size = 80;

void check_peers(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    const auto& link = draft.link_addresses(uplink);
    std::set<Address> seen;
    for (const auto& peer : uplink.bgp->peers) {
        refuse_inside_block(draft, peer, "the BGP peer", complaints);
        if (!owner_of(draft, peer.value).empty())
            complaints.error(peer.place, "this is our own address; give the neighbour's");
        else if (!may_be_on_link(link, peer.value))
            complaints.error(peer.place,
                             "the peer is not on the uplink's link: its session would "
                             "depend on other routes; peer with an address there");
        if (!seen.insert(peer.value).second)
            complaints.error(peer.place, "this peer is listed twice");
    }
}

void check_hold(const Given<Duration>& hold, const Complaints& complaints) {
    using namespace std::chrono_literals;
    if (!hold)
        return;
    // RFC 4271 section 4.2: "The Hold Time MUST be either zero or at least three seconds."
    if (hold->value != 0s && (hold->value < 3s || hold->value > 65535s))
        complaints.error(hold->place, "a hold time is 0 or from 3s to 65535s (RFC 4271)");
    else if (hold->value % 1s != 0s)
        complaints.error(hold->place, "a hold time is in whole seconds (RFC 4271)");
}

void check_password(const Draft& draft, const Given<std::string>& file,
                    const Complaints& complaints) {
    if (!file)
        return;
    const auto path = draft.directory / file->value;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) {
        complaints.warning(file->place,
                           fmt::format("there is no file {} (from the configuration's directory): "
                                       "the session will not come up; write the password into it",
                                       file->value));
        return;
    }
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        complaints.warning(file->place, fmt::format("the file {} cannot be read", file->value));
        return;
    }
    std::string line;
    std::getline(stream, line);
    if (line.empty() || line.size() > max_password_size)
        complaints.error(file->place,
                         fmt::format("the first line of {} is the password: 1 to {} bytes",
                                     file->value, max_password_size));
}

void check_restart(const Given<std::optional<Duration>>& restart, const Complaints& complaints) {
    using namespace std::chrono_literals;
    if (restart && restart->value && (*restart->value < 1s || *restart->value > 24h))
        complaints.error(restart->place, "from 1s to 24h, or never");
}

void check_import(const std::vector<ImportRuleDraft>& rules, const Complaints& complaints) {
    // Rules are told by their number, of which a route keeps 16 bits.
    constexpr std::size_t max_rules = 1000;
    if (rules.size() > max_rules)
        complaints.error(
            rules[max_rules].place,
            fmt::format("more than {} rules; a rule may have many prefixes", max_rules));
    for (std::size_t i = 0; i + 1 < rules.size(); ++i)
        if (rules[i].means_all())
            return complaints.warning(
                rules[i + 1].place,
                fmt::format("never reached: rule {} decides about every route", i + 1));
}

// What a neighbour does at one prefix too many is the end of the session, in the middle of a move.
void check_export(const Draft& draft, const ExportDraft& exported, const Complaints& complaints) {
    for (const auto& community : exported.communities)
        if (community.value == Community(blackhole))
            complaints.error(community.place,
                             "BLACKHOLE asks the neighbour to drop our packets (RFC 7999)");
    if (!exported.limit)
        return;
    for (const Family family : families) {
        std::size_t count = 0;
        for (const PrefixSetDraft& set : draft.prefix_sets)
            count += static_cast<std::size_t>(
                std::ranges::count_if(set.prefixes, [family](const Located<Prefix>& prefix) {
                    return prefix.value.family() == family;
                }));
        if (count > exported.limit->value)
            complaints.error(exported.limit->place,
                             fmt::format("the prefix sets have {} {} prefixes, which can all come "
                                         "here: ask the neighbour for a higher limit",
                                         count, display_name(family)));
    }
}

void check_bgp(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    const BgpDraft& bgp = *uplink.bgp;
    check_peers(draft, uplink, complaints);
    check_hold(bgp.hold, complaints);
    check_password(draft, bgp.password_file, complaints);
    check_restart(bgp.max_prefixes_restart, complaints);
    check_import(bgp.import, complaints);
    if (bgp.exported)
        check_export(draft, *bgp.exported, complaints);
    if (bgp.asn && draft.asn && bgp.asn->value == draft.asn->value)
        complaints.error(bgp.asn->place,
                         "this is our own AS number; detour speaks eBGP with its uplinks only");
}

}  // namespace

void check_sessions(const Draft& draft, const Complaints& complaints) {
    for (const UplinkDraft& uplink : draft.uplinks) {
        if (uplink.bgp)
            check_bgp(draft, uplink, complaints);
        else if (!draft.prefix_sets.empty())
            complaints.warning(uplink.place, "no bgp: nothing can be announced by this uplink");
    }
}

}  // namespace detour::model
