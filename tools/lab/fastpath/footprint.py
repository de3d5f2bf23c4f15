# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""How soon a nexthop flip is in the fast path, and what memory detour takes."""

import ctypes
import glob
import json
import os
import socket
import statistics
import struct
import time

from .. import build
from ..process import Failed, wait_until
from . import subjects
from .cases import CASES, GROUP, NEXTHOP, Job, text_of

FLIPS = 40
POLL_SECONDS = 0.00005
FLIP_GOAL_MS = 1.0
RSS_GOAL_MB = 200
SECOND_PEER = "10.3.0.2"
CLONE_NEWNET = 0x40000000
RTM_NEWNEXTHOP, NLMSG_ERROR = 104, 2
REQUEST_ACK_REPLACE_CREATE = 0x1 | 0x4 | 0x100 | 0x400
NHA_ID, NHA_GROUP = 1, 2

libc = ctypes.CDLL(None, use_errno=True)


class FlippedDetour(subjects.Detour):
    """Frames go out by a second port when the group names its next hop; both are net_null."""
    name = "flips"

    def configuration(self, out_device: str) -> str:
        config = json.loads(super().configuration(out_device))
        config["ports"]["out1"] = {"device": "net_null1,no-rx=1", "addresses": ["10.3.0.1/30"]}
        return json.dumps(config, indent=1)

    def launch(self, out_device: str):
        super().launch(out_device)
        self.node.setup("link set out1 up", "addr add 10.3.0.1/30 dev out1")
        wait_until(lambda: "LOWER_UP" in self.node.ip("link show out1"), 10, "the carrier of out1")
        self.node.setup(f"neigh replace {SECOND_PEER} lladdr 02:00:00:00:00:03 dev out1 nud permanent",
                        f"nexthop replace id {NEXTHOP + 1} via {SECOND_PEER} dev out1")
        self.settle()

    def hurry(self):
        """All but the worker, and we who ask, before anything else on this machine: what else it does
        would be measured (a wake-up of an ordinary thread waits for the next tick, 4 ms)."""
        worker = self.busiest_thread()
        for task in glob.glob(f"/proc/{self.pid()}/task/*"):
            if task != worker:
                os.sched_setscheduler(int(task.rsplit("/", 1)[1]), os.SCHED_FIFO, os.sched_param(20))
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))

    def sent(self, device: int) -> int:
        return self.ask(f"/ethdev/stats,{device}")["opackets"]


def socket_in(netns: str) -> socket.socket:
    """A routing socket of that namespace."""
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{netns}", "rb") as there:
        for namespace in (there, home):
            if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise Failed(f"setns: {os.strerror(ctypes.get_errno())}")
            if namespace is there:
                made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    return made


def replace_group(route: socket.socket, group: int, member: int) -> float:
    """`ip nexthop replace id GROUP group MEMBER`, without the time that starting `ip` takes. When the
    kernel had done it: it works within send(), and notifies whoever listens right before that returns."""
    attributes = struct.pack("=HHI", 8, NHA_ID, group) + struct.pack("=HHIBBH", 12, NHA_GROUP, member, 0, 0, 0)
    body = struct.pack("=BBBBI", 0, 0, 0, 0, 0) + attributes
    route.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWNEXTHOP, REQUEST_ACK_REPLACE_CREATE, 1, 0) + body)
    done = time.monotonic()
    answer = route.recv(4096)
    kind, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
    if kind != NLMSG_ERROR or error != 0:
        raise Failed(f"the kernel refuses to replace nexthop group {group}: {os.strerror(-error)}")
    return done


