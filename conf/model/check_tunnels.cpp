// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// RFC 8200 5: no link is IPv6's whose MTU is less.
constexpr int least_ipv6_mtu = 1280;

// Linux's own gre links are made without any of these.
void refuse_in_kernel(const UnderlayDraft& underlay, const Complaints& complaints) {
    const auto refuse = [&](const auto& given, const auto& plain) {
        if (given && given->value != plain)
            complaints.error(given->place,
                             "kind kernel makes plain gre links; remove it, or use kind dpdk");
    };
    refuse(underlay.checksum, false);
    refuse(underlay.sequence, false);
    refuse(underlay.reassembly, false);
    refuse(underlay.dscp, std::nullopt);
    refuse(underlay.dont_fragment, DontFragment::set);
    refuse(underlay.mtu, 0);
    refuse(underlay.mss, 0xffff);
    refuse(underlay.keepalive, Duration{});
    refuse(underlay.keepalive_retries, 0);
}

void check_keepalive(const UnderlayDraft& underlay, const Complaints& complaints) {
    if (underlay.keepalive_retries && !underlay.keepalive.was_given)
        complaints.error(underlay.keepalive_retries->place,
                         "has no effect without keepalive: how often one is sent");
    if (!underlay.keepalive)
        return;
    const Duration interval = underlay.keepalive->value;
    if (interval < milliseconds(100) || interval > hours(1))
        complaints.error(underlay.keepalive->place,
                         "from 100ms to 1h; leave it out for a tunnel without keepalives");
    if (underlay.local && underlay.local->value.family() == Family::ipv6)
        complaints.error(underlay.keepalive->place,
                         "keepalives exist in tunnels over IPv4 only; remove it");
}

// RFC 2890 2.2: the receiver takes what is late for lost.
void check_sequence(const Draft& draft, const UnderlayDraft& underlay,
                    const Complaints& complaints) {
    if (underlay.sequence && underlay.sequence->value && draft.cores.size() > 1)
        complaints.warning(underlay.sequence->place,
                           fmt::format("{} workers number the packets of this tunnel, which may "
                                       "overtake each other, and the far end drops what is late: "
                                       "use one core, or no sequence numbers",
                                       draft.cores.size()));
}

void check_dont_fragment(const UnderlayDraft& underlay, const Complaints& complaints) {
    if (underlay.dont_fragment && underlay.local && underlay.local->value.family() == Family::ipv6)
        complaints.error(underlay.dont_fragment->place,
                         "IPv6 is never fragmented on its way; df is for tunnels over IPv4");
}

void check_mtu(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    const UnderlayDraft& underlay = *uplink.underlay;
    const PortDraft* port = underlay.port ? draft.find_port(underlay.port->value) : nullptr;
    const auto overhead = underlay.overhead();
    const auto port_mtu = port == nullptr ? std::nullopt : draft.mtu_of(*port);
    if (!port_mtu || !overhead || (underlay.mtu.was_given && !underlay.mtu))
        return;
    const int largest = int{*port_mtu} - *overhead;
    const int mtu = underlay.mtu ? underlay.mtu->value : largest;
    const Place& place = underlay.mtu ? underlay.mtu->place : underlay.place;
    if (mtu > largest)
        complaints.error(place, fmt::format("packets of {} do not fit: port {} leaves {} of its {} "
                                            "behind the tunnel's headers",
                                            mtu, port->name, largest, largest + *overhead));
    const bool has_ipv6 = std::ranges::any_of(
        uplink.inner, [](const auto& own) { return own.value.address.family() == Family::ipv6; });
    if (has_ipv6 && mtu < least_ipv6_mtu)
        complaints.error(place, fmt::format("{} is too small for IPv6, which needs {}: raise the "
                                            "MTU, or remove the inner IPv6 address",
                                            mtu, least_ipv6_mtu));
}

}  // namespace

void check_tunnel(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    if (draft.is_kernel())
        return refuse_in_kernel(*uplink.underlay, complaints);
    check_keepalive(*uplink.underlay, complaints);
    check_sequence(draft, *uplink.underlay, complaints);
    check_dont_fragment(*uplink.underlay, complaints);
    check_mtu(draft, uplink, complaints);
}

}  // namespace detour::model
