// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The resources under /v1. What they read was published by the event loop or stands in the journal;
// what they change is posted to the loop, whose answer they wait for.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/api/server.h"
#include "controlplane/observe/bgp_routes.h"

namespace detour::api {

// A BGP peer, by what does not change with the configuration.
struct PeerName {
    std::string uplink;
    Address peer;
};

// All of it is called on HTTP threads and must not touch what the loop owns.
struct Sources {
    std::function<std::shared_ptr<const model::Config>()> config;
    std::filesystem::path journal;
    // The status document as published last; never null.
    std::function<std::shared_ptr<const nlohmann::json>()> status;
    // The daemon goes down: who waits for events is answered at once.
    std::function<bool()> is_stopping;
    // {"verb": "move"|"failback"|"abort", "set", "to", "now", "actor", "reason"} with names that
    // exist; gives the loop's answer: {"accepted", "why", "record"}, or a failure when it does not
    // come in time.
    std::function<Response(const nlohmann::json& command)> submit;
    // The revision that runs, with its text.
    std::function<nlohmann::json()> configuration;
    // {"do": "reload"|"apply"|"confirm"|"rollback", "actor", "reason", "digest", "confirm_s",
    // "revision", "restart"}; gives the loop's answer.
    std::function<Response(const nlohmann::json& wish)> configure;
    // Of these peers, asked of the loop.
    std::function<Response(const std::vector<PeerName>&, const observe::RouteQuery&)> routes;
    // {"kind": "soft"|"hard", "actor", "reason"}, for these peers.
    std::function<Response(const std::vector<PeerName>&, const nlohmann::json& wish)> clear;
    // {"levels", "for_s", "actor", "reason"}, or nothing to be told: {"levels", "rooms", ...}.
    std::function<Response(const nlohmann::json& wish)> log_level;
};

// GET  /v1/status
// GET  /v1/config      {"revision", "digest", "file", "text", "previous", "trial_left_s", ...}
// POST /v1/config      {"do", ...}: {"accepted", "revision", "previous", "changes", "dataplane"}
// GET  /v1/events?after=N&count=N&wait=SECONDS&set=S&routine=1   {"events": [...], "last": N}
// GET  /v1/why?prefix=P | set=S [&family=F]    {"title", "brief": [...], "text", "events": [...]}
// GET  /v1/incidents, /v1/incident, /v1/probes  (history.h)
// GET  /v1/bgp/routes    POST /v1/bgp/clear  (bgp.h)
// POST /v1/move {"set", "to", "reason", "actor"}    POST /v1/failback {"set", "now", ...}
// POST /v1/abort {"set", ...}
// GET  /v1/log-level    POST /v1/log-level {"levels", "for_s", ...}: {"levels", "before", ...}
[[nodiscard]] std::vector<Resource> resources(Sources sources);

}  // namespace detour::api
