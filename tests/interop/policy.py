#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What the configuration says of a neighbour's routes and of ours, in detourd against BIRD and FRR.

      box namespace (AS 64500)                        peer namespace (AS 64496)
    +---------------------------+                   +---------------------------+
    | detourd              wan0 +-------------------+ wan0      BIRD, or FRR    |
    |        192.0.2.2/30       |                   |        192.0.2.1/30       |
    |  lan0  2001:db8:1::2/64   |                   |        2001:db8:1::1/64   |
    +---------------------------+                   +---------------------------+
     one configuration after another, none of which resets a session
"""

import json
import os
import re
import sys
import unittest

ROOT = os.environ.get("DETOUR_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bgp_peers import HEARD_4, HEARD_6, OURS, THEIRS, BirdPeer, FrrPeer  # noqa: E402  (the paths come first)
from lab import build, cases  # noqa: E402
from lab.process import run, wait_until  # noqa: E402
from lab.topology import Lab  # noqa: E402

MAIL = "198.51.100.0/24"
CONFIG = """\
version: 1
router: {name: box, asn: 64500, id: 192.0.2.2, mode: auto}
dataplane: {kind: kernel}
ports:
  wan: {device: wan0, addresses: [192.0.2.2/30, "2001:db8:1::2/64"]}
  lan: {device: lan0, addresses: [10.1.0.1/24]}
uplinks:
  provider:
    kind: direct
    port: wan
    control-sources: [192.0.2.2]
    sentinels: [192.0.2.161, 192.0.2.165]
    bgp:
      peers: [192.0.2.1, "2001:db8:1::1"]
      asn: 64496
      hold: 9s
MORE\
prefix-sets:
  mail:
    prefixes: [198.51.100.0/24]
    beacons: [198.51.100.2, 198.51.100.254]
    next-hops: [10.1.0.2]
detect:
  targets:
    - {asn: 64501, addresses: [192.0.2.137, 192.0.2.138]}
    - {asn: 64502, addresses: [192.0.2.145, 192.0.2.146]}
    - {asn: 64503, addresses: [192.0.2.153, 192.0.2.154]}
