# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""One window of time, and whether it may be trusted.

Cycles are of the time stamp counter, and those of the polling thread alone: the wall's time less what
the thread waited for its core (/proc/PID/schedstat), so that a busy machine disturbs little.
"""

import glob
import os
import time
from dataclasses import dataclass

from ..process import Failed

WARM_UP = 0.1
BUSY = 0.9  # of a core: a thread that polls


def tsc_hertz() -> float:
    """The kernel's own calibration: BogoMIPS are two a microsecond of a constant TSC."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    if "constant_tsc" not in text:
        raise Failed("no constant time stamp counter: cycles of what?")
    return float(text.split("bogomips", 1)[1].split(":", 1)[1].split("\n", 1)[0]) * 1e6 / 2


@dataclass
class Window:
    seconds: float  # that the polling thread ran
    packets: int
    lost: int
    share: float  # of its core that it got


def waited(task: str) -> float:
    with open(f"{task}/schedstat", encoding="ascii") as stream:
        return int(stream.read().split()[1]) / 1e9


def window(subject, length: float) -> Window:
    """Lets the subject run for so long."""
    subject.resume()
    try:
        time.sleep(WARM_UP)
        in_before, out_before, start, wait_before = look(subject)
        time.sleep(length)
        in_after, out_after, end, wait_after = look(subject)
    finally:
        subject.pause()
    wall = end - start
    ran = wall - (wait_after - wait_before)
    packets = out_after - out_before
    return Window(ran, round(packets), round(in_after - in_before - packets), ran / wall)


def look(subject) -> tuple:
    """The counters of both devices and the clocks at one moment, as near as several tries come."""
    return min((glance(subject) for _ in range(8)), key=lambda glance: glance[0])[1:]


def glance(subject) -> tuple:
    """How long it took, and: in, out, wall, waited. Out is asked before and after in."""
    start, (_, out_before) = time.monotonic(), subject.packets()
    wait_before, (in_, _), wait_after = waited(subject.worker), subject.packets(), waited(subject.worker)
    (_, out_after), end = subject.packets(), time.monotonic()
    return end - start, in_, (out_before + out_after) / 2, (start + end) / 2, (wait_before + wait_after) / 2


class Pollers:
    """Threads of DPDK programs that spin, anywhere on the host: made before the sandbox hides them."""

    def __init__(self):
        self.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)

    def find(self) -> list:
        before = self.ticks()
        time.sleep(0.3)
        spun = BUSY * 0.3 * os.sysconf("SC_CLK_TCK")
        return sorted(f"{name} (thread {task.rsplit('/', 1)[1]})" for task, (ticks, name) in self.ticks().items()
                      if task in before and ticks - before[task][0] >= spun and self.is_dpdk(task))

    def ticks(self) -> dict:
        found = {}
        for task in glob.glob(f"/proc/self/fd/{self.proc}/[0-9]*/task/[0-9]*"):
            try:
                with open(f"{task}/stat", encoding="utf-8", errors="replace") as stream:
                    head, _, tail = stream.read().rpartition(")")
            except OSError:
                continue
            fields = tail.split()
            found[task] = (int(fields[11]) + int(fields[12]), head.split("(", 1)[1])
        return found

    @staticmethod
    def is_dpdk(task: str) -> bool:
        try:
            with open(f"{task}/maps", encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            return False
        return "librte_eal" in text or "vpp" in text
