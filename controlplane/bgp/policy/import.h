// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// May we believe it? Decoding has said that a route can be read; these are the questions of RFC
// 4271 6.3 and 9.1.2 that every route of a peer must answer before anybody sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/bgp/policy/filter.h"
#include "controlplane/bgp/wire/attribute_table.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::bgp {

enum class Refusal : std::uint8_t {
    none,
    as_loop,           // our own AS in the path (RFC 4271 9.1.2)
    foreign_first_as,  // the path does not start with the peer's AS (RFC 4271 6.3)
    empty_path,        // from another AS, yet no AS in the path
    bad_next_hop,      // no unicast address of a host (RFC 4271 6.3)
    own_next_hop,      // one of our own addresses (RFC 4271 5.1.3)
    route_leak,        // it was only to go to customers (RFC 9234 5)
    bad_prefix,        // multicast, loopback, link-local: nothing that can be reached
    by_rule,           // one of our operator's import rules
    by_no_rule,        // none of these means it
};

struct ImportContext {
    AsNumber own_asn;
    AsNumber peer_asn;
    std::span<const Address> own_addresses;
    std::optional<Role> role = {};  // ours

    [[nodiscard]] PeerScope scope() const {
        return own_asn == peer_asn ? PeerScope::internal : PeerScope::external;
    }
};

// Of the attributes, which all prefixes of an UPDATE share.
[[nodiscard]] Refusal judge_attributes(const PathAttributes& attributes,
                                       const ImportContext& context);
// RFC 9234 5: what comes from above or beside us is only for those below from here on. Whether the
// route must be marked with the peer's AS, because nobody did so before.
[[nodiscard]] bool needs_mark(const PathAttributes& attributes, const ImportContext& context);
// Of the prefix alone, but for the rules.
[[nodiscard]] Refusal judge_prefix(const Prefix& prefix);

// "our own AS in the path", "refused by import rule 2"; empty for none.
[[nodiscard]] std::string to_string(Refusal refusal, ImportFilter::RuleNumber rule = 0);

}  // namespace detour::bgp
