// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/open.h"

#include <algorithm>
#include <limits>

#include "controlplane/bgp/wire/as_path.h"
#include "controlplane/bgp/wire/message.h"

namespace detour::bgp {

namespace {

enum class CapabilityCode : std::uint8_t {
    multiprotocol = 1,
    route_refresh = 2,
    extended_next_hop = 5,
    extended_message = 6,
    role = 9,
    graceful_restart = 64,
    four_octet_as = 65,
    enhanced_refresh = 70,
};

constexpr std::uint8_t capabilities_parameter = 2;        // RFC 5492 4
constexpr std::uint8_t extended_length_parameter = 0xff;  // RFC 9072 2

void read_multiprotocol(ByteReader value, Capabilities& out) {
    const std::uint16_t afi = value.u16();
    value.u8();
    const std::uint8_t safi = value.u8();
    if (!value.ok() || !value.at_end())
        return;
    out.has_multiprotocol = true;
    if (const auto family = family_of(afi, safi))
        out.families[static_cast<std::size_t>(*family)] = true;
}

void read_graceful_restart(ByteReader value, Capabilities& out) {
    const std::uint16_t head = value.u16();
    if (!value.ok() || value.remaining() % 4 != 0)
        return;
    GracefulRestart graceful;
    graceful.is_restarting = (head & 0x8000) != 0;
    graceful.covers_notifications = (head & 0x4000) != 0;
    graceful.time = std::chrono::seconds(head & 0x0fff);
    while (!value.at_end()) {
        const std::uint16_t afi = value.u16();
        const std::uint8_t safi = value.u8();
        const bool is_kept = (value.u8() & 0x80) != 0;
        if (const auto family = family_of(afi, safi))
            graceful.families[static_cast<std::size_t>(*family)] =
                is_kept ? GracefulRestart::Forwarding::kept : GracefulRestart::Forwarding::lost;
    }
    // RFC 4724 3: "If more than one instance of the Graceful Restart Capability is carried in the
    // capability advertisement, the receiver of the advertisement MUST ignore all but the last".
    out.graceful = graceful;
}

// RFC 8950 4: triples of AFI, SAFI (in two octets) and the AFI of the next hop.
void read_extended_next_hop(ByteReader value, Capabilities& out) {
    if (value.remaining() % 6 != 0)
        return;
    while (!value.at_end()) {
        const std::uint16_t afi = value.u16();
        const std::uint16_t safi = value.u16();
        const std::uint16_t next_hop_afi = value.u16();
        if (afi == afi_of(Family::ipv4) && safi == safi_unicast &&
            next_hop_afi == afi_of(Family::ipv6))
            out.has_extended_next_hop = true;
    }
}

// RFC 9234 4.1: "the length MUST be 1". Several different ones are judged later.
void read_role(ByteReader value, Capabilities& out) {
    const std::uint8_t role = value.u8();
    if (value.ok() && value.at_end() && std::ranges::find(out.roles, role) == out.roles.end())
        out.roles.push_back(role);
}

// A known capability of a wrong length is no capability (RFC 5492 is silent; RFC 6793 and others
// leave it to the session to fail or to do without). One that is repeated counts once.
void read_capability(std::uint8_t code, ByteReader value, Capabilities& out) {
    switch (static_cast<CapabilityCode>(code)) {
        case CapabilityCode::multiprotocol:
            return read_multiprotocol(value, out);
        case CapabilityCode::route_refresh:
            out.has_route_refresh = true;
            return;
        case CapabilityCode::enhanced_refresh:
            out.has_enhanced_refresh = true;
            return;
        case CapabilityCode::extended_message:
            out.has_extended_messages = true;
            return;
        case CapabilityCode::extended_next_hop:
            return read_extended_next_hop(value, out);
        case CapabilityCode::role:
            return read_role(value, out);
        case CapabilityCode::graceful_restart:
            return read_graceful_restart(value, out);
        case CapabilityCode::four_octet_as:
            if (const std::uint32_t number = value.u32(); value.ok() && value.at_end())
                out.four_octet_as = AsNumber(number);
            return;
    }
    if (std::ranges::find(out.unknown, code) == out.unknown.end())
        out.unknown.push_back(code);
}

// False when a capability runs over the end of its parameter.
bool read_capabilities(ByteReader parameter, Capabilities& out) {
    while (!parameter.at_end()) {
        const std::uint8_t code = parameter.u8();
        const std::size_t size = parameter.u8();
        ByteReader value = parameter.sub(size);
        if (!parameter.ok())
            return false;
        read_capability(code, value, out);
    }
    return true;
}

std::expected<void, Notification> read_parameters(ByteReader parameters, bool has_long_sizes,
                                                  Capabilities& out) {
    while (!parameters.at_end()) {
        const std::uint8_t type = parameters.u8();
        const std::size_t size = has_long_sizes ? parameters.u16() : parameters.u8();
        ByteReader value = parameters.sub(size);
        if (!parameters.ok())
            return std::unexpected(Notification(OpenError::unspecific));
        // "If one of the Optional Parameters in the OPEN message is not recognized": 2/4.
        if (type != capabilities_parameter)
            return std::unexpected(Notification(OpenError::unsupported_parameter));
        if (!read_capabilities(value, out))
            return std::unexpected(Notification(OpenError::unspecific));
    }
    return {};
}

void write_capability(ByteWriter& writer, CapabilityCode code, const Bytes& value) {
    writer.u8(static_cast<std::uint8_t>(code));
    writer.u8(static_cast<std::uint8_t>(value.size()));
    writer.bytes(value);
}

Bytes graceful_value(const GracefulRestart& graceful) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(graceful.time);
    Bytes value;
    ByteWriter writer(value);
    writer.u16(static_cast<std::uint16_t>((seconds.count() & 0x0fff) |
                                          (graceful.is_restarting ? 0x8000 : 0) |
                                          (graceful.covers_notifications ? 0x4000 : 0)));
    for (const Family family : families)
        if (graceful.lists(family)) {
            writer.u16(afi_of(family));
            writer.u8(safi_unicast);
            writer.u8(graceful.keeps_forwarding(family) ? 0x80 : 0);
        }
    return value;
}

Bytes encode_capabilities(const Capabilities& capabilities) {
    Bytes bytes;
    ByteWriter writer(bytes);
    for (const Family family : families)
        if (capabilities.has_multiprotocol &&
            capabilities.families[static_cast<std::size_t>(family)])
            write_capability(writer, CapabilityCode::multiprotocol,
                             {0, static_cast<std::uint8_t>(afi_of(family)), 0, safi_unicast});
    if (capabilities.has_route_refresh)
        write_capability(writer, CapabilityCode::route_refresh, {});
    if (capabilities.has_extended_next_hop)
        write_capability(writer, CapabilityCode::extended_next_hop,
                         {0, static_cast<std::uint8_t>(afi_of(Family::ipv4)), 0, safi_unicast, 0,
                          static_cast<std::uint8_t>(afi_of(Family::ipv6))});
    if (capabilities.has_extended_messages)
        write_capability(writer, CapabilityCode::extended_message, {});
    for (const std::uint8_t role : capabilities.roles)
        write_capability(writer, CapabilityCode::role, {role});
    if (capabilities.graceful)
        write_capability(writer, CapabilityCode::graceful_restart,
                         graceful_value(*capabilities.graceful));
    if (capabilities.has_enhanced_refresh)
        write_capability(writer, CapabilityCode::enhanced_refresh, {});
    if (capabilities.four_octet_as) {
        Bytes value;
        ByteWriter(value).u32(capabilities.four_octet_as->value);
        write_capability(writer, CapabilityCode::four_octet_as, value);
    }
    return bytes;
}

// Some next hop of ours is IPv6, so that the peer may name one of its own for IPv4.
bool reaches_over_ipv6(const PeerConfig& peer) {
    return std::ranges::any_of(peer.next_hops, [](const std::optional<Address>& next_hop) {
        return next_hop && next_hop->family() == Family::ipv6;
    });
}

// RFC 9234 4.2, table 2.
bool are_counterparts(Role ours, std::uint8_t theirs) {
    switch (ours) {
        case Role::provider:
            return theirs == static_cast<std::uint8_t>(Role::customer);
        case Role::route_server:
            return theirs == static_cast<std::uint8_t>(Role::route_server_client);
        case Role::route_server_client:
            return theirs == static_cast<std::uint8_t>(Role::route_server);
        case Role::customer:
            return theirs == static_cast<std::uint8_t>(Role::provider);
        case Role::peer:
            return theirs == static_cast<std::uint8_t>(Role::peer);
    }
    return false;
}

bool are_roles_right(const PeerConfig& peer, const Capabilities& theirs) {
    // "If multiple BGP Role Capabilities are received, and not all of them have the same value,
    // then the BGP speaker MUST reject the connection".
    if (theirs.roles.size() > 1)
        return false;
    if (!peer.role)
        return true;
    // "the "strict mode" is set ... the remote AS must have the BGP Role Capability".
    if (theirs.roles.empty())
        return !peer.requires_role;
    return are_counterparts(*peer.role, theirs.roles.front());
}

// RFC 5492 5: the capabilities that are missing, in the form they would have been sent in.
Notification missing_families(const Open& ours) {
    Capabilities wanted;
    wanted.has_multiprotocol = true;
    wanted.families = ours.capabilities.families;
    return Notification(OpenError::unsupported_capability, encode_capabilities(wanted));
}

}  // namespace

