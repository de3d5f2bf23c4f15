#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Packets while the kernel's state changes under them: a box with no rules but the kernel's own, whose
routes come from BIRD, FRR or `ip`. Numbered packets say what was lost or came twice.

    host -- lan -- lan0 [detour] wan0 -- wan  -- peer   BIRD; 198.51.100.10 and all of 10.200/16
    10.1.0.2 and 10.1.2/23       wan1 -- wan2 --
"""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, process  # noqa: E402  (the path comes first)
from lab.box import SYSCTLS, Box  # noqa: E402
from lab.routers import Bird, Frr  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, carry  # noqa: E402

IS_LONG = bool(os.environ.get("DETOUR_LONG"))
FLIPS = 10_000 if IS_LONG else 2_000
HOSTS = 500  # the kernel's table holds 1,024 for the whole machine
LEARNED = 500
SINK = "198.51.100.10"

PEER_BIRD = """
router id 192.0.2.1;
protocol device {{}}
protocol static {{ ipv4; {routes} }}
protocol bgp there {{ local 192.0.2.1 as 64496; neighbor 192.0.2.2 as 64500; connect delay time 1; error wait time 1,4;
  ipv4 {{ import none; export all; next hop self; }}; }}
"""
OWN_BIRD = """
router id 192.0.2.2;
protocol device {}
protocol kernel { ipv4 { import none; export all; }; }
protocol bgp here { local 192.0.2.2 as 64500; neighbor 192.0.2.1 as 64496; connect delay time 1; error wait time 1,4;
  ipv4 { import all; export none; }; }
"""
OWN_FRR = """
router bgp 64500
 bgp router-id 192.0.2.2
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 64496
 neighbor 192.0.2.1 timers connect 1
