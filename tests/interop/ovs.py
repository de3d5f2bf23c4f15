#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""GRE between detour-dataplane and Open vSwitch's datapath in user space, which shares no code with
Linux's: one tunnel a dialect between the same two boxes.

    customer -- lan0 [detour] xcon0 ==== four tunnels ==== br-phy [Open vSwitch] world -- outside
    10.1.0.2         10.1.0.1   192.0.2.66        192.0.2.65                     192.0.2.129
                              2001:db8:66::2      2001:db8:66::1
"""

import json
import os
import sys
import time
import unittest
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, dialects  # noqa: E402  (the path comes first)
from lab.box import Box  # noqa: E402
from lab.dialects import FOUR, OUTSIDE, SIX  # noqa: E402
from lab.ovs import Ovs  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, Transfer  # noqa: E402

ROUTER_MAC = "02:00:00:00:00:81"  # what the switch says it is towards the outside


@dataclass
class Dialect(dialects.Dialect):
    options: tuple  # there


DIALECTS = [
    Dialect(0, "key", {**FOUR, "key": 7}, ("options:key=7",)),
    Dialect(1, "csum", {**FOUR, "key": 8, "checksum": True}, ("options:key=8", "options:csum=true")),
    Dialect(2, "seq", {**FOUR, "key": 9, "sequence": True}, ("options:key=9", "options:seq=true")),
    Dialect(3, "six", {**SIX, "key": 10}, ("options:key=10",)),
]


class OpenVswitch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab = cls.lab = Lab("ovs")
        cls.customer, cls.detour, cls.switch, cls.outside = (lab.namespace(name) for name in
                                                             ("customer", "detour", "switch", "outside"))
        lab.link(cls.customer, "lan", cls.detour, "phy-lan")
        lab.link(cls.switch, "xcon", cls.detour, "phy-xcon")
        lab.link(cls.switch, "world", cls.outside, "switch")
        cls.start_box()
        cls.start_switch()
        dialects.address_customer(cls.customer, DIALECTS)
        cls.outside.setup("link set switch up", f"addr add {OUTSIDE}/25 dev switch", "route add default via 192.0.2.130",
                          f"neigh add 192.0.2.130 lladdr {ROUTER_MAC} dev switch")
        for one in DIALECTS:
            cls.customer.wait_for_ping(OUTSIDE, 15, source=one.customer)

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    @classmethod
    def start_box(cls):
        box = cls.box = Box(cls.lab, cls.detour)
        dialects.describe(box, DIALECTS)
        box.start()
        box.write_kernel_state()

    @classmethod
    def start_switch(cls):
        cls.switch.setup("link set xcon up", "link set world up")
        ovs = cls.ovs = Ovs(cls.switch)
        ovs.bridge("br-phy", ("xcon",))
        ovs.flows("br-phy", "actions=normal")
        cls.switch.setup("link set br-phy up", "addr add 192.0.2.65/30 dev br-phy", "addr add 2001:db8:66::1/64 dev br-phy nodad")
        ends = {4: ("192.0.2.66", "192.0.2.65"), 6: ("2001:db8:66::2", "2001:db8:66::1")}
        ovs.bridge("br-int", ("world",), *((f"gre{one.number}", "type=gre", "options:packet_type=legacy_l3", *one.options,
                                            *cls.tunnel_ends(ends[6 if one.name == "six" else 4])) for one in DIALECTS))
        mac = json.loads(cls.outside.ip("-j link show switch"))[0]["address"]
        out = f"mod_dl_src:{ROUTER_MAC},mod_dl_dst:{mac},dec_ttl,output:world"
        ovs.flows("br-int", *(f"ip,in_port=gre{one.number},actions={out}" for one in DIALECTS),
                  *(f"ip,in_port=world,nw_dst={one.prefix},actions=dec_ttl,output:gre{one.number}" for one in DIALECTS))
        # The switch learns a tunnel's next hop from the answer that its own kernel gets.
        cls.switch.wait_for_ping("192.0.2.66", 10)
        cls.switch.wait_for_ping("2001:db8:66::2", 10)

    @staticmethod
    def tunnel_ends(ends: tuple) -> tuple:
        return f'options:remote_ip="{ends[0]}"', f'options:local_ip="{ends[1]}"'

    def test_pings_go_both_ways(self):
        for one in DIALECTS:
            self.assertEqual(self.customer.ping(OUTSIDE, source=one.customer), 3, one.name)
            self.assertEqual(self.outside.ping(one.customer, source=OUTSIDE), 3, one.name)

    def test_streams_lose_nothing(self):
        for one in DIALECTS:
            streams = [Stream(self.lab, f"{one.name}-out", self.customer, one.customer, self.outside, OUTSIDE, rate=1000),
                       Stream(self.lab, f"{one.name}-in", self.outside, OUTSIDE, self.customer, one.customer, rate=1000)]
            for stream in streams:
                self.addCleanup(stream.abandon)
                stream.wait_for_packets()
            time.sleep(0.5)
            for stream in streams:
                result = stream.stop()
                self.assertEqual((result.lost, result.duplicates), (0, 0), f"{one.name}: {result}; drops {self.box.drops()}")

    def test_tcp_arrives_unchanged_both_ways(self):
        for one in DIALECTS:
            for name, *ends in (("out", self.customer, one.customer, self.outside, OUTSIDE),
                                ("in", self.outside, OUTSIDE, self.customer, one.customer)):
                result = Transfer(self.lab, f"{one.name}-tcp-{name}", *ends, size=2_000_000).finish()
                self.assertTrue(result.survived, f"{one.name} {name}: {result}; drops {self.box.drops()}")

    def test_a_key_of_no_tunnel_is_dropped_by_name(self):
        before = self.box.drops()["gre-unknown-tunnel"]
        self.ovs.vsctl("set", "interface", "gre0", "options:key=77")
        self.assertEqual(self.outside.ping(DIALECTS[0].customer, source=OUTSIDE), 0)
        self.assertGreaterEqual(self.box.drops()["gre-unknown-tunnel"], before + 3)
        self.ovs.vsctl("set", "interface", "gre0", "options:key=7")
        self.outside.wait_for_ping(DIALECTS[0].customer, 10, source=OUTSIDE)


if __name__ == "__main__":
    cases.main()
