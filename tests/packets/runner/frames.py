# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The words of the cases' expressions: scapy's layers and a few functions of our own.

    hop(p)          p after one router: TTL or hop limit one less, checksum anew
    cut(p, size)    the first `size` octets of p, in a frame of p's type
    padded(p)       p in a frame of at least 60 octets
    marked(p, c)    p with the traffic class c
    tagged(v, p)    p in a frame of VLAN v
"""

import logging

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.layers.inet import (ICMP, IP, TCP, UDP, ICMPerror, IPerror, IPOption_RR,  # noqa: E402,F401
                               IPOption_Router_Alert, TCPerror, UDPerror)
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,  # noqa: E402,F401
                                ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
                                ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPerror6, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN, RouterAlert)
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether  # noqa: E402,F401
from scapy.packet import Packet, Padding, Raw  # noqa: E402,F401
from scapy.compat import raw  # noqa: E402,F401

ETHERTYPES = {IP: 0x0800, IPv6: 0x86dd, ARP: 0x0806}
MINIMUM_FRAME = 60


def hop(packet: Packet) -> Packet:
    after = packet.copy()
    if isinstance(after, IP):
        after.ttl -= 1
        after.chksum = None
    else:
        after.hlim -= 1
    return after


def marked(packet: Packet, traffic_class: int) -> Packet:
    after = packet.copy()
    if isinstance(after, IP):
        after.tos = traffic_class
        after.chksum = None
    else:
        after.tc = traffic_class
    return after


def tagged(vlan: int, packet: Packet) -> Packet:
    return Ether() / Dot1Q(vlan=vlan) / packet


def cut(packet: Packet, size: int) -> Packet:
    return Ether(type=ETHERTYPES[type(packet)]) / Raw(raw(packet)[:size])


def padded(packet: Packet) -> Packet:
    octets = raw(packet)
    return Ether(type=ETHERTYPES[type(packet)]) / Raw(octets + bytes(max(0, MINIMUM_FRAME - 14 - len(octets))))


def framed(packet, destination: str, source: str) -> bytes:
    """The frame of a packet; Ethernet addresses that the case wrote down stay."""
    if isinstance(packet, bytes):
        return packet
    if not isinstance(packet, Ether):
        packet = Ether(type=ETHERTYPES[type(packet)]) / packet
    else:
        packet = packet.copy()
    packet.fields.setdefault("dst", destination)
    packet.fields.setdefault("src", source)
    return raw(packet)


def words() -> dict:
    return {name: value for name, value in globals().items() if not name.startswith("_")}