Bytes encode(const Open& open) {
    Bytes bytes;
    MessageWriter writer(bytes, MessageType::open);
    writer.u8(open.version);
    writer.u16(open.my_as);
    writer.u16(open.hold_seconds);
    writer.bytes(open.router_id.bytes());
    const Bytes capabilities = encode_capabilities(open.capabilities);
    if (capabilities.empty()) {
        writer.u8(0);
    } else if (capabilities.size() + 2 < extended_length_parameter) {
        writer.u8(static_cast<std::uint8_t>(capabilities.size() + 2));
        writer.u8(capabilities_parameter);
        writer.u8(static_cast<std::uint8_t>(capabilities.size()));
    } else {
        // RFC 9072 2: both fields 255, the length of all in two octets, and of each as well.
        writer.u8(extended_length_parameter);
        writer.u8(extended_length_parameter);
        writer.u16(static_cast<std::uint16_t>(capabilities.size() + 3));
        writer.u8(capabilities_parameter);
        writer.u16(static_cast<std::uint16_t>(capabilities.size()));
    }
    writer.bytes(capabilities);
    writer.finish();
    return bytes;
}

std::expected<Open, Notification> decode_open(std::span<const std::uint8_t> body) {
    ByteReader reader(body);
    Open open;
    open.version = reader.u8();
    open.my_as = reader.u16();
    open.hold_seconds = reader.u16();
    open.router_id = Address::ipv4(reader.u32());
    std::size_t size = reader.u8();
    if (!reader.ok())
        return std::unexpected(Notification(OpenError::unspecific));
    // "the Data field is a 2-octet unsigned integer, which indicates the largest, locally-supported
    // version number less than the version the remote BGP peer bid": we have but one.
    if (open.version != 4)
        return std::unexpected(Notification(OpenError::unsupported_version, {0, 4}));

    // RFC 9072 2: "If the value of the "Non-Ext OP Type" field is 255, then the encoding described
    // above is used": a type of 255 where the first parameter would be, then the real length.
    bool has_long_sizes = false;
    if (size != 0 && reader.remaining() >= 3) {
        ByteReader probe = reader;
        if (probe.u8() == extended_length_parameter) {
            reader = probe;
            size = reader.u16();
            has_long_sizes = true;
        }
    }
    ByteReader parameters = reader.sub(size);
    if (!reader.ok() || !reader.at_end())
        return std::unexpected(Notification(OpenError::unspecific));
    if (auto read = read_parameters(parameters, has_long_sizes, open.capabilities); !read)
        return std::unexpected(read.error());
    return open;
}

