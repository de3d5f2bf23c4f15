#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""VLAN ports on real packets: two networks of one wire, whose tags a switch puts on and takes off.

    customer 198.51.100.10 -- VLAN 300 --+
       10.1.0.2                          +-- switch == one wire == [ box ] lan0, wan0: VLANs on trunk0
    provider 203.0.113.10  -- VLAN 100 --+
       192.0.2.1
"""

import os
import sys
import time
import unittest

ROOT = os.environ.get("DETOUR_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tools"))
from lab import cases  # noqa: E402  (the path comes first)
from lab.box import Box  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream  # noqa: E402

SWITCH = os.path.join(ROOT, "tools/lab/vlan_switch.py")


class Vlans(unittest.TestCase):
    def scene(self, lab) -> tuple:
        node, switch, customer, provider = (lab.namespace(name) for name in ("box", "switch", "customer", "provider"))
        lab.link(switch, "wire", node, "phy")
        lab.link(customer, "lan", switch, "to-customer")
        lab.link(provider, "wan", switch, "to-provider")
        switch.setup("link set wire up", "link set to-customer up", "link set to-provider up")
        switch.start_router("switch", ["/usr/bin/python3", SWITCH, "wire", "to-customer=300", "to-provider=100"])
        box = Box(lab, node)
        box.port("trunk0", "phy")
        box.port("lan0", "", "10.1.0.1/24", "2001:db8:10::1/64", parent="trunk0", vlan=300)
        wan = box.port("wan0", "", "192.0.2.2/30", "2001:db8:1::2/64", parent="trunk0", vlan=100)
        box.direct_uplink("provider", wan, "192.0.2.1", "2001:db8:1::1")
        box.prefix_set("web", ("198.51.100.0/24", "2001:db8:77::/48"), uplink="provider",
                       next_hops=("10.1.0.2", "2001:db8:10::2"), beacons=("198.51.100.2", "2001:db8:77::2"))
        customer.setup("addr add 10.1.0.2/24 dev lan", "addr add 2001:db8:10::2/64 dev lan nodad", "link set lan up",
                       "addr add 198.51.100.10/32 dev lo", "addr add 2001:db8:77::10/128 dev lo",
                       "route add default via 10.1.0.1", "-6 route add default via 2001:db8:10::1")
        provider.setup("addr add 192.0.2.1/30 dev wan", "addr add 2001:db8:1::1/64 dev wan nodad", "link set wan up",
                       "addr add 203.0.113.10/32 dev lo", "addr add 2001:db8:3::10/128 dev lo",
                       "route add 198.51.100.0/24 via 192.0.2.2", "-6 route add 2001:db8:77::/48 via 2001:db8:1::2")
        box.start()
        box.write_kernel_state()
        return box, customer, provider

    def test_networks_of_one_wire_meet_in_the_box_alone(self):
        with Lab("vlan") as lab:
            box, customer, provider = self.scene(lab)
            customer.wait_for_ping("203.0.113.10", 10, source="198.51.100.10")
            customer.wait_for_ping("2001:db8:3::10", 10, source="2001:db8:77::10")
            self.assertEqual(provider.ping("192.0.2.2"), 3)
            # The largest packet, with a tag around it.
            said = customer.sh("ping -c 3 -i 0.1 -M do -s 1472 -I 198.51.100.10 203.0.113.10")
            self.assertIn(" 3 received", said)
            stream = Stream(lab, "there", customer, "198.51.100.10", provider, "203.0.113.10", rate=500)
            time.sleep(2)
            result = stream.stop()
            self.assertEqual((result.lost, result.duplicates, result.reordered), (0, 0, 0), str(result))
            ports = {port["name"]: port for port in box.items("/detour/ports")}
            self.assertEqual({name: (port["vlan"], port.get("parent")) for name, port in ports.items()},
                             {"trunk0": (0, None), "lan0": (300, "trunk0"), "wan0": (100, "trunk0")})
            self.assertGreater(ports["lan0"]["in_packets"], 900)
            self.assertGreater(ports["wan0"]["out_packets"], 900)
            self.assertEqual(box.drops()["unknown-vlan"], 0)


if __name__ == "__main__":
    cases.main()
