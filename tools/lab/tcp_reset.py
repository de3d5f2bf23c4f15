#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Reset the BGP connection that leaves by a device, as seen by the far end: `tcp_reset.py DEVICE PEER [KEY]`.

Runs in the namespace of one end. It waits for a segment of that connection to go out, and sends the far end a RST that
follows it, signed where the connection is (RFC 2385). The near end hears nothing of it.
"""

import hashlib
import socket
import struct
import sys

ETH_P_ALL, RST = 3, 0x04
MD5_OPTION = b"\x01\x01\x13\x12"  # two NOPs, kind 19, length 18; then the digest


class Segment:
    """A TCP segment in an Ethernet frame; raises ValueError where there is none."""

    def __init__(self, frame: bytes):
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == 0x0800:
            self.start, self.family = 14 + (frame[14] & 15) * 4, socket.AF_INET
            protocol, end = frame[23], 14 + struct.unpack_from("!H", frame, 16)[0]
            self.source, self.target = frame[26:30], frame[30:34]
        elif kind == 0x86dd:
            self.start, self.family = 54, socket.AF_INET6
            protocol, end = frame[20], 54 + struct.unpack_from("!H", frame, 18)[0]
            self.source, self.target = frame[22:38], frame[38:54]
        else:
            raise ValueError("neither IPv4 nor IPv6")
        if protocol != socket.IPPROTO_TCP:
            raise ValueError("no TCP")
        self.head = frame[:self.start]
        self.source_port, self.target_port, sequence = struct.unpack_from("!HHI", frame, self.start)
        self.flags = frame[self.start + 13]
        header = (frame[self.start + 12] >> 4) * 4
        self.next_sequence = (sequence + end - self.start - header) & 0xffffffff

    def reset(self, key: bytes) -> bytes:
        """The frame of a RST behind this segment."""
        options = MD5_OPTION + bytes(16) if key else b""
        size = 20 + len(options)
        header = struct.pack("!HHIIBBHHH", self.source_port, self.target_port, self.next_sequence, 0, size // 4 << 4, RST,
                             0, 0, 0)
        if self.family == socket.AF_INET:
            pseudo = self.source + self.target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, size)
        else:
            pseudo = self.source + self.target + struct.pack("!II", size, socket.IPPROTO_TCP)
        if key:
            options = MD5_OPTION + hashlib.md5(pseudo + header + key, usedforsecurity=False).digest()
        segment = bytearray(header + options)
        struct.pack_into("!H", segment, 16, checksum(pseudo + segment))
        head = bytearray(self.head)
        if self.family == socket.AF_INET:
            struct.pack_into("!H", head, 16, self.start - 14 + size)
            struct.pack_into("!H", head, 24, 0)
            struct.pack_into("!H", head, 24, checksum(head[14:]))
        else:
            struct.pack_into("!H", head, 18, size)
        return bytes(head + segment)


def checksum(octets: bytes) -> int:
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def main(device: str, peer: str, key: str = "") -> int:
    wanted = socket.inet_pton(socket.AF_INET6 if ":" in peer else socket.AF_INET, peer)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as wire:
        wire.bind((device, ETH_P_ALL))
        wire.settimeout(10)
        while True:
            try:
                segment = Segment(wire.recv(65536))
            except TimeoutError:
                print(f"no BGP segment to {peer} left {device} within 10 s", file=sys.stderr)
                return 1
            except (ValueError, IndexError, struct.error):
                continue
            if segment.target == wanted and 179 in (segment.source_port, segment.target_port) and not segment.flags & RST:
                wire.send(segment.reset(key.encode()))
                return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
