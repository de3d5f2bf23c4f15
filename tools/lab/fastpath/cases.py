# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What is timed: for each case the frames that come in, the kernel's state, and the frames that must
go out.

      frames, 10.1.0.2 --- in0 [ detour ] out0 --- 192.0.2.1, the next hop and the tunnels' far end

Destinations are spread over `routes` prefixes: one is 198.18.0.0/15 (RFC 2544), more are random /24 (of
IPv6: /48 of 2001:db8::/32), always by one nexthop object, or by one a tunnel.
"""

import random
from dataclasses import dataclass

from . import frames
from .frames import word

FLOWS = 8192
IN_MAC = "02:70:63:61:70:00"  # of the first net_pcap device of a process
PEER_MAC = "02:00:00:00:00:01"  # of the next hop
SOURCE_MAC = "02:00:00:00:00:02"  # of who sends to us
IN_ADDRESS, OUT_ADDRESS, PEER = "10.1.0.1", "192.0.2.2", "192.0.2.1"
IN_ADDRESS6, OUT_ADDRESS6, PEER6 = "2001:db8:ffff:1::1", "2001:db8:ffff:2::2", "2001:db8:ffff:2::1"
IN_PEER = "10.1.0.2"  # the far end of a tunnel that comes in
TABLE_SET = 1500000
NEXTHOP, GROUP = 10_000, 20_000


@dataclass(frozen=True)
class Case:
    name: str
    work: str  # forward, encap or decap
    family: int = 4
    tunnel_count: int = 0
    by_source: bool = False

    @property
    def frame_bytes(self) -> int:
        return 88 if self.work == "decap" else 64


CASES = {case.name: case for case in (
    Case("forward", "forward"),
    Case("encap", "encap", tunnel_count=1),
    Case("decap", "decap", tunnel_count=1),
    Case("encap-policy", "encap", tunnel_count=1, by_source=True),
    Case("encap-1000-tunnels", "encap", tunnel_count=1000),
    Case("decap-1000-tunnels", "decap", tunnel_count=1000),
    Case("forward-v6", "forward", family=6),
    Case("encap-v6", "encap", family=6, tunnel_count=1),
    Case("decap-v6", "decap", family=6, tunnel_count=1),
)}


def spread(family: int, count: int) -> list:
    """(address as a number, length) of so many prefixes, none within another, the same each time."""
    choose = random.Random(count)
    if family == 6:
        if count == 1:
            return [(word("2001:db8::"), 33)]
        return [(word("2001:db8::") + (site << 80), 48) for site in choose.sample(range(0x8000), count)]
    if count == 1:
        return [(word("198.18.0.0"), 15)]
    ours = {word(address) >> 24 for address in (IN_ADDRESS, OUT_ADDRESS, "127.0.0.1", "198.18.0.0")}
    firsts = [first for first in range(1, 224) if first not in ours]
    sites = choose.sample(range(len(firsts) << 16), count)
    return [(firsts[site >> 16] << 24 | (site & 0xFFFF) << 8, 24) for site in sites]


def text_of(prefix: tuple, family: int) -> str:
    address, length = prefix
    if family == 6:
        octets = f"{address:032x}"
        return ":".join(octets[i:i + 4] for i in range(0, 32, 4)) + f"/{length}"
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"


class Job:
    """One case with so many routes: everything that the subjects need to know about it."""

    def __init__(self, case: Case, routes: int):
        self.case, self.routes = case, routes
        self.prefixes = spread(case.family, routes)
        choose = random.Random(1)
        bits = 32 if case.family == 4 else 128
        # Every flow its own prefix, as far as there are so many.
        picks = [i % routes for i in range(FLOWS)] if routes < FLOWS else choose.sample(range(routes), FLOWS)
        choose.shuffle(picks)
        self.flows = []  # (index of the prefix, address within)
        for pick in picks:
            address, length = self.prefixes[pick]
            self.flows.append((pick, address | choose.randrange(1, (1 << min(bits - length, 60)) - 1)))

    def __str__(self):
        return f"{self.case.name}, {self.routes} route{'s' if self.routes > 1 else ''}"

    # Tunnels.

    def tunnel_of(self, prefix: int) -> int:
        return prefix % self.case.tunnel_count

    @property
    def local(self) -> str:
        return IN_ADDRESS if self.case.work == "decap" else OUT_ADDRESS

    def remote(self, tunnel: int) -> str:
        if self.case.tunnel_count == 1:
            return IN_PEER if self.case.work == "decap" else PEER
        return f"198.19.{tunnel >> 8}.{tunnel & 255}"

    # Frames.

    def inner(self, flow: int) -> bytes:
        """The packet to be carried: 50 octets, 64 with its Ethernet header."""
        _, address = self.flows[flow]
        if self.case.family == 6:
            return frames.ipv6(word("2001:db8:fffe::1") + flow, address, frames.UDP, frames.udp(1024, 9, 10))
        source, destination = (address, word("198.18.0.1") + flow) if self.case.by_source else \
            (word("198.18.128.1") + flow, address)
        return frames.ipv4(source, destination, frames.UDP, frames.udp(1024 + flow, 9, 30))

    def frame_in(self, flow: int) -> bytes:
        packet = self.inner(flow)
        if self.case.work == "decap":
            remote = self.remote(self.tunnel_of(self.flows[flow][0]))
            packet = frames.ipv4(word(remote), word(self.local), frames.GRE, frames.gre(packet), fragment=0x4000)
        frame = frames.ethernet(frames.mac(IN_MAC), frames.mac(SOURCE_MAC), packet)
        assert len(frame) == self.case.frame_bytes
        return frame

    def frame_out(self, flow: int, out_mac: str) -> bytes:
        """Identification zero (frames.without_identification)."""
        packet = frames.one_hop_on(self.inner(flow))
        if self.case.work == "encap":
            remote = self.remote(self.tunnel_of(self.flows[flow][0]))
            packet = frames.ipv4(word(self.local), word(remote), frames.GRE, frames.gre(packet), fragment=0x4000)
        return frames.ethernet(frames.mac(PEER_MAC), frames.mac(out_mac), packet)

    def write_capture(self, path: str):
        frames.write_pcap(path, [self.frame_in(flow) for flow in range(FLOWS)])

    # The kernel's state.

    def device_lines(self) -> list:
        lines = ["link set out0 up", f"addr replace {IN_ADDRESS}/24 dev in0", f"addr replace {OUT_ADDRESS}/24 dev out0",
                 f"neigh replace {PEER} lladdr {PEER_MAC} dev out0 nud permanent",
                 f"addr replace {IN_ADDRESS6}/64 dev in0 nodad", f"addr replace {OUT_ADDRESS6}/64 dev out0 nodad",
                 f"neigh replace {PEER6} lladdr {PEER_MAC} dev out0 nud permanent"]
        lines += [f"link set t{i} group 196 up" for i in range(self.case.tunnel_count)]
        if self.case.tunnel_count > 1:
            lines.append(f"route add 198.19.0.0/16 via {PEER} proto static")
        return lines

    def nexthop_lines(self) -> list:
        family = f"-{self.case.family}"
        if self.case.work != "encap":
            gateway = PEER if self.case.family == 4 else PEER6
            hops = [f"via {gateway} dev out0"]
        else:
            hops = [f"dev t{i}" for i in range(self.case.tunnel_count)]
        lines = []
        for i, hop in enumerate(hops):
            lines += [f"{family} nexthop replace id {NEXTHOP + i} {hop}", f"nexthop replace id {GROUP + i} group {NEXTHOP + i}"]
        return lines

    def route_lines(self) -> list:
        if self.case.by_source:
            return [f"route add default nhid {GROUP} table {TABLE_SET}",
                    *(f"rule add pref 400 from {text_of(prefix, 4)} lookup {TABLE_SET}" for prefix in self.prefixes),
                    "rule add pref 450 iif in0 prohibit"]
        count = self.case.tunnel_count if self.case.work == "encap" else 1
        return [f"-{self.case.family} route add {text_of(prefix, self.case.family)} nhid {GROUP + i % count}"
                for i, prefix in enumerate(self.prefixes)]

    def rule_lines(self) -> list:
        if self.case.by_source:
            return ["rule add pref 200 lookup main suppress_prefixlength 0 suppress_ifgroup 196"]
        return []
