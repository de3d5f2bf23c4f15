#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The shipping BGP speaker and sockets against BIRD and FRR.

      box namespace (AS 64500)                        peer namespace (AS 64496)
    +---------------------------+                   +---------------------------+
    | bgp_driver           wan0 +-------------------+ wan0      BIRD, or FRR    |
    |        192.0.2.2/30       |                   |        192.0.2.1/30       |
    |        2001:db8:1::2/64   |                   |        2001:db8:1::1/64   |
    +---------------------------+                   +---------------------------+
     session 0 over IPv4, session 1 over IPv6; both carry both families

The same cases run with each; what differs is how it is configured and asked (bgp_peers.py).
"""

import os
import sys
import time
import unittest

ROOT = os.environ.get("DETOUR_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bgp_peers import HEARD_4, HEARD_6, OURS, THEIRS, BirdPeer, FrrPeer  # noqa: E402  (the paths come first)
from lab import cases  # noqa: E402
from lab.process import Failed, wait_until  # noqa: E402
from lab.topology import Lab  # noqa: E402
from speaker import Speaker  # noqa: E402

MAIL, WEB, WEB6 = "198.51.100.0/24", "203.0.113.0/24", "2001:db8:77::/48"
DECLARED = [MAIL, WEB, WEB6]
GSHUT, NO_EXPORT = "65535:0", "65535:65281"
PASSWORD = "cross-connect-7"


def route(prefix: str, path: str = "64500", **attributes) -> dict:
    """A route as a peer shows it."""
    return {"path": path, "next_hop": OURS[":" in prefix], "med": None, "communities": [], "large": [], **attributes}


def ruleset(table: str, **chains) -> str:
    """nft's text: chains `in` and `out` with their rules."""
    hooks = {"in": "input", "out": "output"}
    text = "".join(f"chain {name} {{\ntype filter hook {hooks[name]} priority 0\n" + "\n".join(rules) + "\n}\n"
                   for name, rules in chains.items())
    return f"table inet {table} {{\n{text}}}\n"