def flip_times(lab, prefixes: int) -> tuple:
    """Milliseconds from the kernel's notification to the first packet seen to leave by the other port, and
    those that the kernel took before it notified (it waits for a grace period of its own)."""
    job = Job(CASES["forward"], prefixes)
    capture = lab.path(f"flips-{prefixes}.pcap")
    job.write_capture(capture)
    subject = FlippedDetour(lab, job, capture)
    times, kernel = [], []
    try:
        subject.launch("net_null0,no-rx=1")
        subject.open_gate()
        wait_until(lambda: subject.sent(1) > 1_000_000, 60, "packets that go out")
        route = socket_in(subject.node.netns)
        subject.hurry()
        for i in range(FLIPS):
            device, member = (2, NEXTHOP + 1) if i % 2 == 0 else (1, NEXTHOP)
            before = subject.sent(device)
            start = time.monotonic()
            notified = replace_group(route, GROUP, member)
            while subject.sent(device) == before:
                if time.monotonic() > notified + 5:
                    raise Failed("a nexthop flip is not seen in the fast path")
                time.sleep(POLL_SECONDS)
            times.append((time.monotonic() - notified) * 1000)
            kernel.append((notified - start) * 1000)
            time.sleep(0.02)
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        subject.end()
    return times, kernel


def megabytes(pid: int) -> float:
    """Resident pages and hugepages of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as stream:
        fields = dict(line.split(":", 1) for line in stream)
    return sum(int(fields[name].split()[0]) for name in ("VmRSS", "HugetlbPages") if name in fields) / 1024


def children_of(pid: int) -> dict:
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                head, _, tail = stream.read().rpartition(")")
        except OSError:
            continue
        if int(tail.split()[1]) == pid:
            found[head.split("(", 1)[1]] = int(path.split("/")[2])
    return found


class BothPlanes(subjects.Detour):
    """`detour run` as shipped, on devices that hold no capture."""
    name = "memory"
    in_device = "net_null1,no-rx=1"

    def start_process(self, command: list, **how):
        program = command.index(build.product("detour-dataplane"))
        super().start_process([*command[:program], build.product("detour"), "run", *command[program + 1:]], **how)

    def memory(self) -> dict:
        planes = children_of(self.pid())
        return {{"detour-dataplan": "detour-dataplane"}.get(name, name): round(megabytes(pid), 1)
                for name, pid in planes.items() if name.startswith("detour")}


def memory(lab) -> dict:
    job = Job(CASES["forward"], 10_000)
    subject = BothPlanes(lab, job, "")
    try:
        subject.launch("net_null0,no-rx=1")
        wait_until(lambda: len(subject.memory()) == 2, 30, f"both planes; detour run said:\n{subject.process.tail()}")
        time.sleep(1)
        few = subject.memory()
        more = Job(CASES["forward"], 1_000_000)
        known = set(job.prefixes)
        subject.node.setup(*(f"-4 route add {text_of(prefix, 4)} nhid {GROUP}" for prefix in more.prefixes
                             if prefix not in known))
        subject.settle()
        return {"10000": few, "1000000": subject.memory()}
    finally:
        subject.end()


def measure(lab, say) -> dict:
    flips = []
    for prefixes in (1, 100, 10_000):
        times, kernel = flip_times(lab, prefixes)
        figures = {"min": round(min(times), 3), "median": round(statistics.median(times), 3), "max": round(max(times), 3)}
        flips.append({"prefixes": prefixes, "flips": len(times), "milliseconds": figures,
                      "kernel_milliseconds": round(statistics.median(kernel), 3)})
        say(f"  nexthop flip of {prefixes} prefixes: in the fast path {figures['median']} ms after the kernel's notification "
            f"({figures['min']} - {figures['max']}; goal {FLIP_GOAL_MS:g}); the kernel itself took {statistics.median(kernel):.1f} ms")
    sizes = memory(lab)
    for routes, planes in sizes.items():
        total = sum(planes.values())
        goal = f" (goal {RSS_GOAL_MB})" if routes == "10000" else ""
        say(f"  memory with {routes} routes: {total:.0f} MB{goal}: " + ", ".join(f"{k} {v} MB" for k, v in planes.items()))
    return {"flips": flips, "memory_megabytes": sizes}
