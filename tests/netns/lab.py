#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The lab itself, without detour: what the other network tests stand on.

    left 192.0.2.1/30 ---- 192.0.2.2/30 router 198.51.100.1/24 ---- 198.51.100.2/24 right
    left 192.0.2.65/30 -- 192.0.2.66/30 gre (a Linux kernel with GRE) 203.0.113.1/24 -- 203.0.113.2/24 far
"""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, faults  # noqa: E402  (the path comes first)
from lab.process import Failed  # noqa: E402
from lab.routers import Bird, Frr  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, Transfer, carry  # noqa: E402

SANDBOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lab/sandbox")


def three_in_a_row(lab):
    left, router, right = (lab.namespace(name) for name in ("left", "router", "right"))
    lab.link(left, "left0", router, "to-left")
    lab.link(router, "to-right", right, "right0")
    left.setup("addr add 192.0.2.1/30 dev left0", "addr add 2001:db8:1::1/64 dev left0", "link set left0 up",
               "route add default via 192.0.2.2", "-6 route add default via 2001:db8:1::2")
    router.as_router()
    router.setup("addr add 192.0.2.2/30 dev to-left", "addr add 2001:db8:1::2/64 dev to-left", "link set to-left up",
                 "addr add 198.51.100.1/24 dev to-right", "addr add 2001:db8:2::1/64 dev to-right", "link set to-right up")
    right.setup("addr add 198.51.100.2/24 dev right0", "addr add 2001:db8:2::2/64 dev right0", "link set right0 up",
                "route add default via 198.51.100.1", "-6 route add default via 2001:db8:2::1")
    # Neighbours are found, and the kernel's link watch (up to a second late) has seen the cables.
    left.wait_for_ping("198.51.100.2", 5)
    left.wait_for_ping("2001:db8:2::2", 5)
    return left, router, right


class TheLab(unittest.TestCase):
    def test_twenty_thousand_packets_a_second_cross_a_router_and_none_is_lost(self):
        with Lab("traffic") as lab:
            left, _, right = three_in_a_row(lab)
            there, back = carry(lambda rate: [
                Stream(lab, "v4", left, "192.0.2.1", right, "198.51.100.2", rate=rate),
                Stream(lab, "v6", right, "2001:db8:2::2", left, "2001:db8:1::1", rate=rate // 20)],
                20000, lambda: time.sleep(2))
            self.assertGreater(there.sent, 15 * back.sent)

    def test_a_tcp_transfer_is_checked_byte_by_byte(self):
        with Lab("tcp") as lab:
            left, _, right = three_in_a_row(lab)
            result = Transfer(lab, "t", left, "2001:db8:1::1", right, "2001:db8:2::2", size=5_000_000).finish()
            self.assertTrue(result.survived, str(result))
            self.assertEqual(result.verified, 5_000_000)

    def test_a_null_route_shows_as_one_gap_of_its_length(self):
        with Lab("null") as lab:
            left, router, right = three_in_a_row(lab)
            stream = Stream(lab, "v4", left, "192.0.2.1", right, "198.51.100.2", rate=2000)
            stream.wait_for_packets()
            with faults.null_route(router, "198.51.100.2/32"):
                time.sleep(0.5)
            stream.wait_for_packets()
            result = stream.stop()
            self.assertGreater(result.longest_gap_ms, 450)
            self.assertLess(result.longest_gap_ms, 900)
            self.assertAlmostEqual(result.lost, result.longest_gap_ms * 2, delta=300)

    def test_a_lossy_link_loses_its_share(self):
        with Lab("lossy") as lab:
            left, router, right = three_in_a_row(lab)
            with faults.lossy(router, "to-left", percent=20):
                stream = Stream(lab, "v4", left, "192.0.2.1", right, "198.51.100.2", rate=5000)
                time.sleep(1)
                result = stream.stop()
            self.assertGreater(result.lost, result.sent * 0.15)
            self.assertLess(result.lost, result.sent * 0.25)

    def test_a_slow_link_delays_loses_and_doubles_as_it_is_told(self):
        with Lab("slow") as lab:
            left, right = lab.namespace("left"), lab.namespace("right")
            lab.slow_link(left, "left0", right, "right0", delay_ms=20, loss=0.05, duplicate=0.02)
            left.setup("addr add 192.0.2.1/30 dev left0", "link set left0 up")
            right.setup("addr add 192.0.2.2/30 dev right0", "link set right0 up")
            left.wait_for_ping("192.0.2.2", 5)
            stream = Stream(lab, "v4", left, "192.0.2.1", right, "192.0.2.2", rate=5000)
            time.sleep(1)
            result = stream.stop()
            self.assertGreater(result.delay_us["p50"], 20000)
            self.assertAlmostEqual(result.lost / result.sent, 0.05, delta=0.02)
            self.assertAlmostEqual(result.duplicates / result.sent, 0.02, delta=0.01)

    def test_a_link_taken_down_takes_the_carrier_from_the_other_end(self):
        with Lab("down") as lab:
            left, router, _ = three_in_a_row(lab)
            with faults.link_down(router, "to-left"):
                self.assertIn("NO-CARRIER", left.ip("link show left0"))
            self.assertIn("LOWER_UP", left.ip("link show left0"))

    def test_bird_and_frr_agree_over_a_link(self):
        with Lab("bgp") as lab:
            left, router, _ = three_in_a_row(lab)
            bird = Bird(left, """