class Sessions:
    """The cases; a subclass says with whom."""
    PEER = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(f"bgp-{cls.PEER.__name__.lower()}")
        cls.box, cls.far = cls.lab.namespace("box"), cls.lab.namespace("peer")
        cls.lab.link(cls.box, "wan0", cls.far, "wan0")
        for node, addresses in ((cls.box, OURS), (cls.far, THEIRS)):
            node.setup(f"addr add {addresses[0]}/30 dev wan0", f"addr add {addresses[1]}/64 dev wan0", "link set wan0 up")
        cls.box.wait_for_ping(THEIRS[0], 5)
        cls.box.wait_for_ping(THEIRS[1], 5)
        cls.peer = cls.PEER(cls.far)

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    def setUp(self):
        self.speaker = Speaker(self.box, self.id().rpartition(".")[2])

    def tearDown(self):
        self.speaker.process.stop(2)
        self.box.sh("nft flush ruleset", check=False)

    def connect(self, *, ours: dict | None = None, sessions: tuple = (0, 1), seconds: float = 20, **theirs):
        """Both configured; waits until the sessions are up."""
        self.peer.configure(**theirs)
        self.configure(**(ours or {}))
        for session in sessions:
            self.speaker.wait_state(session, "Established", seconds)

    def configure(self, declared: tuple = tuple(DECLARED), *, is_resumed: bool = False, **options):
        peers = [{"local": OURS[session], "remote": THEIRS[session], "asn": 64496, "device": "wan0", "hold": 9,
                  "next_hops": list(OURS), **options} for session in (0, 1)]
        self.speaker.configure(64500, "192.0.2.2", list(declared), peers, is_resumed=is_resumed)

    def wait_routes(self, session: int, expected: dict, seconds: float = 5):
        try:
            wait_until(lambda: self.heard(session) == expected, seconds, "the routes", every=0.05)
        except Failed:  # say which routes
            self.assertEqual(self.heard(session), expected)

    def wait_heard(self, session: int):
        """What the peer announces has come; FRR sends our own routes back, which are refused."""
        def accepted():
            return {prefix for prefix, entry in self.speaker.view(session)["routes"].items() if not entry["refusal"]}
        wait_until(lambda: accepted() == {HEARD_4, HEARD_6}, 15, "both routes of the peer")

    def heard(self, session: int) -> dict:
        """The peer's routes from us; FRR shows an absent MED as 0 or not at all."""
        return self.peer.routes(session)

    def test_both_families_over_either_session_and_exactly_the_declared_prefixes(self):
        self.connect()
        for session in (0, 1):
            view = self.speaker.view(session)
            self.assertEqual(view["negotiated"]["ipv4"] and view["negotiated"]["ipv6"], True)
            self.assertTrue(view["negotiated"]["four_octet_as"])
            self.assertTrue(view["negotiated"]["route_refresh"])
            self.assertTrue(view["negotiated"]["enhanced_refresh"])
            self.assertEqual(view["negotiated"]["hold"], 9)
        self.speaker.announce(0, {MAIL: {}, WEB6: {}, "10.0.0.0/8": {}})
        self.speaker.wait_for(2, refused="10.0.0.0/8")
        self.speaker.announce(1, {WEB: {}, WEB6: {}})
        self.wait_routes(0, {MAIL: route(MAIL), WEB6: route(WEB6)})
        self.wait_routes(1, {WEB: route(WEB), WEB6: route(WEB6)})

    def test_what_the_peer_announces_is_learned_on_both_sessions_and_its_withdrawal_too(self):
        self.connect()
        for session in (0, 1):
            self.wait_heard(session)
            routes = self.speaker.view(session)["routes"]
            self.assertIn(f"AS_PATH 64496, NEXT_HOP {THEIRS[0]}", routes[HEARD_4]["attributes"])
            self.assertIn(f"AS_PATH 64496, NEXT_HOP {THEIRS[1]}", routes[HEARD_6]["attributes"])
            self.assertEqual([entry["refusal"] for entry in routes.values()], ["", ""])
        self.peer.stop_announcing_ipv4()
        for session in (0, 1):
            self.speaker.wait_for(5, peer=session, withdrawn=[HEARD_4])
            self.assertEqual(set(self.speaker.view(session)["routes"]), {HEARD_6})

    def test_prepend_communities_and_med_are_replaced_in_place(self):
        self.connect(sessions=(0,))
        self.speaker.announce(0, {MAIL: {}, WEB: {}, WEB6: {}})
        self.wait_routes(0, {prefix: route(prefix) for prefix in DECLARED})
        before = self.peer.withdrawals(0)
        leaving = {"prepend": 3, "med": 50, "communities": [GSHUT, NO_EXPORT, "64496:100"], "large": ["64500:1:2"]}
        self.speaker.announce(0, {MAIL: leaving, WEB: {}, WEB6: leaving})
        shown = {"path": "64500 64500 64500 64500", "med": 50, "communities": sorted([GSHUT, NO_EXPORT, "64496:100"]),
                 "large": ["64500:1:2"]}
        self.wait_routes(0, {MAIL: route(MAIL, **shown), WEB: route(WEB), WEB6: route(WEB6, **shown)})
        self.speaker.announce(0, {MAIL: {}, WEB: {}, WEB6: {}})
        self.wait_routes(0, {prefix: route(prefix) for prefix in DECLARED})
        self.assertEqual(self.peer.withdrawals(0), before)
        self.speaker.announce(0, {})
        self.wait_routes(0, {})

    def test_an_announcement_is_acknowledged_within_milliseconds(self):
        self.connect(sessions=(0,))
        since = self.speaker.count()
        self.speaker.announce(0, {MAIL: {}, WEB6: {}})
        acknowledged = self.speaker.wait_for(5, since, peer=0, progress="acknowledged")
        sent = self.speaker.wait_for(1, since, peer=0, progress="sent")
        self.assertEqual(acknowledged["announced"], [MAIL, WEB6])
        print(f"acknowledged {acknowledged['ms'] - sent['ms']:.2f} ms after it was sent")
        self.assertLess(acknowledged["ms"] - sent["ms"], 100)

    def test_an_announcement_is_not_acknowledged_while_the_cable_is_cut(self):
        self.connect(sessions=(0,))
        self.cut()
        since = self.speaker.count()
        self.speaker.announce(0, {MAIL: {}})
        self.speaker.wait_for(2, since, peer=0, progress="sent")
        time.sleep(0.5)
        self.assertFalse([entry for entry in self.speaker.said(since) if entry.get("progress") == "acknowledged"])
        self.mend()
        self.speaker.wait_for(5, since, peer=0, progress="acknowledged")

    def test_a_silent_cable_ends_the_session_in_the_hold_time_and_everything_comes_back(self):
        self.connect(hold=3, ours={"hold": 3})
        for session in (0, 1):
            self.speaker.announce(session, {MAIL: {}, WEB6: {}})
            self.wait_routes(session, {MAIL: route(MAIL), WEB6: route(WEB6)})
        since = self.speaker.count()
        self.cut()
        cut_at = time.monotonic()
        for session in (0, 1):
            self.speaker.wait_for(6, since, peer=session, reason="hold-timer")
        self.assertGreater(time.monotonic() - cut_at, 1.5)
        self.wait_routes(0, {})
        self.mend()
        for session in (0, 1):
            self.speaker.wait_state(session, "Established", 20)
            self.wait_routes(session, {MAIL: route(MAIL), WEB6: route(WEB6)})

    def test_a_session_that_the_peer_resets_comes_back_and_announces_again(self):
        self.connect()
        self.speaker.announce(1, {WEB: {}, WEB6: {}})
        self.wait_routes(1, {WEB: route(WEB), WEB6: route(WEB6)})
        since, others = self.speaker.count(), self.speaker.view(0)["established"]
        self.peer.reset(1)
        self.speaker.wait_for(5, since, peer=1, state="Idle")
        self.speaker.wait_state(1, "Established", 20)
        self.wait_routes(1, {WEB: route(WEB), WEB6: route(WEB6)})
        self.assertEqual(self.speaker.view(0)["established"], others)

    def test_tcp_md5_on_both_sessions_and_no_session_with_another_key(self):
        self.connect(password=PASSWORD, ours={"password": PASSWORD})
        self.speaker.announce(0, {MAIL: {}})
        self.wait_routes(0, {MAIL: route(MAIL)})
        self.configure(password="another")
        time.sleep(4)
        for session in (0, 1):
            self.assertNotEqual(self.speaker.view(session)["state"], "Established")
        self.configure(password=PASSWORD)
        for session in (0, 1):
            self.speaker.wait_state(session, "Established", 20)

    def test_md5_and_ttl_security_when_the_peer_only_answers(self):
        self.connect(password=PASSWORD, ttl_security=True, is_passive=True, ours={"password": PASSWORD, "ttl_hops": 1})

    def test_md5_and_ttl_security_when_we_only_answer(self):
        self.connect(password=PASSWORD, ttl_security=True, ours={"password": PASSWORD, "ttl_hops": 1, "passive": True})

    def test_ttl_security_drops_what_came_from_farther_away(self):
        self.connect(ttl_security=True, hold=3, ours={"ttl_hops": 1, "hold": 3})
        since = self.speaker.count()
        self.far.nft(ruleset("far", out=[f"tcp {port} 179 {field} set 254" for port in ("dport", "sport")
                                         for field in ("ip ttl", "ip6 hoplimit")]))
        for session in (0, 1):
            self.speaker.wait_for(8, since, peer=session, reason="hold-timer")
        self.far.sh("nft delete table inet far")
        for session in (0, 1):
            self.speaker.wait_state(session, "Established", 20)

    def test_a_refresh_is_answered_by_both_sides_and_changes_nothing(self):
        self.connect(sessions=(0,))
        self.speaker.announce(0, {MAIL: {}, WEB6: {}})
        self.wait_routes(0, {MAIL: route(MAIL), WEB6: route(WEB6)})
        self.wait_heard(0)
        before = self.speaker.view(0)
        since = self.speaker.count()
        self.peer.ask_for_refresh(0)
        wait_until(lambda: self.speaker.view(0)["refreshes_in"] >= before["refreshes_in"] + 2, 5, "the peer to ask")
        for family in ("ipv4", "ipv6"):
            self.speaker.tell({"refresh": 0, "family": family})
        wait_until(lambda: self.speaker.view(0)["updates_in"] >= before["updates_in"] + 2, 5, "the peer to answer")
        self.assertEqual([entry for entry in self.speaker.said(since) if entry.get("peer") == 0 and ("learned" in entry or "withdrawn" in entry)], [])
        self.wait_routes(0, {MAIL: route(MAIL), WEB6: route(WEB6)})

    def test_our_shutdown_says_why_and_the_peer_shows_it(self):
        self.connect(sessions=(0,))
        self.speaker.tell({"stop": 0, "communication": "circuit 4711 at work"})
        wait_until(lambda: self.peer.has_heard(0, "circuit 4711 at work"), 5, "the peer to show our words")
        self.speaker.tell({"start": 0})
        self.speaker.wait_state(0, "Established", 20)

    def test_a_peer_that_was_shut_down_is_not_called_and_comes_back_by_itself(self):
        self.connect(sessions=(0,))
        since = self.speaker.count()
        self.peer.shut(0, "night work")
        down = self.speaker.wait_for(5, since, peer=0, reason="peer-shut-down")
        self.assertEqual(down["text"], "received Cease/Administrative Shutdown: night work")
        self.speaker.wait_state(0, "Active", 5)
        time.sleep(2.5)
        self.assertEqual(self.speaker.view(0)["state"], "Active")
        self.peer.open(0)
        self.speaker.wait_state(0, "Established", 20)

    def test_too_many_prefixes_end_the_session_and_the_peer_knows_why(self):
        self.peer.configure(extra_routes=8)
        self.configure(max_prefixes=5)
        self.speaker.wait_for(20, peer=0, reason="max-prefixes")
        wait_until(lambda: self.peer.has_heard(0, "Maximum") or self.peer.has_heard(0, "aximum number of prefixes"), 5,
                   "the peer to name the reason")
        self.assertEqual(self.speaker.view(0)["routes"], {})

    def test_import_rules_decide_and_change_without_a_word_to_the_peer(self):
        rules = [{"action": "refuse", "prefixes": [f"{HEARD_4} le 32"]}, {"action": "accept", "as_path": ["64496 *"]}]
        self.connect(ours={"import": rules}, sessions=(0,))

        def refusals():
            routes = self.speaker.view(0)["routes"]
            return [routes.get(prefix, {}).get("refusal") for prefix in (HEARD_4, HEARD_6)]
        wait_until(lambda: refusals() == ["refused by import rule 1", ""], 15, "the routes to be judged")
        before, since = self.speaker.view(0), self.speaker.count()
        self.configure(**{"import": [{"action": "accept", "prefixes": ["0.0.0.0/0 le 26"]}]})
        self.speaker.wait_for(5, since, peer=0, learned=[HEARD_4])
        self.speaker.wait_for(5, since, peer=0, withdrawn=[HEARD_6])
        self.assertEqual(refusals(), ["", "no import rule accepts it"])
        after = self.speaker.view(0)
        self.assertEqual([after["established"], after["updates_in"]], [before["established"], before["updates_in"]])

    def test_a_change_names_its_own_prefixes_alone(self):
        self.connect(sessions=(0,))
        self.speaker.announce(0, {MAIL: {}, WEB: {}, WEB6: {}})
        self.wait_routes(0, {prefix: route(prefix) for prefix in DECLARED})
        self.speaker.change(0, [WEB], {"prepend": 1})
        self.speaker.change(0, [WEB6], None)
        self.wait_routes(0, {MAIL: route(MAIL), WEB: route(WEB, path="64500 64500")})

    def test_ten_thousand_prefixes_switch_in_milliseconds(self):
        """One decision about 10,000 prefixes: announced on B with other attributes, withdrawn from A."""
        many = [f"10.{number // 250}.{number % 250}.0/24" for number in range(10000)]
        self.peer.configure()
        self.configure(declared=many, hold=90)
        for session in (0, 1):
            self.speaker.wait_state(session, "Established", 20)
        since = self.speaker.count()
        self.speaker.announce(0, dict.fromkeys(many, {}))
        self.speaker.wait_for(20, since, peer=0, progress="acknowledged")
        handled, acknowledged = [], []
        for round_number in range(5):
            since, sides = self.speaker.count(), (0, 1) if round_number % 2 == 0 else (1, 0)
            self.speaker.tell({"switch": {"from": sides[0], "to": sides[1], "announcement": {"prepend": round_number}}})
            handled.append(self.speaker.wait_for(20, since, switched=10000)["handled_ms"])
            done = wait_until(lambda: next((entry["switch_acknowledged_ms"] for entry in self.speaker.said(since)  # pylint: disable=cell-var-from-loop
                                            if "switch_acknowledged_ms" in entry), None), 20, "both to acknowledge")
            acknowledged.append(done)
        single = self.speaker.count()
        self.speaker.change(1, many[:1], {"med": 7})
        sent = self.speaker.wait_for(5, single, peer=1, progress="sent")["ms"]
        heard = self.speaker.wait_for(5, single, peer=1, progress="acknowledged")["ms"]
        print(f"    {self.PEER.__name__}: switch of 10,000: handled in {sorted(handled)[2]:.1f} ms, acknowledged by both after "
              f"{sorted(acknowledged)[2]:.1f} ms (medians of 5); a single one acknowledged {heard - sent:.2f} ms after it was sent")
        self.assertLess(sorted(handled)[2], 60)
        wait_until(lambda: self.peer.prefixes(1) == set(many) and not self.peer.prefixes(0), 60,
                   "the peer to have them from B alone", every=1)

    def test_the_peer_keeps_our_routes_while_we_are_killed_and_sweeps_what_we_do_not_say_again(self):
        self.connect(sessions=(0,), is_graceful=True)
        self.assertTrue(self.speaker.view(0)["negotiated"]["graceful_restart"])
        self.speaker.announce(0, {MAIL: {}, WEB: {}, WEB6: {}})
        self.wait_routes(0, {prefix: route(prefix) for prefix in DECLARED})
        self.speaker.process.kill()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            self.assertEqual(set(self.heard(0)), set(DECLARED))
        self.speaker = Speaker(self.box, "resumed")
        self.configure(is_resumed=True, set={MAIL: {}, WEB6: {}})

        def has_swept():
            now = set(self.heard(0))
            self.assertLessEqual({MAIL, WEB6}, now, "what stood was never gone")
            return now == {MAIL, WEB6}
        wait_until(has_swept, 20, "the peer to sweep what was not said again")

    def test_a_shutdown_is_for_good_also_with_graceful_restart(self):
        self.connect(sessions=(0,), is_graceful=True, ours={"notifications": True})
        self.speaker.announce(0, {MAIL: {}})
        self.wait_routes(0, {MAIL: route(MAIL)})
        self.speaker.tell({"stop": 0, "communication": "for good"})
        self.wait_routes(0, {})

    def test_roles_are_agreed_on_and_a_wrong_one_is_refused(self):
        self.connect(sessions=(0,), role="provider", ours={"role": "customer", "strict": True})
        self.wait_heard(0)
        self.assertIn("ONLY_TO_CUSTOMER 64496", self.speaker.view(0)["routes"][HEARD_4]["attributes"])
        since = self.speaker.count()
        self.configure(role="peer")
        wait_until(lambda: any("Role Mismatch" in str(entry) for entry in self.speaker.said(since)), 20,
                   "the session to be refused for its role")

    def test_ipv4_over_an_ipv6_next_hop(self):
        self.connect(sessions=(1,), has_extended_next_hop=True, ours={"next_hops": [OURS[1], OURS[1]]})
        self.assertTrue(self.speaker.view(1)["negotiated"]["extended_next_hop"])
        self.speaker.announce(1, {MAIL: {}})
        self.wait_routes(1, {MAIL: {**route(MAIL), "next_hop": OURS[1]}})
        self.wait_heard(1)
        self.assertIn(f"NEXT_HOP {THEIRS[1]}", self.speaker.view(1)["routes"][HEARD_4]["attributes"])

    def cut(self):
        """Nothing passes any more, and no carrier tells."""
        drops = [f"tcp {port} 179 drop" for port in ("dport", "sport")]
        self.box.nft(ruleset("cut", **{"in": drops, "out": drops}))

    def mend(self):
        self.box.sh("nft delete table inet cut")


class BirdSessions(Sessions, unittest.TestCase):
    PEER = BirdPeer

    def test_the_routes_of_a_peer_that_crashes_stay_until_it_has_said_what_it_still_has(self):
        self.connect(sessions=(0,), is_graceful=True)
        self.wait_heard(0)
        since = self.speaker.count()
        self.peer.restart()
        self.speaker.wait_for(10, since, peer=0, state="Idle")
        self.speaker.wait_state(0, "Established", 30)
        wait_until(lambda: self.speaker.view(0)["stale"] == [0, 0], 30, "every route to be heard again")
        self.assertEqual([entry for entry in self.speaker.said(since) if "withdrawn" in entry and entry["peer"] == 0], [])
        self.wait_heard(0)


class FrrSessions(Sessions, unittest.TestCase):
    PEER = FrrPeer


if __name__ == "__main__":
    cases.main()