"""


class Policy:
    """The cases; a subclass says with whom."""
    PEER = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(f"policy-{cls.PEER.__name__.lower()}")
        cls.addClassCleanup(cls.lab.__exit__, None, None, None)
        cls.box, cls.far, lan = (cls.lab.namespace(name) for name in ("box", "peer", "lan"))
        cls.lab.link(cls.box, "wan0", cls.far, "wan0")
        cls.lab.link(cls.box, "lan0", lan, "lan0")
        cls.far.setup(f"addr add {THEIRS[0]}/30 dev wan0", f"addr add {THEIRS[1]}/64 dev wan0", "link set wan0 up")
        cls.box.setup("link set wan0 up", "link set lan0 up")
        lan.setup("link set lan0 up")
        cls.peer = cls.PEER(cls.far)
        cls.peer.configure(extra_routes=3)
        cls.folder = cls.lab.path("box")
        for name in ("run", "state"):
            os.makedirs(f"{cls.folder}/{name}")
        cls.config = f"{cls.folder}/detour.yaml"
        cls.write("")
        cls.detourd = cls.box.start_router("detourd", [build.product("detourd"), *cls.directories()])
        wait_until(lambda: cls.sessions() == ["Established", "Established"], 40,
                   f"both sessions; detourd said:\n{cls.detourd.tail()}", every=0.2)

    @classmethod
    def write(cls, more: str):
        with open(cls.config, "w", encoding="utf-8") as stream:
            stream.write(CONFIG.replace("MORE", more))

    @classmethod
    def directories(cls) -> list:
        return ["--config", cls.config, "--run-dir", f"{cls.folder}/run", "--state-dir", f"{cls.folder}/state"]

    @classmethod
    def detour(cls, *words: str) -> str:
        return run([*cls.box.prefix(), build.product("detour"), *words, *cls.directories()], check=False)

    @classmethod
    def peers(cls) -> list:
        try:
            return json.loads(cls.detour("bgp", "-j"))["uplinks"][0]["bgp"]
        except (ValueError, KeyError, IndexError):
            return []

    @classmethod
    def sessions(cls) -> list:
        return [peer["state"] for peer in cls.peers()]

    def setUp(self):
        self.take("")
        self.established = [peer["established_count"] for peer in self.peers()]

    def tearDown(self):
        self.assertEqual([peer["established_count"] for peer in self.peers()], self.established, "a session was reset")

    def take(self, more: str):
        self.write(more)
        self.assertIn("revision", self.detour("reload", "another policy"))

    def refusals(self) -> dict:
        """Prefix -> why the routes of the first session are refused."""
        peers = json.loads(self.detour("bgp", "routes", "--in", THEIRS[0], "-j"))["peers"]
        return {row["prefix"]: row["refusal"] for row in peers[0]["routes"] if row["prefix"] != MAIL}

    HEARD = (HEARD_4, HEARD_6, "10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16")

    def test_rules_decide_what_is_believed_and_what_may_be_the_best(self):
        wait_until(lambda: self.refusals() == dict.fromkeys(self.HEARD), 15, "all routes as evidence")
        self.assertIn("nothing to choose from", self.detour("bgp", "routes", "--best"))
        self.take('      import:\n        - {action: refuse, prefixes: ["10.0.0.0/8 ge 16 le 16"]}\n'
                  '        - {action: accept, as-path: ["64496 *"], prefixes: ["0.0.0.0/0 le 26"]}\n')
        ten = dict.fromkeys(self.HEARD[2:], "refused by import rule 1")
        wait_until(lambda: self.refusals() == {HEARD_4: None, HEARD_6: "no import rule accepts it", **ten}, 5,
                   f"the rules to be applied: {self.refusals()}")
        self.assertIn("not believed: refused by import rule 1", self.detour("bgp", "routes", "10.1.0.0/16"))
        self.assertRegex(self.detour("bgp"), r"of these [34] and 1 are refused: detour bgp routes --in 192\.0\.2\.1")
        best = self.detour("bgp", "routes", "--best")
        self.assertRegex(best, rf"{HEARD_4} +provider 192\.0\.2\.1: ORIGIN \w+, AS_PATH 64496")
        self.assertIn("provider 2001:db8:1::1, a higher address of the peer: ORIGIN", best)
        self.assertNotIn("10.1.0.0/16", best)

    def test_many_prefixes_are_warned_of_once(self):
        wait_until(lambda: len(self.refusals()) == len(self.HEARD), 15, "all routes")

        def warnings():  # FRR sends our own route back
            return re.findall(r"[45] ipv4 prefixes came, more than 50 % of the 7 that end the session", self.detour("events"))
        limit = "      max-prefixes: 7\n      max-prefixes-warning: 50\n"
        self.take(limit)
        wait_until(lambda: "more than 7 prefixes of a family end the session" in self.detour("bgp"), 5, "it to be shown")
        wait_until(lambda: len(warnings()) == 2, 5, f"one for each session:\n{self.detour('events')}")
        self.take(limit + "      max-prefixes-restart: never\n")
        self.assertEqual(len(warnings()), 2)

    def test_what_goes_with_our_announcements_changes_in_place(self):
        def heard():
            route = self.peer.routes(0).get(MAIL)
            return route and (route["path"], route["med"] or 0, route["communities"], route["large"])
        wait_until(lambda: heard() == ("64500", 0, [], []), 40, f"the announcement: {heard()}", every=0.2)
        before = self.peer.withdrawals(0)
        self.take('      export: {prepend: 2, med: 50, communities: ["64496:100", "64496:1:2"]}\n')
        wait_until(lambda: heard() == ("64500 64500 64500", 50, ["64496:100"], ["64496:1:2"]), 5,
                   f"the other announcement: {heard()}", every=0.2)
        self.take("")
        wait_until(lambda: heard() == ("64500", 0, [], []), 5, f"the announcement as it was: {heard()}", every=0.2)
        self.assertEqual(self.peer.withdrawals(0), before)


class WithBird(Policy, unittest.TestCase):
    PEER = BirdPeer


class WithFrr(Policy, unittest.TestCase):
    PEER = FrrPeer


if __name__ == "__main__":
    cases.main()
