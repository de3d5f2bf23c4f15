# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Streams of numbered UDP packets and checked TCP transfers between two nodes, by detour-traffic.

    stream = Stream(lab, "v4-out", customer, "198.51.100.10", outside, "203.0.113.10", rate=20000)
    ...
    result = stream.stop()
    result.lost, result.longest_gap_ms, result.gaps

Times are nanoseconds of CLOCK_MONOTONIC, Python's time.monotonic_ns(): one line for all namespaces.
"""

import itertools
import json
import time
from dataclasses import dataclass, field

from . import build
from .process import Failed, wait_until

ports = itertools.count(20000)
# Packets still on their way, and their receiver's buffer, when the source has stopped.
DRAIN_SECONDS = 0.4


def program() -> str:
    return build.product("tools/lab/detour-traffic")


def at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def last_json(text: str, what: str) -> dict:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"{what} ended without a result")
    return json.loads(lines[-1])


@dataclass
class StreamResult:
    sent: int
    received: int
    lost: int
    duplicates: int
    reordered: int
    refused: int
    longest_gap_ms: float
    gaps: list = field(default_factory=list)  # {"from_ns", "to_ns", "ms"}
    holes: list = field(default_factory=list)  # [first, last] of runs of lost packets
    delay_us: dict = field(default_factory=dict)
    stalls: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def __str__(self):
        text = f"{self.sent} sent, {self.lost} lost"
        for count, word in ((self.duplicates, "twice"), (self.reordered, "out of order"), (self.refused, "not sent")):
            text += f", {count} {word}" if count else ""
        return text + f", longest silence {self.longest_gap_ms:.0f} ms"


class Stream:
    """One way, from the moment it is made until stop()."""

    def __init__(self, lab, name: str, source, source_address: str, sink, sink_address: str, *, rate: int = 1000,
                 size: int = 64, gap_ms: int = 20):
        self.name, self.sink_node, self.source_node = name, sink, source
        port = next(ports)
        stream = str(port)
        self.sink = sink.start(f"sink-{name}-{port}", [program(), "sink", "--listen", at(sink_address, port), "--stream",
                                                stream, "--gap", f"{gap_ms}ms", "--report", "200ms"],
                               is_result_apart=True)
        time.sleep(0.05)
        self.source = source.start(f"source-{name}-{port}", [
            program(), "source", "--to", at(sink_address, port), "--from", at(source_address, port), "--rate", str(rate),
            "--size", str(size), "--stream", stream], is_result_apart=True)
        self.started_ns = time.monotonic_ns()

    def so_far(self) -> dict:
        """The sink's latest interim line: received, missing, new; zeros before the first."""
        lines = [line for line in self.sink.result().splitlines() if line.startswith('{"at_ns"')]
        return json.loads(lines[-1]) if lines else {"at_ns": 0, "received": 0, "missing": 0, "new": 0}

    def wait_for_packets(self, seconds: float = 5):
        """Wait until packets arrive now."""
        begin = self.so_far()["received"]

        def arrives():
            if not self.source.is_running:
                raise Failed(f"{self.name}: the source ended: {self.source.tail()}")
            return self.so_far()["received"] > begin
        wait_until(arrives, seconds, f"packets of {self.name} to arrive", every=0.05)

    def abandon(self):
        """End it without asking for the result; after stop() there is nothing left to end."""
        self.source.kill()
        self.sink.kill()

    def stop(self) -> StreamResult:
        self.source.stop()
        time.sleep(DRAIN_SECONDS)
        self.sink.stop()
        sent = last_json(self.source.result(), f"{self.name}: the source ({self.source.tail()})")
        got = last_json(self.sink.result(), f"{self.name}: the sink ({self.sink.tail()})")
        return StreamResult(sent["sent"], got["received"], sent["sent"] - got["received"], got["duplicates"],
                            got["reordered"], sent["refused"], got["longest_gap_ms"], got["gaps"], got["holes"],
                            got["delay_us"], sent["stalls"], got["first_ns"], got["last_ns"])


def carry(make, rate: int, during, *, least: int = 500, say=print) -> list:
    """Streams that lose nothing and bring nothing twice while `during()` runs; their results.

    `make(rate)` makes them. When packets are missing, the same streams alone say whose fault that is: if they lose,
    too, the machine does not carry that rate at the moment, and the next try has half of it. What is lost twice where
    the streams alone lose nothing, or comes twice, or is lost at less than `least` a second, is raised as Failed.
    """
    strikes = 0
    while True:
        begin = time.monotonic()
        results = _results(make(rate), during)
        if not (wrong := _wrong(results)):
            return list(results.values())
        say(f"    {rate}/s a stream: {wrong}")
        if any(result.duplicates for result in results.values()):
            raise Failed(f"packets came twice: {wrong}")
        seconds = time.monotonic() - begin
        if alone := _wrong(_results(make(rate), lambda seconds=seconds: time.sleep(seconds))):
            say(f"    the same alone: {alone}")
            rate //= 2
            if rate < least:
                raise Failed(f"this machine carries nothing without loss: {alone}")
        else:
            strikes += 1
            if strikes == 2:
                raise Failed(f"lost at {rate}/s a stream, which alone arrive whole: {wrong}")


def _results(streams: list, during) -> dict:
    try:
        for stream in streams:
            stream.wait_for_packets()
        during()
        return {stream.name: stream.stop() for stream in streams}
    finally:
        for stream in streams:
            stream.abandon()


def _wrong(results: dict) -> str:
    return "; ".join(f"{name}: {result}, holes {result.holes[:5]}" for name, result in results.items()
                     if result.lost or result.duplicates or result.refused)


@dataclass
class TransferResult:
    sent: int
    verified: int
    survived: bool
    seconds: float
    longest_stall_ms: float
    error: str

    def __str__(self):
        outcome = "every byte checked" if self.survived else f"FAILED: {self.error or 'bytes differ'}"
        return f"{self.sent / 1e6:.1f} MB in {self.seconds:.1f} s, {outcome}, longest stall {self.longest_stall_ms:.0f} ms"


class Transfer:
    """A TCP connection that carries checked bytes, `size` of them or until stop()."""

    def __init__(self, lab, name: str, source, source_address: str, sink, sink_address: str, *, size: int = 0,
                 rate: int = 0):
        self.name = name
        port = next(ports)
        self.receiver = sink.start(f"receiver-{name}", [program(), "tcp-receive", "--listen", at(sink_address, port)],
                                   is_result_apart=True)
        time.sleep(0.1)
        self.sender = source.start(f"sender-{name}", [
            program(), "tcp-send", "--to", at(sink_address, port), "--from", at(source_address, port),
            "--bytes", str(size), "--rate", str(rate)], is_result_apart=True)

    def abandon(self):
        self.sender.kill()
        self.receiver.kill()

    def finish(self, seconds: float = 60) -> TransferResult:
        """Wait for its own end (give it a size); one that takes longer is ended and has not survived."""
        try:
            self.sender.wait(seconds)
        except Failed:
            self.abandon()
        return self.result()

    def stop(self) -> TransferResult:
        """End it now; what was sent is still delivered and checked."""
        self.sender.stop(25)
        return self.result()

    def result(self) -> TransferResult:
        if not self.sender.result().strip():
            return TransferResult(0, 0, False, 0, 0, self.sender.tail(3))
        said = last_json(self.sender.result(), self.name)
        return TransferResult(said["sent"], said["verified"], said["survived"], said["seconds"],
                              said["longest_stall_ms"], said["error"])
