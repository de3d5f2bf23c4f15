#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Another configuration under traffic: reload and SIGHUP, apply on trial, confirm, rollback, a bad file,
a detourd killed in the middle of a trial, freeze and thaw. No session that need not reset does, and no
packet is lost. The Internet is the one drawn on top of tools/lab/internet.py.

    outside == streams both ways ==> box (both planes) ==> customer
"""

import glob
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, internet  # noqa: E402  (the path comes first)
from lab.night import Night  # noqa: E402
from lab.process import wait_until  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream  # noqa: E402

RELOADS = 1000 if os.environ.get("DETOUR_LONG") else 50

NEW_SET = """\
prefix-sets:
  news:
    prefixes: ["2001:db8:78::/48"]
    beacons: ["2001:db8:78::2", "2001:db8:78:8000::2"]
    next-hops: ["2001:db8:10::2"]
"""
SPARE = """\
  spare:
    kind: gre
    underlay: {port: xcon0, local: 192.0.2.66, remote: 192.0.2.65, key: 9}
    inner: [10.255.1.1/31]
prefix-sets:
"""
# What a night's edits look like; each is a change of the text that Night writes.
EDITS = {
    "as it was": (),
    "a comment": (("policy: {", "# as agreed on the phone\npolicy: {"),),
    "a limit": (("    bgp: {peers: [10.255.0.0]", "    limit: 1Gbps\n    bgp: {peers: [10.255.0.0]"),),
    "thresholds": (("policy: {", "policy: {complete: 7s, "),),
    "another set in front": (("prefix-sets:\n", NEW_SET),),
    "another beacon": (("203.0.113.254, ", "203.0.113.253, "),),
    "a target less": ((', "2001:db8:503::2"', ""),),
    "another tunnel": (("prefix-sets:\n", SPARE),),
    "another prefix": (("prefixes: [198.51.100.0/24]", 'prefixes: [198.51.100.0/24, "2001:db8:79::/48"]'),
                       ("beacons: [198.51.100.2,", 'beacons: ["2001:db8:79::2", "2001:db8:79:8000::2", 198.51.100.2,'),
                       ("next-hops: [10.1.0.2]", 'next-hops: [10.1.0.2, "2001:db8:10::2"]')),
}


class Reload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("reload")
        cls.addClassCleanup(cls.lab.__exit__, None, None, None)
        cls.net = internet.Internet(cls.lab, "provider")
        cls.net.start()
        cls.night = Night(cls.net, "fast")
        with open(cls.night.config, encoding="utf-8") as stream:
            cls.text = stream.read()
        cls.night.start()
        cls.night.wait_ready(60)

    def setUp(self):
        if self.running()["trial_left_s"] is not None:  # left by a case that failed
            self.detour("rollback")
        self.write()
        begun = json.loads(self.detour("reload", "the case begins", "-j"))["revision"]
        # The status is published five times a second.
        wait_until(lambda: self.running()["revision"] == begun, 5, f"the status of revision {begun}", every=0.05)
        self.sessions = self.established()

    # --- the box

    def write(self, *replacements):
        text = self.text
        for before, after in replacements:
            self.assertIn(before, text)
            text = text.replace(before, after, 1)
        with open(self.night.config, "w", encoding="utf-8") as stream:
            stream.write(text)

    def detour(self, *words: str, code: int | None = 0) -> str:
        done = subprocess.run([*self.night.node.prefix(), self.night.program(), *words, *self.night.directories()],
                              capture_output=True, text=True, check=False)
        if code is not None:
            self.assertEqual(done.returncode, code, f"detour {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def running(self) -> dict:
        return self.night.status()["configuration"]

    def wait_for_mode(self, mode: str, seconds: float = 2):
        """The status is published five times a second."""
        wait_until(lambda: self.night.status()["mode"] == mode, seconds, f"mode {mode}", every=0.05)

    def uplink_blocks(self) -> tuple:
        """The text of the provider's block and of the partner's, which follows it."""
        provider, partner = self.text.split("uplinks:\n")[1].split("prefix-sets:\n")[0].split("  partner:\n")
        return provider, f"  partner:\n{partner}"

    def reordered(self) -> tuple:
        """The partner before the provider."""
        provider, partner = self.uplink_blocks()
        return ((provider + partner, partner + provider), ("fail-back: auto", "fail-back: manual"))

    def established(self) -> dict:
        """(uplink, peer): how often its session came up; all of them stand."""
        found = {}
        for uplink in self.night.status()["uplinks"]:
            for peer in uplink["bgp"]:
                self.assertEqual(peer["state"], "Established", f"{uplink['name']} {peer}")
                found[uplink["name"], peer["peer"]] = peer["established_count"]
        return found

    def process(self, name: str) -> int:
        """The plane's process: the child of our `detour run`."""
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    before, _, after = stream.read().rpartition(")")
            except OSError:
                continue
            if before.split("(", 1)[1].startswith(name) and int(after.split()[1]) == self.night.process.pid:
                return int(path.split("/")[2])
        self.fail(f"no {name} under detour run")

    def wait_for_both(self, what: str):
        """Both planes run the file as it stands now."""
        def same():
            running = self.running()
            return running["dataplane"] is not None and running["dataplane"]["is_same"]
        wait_until(same, 10, f"both planes on one revision ({what}): {self.running()}", every=0.05)

    def streams(self) -> list:
        outside, customer = self.net.nodes["outside"], self.net.nodes["customer"]
        found = []
        for hosts in internet.CUSTOMER_HOSTS.values():
            for host in hosts:
                far = internet.OUTSIDE6 if ":" in host else internet.OUTSIDE4
                name = host.replace(":", "-").replace(".", "-")
                found.append(Stream(self.lab, f"in-{name}", outside, far, customer, host, rate=500))
                found.append(Stream(self.lab, f"out-{name}", customer, host, outside, far, rate=500))
        for stream in found:
            stream.wait_for_packets()
        return found

    def assert_nothing_lost(self, streams: list):
        results = {stream.name: stream.stop() for stream in streams}
        total = sum(result.sent for result in results.values())
        lost = {name: str(result) for name, result in results.items() if result.lost}
        print(f"# {total} packets sent, {sum(r.lost for r in results.values())} lost", flush=True)
        self.assertEqual(lost, {})

    # --- the cases

    def test_reloads_under_traffic(self):
        """Each by the command or by SIGHUP to both planes, in turn; every edit many times."""
        streams = self.streams()
        moved = len(self.moves())
        edits = [*EDITS.items(), ("another order of uplinks", self.reordered())]
        planes = [self.process("detourd"), self.process("detour-datapla")]
        for i in range(RELOADS):
            name, replacements = edits[i % len(edits)]
            self.write(*replacements)
            before = self.running()["revision"]
            if i % 2:
                self.detour("reload", name)
            else:
                for plane in planes:
                    os.kill(plane, signal.SIGHUP)
                if i:
                    wait_until(lambda b=before: self.running()["revision"] > b, 5, f"SIGHUP: {name}", every=0.02)
            self.assertEqual(self.established(), self.sessions, name)
        self.wait_for_both("at the end")
        print(f"# {RELOADS} reloads, 0 of {len(self.sessions)} sessions reset", flush=True)
        self.assert_nothing_lost(streams)
        self.assertEqual([self.process("detourd"), self.process("detour-datapla")], planes)
        self.assertEqual(len(self.moves()), moved)

    def moves(self) -> list:
        return [row for row in self.night.events(1000) if row["kind"] == "move"]

    def test_a_bad_file_changes_nothing(self):
        streams = self.streams()
        before = self.running()
        self.write(("mode: auto", "mode: sometimes"))
        self.assertIn("advise, auto", self.detour("reload", "a slip", code=2))
        self.assertIn("advise, auto", self.detour("plan", code=2))
        self.assertIn("advise, auto", self.detour("apply", "a slip", code=2))
        for name in ("detourd", "detour-datapla"):
            os.kill(self.process(name), signal.SIGHUP)
        time.sleep(0.5)
        self.assertEqual(self.running()["revision"], before["revision"])
        self.assertEqual(self.established(), self.sessions)
        self.assert_nothing_lost(streams)

    def test_a_trial_goes_back_by_itself_or_stays(self):
        streams = self.streams()
        first = self.running()["revision"]
        self.write(("mode: auto", "mode: advise"))
        self.assertIn("router.mode: auto -> advise", self.detour("plan", code=1))
        said = self.detour("apply", "--confirm", "2s", "look first")
        self.assertIn("confirm within", said)
        # The status knows it as soon as apply has answered.
        self.assertEqual(self.running()["kind"], "apply")
        self.assertIn("ON TRIAL", self.detour("status", code=1))
        self.wait_for_mode("advise")
        self.assertIn("waits to be confirmed", self.detour("reload", code=2))
        self.wait_for_mode("auto", 6)
        self.assertEqual(self.running()["kind"], "rollback")
        self.wait_for_both("after the trial")
        # The file is as it was edited: plan shows it again, and another apply takes it.
        self.detour("plan", code=1)
        self.detour("apply", "--confirm", "30s", "this time for good")
        self.assertIn("stays", self.detour("confirm"))
        self.detour("confirm", code=2)
        self.detour("plan")
        self.wait_for_mode("advise")
        self.detour("rollback", str(first), "it was better before")
        self.wait_for_mode("auto")
        rows = json.loads(self.detour("revisions", "-j"))["revisions"]
        self.assertEqual([(row["kind"], row["of"], row["state"]) for row in rows[:2]],
                         [("rollback", first, "runs"), ("apply", None, "")])
        self.assertEqual(rows[0]["reason"], "it was better before")
        self.assertEqual(self.established(), self.sessions)
        self.assert_nothing_lost(streams)

    def test_a_detourd_that_dies_on_trial_comes_back_with_the_revision_before(self):
        self.write(("mode: auto", "mode: advise"))
        self.detour("apply", "--confirm", "60s", "it will crash")
        os.kill(self.process("detourd"), signal.SIGKILL)
        wait_until(lambda: (self.night.status() or {}).get("mode") == "auto", 20, "detourd to be back", every=0.2)
        self.assertEqual(self.running()["kind"], "rollback")
        self.wait_for_both("after the crash")
        wait_until(self.night.is_ready, 60, "a healthy box", every=0.3)

    def test_an_override_holds_and_ends_by_itself(self):
        streams = self.streams()
        # Never a whole minute, of which the seconds are not written.
        seconds = int(time.time() + 6)
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds + (seconds % 60 == 0)))
        self.write(("prefix-sets:\n", f"overrides:\n  night: {{owner: anna, until: {until}, reason: a test, "
                                      "set: {router.mode: advise, uplinks.partner.limit: 5Mbps}}\nprefix-sets:\n"))
        plan = self.detour("plan", code=1)
        self.assertIn("router.mode: auto -> advise", plan)
        self.assertIn("sessions that reset: none", plan)
        self.detour("apply", "for a moment")
        self.wait_for_mode("advise")
        revision = self.running()["revision"]
        (held,) = self.running()["overrides"]
        self.assertEqual((held["name"], held["owner"], held["reason"], held["until"]), ("night", "anna", "a test", until))
        self.assertEqual(held["set"], {"router.mode": "advise", "uplinks.partner.limit": "5Mbps"})
        self.assertIn("override night (anna)", self.detour("status", code=None))
        self.assertRegex(self.detour("config", "--effective"), r'mode: advise  # override night of anna until .*, line \d+')
        self.wait_for_mode("auto", 10)
        self.assertEqual(self.running()["overrides"], [])
        self.assertEqual(self.running()["revision"], revision)
        self.assertIn("mode: auto\n", self.detour("config", "--effective"))

        def last_change() -> str:
            return json.dumps([row for row in self.night.events(100) if row["kind"] == "configuration"][-1])
        wait_until(lambda: "override night ended" in last_change(), 5, "the journal to say so")
        self.assertIn("is over", self.detour("check", code=1))
        self.assertEqual(self.established(), self.sessions)
        self.assert_nothing_lost(streams)

    def test_a_tunnel_comes_changes_and_goes_while_packets_pass(self):
        streams = self.streams()
        planes = [self.process("detourd"), self.process("detour-datapla")]
        self.write(("prefix-sets:\n", SPARE))
        self.assertIn("data plane: takes it as it runs", self.detour("plan", code=1))
        self.detour("apply", "a second way to the partner")
        self.assertIn("spare", self.detour("tunnels", code=None))
        wait_until(lambda: "10.255.1.1/31" in self.address_of("spare"), 10, "the address of the new tunnel", every=0.1)
        changed = SPARE.replace("key: 9", "key: 10, mtu: 1400")
        self.write(("prefix-sets:\n", changed))
        self.detour("apply", "--yes", "the partner wants another key")
        wait_until(lambda: "mtu 1400" in self.address_of("spare"), 10, "the new MTU", every=0.1)
        self.write()
        self.detour("apply", "--yes", "not needed any more")
        wait_until(lambda: ": spare:" not in self.address_of(), 10, "the tunnel's interface to be gone", every=0.1)
        self.assertEqual(self.established(), self.sessions)
        self.assert_nothing_lost(streams)
        self.assertEqual([self.process("detourd"), self.process("detour-datapla")], planes)

    def address_of(self, device: str = "") -> str:
        """What the kernel says of a device, or of all."""
        words = ["ip", "address", "show", *(["dev", device] if device else [])]
        done = subprocess.run([*self.night.node.prefix(), *words], capture_output=True, text=True, check=False)
        return done.stdout

    def test_an_uplink_goes_when_it_carries_nothing_and_stays_when_it_does(self):
        streams = self.streams()
        before = self.running()["revision"]
        provider, partner = self.uplink_blocks()
        self.write((provider, ""))
        said = self.detour("apply", "--yes", "a slip", code=2)
        self.assertIn("uplink provider cannot go while it carries", said)
        self.assertIn("detour move", said)
        self.assertEqual(self.running()["revision"], before)
        self.write((partner, ""))
        self.detour("apply", "--yes", "the partner leaves")
        left = {key: count for key, count in self.sessions.items() if key[0] == "provider"}
        wait_until(lambda: self.established() == left, 5, "the status to be without the partner", every=0.1)
        wait_until(lambda: ": partner:" not in self.address_of(), 10, "the tunnel's interface to be gone", every=0.1)
        self.assert_nothing_lost(streams)
        self.detour("rollback")
        wait_until(lambda: ("partner", "10.255.0.0") in self.counts(), 30, "the partner to be back", every=0.1)
        wait_until(self.night.is_ready, 60, "a healthy box", every=0.3)

    def test_what_needs_a_restart_is_refused(self):
        before = self.running()["revision"]
        self.write(("poll: adaptive", "poll: busy"))
        self.assertIn("dataplane.poll", self.detour("plan", code=1))
        self.assertIn("cannot take this while it runs", self.detour("apply", "-y", "faster", code=2))
        self.assertEqual(self.running()["revision"], before)

    def test_what_resets_a_session_asks_back_and_resets_only_that(self):
        self.write(("asn: 64497, hold: 9s", "asn: 64497, hold: 12s"))
        self.assertIn("partner 10.255.0.0 resets: hold 9s -> 12s", self.detour("plan", code=1))
        self.assertIn("--yes", self.detour("apply", "longer", code=2))
        self.detour("apply", "--yes", "longer")
        partner = ("partner", "10.255.0.0")  # without a count while its session is down
        wait_until(lambda: self.counts().get(partner) == self.sessions[partner] + 1, 30,
                   "the partner's session to be back", every=0.1)
        for key, count in self.counts().items():
            if key[0] == "provider":
                self.assertEqual(count, self.sessions[key])
        self.detour("rollback")
        wait_until(self.night.is_ready, 60, "a healthy box", every=0.3)

    def counts(self) -> dict:
        return {(uplink["name"], peer["peer"]): peer["established_count"]
                for uplink in self.night.status()["uplinks"] for peer in uplink["bgp"]
                if peer["state"] == "Established"} | {}

    def test_the_operators_own_session_is_not_cut(self):
        before = self.running()["revision"]
        self.write(("addresses: [10.1.0.1/24, ", "addresses: [10.1.0.9/24, "))
        far = [*self.night.node.prefix(), "env", "SSH_CONNECTION=10.1.0.2 40000 10.1.0.1 22", self.night.program()]
        plan = subprocess.run([*far, "plan", *self.night.directories()], capture_output=True, text=True, check=False)
        self.assertIn("apply refuses, since your session is on 10.1.0.1, which port lan0 would lose", plan.stdout)
        done = subprocess.run([*far, "apply", "-y", "another address", *self.night.directories()],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("your session is on 10.1.0.1, which port lan0 would lose", done.stderr)
        self.assertEqual(self.running()["revision"], before)

    def test_freeze_needs_no_daemon_and_is_honoured(self):
        self.assertIn("detourd knows", self.detour("freeze", "--for", "4s", "just a moment"))
        wait_until(lambda: not self.night.status()["frozen"], 10, "the freeze to end by itself", every=0.1)
        self.assertIn("detourd knows", self.detour("freeze", "the provider works on the line"))
        self.assertEqual(self.night.status()["freeze"]["reason"], "the provider works on the line")
        self.assertIn("FROZEN by", self.detour("status", code=1))
        self.detour("thaw", "they are done")
        self.detour("freeze", "once more")
        asked = [(row["payload"]["frozen"], row["payload"].get("reason")) for row in self.night.events(200)
                 if "frozen" in row["payload"]]
        self.assertIn((False, "they are done"), asked)
        os.kill(self.process("detourd"), signal.SIGKILL)
        self.detour("thaw")
        wait_until(lambda: (self.night.status() or {}).get("frozen") is False, 20, "thawed at the start", every=0.2)
        wait_until(self.night.is_ready, 60, "a healthy box", every=0.3)


if __name__ == "__main__":
    cases.main()
