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
from lab.process import Failed, wait_until  # noqa: E402
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


# The way from announcing to withdrawing is a matter of milliseconds in profile fast: here it lasts, so that
# detourd can be killed on it.
POLICY = {"test_detourd_is_killed_between_announcing_and_withdrawing": {"withdraw-gate": "4s"}}


class CounterStories(unittest.TestCase):
    def setUp(self):
        # A box of its own each time: a return within the hour makes the next one wait (detection.md, brakes).
        self.lab = Lab(f"counter-{self._testMethodName[5:25]}")
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.net = internet.Internet(self.lab, "provider")
        self.net.start()
        self.night = Night(self.net, "fast", policy=POLICY.get(self._testMethodName))
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
        try:
            wait_until(lambda: (set_name, verdict) in self.verdicts(), seconds, f"{set_name} {verdict}", every=0.2)
        except Failed as problem:
            raise Failed(f"{problem}; said {self.verdicts()}\n{self.night.detour('status')}") from None

    def assert_nothing_moved(self):
        self.assertEqual([row["payload"]["step"] for row in self.rows("move")], [], self.night.detour("status"))
        status = self.night.status()
        for set_name, families in FAMILIES.items():
            for family in families:
                block = self.night.block(status, set_name, family)
                self.assertEqual((block["uplink"], [a["uplink"] for a in block["announced"]]), ("provider", ["provider"]))

    def wait_all_on_the_partner(self, seconds: float):
        for set_name, families in FAMILIES.items():
            self.night.wait_on("partner", set_name, families, seconds)

    def assert_traffic_flows(self):
        """What is sent now arrives, in every set and family."""
        before = {stream: stream.so_far()["received"] for streams in self.streams.values() for stream in streams}
        time.sleep(1)
        for stream, count in before.items():
            self.assertGreater(stream.so_far()["received"], count + 200, stream.name)

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

    def test_the_providers_link_goes_down(self):
        began = time.monotonic()
        self.net.provider.ip("link set wan down")
        for set_name in FAMILIES:
            self.wait_verdict(set_name, "UPLINK-DEAD", 5)
        self.wait_all_on_the_partner(10)
        print(f"every set on the partner alone {time.monotonic() - began:.1f} s after the link went down")
        self.assert_traffic_flows()
        time.sleep(3)
        self.wait_all_on_the_partner(0.5)
        # And home again by the stair when it is back, one set after the other.
        # (A kernel that is no router of ours forgets the IPv6 addresses of a link that was down.)
        self.net.provider.setup("link set wan up", "addr add 2001:db8:1::1/64 dev wan nodad")
        for set_name, families in FAMILIES.items():
            self.night.wait_on("provider", set_name, families, 60)
        self.assert_traffic_flows()

    def test_the_session_is_lost_with_the_link_up(self):
        # detourd hears no BGP from the provider any more, whoever called; the hold time is 9 s.
        self.net.provider.nft(drop("bgp", "output", ['oifname "wan" tcp dport 179', 'oifname "wan" tcp sport 179']))
        began = time.monotonic()
        for set_name in FAMILIES:
            self.wait_verdict(set_name, "SESSION-DOWN", 15)
        self.wait_all_on_the_partner(10)
        print(f"every set on the partner alone {time.monotonic() - began:.1f} s after the session was cut")
        self.assert_traffic_flows()

    def test_the_provider_loses_the_session_first(self):
        # The provider hears no BGP any more: it forgets the blocks up to 3 s before detourd's own hold time has passed,
        # and E with them. What is said depends on who is sooner, what is done does not.
        self.net.provider.nft(drop("bgp", "input", ['iifname "wan" tcp dport 179', 'iifname "wan" tcp sport 179']))
        began = time.monotonic()
        self.wait_all_on_the_partner(20)
        print(f"every set on the partner alone {time.monotonic() - began:.1f} s after the session was cut; "
              f"said: {sorted(self.verdicts())}")
        self.assertLessEqual({verdict for _, verdict in self.verdicts()},
                             {"SESSION-DOWN", "NULLROUTED", "AWAY", "UNCLEAR", "PARTIAL", "SENTINEL-BAD"})
        self.assert_traffic_flows()

    def test_detourd_is_killed_between_announcing_and_withdrawing(self):
        self.net.null_route(internet.WEB4, internet.WEB6)
        wait_until(lambda: {row["family"] for row in self.rows("announcement")
                            if (row["uplink"], row["payload"]["action"]) == ("partner", "announce")} == {"ipv4", "ipv6"},
                   5, "web to be announced by the partner", every=0.05)
        self.assertNotIn("withdraw", [row["payload"]["action"] for row in self.rows("announcement")])
        first = self.child("detourd")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: self.child("detourd") not in (None, first), 10, "another detourd")
        self.wait_until_status()
        killed = max(row["number"] for row in self.rows("started"))

        def is_announced_somewhere():
            status = self.night.status()
            for family in FAMILIES["web"]:
                self.assertTrue(self.night.block(status, "web", family)["announced"], "announced nowhere")
        self.night.wait_on("partner", "web", FAMILIES["web"], 30, is_announced_somewhere)
        steps = {(row["family"], row["payload"]["step"]) for row in self.rows("move") if row["number"] > killed}
        for family in FAMILIES["web"]:
            # The move that was begun before goes on; it is not a new one.
            self.assertNotIn((family, "forwarding"), steps)
            self.assertIn((family, "withdraw"), steps)
        mail = self.night.block(self.night.status(), "mail", "ipv4")
        self.assertEqual((mail["uplink"], [a["uplink"] for a in mail["announced"]]), ("provider", ["provider"]))
        self.assert_traffic_flows()

    def wait_until_status(self):
        wait_until(lambda: self.night.status() is not None, 10, "detourd to answer")

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
