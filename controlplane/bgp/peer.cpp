// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/peer.h"

namespace detour::bgp {

std::string_view to_string(State state) {
    switch (state) {
        case State::idle:
            return "Idle";
        case State::connect:
            return "Connect";
        case State::active:
            return "Active";
        case State::open_sent:
            return "OpenSent";
        case State::open_confirm:
            return "OpenConfirm";
        case State::established:
            return "Established";
    }
    return "?";
}

std::string_view to_string(DownReason reason) {
    switch (reason) {
        case DownReason::stopped:
            return "stopped";
        case DownReason::reconfigured:
            return "reconfigured";
        case DownReason::connect_failed:
            return "connect-failed";
        case DownReason::connection_lost:
            return "connection-lost";
        case DownReason::hold_timer:
            return "hold-timer";
        case DownReason::send_hold_timer:
            return "send-hold-timer";
        case DownReason::max_prefixes:
            return "max-prefixes";
        case DownReason::protocol_error:
            return "protocol-error";
        case DownReason::notification_received:
            return "notification-received";
        case DownReason::peer_shut_down:
            return "peer-shut-down";
    }
    return "?";
}

}  // namespace detour::bgp
