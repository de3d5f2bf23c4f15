# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Frames as octets, and what a router must make of them, written plainly and apart from the product,
so that a mistake there is not made here a second time. Nothing of scapy: a million frames are compared.
"""

import ipaddress
import struct

ETHERNET = 14
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
GRE = 47
UDP = 17
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def ipv4(source: int, destination: int, protocol: int, payload: bytes, *, ttl=64, fragment=0, ident=0, tos=0) -> bytes:
    def header(check: int) -> bytes:
        return struct.pack("!BBHHHBBHII", 0x45, tos, 20 + len(payload), ident, fragment, ttl, protocol, check, source,
                           destination)
    return header(checksum(header(0))) + payload


def ipv6(source: int, destination: int, protocol: int, payload: bytes, *, hop_limit=64) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hop_limit) + source.to_bytes(16, "big") \
        + destination.to_bytes(16, "big") + payload


def udp(source: int, destination: int, size: int) -> bytes:
    """`size` octets in all; without a checksum, which no router looks at."""
    return struct.pack("!HHHH", source, destination, size, 0) + bytes(size - 8)


def ethernet(destination: bytes, source: bytes, packet: bytes) -> bytes:
    return destination + source + struct.pack("!H", ETHERTYPE[packet[0] >> 4]) + packet


def gre(packet: bytes) -> bytes:
    return struct.pack("!HH", 0, ETHERTYPE[packet[0] >> 4]) + packet


def word(address: str) -> int:
    return int(ipaddress.ip_address(address))


def one_hop_on(packet: bytes) -> bytes:
    """An IP packet as the next router gets it."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    header = packet[:8] + bytes([packet[8] - 1]) + packet[9:10] + b"\0\0" + packet[12:20]
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + packet[20:]


def without_identification(frame: bytes) -> bytes:
    """A frame of which the IPv4 identification may be anything: zero, and the checksum as if it had
    been, unless the checksum was wrong."""
    if frame[12:14] != b"\x08\x00":
        return frame
    header = frame[ETHERNET:ETHERNET + 20]
    if checksum(header) != 0:
        return frame
    plain = header[:4] + b"\0\0" + header[6:10] + b"\0\0" + header[12:]
    return frame[:ETHERNET] + plain[:10] + struct.pack("!H", checksum(plain)) + plain[12:] + frame[ETHERNET + 20:]


def write_pcap(path: str, frames: list):
    with open(path, "wb") as stream:
        stream.write(PCAP_HEADER)
        for frame in frames:
            stream.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def read_pcap(path: str, limit: int) -> list:
    """The first frames of a capture that may still be written: a cut record at its end is none."""
    with open(path, "rb") as stream:
        data = stream.read(24 + limit * 256)
    frames, at = [], 24
    while len(frames) < limit and at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        if at + 16 + size > len(data):
            break
        frames.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return frames
