// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the API asks of the BGP speaker and wants done to its sessions, on the event loop: between
// peers as the API names them and as the controller numbers them. A peer that is not configured any
// more is left out.
#pragma once

#include <functional>
#include <vector>

#include "controlplane/api/resources.h"
#include "controlplane/controller/controller.h"
#include "controlplane/observe/names.h"

namespace detour::daemon {

[[nodiscard]] api::Response routes_of(const controller::Controller& controller,
                                      const observe::Names& names,
                                      const std::vector<api::PeerName>& peers,
                                      const observe::RouteQuery& query);

// `handle` takes each of the inputs that follow.
[[nodiscard]] api::Response clear_sessions(
    const controller::PeerBook& book, const std::vector<api::PeerName>& peers,
    const nlohmann::json& wish, const std::function<void(const controller::ClearSession&)>& handle);

}  // namespace detour::daemon
