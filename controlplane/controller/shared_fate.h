// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Whether a way out depends on another provider (detection.md section 4: for a null route inside u,
// no path of v may lead through u's AS). A route to u's own networks leads through u of course;
// what counts is how v reaches the world: its default, and its routes to the targets.
#pragma once

#include <vector>

#include "conf/model/config.h"
#include "controlplane/bgp/speaker.h"

namespace detour::controller {

// `peers` are the sessions of `uplink`; `asn` is the other provider's.
[[nodiscard]] bool shares_fate(const model::Config& config, const bgp::Speaker& speaker,
                               const std::vector<bgp::PeerId>& peers, const model::Uplink& uplink,
                               AsNumber asn);

}  // namespace detour::controller
