# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A switch for kernels without 8021q: frames of access interfaces go to the trunk with a tag, and back without.

    python3 vlan_switch.py TRUNK INTERFACE=VLAN...
"""

import select
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, ETH_P_ALL = 263, 8, 4, 3
VLAN_VALID = 1 << 4


def packet_socket(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    made.bind((interface, 0))
    return made


def received(source: socket.socket) -> tuple:
    """(frame without its tag, VLAN or None); the kernel has taken the tag off and says so beside the frame."""
    frame, ancillary, _, address = source.recvmsg(65536, 256)
    if address[2] == PACKET_OUTGOING:
        return b"", None
    for level, kind, octets in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, control = struct.unpack_from("=IIIHHH", octets)
            if status & VLAN_VALID:
                return frame, control & 0xfff
    return frame, None


def main():
    trunk = packet_socket(sys.argv[1])
    access = {}
    for word in sys.argv[2:]:
        interface, _, vlan = word.partition("=")
        access[packet_socket(interface)] = int(vlan)
    by_vlan = {vlan: one for one, vlan in access.items()}
    while True:
        for ready in select.select([trunk, *access], [], [])[0]:
            frame, vlan = received(ready)
            if not frame:
                continue
            if ready is not trunk:
                trunk.send(frame[:12] + struct.pack("!HH", 0x8100, access[ready]) + frame[12:])
            elif vlan in by_vlan:
                by_vlan[vlan].send(frame)


main()
