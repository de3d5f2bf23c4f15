#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""detour-dataplane between a customer and a partner whose end of the tunnel is a real Linux kernel.
The picture stands on top of tools/lab/cage.py; the kernel's state is written by plain `ip`.
"""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, process  # noqa: E402  (the path comes first)
from lab.cage import CUSTOMER, OUTSIDE, OUTSIDE6, Cage  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, Transfer, carry  # noqa: E402

# 20,000 packets/s through the box: both directions, both families.
RATE = 5000


class Tunnel(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("tunnel")
        cls.cage = Cage(cls.lab)
        cls.cage.start()
        cls.box = cls.cage.box

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    def streams(self, rate: int) -> list:
        customer, outside = self.cage.customer, self.cage.outside
        # Neighbours that were quiet are found again before anything is counted.
        customer.wait_for_ping(OUTSIDE, 5, source=CUSTOMER["mail"])
        customer.wait_for_ping(OUTSIDE6, 5, source=CUSTOMER["web6"])
        return [Stream(self.lab, f"{self._testMethodName[:20]}-{name}", *ends, rate=rate) for name, *ends in (
            ("out4", customer, CUSTOMER["mail"], outside, OUTSIDE), ("in4", outside, OUTSIDE, customer, CUSTOMER["mail"]),
            ("out6", customer, CUSTOMER["web6"], outside, OUTSIDE6), ("in6", outside, OUTSIDE6, customer, CUSTOMER["web6"]))]

    def assert_nothing_lost(self, during) -> int:
        """At 20,000 packets a second, or what the machine carries of it. Returns how many arrived."""
        results = carry(self.streams, RATE, during)
        for result in results:
            self.assertGreater(result.received, 100)
        return sum(result.received for result in results)

    def test_pings_go_both_ways_in_both_families(self):
        self.assertEqual(self.cage.customer.ping(OUTSIDE, source=CUSTOMER["mail"]), 3)
        self.assertEqual(self.cage.customer.ping(OUTSIDE6, source=CUSTOMER["web6"]), 3)
        self.assertEqual(self.cage.outside.ping(CUSTOMER["web"], source=OUTSIDE), 3)
        self.assertEqual(self.cage.outside.ping(CUSTOMER["web6"], source=OUTSIDE6), 3)

    def test_beacons_answer_from_outside(self):
        for beacon in ("198.51.100.2", "2001:db8:77::2"):
            self.assertEqual(self.cage.outside.ping(beacon, source=OUTSIDE6 if ":" in beacon else OUTSIDE), 3, beacon)

    def test_nothing_is_lost_at_20000_packets_a_second_and_the_partners_kernel_counted_them(self):
        before = self.cage.tunnel_counters()
        arrived = self.assert_nothing_lost(lambda: time.sleep(3))
        after = self.cage.tunnel_counters()
        # Half of the streams go each way.
        self.assertGreater(after["rx_packets"] - before["rx_packets"], arrived * 0.45)
        self.assertGreater(after["tx_packets"] - before["tx_packets"], arrived * 0.45)
        self.assertEqual((after["rx_errors"], after["tx_errors"]), (0, 0))

    def test_tcp_transfers_arrive_unchanged_both_ways_in_both_families(self):
        customer, outside = self.cage.customer, self.cage.outside
        for name, *ends in (("out4", customer, CUSTOMER["mail"], outside, OUTSIDE),
                            ("in4", outside, OUTSIDE, customer, CUSTOMER["web"]),
                            ("out6", customer, CUSTOMER["web6"], outside, OUTSIDE6),
                            ("in6", outside, OUTSIDE6, customer, CUSTOMER["web6"])):
            with self.subTest(name):
                result = Transfer(self.lab, f"tcp-{name}", *ends, size=5_000_000).finish()
                self.assertTrue(result.survived, str(result))

    def test_a_nexthop_replaced_a_hundred_times_loses_nothing(self):
        def replaced():
            for _ in range(50):
                for uplink in ("provider", "partner"):
                    self.box.place(uplink)
                    time.sleep(0.02)
        self.assert_nothing_lost(replaced)

    def test_a_route_replaced_a_hundred_times_loses_nothing(self):
        """Between a gateway of its own and the same gateway as a nexthop object."""
        node = self.cage.detour
        node.setup("nexthop add id 4242 via 10.1.0.2 dev lan0")

        def replaced():
            for _ in range(50):
                for way in ("nhid 4242", "via 10.1.0.2 dev lan0"):
                    node.setup(f"route replace 198.51.100.0/24 {way} table 1420000 metric 142 proto 142")
                    time.sleep(0.02)
        self.assert_nothing_lost(replaced)
        node.setup("nexthop del id 4242")

    def test_a_more_specific_route_that_comes_and_goes_loses_nothing(self):
        def comes_and_goes():
            for _ in range(50):
                for verb in ("add", "del"):
                    self.cage.detour.setup(f"route {verb} 198.51.100.0/28 via 10.1.0.2 dev lan0 table 1420000 proto 142")
                    time.sleep(0.02)
        self.assert_nothing_lost(comes_and_goes)

    def test_a_data_plane_killed_with_9_forwards_again_within_two_seconds_and_the_kernel_saw_nothing(self):
        self.cage.customer.wait_for_ping(OUTSIDE, 5, source=CUSTOMER["mail"])
        self.cage.outside.wait_for_ping(CUSTOMER["web6"], 5, source=OUTSIDE6)
        before, neighbours = self.box.kernel_state(), self.box.neighbours()
        silences = []
        for _ in range(3):
            first, streams = self.box.dataplane_pid(), self.streams(1000)
            for stream in streams:
                self.addCleanup(stream.abandon)
                stream.wait_for_packets()
            os.kill(first, signal.SIGKILL)
            process.wait_until(lambda first=first: self.box.dataplane_pid() not in (None, first), 5, "a new data plane")
            time.sleep(2.5)
            results = [stream.stop() for stream in streams]
            self.assertGreater(min(result.lost for result in results), 0, "it was not dead at all")
            silences.append(max(result.longest_gap_ms for result in results))
            if silences[-1] < 2000:
                break
        # A machine that stands still delays one start, not three.
        self.assertLess(silences[-1], 2000, silences)
        self.assertEqual(before.splitlines(), self.box.kernel_state().splitlines())
        self.assertLessEqual(neighbours, self.box.neighbours())

    def test_what_is_too_big_for_the_tunnel_is_answered_with_its_mtu(self):
        """20 + 4 + 4 bytes of outer IPv4 and GRE with a key leave 1472 of 1500."""
        self.assertIn("mtu 1472", self.cage.detour.ip("link show dev partner"))
        customer = self.cage.customer
        fits = customer.sh(f"ping -c 1 -W 2 -M do -s 1444 -I {CUSTOMER['mail']} {OUTSIDE}", check=False)
        self.assertIn("1 received", fits)
        customer.ip("route flush cache", check=False)
        too_big = customer.sh(f"ping -c 1 -W 2 -M do -s 1445 -I {CUSTOMER['mail']} {OUTSIDE}", check=False)
        self.assertRegex(too_big, r"(?i)mtu ?= ?1472")

    def test_an_idle_box_uses_less_than_a_twentieth_of_a_core(self):
        time.sleep(1)
        before, seconds = self.box.cpu_seconds(), 4
        time.sleep(seconds)
        self.assertLess((self.box.cpu_seconds() - before) / seconds, 0.05)

    def test_zz_a_clean_stop_leaves_the_ports_as_they_were(self):
        """Last: the box is gone afterwards."""
        self.assertIn("chain", self.cage.detour.sh("nft list ruleset"))
        self.assertEqual(self.box.process.stop(10), 0, self.box.process.tail())
        self.assertEqual(self.cage.detour.sh("nft list ruleset").strip(), "")
        for device in self.box.devices():
            self.assertFalse(self.box.has_device(device), f"{device} is still there")


if __name__ == "__main__":
    cases.main()
