// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where each packet of a lane goes: the tables of its ingress (forwarding_state.h), the leaf they
// give, the next hop that the leaf names now; members of a group by the hash of the flow. What is
// not forwarded ends here; the rest is selected for rewrite and encap. Counts what routes and
// prefix sets were used, a run of equal leaves at a time.
#pragma once

#include "conf/types/address.h"
#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

struct Routed {
    Selection forward;  // for rewrite
    Selection tunnel;   // for encap
};

// `lane` holds packets of one family; sets their leaf and adjacency.
[[nodiscard]] Routed route(Context& context, Family family, Lane& lane);

}  // namespace detour::node