router id 192.0.2.1;
protocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; }
protocol bgp frr {
    local 192.0.2.1 as 64496; neighbor 192.0.2.2 as 64497;
    connect delay time 1; error wait time 1,4;
    ipv4 { import all; export all; };
}
""")
            frr = Frr(router, """
router bgp 64497
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 64496
 neighbor 192.0.2.1 timers connect 1
""")
            bird.wait_established("frr")
            for _ in range(100):
                if "203.0.113.0/24" in router.ip("route show"):
                    break
                time.sleep(0.1)
            self.assertIn("203.0.113.0/24 nhid", router.ip("route show"), frr.ask("show bgp ipv4 unicast"))

    def test_a_kernel_with_gre_carries_traffic_in_a_keyed_tunnel(self):
        """Both ends are Linux kernels: what detour's tunnel must look like from its partner."""
        with Lab("gre") as lab:
            near, far = lab.namespace("near"), lab.namespace("far")
            one, two = lab.linux_with_gre("one"), lab.linux_with_gre("two")
            between = lab.namespace("between")
            lab.link(near, "left0", one, "lan")
            lab.link(one, "wan", between, "b1")
            lab.link(between, "b2", two, "wan")
            lab.link(two, "lan", far, "right0")
            between.as_router()
            between.setup("addr add 192.0.2.1/30 dev b1", "link set b1 up", "addr add 192.0.2.5/30 dev b2", "link set b2 up")
            for machine, mine, gateway, theirs, inside, inner, other in (
                    (one, "192.0.2.2", "192.0.2.1", "192.0.2.6", "198.51.100", "10.255.0.0", "203.0.113"),
                    (two, "192.0.2.6", "192.0.2.5", "192.0.2.2", "203.0.113", "10.255.0.1", "198.51.100")):
                machine.boot()
                machine.as_router()
                machine.setup("link set lan up", f"addr add {inside}.1/24 dev lan", "link set wan up",
                              f"addr add {mine}/30 dev wan", f"route add default via {gateway}",
                              f"link add tunnel type gre local {mine} remote {theirs} key 7 ttl 64 dev wan",
                              "link set tunnel up", f"addr add {inner}/31 dev tunnel",
                              f"route add {other}.0/24 dev tunnel")
            near.setup("addr add 198.51.100.2/24 dev left0", "link set left0 up", "route add default via 198.51.100.1")
            far.setup("addr add 203.0.113.2/24 dev right0", "link set right0 up", "route add default via 203.0.113.1")
            self.assertEqual(near.ping("203.0.113.2"), 3)
            stream = Stream(lab, "v4", near, "198.51.100.2", far, "203.0.113.2", rate=2000)
            time.sleep(1)
            result = stream.stop()
            self.assertEqual(result.lost, 0, str(result))
            shown = two.ip("-s link show tunnel")
            received = int(shown.split("RX:")[1].splitlines()[1].split()[1])
            self.assertGreaterEqual(received, result.sent)

    def test_a_command_that_fails_says_what_and_why(self):
        with Lab("failing") as lab:
            node = lab.namespace("a")
            with self.assertRaisesRegex(Failed, "(?i)cannot find device"):
                node.ip("addr add 192.0.2.1/24 dev nothing")


class TheSandbox(unittest.TestCase):
    """What runs in a sandbox is gone afterwards, however it ended."""

    SCRIPT = "ip netns add left-over; ip link add lo1 type veth peer name lo2; sleep 1000 & "

    def traces(self, marker: str) -> list:
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as stream:
                    if marker.encode() in stream.read():
                        found.append(pid)
            except OSError:
                pass
        return found

    def run_and_end(self, end) -> int:
        marker = f"DETOUR_TEST_MARKER={os.getpid()}-{time.monotonic_ns()}"
        name, value = marker.split("=")
        with subprocess.Popen([SANDBOX, "sh", "-c", self.SCRIPT + "echo ready; wait"], stdout=subprocess.PIPE,
                              env={**os.environ, name: value}, text=True) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            self.assertGreater(len(self.traces(marker)), 2)
            end(process)
            process.wait(15)
            for _ in range(100):
                if not self.traces(marker):
                    break
                time.sleep(0.02)
            self.assertEqual(self.traces(marker), [])
            self.assertNotIn("left-over", subprocess.run(["ip", "netns"], capture_output=True, text=True,
                                                         check=True).stdout)
            return process.returncode

    def test_nothing_is_left_after_sigterm(self):
        self.run_and_end(lambda process: process.terminate())

    def test_nothing_is_left_after_sigint(self):
        self.run_and_end(lambda process: process.send_signal(2))

    def test_nothing_is_left_after_sigkill(self):
        self.run_and_end(lambda process: process.kill())


if __name__ == "__main__":
    cases.main()
