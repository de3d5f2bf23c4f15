#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Every dialect of GRE that detour-dataplane speaks, against a Linux kernel's own: one tunnel each
between the same two boxes, a prefix of the customer behind each.

    customer -- lan0 [detour] xcon0 ==== six tunnels ==== xcon [partner] -- outside
    10.1.0.2         10.1.0.1   192.0.2.66   192.0.2.65                     192.0.2.129
                              2001:db8:66::2 2001:db8:66::1

The partner is a real kernel (User Mode Linux where the host has no GRE), whose ip6gre puts a
Destination Options header before GRE.
"""

import os
import sys
import time
import unittest
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, dialects, process  # noqa: E402  (the path comes first)
from lab.box import Box  # noqa: E402
from lab.dialects import FOUR, OUTSIDE, SIX  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, Transfer, carry  # noqa: E402

LINK4 = "type gre local 192.0.2.65 remote 192.0.2.66 ttl 64 dev xcon"
LINK6 = "type ip6gre local 2001:db8:66::1 remote 2001:db8:66::2 ttl 64 dev xcon"


@dataclass
class Dialect(dialects.Dialect):
    link: str  # there
    mtu: int  # 1500 less the outer headers


DIALECTS = [
    Dialect(0, "csum", {**FOUR, "checksum": True}, f"{LINK4} csum", 1472),
    Dialect(1, "seq", {**FOUR, "key": 7, "sequence": True}, f"{LINK4} key 7 seq", 1468),
    Dialect(2, "full", {**FOUR, "key": 9, "checksum": True, "sequence": True, "dscp": 10}, f"{LINK4} key 9 csum seq", 1464),
    Dialect(3, "alive", {**FOUR, "key": 5, "keepalive": "200ms", "keepalive-retries": 3}, f"{LINK4} key 5", 1472),
    Dialect(4, "six", {**SIX}, LINK6, 1456),
    Dialect(5, "sixkey", {**SIX, "key": 11, "checksum": True}, f"{LINK6} key 11 csum", 1448),
]


class Gre(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        lab = cls.lab = Lab("gre")
        cls.customer, cls.detour, cls.outside = (lab.namespace(name) for name in ("customer", "detour", "outside"))
        cls.partner = lab.linux_with_gre("partner")
        lab.link(cls.customer, "lan", cls.detour, "phy-lan")
        lab.link(cls.partner, "xcon", cls.detour, "phy-xcon")
        lab.link(cls.partner, "world", cls.outside, "partner")
        cls.partner.boot()
        cls.box = cls.describe_box()
        cls.address_neighbours()
        cls.box.start()
        cls.box.write_kernel_state()
        for one in DIALECTS:
            cls.customer.wait_for_ping(OUTSIDE, 15, source=one.customer)

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    @classmethod
    def describe_box(cls) -> Box:
        box = Box(cls.lab, cls.detour)
        dialects.describe(box, DIALECTS)
        return box

    @classmethod
    def address_neighbours(cls):
        dialects.address_customer(cls.customer, DIALECTS)
        cls.partner.as_router()
        cls.partner.setup("link set xcon up", "addr add 192.0.2.65/30 dev xcon", "addr add 2001:db8:66::1/64 dev xcon nodad",
                          "link set world up", "addr add 192.0.2.81/30 dev world", "route add default via 192.0.2.82")
        for one in DIALECTS:
            device = f"g{one.name}"
            cls.partner.setup(f"link add {device} {one.link}", f"link set {device} up",
                              f"addr add 10.255.0.{2 * one.number}/31 dev {device}", f"route add {one.prefix} dev {device}")
        # A keepalive is a packet from the partner itself that comes in from outside and goes back.
        cls.partner.sysctl({"net.ipv4.conf.all.accept_local": 1, "net.ipv4.conf.galive.accept_local": 1,
                            "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.galive.rp_filter": 0})
        cls.outside.setup("link set partner up", "addr add 192.0.2.82/30 dev partner", f"addr add {OUTSIDE} dev lo",
                          f"route add 198.51.100.0/24 via 192.0.2.81 src {OUTSIDE}")

    def errors(self, one: Dialect) -> list:
        lines = self.partner.ip(f"-s link show dev g{one.name}").splitlines()
        return [int(lines[i + 1].split()[2]) for i, line in enumerate(lines) if line.strip().startswith(("RX:", "TX:"))]

    def test_pings_go_both_ways(self):
        for one in DIALECTS:
            self.assertEqual(self.customer.ping(OUTSIDE, source=one.customer), 3)
            self.assertEqual(self.outside.ping(one.customer, source=OUTSIDE), 3)

    def streams(self, dialect, rate: int) -> list:
        return [Stream(self.lab, f"{dialect.name}-out", self.customer, dialect.customer, self.outside, OUTSIDE, rate=rate),
                Stream(self.lab, f"{dialect.name}-in", self.outside, OUTSIDE, self.customer, dialect.customer, rate=rate)]

    def test_streams_lose_nothing_and_the_partners_kernel_finds_no_error(self):
        for one in DIALECTS:
            before = self.errors(one)
            for result in carry(lambda rate, one=one: self.streams(one, rate), 2000, lambda: time.sleep(1)):
                self.assertGreater(result.received, 100)
            self.assertEqual(self.errors(one), before)

    def test_tcp_arrives_unchanged_both_ways(self):
        for one in DIALECTS:
            for name, *ends in (("out", self.customer, one.customer, self.outside, OUTSIDE),
                                ("in", self.outside, OUTSIDE, self.customer, one.customer)):
                result = Transfer(self.lab, f"{one.name}-tcp-{name}", *ends, size=2_000_000).finish()
                self.assertTrue(result.survived, f"{name}: {result}; drops {self.box.drops()}")

    def test_the_largest_packet_fits_and_the_next_is_answered_with_the_mtu(self):
        for one in DIALECTS:
            self.assertIn(f"mtu {one.mtu} ", self.detour.ip(f"link show dev {one.name}"))
            ping = f"ping -c 1 -W 2 -M do -I {one.customer} {OUTSIDE} -s"
            self.assertIn("1 received", self.customer.sh(f"{ping} {one.mtu - 28}", check=False))
            self.assertRegex(self.customer.sh(f"{ping} {one.mtu - 27}", check=False), rf"(?i)mtu ?= ?{one.mtu}")
            self.customer.ip("route flush cache", check=False)

    def test_the_handshake_says_what_fits_so_that_nothing_is_too_big(self):
        before = self.too_big()
        for one in DIALECTS:
            result = Transfer(self.lab, f"{one.name}-mss", self.customer, one.customer, self.outside, OUTSIDE,
                              size=500_000).finish()
            self.assertTrue(result.survived, str(result))
        self.assertEqual(self.too_big(), before)

    def too_big(self) -> tuple:
        return self.box.drops()["too-big"], self.box.punts()["too-big"]

    def carrier(self) -> bool:
        return "LOWER_UP" in self.detour.ip("link show dev alive")

    def test_a_tunnel_whose_far_end_answers_no_keepalive_is_down_until_it_does(self):
        def heard() -> int:
            return next(item["keepalives_heard"] for item in self.box.items("/detour/tunnels") if item["name"] == "alive")

        before = heard()
        process.wait_until(lambda: heard() >= before + 5, 5, "five answers")
        self.assertTrue(self.carrier())
        self.partner.ip("link set galive down")
        process.wait_until(lambda: not self.carrier(), 5, "the TUN without carrier")
        self.partner.setup("link set galive up", f"route replace {DIALECTS[3].prefix} dev galive")
        process.wait_until(self.carrier, 5, "the TUN with carrier")
        # What the kernel flushed with the carrier; detourd would write it anew.
        self.detour.setup(*self.box.route_lines())
        self.customer.wait_for_ping(OUTSIDE, 10, source=DIALECTS[3].customer)

    def test_a_checksum_or_sequence_that_only_one_end_has_stops_the_tunnel_by_name(self):
        before = self.box.drops()["gre-checksum"]
        self.partner.setup("link set gcsum down", "link del gcsum", f"link add gcsum {LINK4}", "link set gcsum up",
                           f"route add {DIALECTS[0].prefix} dev gcsum")
        self.assertEqual(self.outside.ping(DIALECTS[0].customer, source=OUTSIDE), 0)
        self.assertGreaterEqual(self.box.drops()["gre-checksum"], before + 3)
        self.partner.setup("link del gcsum", f"link add gcsum {DIALECTS[0].link}", "link set gcsum up",
                           f"route add {DIALECTS[0].prefix} dev gcsum")
        self.customer.wait_for_ping(OUTSIDE, 10, source=DIALECTS[0].customer)


if __name__ == "__main__":
    cases.main()
