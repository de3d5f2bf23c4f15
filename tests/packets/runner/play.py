# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Plays one case in a box and says what was not as it should be."""

import signal
import time

from . import compare, frames
from .box import Box, write_sysctl
from .case import Case, Statement

PATIENCE_SECONDS = 6.0
# So many frames wait for the box however late it comes: libpcap's ring has places of 64 kB.
ROOM = 24
QUIET_SECONDS = 0.03
SOME = "some"  # of a counter that moved, nobody knows how far


class Fault(Exception):
    """What the case did not see as it should."""


def names(question: str, item: dict) -> list:
    parts = {"sets": ["uplink", "set", "family"], "workers": ["worker"], "next_hops": ["port", "destination_mac"]}
    return [str(item[part]) for part in parts.get(question, ["name"])]


class Play:
    def __init__(self, case: Case, box: Box):
        self.case, self.box = case, box
        self.names = {**frames.words(), "MAC": box.macs, "PEER": box.peers}
        self.waiting = []  # (Statement, place, what is expected) since the last send
        self.came = []  # (place, octets)
        self.wanted = {"drop": {}, "punt": {}, "count": {}}
        self.faults = []

    def run(self) -> list:
        for let in self.box.lets:
            self.let(let)
        for step in self.case.steps:  # counters first, for they are read before anything happens
            if step.verb in self.wanted:
                self.wanted[step.verb][step.words[0]] = step.rest if step.rest == SOME else int(step.rest)
        self.before = self.counters()
        for step in self.case.steps:
            if step.verb not in self.wanted:
                getattr(self, step.verb)(step)
        self.await_expected(self.has_counted)
        self.check_counters()
        if not self.box.is_alive():
            self.faults.append(f"detour-dataplane died:\n{self.box.log_tail()}")
        return self.faults

    def value(self, step: Statement, text: str):
        try:
            return eval(text, dict(self.names))  # pylint: disable=eval-used
        except Exception as problem:
            raise Fault(f"line {step.line}: {text}: {type(problem).__name__}: {problem}") from problem

    def let(self, step: Statement):
        self.names[step.words[0]] = self.value(step, step.rest)

    def ip(self, step: Statement):
        self.await_expected()
        self.box.play_kernel([f"ip {step.rest}"])
        self.box.settle()

    def settle(self, step: Statement):
        self.await_expected()
        time.sleep(float(step.rest or 0))
        self.box.settle()

    def sysctl(self, step: Statement):
        self.await_expected()
        write_sysctl(step.rest)

    def frame(self, port: str, packet, is_outgoing: str) -> bytes:
        mac, peer = self.box.macs[port], self.box.peers[port]
        return frames.framed(packet, *((peer, mac) if is_outgoing == "out" else (mac, peer)))

    def send(self, step: Statement):
        if self.waiting:
            self.await_expected()
        port = step.words[0]
        packets = self.value(step, step.rest)
        packets = packets if isinstance(packets, list) else [packets]
        for first in range(0, len(packets), ROOM):
            if first:
                self.box.await_fetched(port, before + ROOM)
            if len(packets) > ROOM:
                before = self.box.fetched(port)
            for packet in packets[first:first + ROOM]:
                self.box.send(port, self.frame(port, packet, "in"))

    def burst(self, step: Statement):
        self.await_expected()
        self.box.process.send_signal(signal.SIGSTOP)
        try:
            self.send(step)
        finally:
            self.box.process.send_signal(signal.SIGCONT)

    def flood(self, step: Statement):
        """More than the box has a budget for: what comes of them, before all is quiet again, is not looked at."""
        self.await_expected()
        port = step.words[0]
        frame = self.frame(port, self.value(step, step.rest), "in")
        for _ in range(int(step.words[1])):
            self.box.send(port, frame)
        while self.box.receive(10 * QUIET_SECONDS):
            pass

    def expect(self, step: Statement):
        place = " ".join(step.words)
        kind, _, rest = step.rest.partition(" ")
        if kind == "like":
            patterns = self.value(step, rest)
            for pattern in patterns if isinstance(patterns, list) else [patterns]:
                self.waiting.append((step, place, compare.Like(pattern, self.has_link(place))))
            return
        value = self.value(step, rest if kind == "either" else step.rest)
        exact = [self.exact(step.words, packet) for packet in (value if isinstance(value, list) else [value])]
        for expected in [compare.Either(exact)] if kind == "either" else exact:
            self.waiting.append((step, place, expected))

    def exact(self, words: list, packet) -> compare.Exact:
        if not self.has_link(" ".join(words)):
            return compare.Exact(frames.raw(packet), False)
        return compare.Exact(self.frame(words[-1], packet, "in" if words[0] == "kernel" else "out"), True)

    def await_expected(self, is_enough=lambda: True):
        """Until as many frames came everywhere as are expected, and a little longer for those that
        are not; then compares place by place."""
        count = {}
        for _, place, _ in self.waiting:
            count[place] = count.get(place, 0) + 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self.came += self.box.receive(QUIET_SECONDS)
            arrived = {place: sum(1 for at, _ in self.came if at == place) for place in count}
            if all(arrived[place] >= wanted for place, wanted in count.items()) and is_enough():
                break
        while more := self.box.receive(QUIET_SECONDS):
            self.came += more
        self.compare()
        self.waiting, self.came = [], []

    def compare(self):
        """Each expected frame takes the first that fits it. Order matters within a flow alone: a
        burst is sorted by family and by what is to be done."""
        came, last = {}, {}
        for position, (place, octets) in enumerate(self.came):
            came.setdefault(place, []).append((position, octets))
        for step, place, expected in self.waiting:
            there = came.get(place)
            if not there:
                self.faults.append(f"line {step.line}: nothing came at {place}: {step.rest}")
                continue
            chosen = next((one for one in there if expected.fits(one[1])), there[0])
            there.remove(chosen)
            position, octets = chosen
            if not expected.fits(octets):
                self.faults += [f"line {step.line}: at {place}: {difference}"
                                for difference in expected.differences(octets)]
            flow = (place, compare.flow(octets, self.has_link(place)))
            if last.get(flow, -1) > position:
                self.faults.append(f"line {step.line}: at {place}: overtaken by a later packet of its flow")
            last[flow] = position
        for place, rest in came.items():
            for _, octets in rest:
                self.faults.append(f"not expected at {place}: {compare.summary(octets, self.has_link(place))}")

    def has_link(self, place: str) -> bool:
        return place.removeprefix("kernel ") in self.box.peers

    def counters(self) -> dict:
        found = {kind: {reason["reason"]: reason["packets"] for reason in self.box.telemetry.pages(f"/detour/{kind}s")}
                 for kind in ("drop", "punt")} | {"count": {}}
        del found["punt"]["from-kernel"]  # the other direction
        for path in self.wanted["count"]:
            found["count"][path] = self.number(path)
        return found

    def number(self, path: str) -> int:
        """`tunnels/partner0/in_packets`: of the item of that name in /detour/tunnels; an item of
        /detour/sets is named uplink/set/family, a worker by its number, a next hop port/MAC."""
        question, *keys, key = path.split("/")
        for item in self.box.telemetry.pages(f"/detour/{question}"):
            if keys == names(question, item):
                return item[key]
        raise Fault(f"the telemetry knows no {path}")

    def moved(self) -> dict:
        now = self.counters()
        return {kind: {name: value - self.before[kind].get(name, 0) for name, value in now[kind].items()
                       if value != self.before[kind].get(name, 0)} for kind in now}

    def has_counted(self) -> bool:
        moved = self.moved()
        return all(moved[kind].get(name, 0) >= (1 if wanted == SOME else wanted)
                   for kind, names in self.wanted.items() for name, wanted in names.items())

    def check_counters(self):
        moved = self.moved()
        for kind, names in self.wanted.items():
            for name in sorted(names | moved[kind]):
                wanted, came = names.get(name, 0), moved[kind].get(name, 0)
                if wanted != came and not (wanted == SOME and came > 0):
                    self.faults.append(f"{kind} {name}: expected {wanted}, got {came}")