Open our_open(AsNumber asn, const Address& router_id, const PeerConfig& peer,
              const std::optional<GracefulRestart>& restart) {
    Open open;
    open.my_as = asn.value > std::numeric_limits<std::uint16_t>::max()
                     ? static_cast<std::uint16_t>(as_trans.value)
                     : static_cast<std::uint16_t>(asn.value);
    open.hold_seconds = static_cast<std::uint16_t>(
        std::chrono::floor<std::chrono::seconds>(peer.timers.hold).count());
    open.router_id = router_id;
    Capabilities& says = open.capabilities;
    says.has_multiprotocol = true;
    for (const Family family : families)
        says.families[static_cast<std::size_t>(family)] =
            peer.next_hops[static_cast<std::size_t>(family)].has_value();
    says.has_route_refresh = true;
    says.has_enhanced_refresh = true;
    says.has_extended_messages = true;
    says.has_extended_next_hop = says.families[0] && reaches_over_ipv6(peer);
    if (peer.role)
        says.roles = {static_cast<std::uint8_t>(*peer.role)};
    says.four_octet_as = asn;
    says.graceful = restart;
    return open;
}

std::expected<Negotiated, Notification> judge(const Open& ours, const Open& theirs,
                                              const PeerConfig& peer) {
    // RFC 7607 2: "an AS number of zero in the OPEN message": Bad Peer AS, as any other wrong one.
    if (theirs.asn() != peer.asn || theirs.asn().value == 0)
        return std::unexpected(Notification(OpenError::bad_peer_as));
    // RFC 6286 2.2: zero is never right; the same as ours only from another AS.
    if (theirs.router_id.is_unspecified())
        return std::unexpected(Notification(OpenError::bad_identifier));
    if (theirs.router_id == ours.router_id && theirs.asn() == ours.asn())
        return std::unexpected(Notification(OpenError::bad_identifier));
    // "An implementation MUST reject Hold Time values of one or two seconds."
    if (theirs.hold_seconds == 1 || theirs.hold_seconds == 2)
        return std::unexpected(Notification(OpenError::unacceptable_hold_time));
    if (!are_roles_right(peer, theirs.capabilities))
        return std::unexpected(Notification(OpenError::role_mismatch));

    Negotiated agreed;
    agreed.has_extended_next_hop =
        ours.capabilities.has_extended_next_hop && theirs.capabilities.has_extended_next_hop;
    for (const Family family : families) {
        const auto index = static_cast<std::size_t>(family);
        const bool is_theirs = theirs.capabilities.has_multiprotocol
                                   ? theirs.capabilities.families[index]
                                   : family == Family::ipv4;
        // RFC 8950 4: a next hop of the other family only to a peer that said it takes it.
        const bool is_understood = !peer.next_hops[index] ||
                                   peer.next_hops[index]->family() == family ||
                                   agreed.has_extended_next_hop;
        agreed.families[index] = ours.capabilities.families[index] && is_theirs && is_understood;
    }
    if (!agreed.families[0] && !agreed.families[1])
        return std::unexpected(missing_families(ours));
    agreed.hold = std::chrono::seconds(std::min(ours.hold_seconds, theirs.hold_seconds));
    agreed.has_four_octet_as =
        ours.capabilities.four_octet_as && theirs.capabilities.four_octet_as.has_value();
    agreed.has_route_refresh =
        ours.capabilities.has_route_refresh && theirs.capabilities.has_route_refresh;
    const auto& our_restart = ours.capabilities.graceful;
    const auto& their_restart = theirs.capabilities.graceful;
    agreed.has_graceful_restart = our_restart && their_restart;
    agreed.has_graceful_notifications = agreed.has_graceful_restart &&
                                        our_restart->covers_notifications &&
                                        their_restart->covers_notifications;
    agreed.has_enhanced_refresh =
        ours.capabilities.has_enhanced_refresh && theirs.capabilities.has_enhanced_refresh;
    agreed.has_extended_messages =
        ours.capabilities.has_extended_messages && theirs.capabilities.has_extended_messages;
    return agreed;
}

}  // namespace detour::bgp
