#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The whole night through the commands, as an operator types them into a terminal of 80x24: check, run,
status, plan, apply, confirm; the provider null-routes web; incident, why; a move by hand, freeze, thaw;
home again. Every screen is looked at, and what the README shows of such a night must be what the commands
print. DETOUR_TRANSCRIPT=FILE keeps what was typed and printed.

The picture of the Internet stands on top of tools/lab/internet.py.
"""

import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import build, cases, internet  # noqa: E402  (the path comes first)
from lab.night import Night  # noqa: E402
from lab.process import Failed, wait_until  # noqa: E402
from lab.terminal import Terminal  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream  # noqa: E402

NUMBERS = re.compile(r"\d+(\.\d+)?")


def plain(line: str) -> str:
    """A line without what differs from night to night: figures, times, and how they are set."""
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "T", line)
    line = re.sub(r"\b\d+(\.\d+)?(d\d+h|h\d+m|m\d+s|s| s| min \d+ s| min| ms)\b", "A", line)
    return re.sub(r" +", " ", NUMBERS.sub("N", line)).strip()


class Operator:
    """Types commands and keeps what they print."""

    def __init__(self, night: Night):
        self.night, self.lines = night, []

    def does(self, *words: str, code: int = 0, answer: str = "", patience: float = 30) -> str:
        """The text that the command writes to a terminal; it must end so."""
        command = [*self.night.node.prefix(), self.night.program(), *words, *self.night.directories()]
        with Terminal(command, environment={"NO_COLOR": "1"}) as terminal:
            if answer:
                terminal.wait_for("Type yes to go on: ", patience)
                terminal.type(answer + "\n")
            status = terminal.wait(patience)
            text = terminal.text()
        typed = " ".join(f'"{w}"' if " " in w else w for w in words)
        self.lines += [f"$ detour {typed}", *text.splitlines()]
        if status != code:
            raise Failed(f"detour {typed} ended with {status}, not {code}:\n{text}")
        return text

    def keep(self, path: str):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("\n".join(self.lines) + "\n")


class Transcript(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        lab = Lab("transcript")
        self.addCleanup(lab.__exit__, None, None, None)
        self.net = internet.Internet(lab, "provider")
        self.net.start()
        self.night = Night(self.net, "fast", policy={"fail-back": "manual"})
        self.operator = Operator(self.night)
        self.does = self.operator.does
        verbs = json.loads(self.night.detour("help", "-j"))["verbs"]
        self.offered = {row["verb"] for row in verbs if row["offered"]}

    def test_the_night_in_a_terminal(self):
        try:
            self.evening()
            self.change_of_configuration()
            self.null_route()
            self.looking_at_it()
            self.morning()
            self.by_hand()
            self.afterwards()
        finally:
            if os.environ.get("DETOUR_TRANSCRIPT"):
                self.operator.keep(os.environ["DETOUR_TRANSCRIPT"])
        self.readme()

    # --- the parts

    def traffic(self):
        """Packets of both sets: what comes in, or no more, is the second kind of evidence."""
        outside, customer = self.net.nodes["outside"], self.net.nodes["customer"]
        for hosts in internet.CUSTOMER_HOSTS.values():
            for host in hosts:
                far = internet.OUTSIDE6 if ":" in host else internet.OUTSIDE4
                Stream(self.night.lab, f"in-{far}-{host}", outside, far, customer, host, rate=200).wait_for_packets()

    def told(self, wait):
        """Waits, and tells what the box says now when that was in vain."""
        try:
            wait()
        except Failed:
            print(self.night.detour("status", "--all"), self.night.detour("why", "web"), self.night.process.tail())
            raise

    def screen(self, **how) -> str:
        text = self.narrow("status", **how)
        self.assertLessEqual(len(text.splitlines()), 23, "one screen")
        return text

    def narrow(self, *words: str, **how) -> str:
        """On a telephone no line wraps."""
        text = self.does(*words, **how)
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 80, text)
        return text

    def evening(self):
        self.assertIn("clean", self.does("check"))
        self.assertIn("is it running", self.does("status", code=3))
        self.night.start()
        self.told(lambda: self.night.wait_ready(60))
        self.traffic()
        text = self.screen()
        for words in ("mode auto", "profile fast", "data plane dpdk", "web/ipv6", "HEALTHY", "loss B", "armed, proven",
                      "next partner, proven", "bgp 2/2 Established", "What comes next"):
            self.assertIn(words, text)
        # A start is no incident.
        self.narrow("events")
        self.assertIn("no incident", self.does("incidents"))
        why = self.does("why", "203.0.113.0/24")
        self.assertIn("smallest change: packets of the block lost on", why)
        self.assertIn("wan0", self.does("trace", "203.0.113.9 > 192.0.2.200"))
        self.assertIn("did you mean web?", self.does("move", "wbe", "--to", "partner", "maintenance", code=2))
        self.assertIn("write it out", self.does("mov", "web", "--to", "partner", "maintenance", code=2))
        refused = self.does("move", "all", "--to", "partner", "maintenance", answer="no", code=2)
        self.assertIn("This moves everything", refused)
        self.assertIn("nothing was done", refused)
        # What is so already is said to be so, and has no undo.
        for words, said in ((["move", "web", "--to", "provider", "a slip"], "it leaves by provider already"),
                            (["failback", "web", "a slip"], "it is at home"),
                            (["abort", "web", "a slip"], "no move is in progress"), (["thaw"], "it was not frozen")):
            text = self.does(*words)
            self.assertIn(said, text)
            self.assertNotIn("undo:", text)
        self.assertIn("Established for", self.narrow("bgp"))
        self.assertIn("ORIGIN IGP, AS_PATH", self.does("bgp", "routes", "203.0.113.7", "--out", "provider"))
        self.assertIn("from ", self.does("bgp", "routes", "--in", "provider"))
        self.assertIn("no peer has", self.does("bgp", "routes", "192.0.2.240/28", "--longer", code=1))
        self.assertIn("there is no BGP peer", self.does("bgp", "routes", "--in", "192.0.2.99", code=2))
        self.assertIn("--soft", self.does("bgp", "clear", "provider", code=2))
        self.assertIn("was asked", self.does("bgp", "clear", "provider", "--soft", "-r", "is it all there?"))
        self.assertRegex(self.narrow("uplinks", "provider"), r"loss: block \d+%, outside it \d+%")
        self.assertIn("armed: could take it", self.narrow("uplinks", "partner"))
        self.assertIn("announced on provider", self.narrow("prefixes", "mail"))
        self.assertIn("beacon of web ipv6", self.does("probes", "provider"))
        self.assertIn("192.0.2.145", self.does("targets"))

    def change_of_configuration(self):
        if "apply" not in self.offered:
            return
        with open(self.night.config, encoding="utf-8") as stream:
            text = stream.read()
        with open(self.night.config, "w", encoding="utf-8") as stream:
            stream.write(text.replace("fail-back: manual", "fail-back: manual, stable-time: 4s"))
        self.assertIn("stable-time", self.does("plan", code=1))
        applied = self.does("apply", "--confirm", "120s", "a longer look before the way home")
        self.assertIn("detour confirm", applied)
        self.assertIn("undo:", applied)
        self.assertIn("stays", self.does("confirm"))
        self.assertIn("nothing would change", self.does("plan"))

    def null_route(self):
        # What comes in is compared with what came before: that wants some seconds of it.
        time.sleep(6)
        self.net.null_route(internet.WEB4, internet.WEB6)
        self.told(lambda: self.night.wait_on("partner", "web", ("ipv4", "ipv6"), 30))
        text = self.screen(code=1)
        self.assertRegex(text, r"INCIDENT \d+ open for .*NULLROUTED on provider")
        self.assertIn("by partner (home provider)", text)

    def looking_at_it(self):
        incident = re.sub(r"\n {16}", " ", self.narrow("incident", code=1))
        for words in ("NULLROUTED on provider", "score", "at least", "announced via partner", "withdrawn from provider",
                      "not at home: web/ipv4, web/ipv6"):
            self.assertIn(words, incident)
        self.assertRegex(self.does("incidents", code=1), r"open for .* web/ipv4, web/ipv6")
        why = self.narrow("why", "203.0.113.0/24")
        for words in ("leaves by partner (home is provider)", "Why", "NULLROUTED on provider", "score against chance",
                      "Done", "announced via partner", "Next", "web/ipv4: "):
            self.assertIn(words, why)
        self.assertLessEqual(len(why.splitlines()), 34, "a few lines")
        self.assertIn("because", self.does("why", "web", "--all"))

    def morning(self):
        """Frozen, it stays; thawed, it goes home by an operator's word."""
        if "freeze" in self.offered:
            self.assertIn("undo:", self.does("freeze", "the provider is still on the phone"))
            self.assertIn("FROZEN", self.screen(code=1))
            self.assertIn("thawed", self.does("thaw", "they found it"))
        self.assertIn("undo:  detour log-level info", self.does("log-level", "bgp=debug", "--for", "10min"))
        self.assertRegex(self.narrow("log-level"), r"bgp +debug\n(.*\n)+back to info in 9 min")
        self.net.lift_null_route(internet.WEB4, internet.WEB6)
        begun = self.does("failback", "web", "the null route is lifted")
        self.assertIn("noted, and begun by itself as soon as it may", begun)
        self.assertIn("undo:  detour abort web", begun)
        self.night.wait_on("provider", "web", ("ipv4", "ipv6"), 90)

    def by_hand(self):
        def armed():
            status = self.night.status()
            return status and self.night.watch(status, "partner", "mail", "ipv4")["armed"]
        wait_until(armed, 30, "partner to be armed for mail", every=0.2)
        self.assertIn("a reason is wanted", self.does("move", "mail", "--to", "partner", code=2))
        begun = self.does("move", "mail", "--to", "partner", "maintenance of the provider")
        self.assertIn("undo:  detour failback mail", begun)
        self.night.wait_on("partner", "mail", ("ipv4",), 60)
        self.assertIn("mail/ipv4 by partner (home provider)", re.sub(" +", " ", self.screen(code=1)))
        self.does("failback", "mail", "maintenance is over")
        self.night.wait_on("provider", "mail", ("ipv4",), 90)

    def afterwards(self):
        wait_until(lambda: self.night.status()["sets"] and self.night.detour("incident", "-j").find('"open": false') > 0,
                   30, "the incidents to be over", every=0.3)
        self.assertRegex(self.does("incidents"), r"lasted .*web/ipv4")
        self.assertNotIn("INCIDENT", self.screen())
        self.documented()

    def documented(self):
        """Every member of the JSON that the manual does not name is missing there."""
        with open(f"{build.ROOT}/conf/system/man/detour.1", encoding="utf-8") as stream:
            page = stream.read().split(".Sh JSON\n")[1].split("\n.Sh ")[0]
        known = set(re.findall(r"[a-z_]+", page))

        def members(value) -> set:
            if isinstance(value, dict):
                return set(value) | set().union(*(members(v) for k, v in value.items() if k != "payload"))
            return set().union(*(members(v) for v in value)) if isinstance(value, list) else set()
        for line in ("status", "why web", "incident", "incidents", "probes", "help", "events -n 50", "ports", "tunnels", "drops",
                     "routes", "neighbours", "doctor", "check", "uplinks", "prefixes", "bgp", "bgp routes", "targets",
                     "trace 198.51.100.10>203.0.113.10", f"capture lan0 --seconds 1 -w {self.night.lab.path('lan0.pcapng')}"):
            said = self.night.detour(*line.split(), "-j")
            documents = [json.loads(row) for row in said.splitlines()] if line.startswith("events") else [json.loads(said)]
            self.assertEqual(members(documents) - known - {"ipv4", "ipv6"}, set(), f"detour {line} -j")

    def readme(self):
        """What the README shows of a night is what the commands print; figures may differ."""
        with open(f"{build.ROOT}/README.md", encoding="utf-8") as stream:
            shown = re.findall(r"```console\n(.*?)```", stream.read(), re.S)
        self.assertEqual(len(shown), 1, "the README shows one transcript")
        played = {plain(line) for line in self.operator.lines}
        unknown = [line for line in shown[0].splitlines() if line and line != "..." and plain(line) not in played]
        self.assertEqual(unknown, [], "the README shows what no command printed")


if __name__ == "__main__":
    cases.main()
