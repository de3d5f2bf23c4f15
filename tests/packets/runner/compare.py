# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Frames compared as a decoded difference: which field of which layer is not what was expected."""

from dataclasses import dataclass

from .frames import IP, Ether, IPv6, Packet


def decoded(octets: bytes, has_link: bool) -> Packet:
    if has_link:
        return Ether(octets)
    return IPv6(octets) if octets and octets[0] >> 4 == 6 else IP(octets)


def layers(packet: Packet) -> list:
    found = []
    while packet:
        found.append(packet)
        packet = packet.payload
    return found


def labels(packet: Packet) -> list:
    """Names of the layers; the second IP is IP#2."""
    names = [type(layer).__name__ for layer in layers(packet)]
    return [name if names[:i].count(name) == 0 else f"{name}#{names[:i].count(name) + 1}"
            for i, name in enumerate(names)]


@dataclass
class Exact:
    """All octets; only the identification of an outer header is the worker's own counter, and the flow
    label of one of IPv6 a hash of the flow inside."""

    expected: bytes
    has_link: bool

    def fits(self, got: bytes) -> bool:
        return got == (self.identified(got) if self.has_link else self.expected)

    def identified(self, got: bytes) -> bytes:
        """What is expected, with the identification and so the checksum of what came, or its label."""
        if is_tagged(got) and is_tagged(self.expected):
            untagged = Exact(self.expected[:12] + self.expected[16:], True).identified(got[:12] + got[16:])
            return untagged[:12] + self.expected[12:16] + untagged[12:]
        if len(got) == len(self.expected) and is_outer6(got) and is_outer6(self.expected):
            return self.expected[:15] + bytes([self.expected[15] & 0xf0 | got[15] & 0x0f]) + got[16:18] + self.expected[18:]
        if len(got) != len(self.expected) or not is_outer(got) or not is_outer(self.expected):
            return self.expected
        header = bytearray(self.expected[14:34])
        header[4:6], header[10:12] = got[18:20], b"\0\0"
        total = sum(header[i] << 8 | header[i + 1] for i in range(0, 20, 2))
        total = (total & 0xffff) + (total >> 16)
        header[10:12] = (0xffff - (total & 0xffff) - (total >> 16)).to_bytes(2, "big")
        return self.expected[:14] + bytes(header) + self.expected[34:]

    def differences(self, got: bytes) -> list:
        expected = self.identified(got)
        wanted, came = decoded(expected, self.has_link), decoded(got, self.has_link)
        if labels(wanted) != labels(came):
            return [f"expected layers {'/'.join(labels(wanted))}, got {'/'.join(labels(came))}",
                    f"expected {wanted.summary()}", f"got      {came.summary()}"]
        found = []
        for label, one, other in zip(labels(wanted), layers(wanted), layers(came)):
            for name in one.fields:
                if one.fields[name] != other.fields.get(name):
                    found.append(f"{label}.{name}: expected {shown(one, name)}, got {shown(other, name)}")
        return found or [f"expected {expected.hex()}", f"got      {got.hex()}"]


@dataclass
class Either:
    choices: list  # of Exact

    def fits(self, got: bytes) -> bool:
        return any(choice.fits(got) for choice in self.choices)

    def differences(self, got: bytes) -> list:
        return [f"or: {difference}" for choice in self.choices for difference in choice.differences(got)]


@dataclass
class Like:
    """The fields that the pattern's author wrote down, layer by layer; what is between the layers or
    behind them does not matter."""

    pattern: Packet
    has_link: bool

    def fits(self, got: bytes) -> bool:
        return not self.differences(got)

    def differences(self, got: bytes) -> list:
        came = decoded(got, self.has_link)
        found = []
        for written in layers(self.pattern):
            here = came.getlayer(type(written)) if came else None
            if here is None:
                return [f"no {type(written).__name__} in {summary(got, self.has_link)}"]
            for name in written.fields:
                one, other = written.fields[name], here.getfieldval(name)
                if one not in (other, []):  # scapy fills in empty lists of options by itself
                    found.append(f"{type(written).__name__}.{name}: expected {one!r}, got {other!r}")
            came = here.payload
        return found


def is_tagged(octets: bytes) -> bool:
    return len(octets) >= 18 and octets[12:14] == b"\x81\x00"


def is_outer(octets: bytes) -> bool:
    return len(octets) >= 38 and octets[12:15] == b"\x08\x00\x45" and octets[23] == 47


def is_outer6(octets: bytes) -> bool:
    return len(octets) >= 58 and octets[12:14] == b"\x86\xdd" and octets[20] == 47


def shown(layer: Packet, name: str) -> str:
    if name not in layer.fields:
        return "nothing"
    value = layer.fields[name]
    if isinstance(value, bytes) and len(value) > 40:
        return f"{len(value)} octets {value[:16]!r}..."
    return layer.get_field(name).i2repr(layer, value)


def summary(octets: bytes, has_link: bool = True) -> str:
    return decoded(octets, has_link).summary()


def flow(octets: bytes, has_link: bool = True) -> tuple:
    """The innermost addresses."""
    found = ()
    for layer in layers(decoded(octets, has_link)):
        if isinstance(layer, (IP, IPv6)):
            found = (layer.src, layer.dst)
    return found
