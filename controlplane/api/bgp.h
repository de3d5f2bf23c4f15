// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The resources of BGP:
//
//     GET  /v1/bgp/routes?peer=PEER&direction=in|out|best&prefix=P&longer=1&count=N
//          {"peers": [as in observe/bgp_routes.h]}, or of best {"best": [as there]}; PEER is an
//          address, an uplink's name, or not there: all. P is a prefix, or an address, which asks
//          for what covers it.
//     POST /v1/bgp/clear {"peer", "kind": "soft"|"hard", "actor", "reason"}
//          {"cleared": [addresses]}
#pragma once

#include <memory>
#include <vector>

#include "controlplane/api/resources.h"

namespace detour::api {

[[nodiscard]] std::vector<Resource> bgp_resources(std::shared_ptr<const Sources> sources);

}  // namespace detour::api
