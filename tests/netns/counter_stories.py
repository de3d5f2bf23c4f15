#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What looks like a null route and is none, and what is another fault altogether: on real packets, in
the Internet drawn on top of tools/lab/internet.py.
"""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, internet  # noqa: E402  (the path comes first)
from lab.night import Night  # noqa: E402
from lab.process import wait_until  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream  # noqa: E402

BEACONS = {"mail": ["198.51.100.2", "198.51.100.254"],
           "web": ["203.0.113.2", "203.0.113.254", "2001:db8:77::2", "2001:db8:77:8000::2"]}
FAMILIES = {"mail": ("ipv4",), "web": ("ipv4", "ipv6")}
# Longer than any verdict of profile fast takes, several times.
LONG_ENOUGH = 4


def drop(table: str, hook: str, matches: list) -> str:
    rules = "\n".join(f"    {match} drop" for match in matches)
    return f"table inet {table} {{\n  chain c {{\n    type filter hook {hook} priority 0;\n{rules}\n  }}\n}}\n"


def to_hosts(addresses: list, what4: str, what6: str) -> list:
    return [f"ip6 daddr {a} {what6}" if ":" in a else f"ip daddr {a} {what4}" for a in addresses]


class CounterStories(unittest.TestCase):
    def setUp(self):
        # A box of its own each time: a return within the hour makes the next one wait (detection.md, brakes).
        self.lab = Lab(f"counter-{self._testMethodName[5:25]}")
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.net = internet.Internet(self.lab, "provider")
        self.net.start()
        self.night = Night(self.net, "fast")
        self.night.start()
        self.night.wait_ready(60)
        outside, customer = self.net.nodes["outside"], self.net.nodes["customer"]
        self.streams = {}
        for set_name, hosts in internet.CUSTOMER_HOSTS.items():
            for host in hosts:
                far = internet.OUTSIDE6 if ":" in host else internet.OUTSIDE4
                stream = Stream(self.lab, f"{self._testMethodName[5:25]}-{set_name}-{'6' if ':' in host else '4'}",
                                outside, far, customer, host, rate=500)
                stream.wait_for_packets()
                self.streams.setdefault(set_name, []).append(stream)
        time.sleep(2)  # what P compares with
        rows = self.night.events(1)
        self.first = rows[-1]["number"] if rows else 0

    # --- what the box said and did since setUp

    def rows(self, kind: str) -> list:
        return [row for row in self.night.events(1000) if row["number"] > self.first and row["kind"] == kind]

    def verdicts(self, uplink: str = "provider") -> set:
        return {(row["prefix_set"], row["payload"]["to"]) for row in self.rows("verdict") if row["uplink"] == uplink}

    def wait_verdict(self, set_name: str, verdict: str, seconds: float):
        wait_until(lambda: (set_name, verdict) in self.verdicts(), seconds,
                   f"{set_name} {verdict}; said {self.verdicts()}\n{self.night.detour('status')}", every=0.2)

    def assert_nothing_moved(self):
        self.assertEqual([row["payload"]["step"] for row in self.rows("move")], [], self.night.detour("status"))
        status = self.night.status()
        for set_name, families in FAMILIES.items():
            for family in families:
                block = self.night.block(status, set_name, family)
                self.assertEqual((block["uplink"], [a["uplink"] for a in block["announced"]]), ("provider", ["provider"]))

    # --- the cases

    def test_all_targets_die(self):
        for name in ("r501", "r502", "r503"):
            node = self.net.nodes[name]
            node.nft(drop("dead", "input", to_hosts(internet.TARGETS[internet.ASN[name]], "icmp type echo-request",
                                                    "icmpv6 type echo-request")))
        time.sleep(LONG_ENOUGH)
        self.assert_nothing_moved()
        self.assertNotIn("NULLROUTED", {verdict for _, verdict in self.verdicts()})

    def filter_beacons(self, *sets: str):
        self.net.provider.nft(drop("filter", "forward", to_hosts([a for s in sets for a in BEACONS[s]],
                                                                 "icmp type echo-reply", "icmpv6 type echo-reply")))

    def test_icmp_to_all_beacons_is_filtered_while_traffic_flows(self):
        self.filter_beacons("mail", "web")
        self.wait_verdict("mail", "PROBE-FILTERED", 10)
        self.wait_verdict("web", "PROBE-FILTERED", 10)
        time.sleep(1)
        self.assert_nothing_moved()
        self.assertNotIn("NULLROUTED", {verdict for _, verdict in self.verdicts()})

    def test_icmp_to_one_set_is_filtered(self):
        self.filter_beacons("web")
        time.sleep(LONG_ENOUGH)
        said = self.verdicts()
        self.assertTrue({("web", "PROBE-FILTERED"), ("web", "UNCLEAR")} & said, said)
        self.assertNotIn(("web", "NULLROUTED"), said)
        self.assert_nothing_moved()

    def test_the_partner_is_dead_when_the_null_route_comes(self):
        self.net.partner.ip("link set detour down")
        wait_until(lambda: not self.night.watch(self.night.status(), "partner", "web", "ipv4")["armed"], 10,
                   "the partner not to be armed")
        self.net.null_route(internet.WEB4, internet.WEB6)
        self.wait_verdict("web", "NULLROUTED", 5)
        wait_until(lambda: self.rows("held"), 5, "detour to say that it holds")
        time.sleep(1)
        self.assert_nothing_moved()
        self.assertIn("missing", self.night.detour("why", "203.0.113.0/24"))

    def test_the_data_plane_dies(self):
        first = self.child("detour-dataplane")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: self.child("detour-dataplane") not in (None, first), 10, "another data plane")
        time.sleep(LONG_ENOUGH)
        self.assert_nothing_moved()
        self.night.wait_ready(30)

    def child(self, name: str) -> int | None:
        """The pid of a plane under `detour run`."""
        with open(f"/proc/{self.night.process.pid}/task/{self.night.process.pid}/children", encoding="utf-8") as stream:
            for pid in stream.read().split():
                try:
                    with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                        if name.startswith(comm.read().strip()):
                            return int(pid)
                except FileNotFoundError:
                    continue
        return None


if __name__ == "__main__":
    cases.main()
