# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The null-route story, played once: what tools/demo shows and tests/netns/story.py asserts.

Traffic runs both ways in both prefix sets. The provider throws "web" away inside its network while its
BGP session and its routes stay as they are; detour says so, moves "web" alone into the tunnel, and
brings it back when the provider is clean again. Every figure comes from numbered packets or from the
journal.
"""

import json
import time
from dataclasses import dataclass, field
from datetime import datetime

from . import internet
from .night import Night
from .process import Failed
from .traffic import Stream, Transfer

RATE = 1000  # packets a second, each way, set and family
FAMILIES = ("ipv4", "ipv6")
# How long each part may take, by profile: ready, verdict, move complete, home again.
PATIENCE = {"fast": (30, 5, 15, 60), "careful": (60, 15, 60, 150)}
BARS = {"fast": "outage under 1000 ms", "careful": "verdict within 9 s"}


def wall_of(event: dict) -> float:
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


@dataclass
class Result:
    """One run, in the form of --json."""

    profile: str
    prefer: str
    verdict: str = ""
    place: str = "unknown"
    uplink: str = ""
    prefix_set: str = "web"
    nullroute_to_suspect_ms: float | None = None
    nullroute_to_verdict_ms: float | None = None
    nullroute_to_announce_ms: float | None = None
    nullroute_to_first_packet_back_ms: float | None = None
    outage_ms: float | None = None
    lost_packets: int = 0
    other_sets_lost_packets: int = 0
    failback: dict = field(default_factory=lambda: {"canary": "skipped", "lost_packets": 0})
    bgp_session_resets: int = 0
    tcp_transfer_survived: bool = False

    def shortfalls(self) -> list:
        """Which of the promises were not kept."""
        rows = [
            (self.verdict == "NULLROUTED", f"the verdict is {self.verdict or 'missing'}, not NULLROUTED"),
            (self.uplink == "partner", f"web went to {self.uplink or 'nowhere'}"),
            (self.other_sets_lost_packets == 0, f"the other set lost {self.other_sets_lost_packets} packets"),
            (self.failback["lost_packets"] == 0, f"the way back lost {self.failback['lost_packets']} packets"),
            (self.failback["canary"] == "passed", f"the canary {self.failback['canary']}"),
            (self.bgp_session_resets == 0, f"{self.bgp_session_resets} BGP sessions were reset"),
            (self.tcp_transfer_survived, "the TCP transfer did not survive"),
        ]
        if self.profile == "fast":
            rows.append(((self.outage_ms or 1e9) < 1000, f"the outage lasted {self.outage_ms} ms"))
        else:
            rows.append(((self.nullroute_to_verdict_ms or 1e9) <= 9000,
                         f"the verdict took {self.nullroute_to_verdict_ms} ms"))
        return [text for is_kept, text in rows if not is_kept]


class Journal:
    """Follows `detour events -f`; each new row goes to `tell` as it comes."""

    def __init__(self, night: Night, tell):
        self.night, self.tell, self.rows, self.at = night, tell, [], 0
        self.follower = night.node.start("events", [night.program(), "events", "-f", "-j", "-n", "1000",
                                                    *night.directories()], is_result_apart=True)

    def read(self) -> list:
        with open(self.follower.result_file, encoding="utf-8") as stream:
            stream.seek(self.at)
            text = stream.read()
        whole = text[:text.rfind("\n") + 1]
        self.at += len(whole.encode())
        fresh = [json.loads(line) for line in whole.splitlines()]
        for row in fresh:
            self.rows.append(row)
            self.tell(row)
        return fresh

    def wait_for(self, matches, seconds: float, what: str) -> dict:
        def look():
            self.read()
            return next((row for row in self.rows if matches(row)), None)
        return self.night.wait(look, seconds, what, every=0.05)


class Story:
    def __init__(self, lab, timeline, profile: str = "fast", prefer: str = "provider", detect: dict | None = None):
        self.lab, self.timeline, self.profile = lab, timeline, profile
        self.result = Result(profile, prefer)
        self.net = internet.Internet(lab, prefer)
        self.night = Night(self.net, profile, detect=detect)
        self.journal, self.null_route_at, self.transfer = None, None, None

    def play(self) -> Result:
        ready, verdict, complete, home = PATIENCE[self.profile]
        self.set_out(ready)
        self.go_dead_and_escape(verdict, complete)
        self.come_home(home)
        self.settle()
        return self.result

    # --- the parts

    def set_out(self, patience: float):
        say = self.timeline.say
        say(f"laying an Internet of three ASNs (BIRD, FRR, BIRD) that prefers the {self.result.prefer}")
        self.net.start()
        say("`detour run`: 198.51.100.0/24 (mail), 203.0.113.0/24 and 2001:db8:77::/48 (web) through the provider")
        self.night.start()
        self.journal = Journal(self.night, self.tell)
        self.night.wait_ready(patience)
        # What was said on the way up is not part of the night.
        self.journal.read()
        say("every set is HEALTHY on the provider, and the partner is armed: proven, and ready to take over")

    def go_dead_and_escape(self, verdict_patience: float, complete_patience: float):
        say = self.timeline.say
        self.transfer = Transfer(self.lab, "tcp", self.net.nodes["outside"], internet.OUTSIDE4, self.net.nodes["customer"],
                                 internet.CUSTOMER_HOSTS["web"][0], rate=200_000)
        web, mail = self.streams("escape")
        # P compares with what was before: it wants some seconds of it.
        time.sleep(5)
        say(f"traffic: UDP at {RATE} packets/s each way in each set and family, and a TCP transfer")
        first_row = self.journal.rows[-1]["number"] if self.journal.rows else 0
        self.null_route_at, begin_ns = time.time(), time.monotonic_ns()
        self.net.null_route(internet.WEB4, internet.WEB6)
        say("THE PROVIDER NULL-ROUTES web: its BGP session stays, its routes stay, packets vanish")

        def after(row):
            return row["number"] > first_row

        found = self.journal.wait_for(lambda r: after(r) and r["kind"] == "verdict" and r["payload"]["to"] == "NULLROUTED",
                                      verdict_patience, "NULLROUTED")
        self.result.verdict, self.result.place = "NULLROUTED", found["payload"]["place"]
        self.result.nullroute_to_verdict_ms = self.since_null_route(found)
        self.night.wait_on("partner", "web", FAMILIES, complete_patience, self.journal.read)
        self.result.uplink = "partner"
        time.sleep(1)
        self.journal.read()
        self.note_times(first_row)
        self.note_losses(web, mail, begin_ns)

    def note_times(self, first_row: int):
        rows = [r for r in self.journal.rows if r["number"] > first_row]
        suspect = next((r for r in rows if r["kind"] == "watch" and r["payload"]["watch"] == "suspect"), None)
        announce = next((r for r in rows if r["kind"] == "announcement" and r["payload"]["action"] == "announce"
                         and r.get("uplink") == "partner"), None)
        self.result.nullroute_to_suspect_ms = self.since_null_route(suspect)
        self.result.nullroute_to_announce_ms = self.since_null_route(announce)

    def note_losses(self, web: list, mail: list, begin_ns: int):
        outages, back = [], []
        for stream in web:
            got = stream.stop()
            self.result.lost_packets += got.lost
            outages.append(got.longest_gap_ms)
            # The silence of the null route is the one that ends after it began.
            back += [(gap["to_ns"] - begin_ns) / 1e6 for gap in got.gaps if gap["to_ns"] > begin_ns and gap["ms"] > 50]
        self.result.outage_ms = round(max(outages), 1)
        self.result.nullroute_to_first_packet_back_ms = round(min(back), 1) if back else None
        self.result.other_sets_lost_packets += sum(stream.stop().lost for stream in mail)
        self.timeline.say(f"web is back through the tunnel: silent for {self.result.outage_ms:.0f} ms; mail lost "
                          f"{self.result.other_sets_lost_packets} packets")
        self.print_tunnel()

    def print_tunnel(self):
        self.timeline.say("the partner's own counters, `ip -s tunnel show detour` in its kernel:")
        for line in self.net.partner.ip("-s tunnel show detour").splitlines():
            print(f"                {line}")

    def come_home(self, patience: float):
        web, mail = self.streams("return")
        before = self.journal.rows[-1]["number"]
        time.sleep(1)
        self.net.lift_null_route(internet.WEB4, internet.WEB6)
        self.timeline.say("the provider lifts the null route")
        self.night.wait_on("provider", "web", FAMILIES, patience, self.journal.read)
        time.sleep(2)
        self.journal.read()
        self.result.failback["lost_packets"] = sum(stream.stop().lost for stream in web)
        self.result.other_sets_lost_packets += sum(stream.stop().lost for stream in mail)
        passed = {r.get("family") for r in self.journal.rows if r["number"] > before and r["kind"] == "move"
                  and r["payload"]["step"] == "canary" and r["payload"]["explanation"].get("note") == "passed"}
        tried = [r for r in self.journal.rows if r["number"] > before and r["kind"] == "move"
                 and r["payload"]["step"] == "canary"]
        self.result.failback["canary"] = "passed" if passed == set(FAMILIES) else "failed" if tried else "skipped"
        self.timeline.say(f"web is home: canary {self.result.failback['canary']}, "
                          f"{self.result.failback['lost_packets']} packets lost on the way back")

    def settle(self):
        self.result.tcp_transfer_survived = self.transfer.stop().survived
        self.result.bgp_session_resets = sum(
            r["kind"] == "session" and r["payload"]["from"] == "Established" for r in self.journal.rows)

    # --- what they share

    def streams(self, part: str) -> tuple:
        """(web's streams, mail's): both ways, each family; packets arrive when this returns."""
        outside, customer = self.net.nodes["outside"], self.net.nodes["customer"]
        made = {"web": [], "mail": []}
        for set_name, hosts in internet.CUSTOMER_HOSTS.items():
            for host in hosts:
                far = internet.OUTSIDE6 if ":" in host else internet.OUTSIDE4
                name = f"{part}-{set_name}-{'v6' if ':' in host else 'v4'}"
                made[set_name] += [Stream(self.lab, f"{name}-in", outside, far, customer, host, rate=RATE),
                                   Stream(self.lab, f"{name}-out", customer, host, outside, far, rate=RATE)]
        for streams in made.values():
            for stream in streams:
                stream.wait_for_packets()
        return made["web"], made["mail"]

    def since_null_route(self, row: dict | None) -> float | None:
        return None if row is None else round((wall_of(row) - self.null_route_at) * 1000, 1)

    def tell(self, row: dict):
        """The rows a person wants to see while it happens."""
        if self.null_route_at is None or wall_of(row) < self.null_route_at:
            return
        payload, subject = row["payload"], f"{row.get('prefix_set') or ''}/{row.get('family') or ''}"
        after = f"{wall_of(row) - self.null_route_at:+8.3f} s"
        if row["kind"] == "verdict":
            self.timeline.say(f"  {after}  {subject} on {row['uplink']}: {payload['to']}"
                              + (f", {payload['place']}" if payload["to"] == "NULLROUTED" else ""))
        elif row["kind"] == "announcement":
            self.timeline.say(f"  {after}  {payload['action']} {subject} on {row['uplink']}"
                              + (f" with {payload['prepends']} prepends" if payload.get("prepends") else "")
                              + (" NO_EXPORT" if payload.get("no_export") else ""))
        elif row["kind"] == "move" and payload["step"] in ("canary", "stair", "idle"):
            self.timeline.say(f"  {after}  {subject} {payload['move']}: {payload['step']}"
                              f" {payload['explanation'].get('note', '')}")


def table(result: Result) -> str:
    def milliseconds(value):
        return "-" if value is None else f"{value:,.0f} ms"
    rows = [("null route -> suspected", milliseconds(result.nullroute_to_suspect_ms)),
            ("null route -> verdict", f"{milliseconds(result.nullroute_to_verdict_ms)}  ({result.verdict}, {result.place})"),
            ("null route -> announced by the partner", milliseconds(result.nullroute_to_announce_ms)),
            ("null route -> first packet back", milliseconds(result.nullroute_to_first_packet_back_ms)),
            ("longest silence of web", milliseconds(result.outage_ms)),
            ("packets of web lost", f"{result.lost_packets:,}"), ("packets of mail lost", f"{result.other_sets_lost_packets:,}"),
            ("the way back: canary", result.failback["canary"]),
            ("the way back: packets lost", f"{result.failback['lost_packets']:,}"),
            ("BGP sessions reset", str(result.bgp_session_resets)),
            ("the TCP transfer", "survived" if result.tcp_transfer_survived else "broke")]
    return "\n".join(f"    {name:<40} {value}" for name, value in rows)


def play(story: Story):
    """The story, or Failed with what the box said."""
    try:
        story.play()
    except Failed as problem:
        said = story.night.process.tail(25) if story.night.process else ""
        raise Failed(f"{problem}\ndetour said:\n{said}") from None
