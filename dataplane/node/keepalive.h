// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// GRE keepalives (packet/gre_keepalive.h) as they come in: the other end's are answered, answers to
// ours are counted. Whether that makes the tunnel up is the engine's business
// (engine/keepalive.h), which also sends ours.
#pragma once

#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// `inner`, out of the tunnel, is a GRE packet that wants back to the other end: sent there as it
// is, one hop older, when the tunnel has keepalives.
void answer_keepalive(Context& context, const Packet& inner, const TunnelMatch& match);

// `packet` is GRE of protocol 0 from the other end: an answer to one of ours.
void hear_keepalive(Context& context, const Packet& packet, const TunnelMatch& match);

// Whether `inner`, found intact by check_ipv4(), is the other end's question.
[[nodiscard]] bool is_keepalive(const Context& context, const Packet& inner,
                                const TunnelMatch& match);

}  // namespace detour::node