"""


def prefix(number: int) -> str:
    return f"10.200.{number >> 1}.{(number & 1) * 128}/25"


class Churn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab = cls.lab = Lab("churn")
        cls.host, cls.detour, cls.peer = (lab.namespace(name) for name in ("host", "detour", "peer"))
        lab.link(cls.host, "lan", cls.detour, "phy-lan")
        lab.link(cls.peer, "wan", cls.detour, "phy-wan0")
        lab.link(cls.peer, "wan2", cls.detour, "phy-wan1")
        cls.detour.setup(*(f"link set phy-{name} up" for name in ("lan", "wan0", "wan1")))
        # They answer for every address of these networks.
        cls.host.setup("link set lan up", "addr add 10.1.0.2/22 dev lan", "route add local 10.1.2.0/23 dev lo",
                       "route add default via 10.1.0.1")
        cls.peer.as_router()
        cls.peer.setup("link set wan up", "link set wan2 up", "addr add 192.0.2.1/30 dev wan", "addr add 192.0.2.5/30 dev wan2",
                       f"addr add {SINK} dev lo", "route add local 10.200.0.0/16 dev lo", "route add 10.1.0.0/22 via 192.0.2.2")
        box = cls.box = Box(lab, cls.detour)
        wans = [box.port("wan0", "phy-wan0", "192.0.2.2/30"), box.port("wan1", "phy-wan1", "192.0.2.6/30")]
        box.port("lan0", "phy-lan", "10.1.0.1/22")
        box.direct_uplink("one", wans[0], "192.0.2.1")
        box.direct_uplink("other", wans[1], "192.0.2.5")
        box.prefix_set("web", ("203.0.113.0/24",), uplink="one", next_hops=("10.1.0.2",))
        box.start()
        cls.detour.sysctl(SYSCTLS)
        cls.detour.setup(*(f"link set dev {port.name} up" for port in box.ports.values()),
                         *(f"addr add {address} dev {port.name}" for port in box.ports.values() for address in port.addresses),
                         "nexthop add id 1 via 192.0.2.1 dev wan0", "nexthop add id 2 via 192.0.2.5 dev wan1",
                         "nexthop add id 10 group 1", f"route add {SINK} nhid 10")
        for gateway in ("192.0.2.1", "192.0.2.5", "10.1.0.2"):
            cls.detour.wait_for_ping(gateway, 10)
        cls.host.wait_for_ping(SINK, 10)

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    def assert_whole(self, name: str, ends: tuple, rate: int, during):
        """A stream of that name loses nothing while `during` runs."""
        result, = carry(lambda rate: [Stream(self.lab, name, *ends, rate=rate)], rate, during)
        print(f"    {name}: {result}")

    def sent(self) -> dict:
        return {item["name"]: item["out_packets"] for item in self.box.items("/detour/ports")}

    def test_no_packet_is_lost_or_doubled_by_flips_and_table_changes(self):
        before = self.sent()
        lines = []
        for i in range(FLIPS):
            lines.append(f"nexthop replace id 10 group {2 - i % 2}")
            # Routes beside and over the one that carries the packets; those over it say the same.
            lines.append(f"route {'add' if i % 40 < 20 else 'del'} 198.51.{100 + i % 20 // 10}.{128 + i % 20}/32 nhid 10")
            lines.append(f"route replace {SINK.rsplit('.', 1)[0]}.0/{24 + i % 5} nhid 10")

        def flips():
            for first in range(0, len(lines), 600):
                self.detour.setup(*lines[first:first + 600])
        self.assert_whole("flips", (self.host, "10.1.0.2", self.peer, SINK), 20_000, flips)
        shares = {port: count - before[port] for port, count in self.sent().items()}
        self.assertGreater(min(shares["wan0"], shares["wan1"]), 1000, f"both ways carried: {shares}")

    def test_hosts_of_a_lan_come_and_go(self):
        addresses = [f"10.1.{2 + i // 250}.{1 + i % 250}" for i in range(HOSTS)]

        def come_and_go():
            for round_number in range(3):
                self.peer.sh(f"for n in 2 3; do for i in $(seq 250); do ping -c 1 -W 1 -I {SINK} 10.1.$n.$i >/dev/null & "
                             "[ $((i % 50)) = 0 ] && wait; done; done; wait", timeout=120)
                time.sleep(1.1)  # the kernel is asked for one host once a second
                known = {neighbour[0] for neighbour in self.box.neighbours()}
                self.assertGreater(len(known & set(addresses)), HOSTS - 20, f"round {round_number}")
                self.detour.setup(*(f"neigh del {one} dev lan0" for one in sorted(known & set(addresses))))
        self.assert_whole("resident", (self.peer, SINK, self.host, "10.1.0.2"), 2000, come_and_go)

    def assert_forwarded(self):
        """What was learned is the fast path's, and no packet of it goes by the kernel."""
        for number in (0, LEARNED // 2, LEARNED - 1):
            network, _, last = prefix(number).split("/")[0].rpartition(".")
            self.host.wait_for_ping(f"{network}.{int(last) + 9}", 10)

        def look():
            before = self.box.punts()
            time.sleep(0.5)
            after = self.box.punts()
            for reason in ("no-route", "other-device", "unresolved"):
                self.assertEqual(after[reason], before[reason], f"the fast path leaves them to the kernel as {reason}")
        self.assert_whole("learned", (self.host, "10.1.0.2", self.peer, f"10.200.{LEARNED // 4}.9"), 2000, look)

    def start_peer(self) -> Bird:
        routes = " ".join(f"route {prefix(number)} blackhole;" for number in range(LEARNED))
        return Bird(self.peer, PEER_BIRD.format(routes=routes))

    def learned(self) -> int:
        return self.detour.ip("route show table main").count("10.200.")

    def test_routes_of_bird_and_then_of_frr_are_forwarded(self):
        there = self.start_peer()
        self.addCleanup(there.process.stop)
        for start in (lambda: Bird(self.detour, OWN_BIRD), lambda: Frr(self.detour, OWN_FRR)):
            here = start()
            process.wait_until(lambda: self.learned() == LEARNED, 30, "the routes in the kernel", every=0.2)
            self.assert_forwarded()
            for running in reversed([here.process] if isinstance(here, Bird) else list(here.processes.values())):
                running.stop()
            process.wait_until(lambda: self.learned() == 0, 30, "the kernel without them", every=0.2)


if __name__ == "__main__":
    cases.main()
