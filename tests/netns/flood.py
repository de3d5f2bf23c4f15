#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Control survives a flood: on the wire of two BGP sessions with a hold time of 3 s, watched by BFD
every 50 ms (three lost make it fail), frames of 64 octets come in as fast as this machine makes them.
Half of them are for the router's own addresses, some for the ports of BGP and BFD.

    peer: BIRD, garbage -- wan -- wan0 [detour] lan0 -- host
    192.0.2.1, 2001:db8:1::1       192.0.2.2, 2001:db8:1::2; BIRD behind the data plane, on its twin

A minute, with DETOUR_LONG alone: whether the sessions stay depends on how much of the machine is left to the
worker beside the generator, and on a machine that others use that is no test of a change.
"""

import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, process, traffic  # noqa: E402  (the path comes first)
from lab.box import Box  # noqa: E402
from lab.routers import Bird  # noqa: E402
from lab.topology import Lab  # noqa: E402

SECONDS = 60
WANTED_RATE = 300_000
SESSIONS = ("bgp4", "bgp6")
BIRD = """
router id {id};
protocol device {{}}
protocol bfd {{ interface "*" {{ interval 50 ms; multiplier 3; }}; }}
protocol static {{ ipv4; route {route} blackhole; }}
template bgp session {{ local as {own}; hold time 3; keepalive time 1; connect delay time 1; error wait time 1,4; bfd on; }}
protocol bgp bgp4 from session {{ local {ends4[0]}; neighbor {ends4[1]} as {other}; ipv4 {{ import all; export all; }}; }}
protocol bgp bgp6 from session {{ local {ends6[0]}; neighbor {ends6[1]} as {other}; ipv6 {{ import all; export all; }}; }}
"""


class Flood(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab = cls.lab = Lab("flood")
        cls.peer, cls.detour, cls.host = (lab.namespace(name) for name in ("peer", "detour", "host"))
        lab.link(cls.peer, "wan", cls.detour, "phy-wan")
        lab.link(cls.host, "lan", cls.detour, "phy-lan")
        cls.detour.setup("link set phy-wan up", "link set phy-lan up")
        cls.peer.setup("link set wan up", "addr add 192.0.2.1/24 dev wan", "addr add 192.0.2.9/24 dev wan",
                       "addr add 2001:db8:1::1/64 dev wan nodad")
        cls.host.setup("link set lan up", "addr add 203.0.113.10/24 dev lan", "route add default via 203.0.113.1")
        box = cls.box = Box(lab, cls.detour)
        wan = box.port("wan0", "phy-wan", "192.0.2.2/24", "2001:db8:1::2/64")
        box.port("lan0", "phy-lan", "203.0.113.1/24")
        box.direct_uplink("provider", wan, "192.0.2.1", "2001:db8:1::1")
        box.prefix_set("web", ("203.0.113.0/24",), uplink="provider", next_hops=("203.0.113.10",))
        box.start()
        box.write_kernel_state()
        cls.peer.wait_for_ping("192.0.2.2", 10)
        ends = [("192.0.2.1", "192.0.2.2"), ("2001:db8:1::1", "2001:db8:1::2")]
        cls.there = Bird(cls.peer, BIRD.format(id="192.0.2.1", route="198.51.100.0/24", own=64496, other=64500, ends4=ends[0],
                                               ends6=ends[1]))
        cls.here = Bird(cls.detour, BIRD.format(id="192.0.2.2", route="203.0.113.0/24", own=64500, other=64496,
                                                ends4=ends[0][::-1], ends6=ends[1][::-1]))
        for session in SESSIONS:
            cls.here.wait_established(session)

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    def standing(self) -> dict:
        """Of every session, at both ends, its state and since when it is in it."""
        found = {}
        for name, bird in (("here", self.here), ("there", self.there)):
            for line in bird.ask("show protocols").splitlines():
                if line.startswith("bgp"):
                    found[f"{name} {line.split()[0]}"] = " ".join(line.split()[3:])
            for line in bird.ask("show bfd sessions").splitlines():
                words = line.split()
                if re.match(r"[0-9a-f.:]+$", words[0] if words else "") and len(words) > 3:
                    found[f"{name} bfd {words[0]}"] = " ".join(words[2:4])
        return found

    def settled(self) -> dict:
        def all_up():
            standing = self.standing()
            sessions = [state for name, state in standing.items() if " bfd " in name]
            return standing if len(sessions) == 4 and all(state.startswith("Up") for state in sessions) else None
        return process.wait_until(all_up, 15, "four ends of BFD sessions that are up", every=0.2)

    def flood(self, *targets: str) -> dict:
        mac = json.loads(self.detour.ip("-j link show wan0"))[0]["address"]
        before = self.box.drops()
        source = self.peer.start("garbage", [traffic.program(), "garbage", "--interface", "wan", "--to", mac, "--duration",
                                             f"{SECONDS}s", *(word for one in targets for word in ("--target", one))],
                                 is_result_apart=True)
        time.sleep(SECONDS / 2)
        # A neighbour that nobody knew is found in the midst of it, and somebody is answered.
        self.assertGreater(self.detour.ping("192.0.2.9", count=5), 2, "a new neighbour on the flooded wire")
        source.wait(SECONDS + 20)
        result = traffic.last_json(source.result(), "garbage")
        dropped = self.box.drops() - before
        print(f"    {result['sent']} frames in {result['seconds']:.1f} s, {result['rate']:.0f}/s; dropped: {dict(dropped)}")
        return {**result, "dropped": dropped}

    def test_sessions_stay(self):
        before = self.settled()
        result = self.flood("192.0.2.2", "2001:db8:1::2", "203.0.113.1")
        self.assertEqual(self.standing(), before)
        self.assertGreater(result["dropped"]["punt-limit"], 1000, "the kernel's budget was never touched")
        self.assertGreaterEqual(result["rate"], WANTED_RATE)


if __name__ == "__main__":
    if not os.environ.get("DETOUR_LONG"):
        del Flood.test_sessions_stay
    cases.main()
