#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The mirror at its limits, with mirror_driver over veth devices in a namespace of its own: how soon
a change is compiled, that an overrun is survived, that neighbours stay resolved, and with
DETOUR_LONG=1 (or --long) what a million routes cost.

      wan-peer     lan-peer
         |            |
        wan          lan        10,000 scattered /24 of main by nexthop group 10 over wan
       port 0       port 1
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from mirror import DRIVER, SYSCTLS, run  # noqa: E402  (the path comes first)


class Box:
    """The devices, the routes and the mirror over them."""

    def __init__(self, route_count: int):
        run("ip link set lo up", check=True)
        for name, value in {**SYSCTLS, "net.ipv4.nexthop_compat_mode": 0}.items():
            run(f"sysctl -qw {name}={value}", check=True)
        for port in ("wan", "lan"):
            run(f"ip link add {port} type veth peer name {port}-peer", check=True)
            run(f"ip link set {port}-peer up", check=True)
            run(f"ip link set {port} up", check=True)
        for line in ("addr add 192.0.2.2/24 dev wan", "addr add 10.1.0.1/22 dev lan", "link set wan group 196",
                     "neigh add 192.0.2.1 lladdr 02:00:5e:00:53:01 dev wan nud permanent",
                     "neigh add 192.0.2.3 lladdr 02:00:5e:00:53:03 dev wan nud permanent",
                     "nexthop add id 1 via 192.0.2.1 dev wan", "nexthop add id 2 via 192.0.2.3 dev wan",
                     "nexthop add id 10 group 1", "rule add iif wan lookup 100 pref 100",
                     "rule add lookup main suppress_prefixlength 0 suppress_ifgroup 196 pref 200",
                     "rule add from 198.51.100.0/24 lookup 1001 pref 400", "rule add iif lan prohibit pref 450",
                     "route add default nhid 10 table 1001"):
            run("ip " + line, check=True)
        add_routes("add", route_count)
        self.process = subprocess.Popen([DRIVER, "port:wan:0", "port:lan", "set:198.51.100.0/24=0"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.line()

    def line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"mirror_driver ended with {self.process.wait()}")
        return line.rstrip("\n")

    def ask(self, question: str) -> str:
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self.line()

    def status(self) -> dict:
        return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", self.ask("status"))}

    def decide(self, source: str, destination: str) -> str:
        return self.ask(f"decide lan {source} {destination}").split(": ", 1)[1]

    def differences(self) -> list:
        first, lines = self.ask("compare"), []
        while first != ".":
            lines.append(first)
            first = self.line()
        return [] if lines == ["same"] else lines

    def memory_mb(self) -> int:
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) // 1024

    def median_latency_us(self, commands: list) -> int:
        """From the mirror reading the kernel's first message to the published snapshot."""
        latencies = []
        for command in commands:
            before = self.status()["generation"]
            run(command, check=True)
            wait_for(lambda: self.status()["generation"] > before)
            latencies.append(self.status()["last_us"])
        return sorted(latencies)[len(latencies) // 2]


def wait_for(condition, seconds: float = 5):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("did not come true in time")
        time.sleep(0.01)


def add_routes(verb: str, count: int, seed: int = 7):
    choose = random.Random(seed)
    prefixes = set()
    while len(prefixes) < count:
        length = choose.choice([24, 24, 24, 22, 20])
        prefixes.add((choose.randrange(1 << 24, 223 << 24) >> (32 - length) << (32 - length), length))
    lines = (f"route {verb} {word >> 24}.{word >> 16 & 255}.{word >> 8 & 255}.{word & 255}/{length} nhid 10" for word, length in prefixes)
    subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join(lines) + "\n", text=True, stderr=subprocess.DEVNULL, check=False)


def check_flip():
    """A nexthop group flips under 10,000 routes: compiled within 10 ms, by no table at all."""
    box = Box(10_000)
    median = box.median_latency_us([f"ip nexthop replace id 10 group {1 + i % 2}" for i in range(1, 12)])
    print(f"    nexthop flip under 10,000 routes: {median} us")
    assert median < 10_000, median
    assert box.decide("198.51.100.9", "9.9.9.9").startswith("forward port 0 to 02:00:5e:00:53:03")


def check_route():
    """One route among 10,000: compiled within 10 ms."""
    box = Box(10_000)
    median = box.median_latency_us([f"ip route add 100.64.{i}.0/24 via 10.1.0.2" for i in range(11)])
    print(f"    one route among 10,000: {median} us")
    assert median < 10_000, median


def check_host():
    """A new host on a LAN beside 10,000 routes: compiled within 10 ms, and it is its own next hop."""
    box = Box(10_000)
    median = box.median_latency_us([f"ip neigh add 10.1.0.{i} lladdr 02:00:5e:00:53:{i:02x} dev lan nud reachable"
                                    for i in range(100, 111)])
    print(f"    one host beside 10,000 routes: {median} us")
    assert median < 10_000, median
    assert box.decide("198.51.100.9", "10.1.0.105").startswith("forward port 1 to 02:00:5e:00:53:69")


def check_overrun():
    """The kernel loses messages for a mirror that stood still: it takes a whole new picture."""
    box = Box(1000)
    box.process.send_signal(signal.SIGSTOP)
    for round_number in range(6):
        add_routes("add", 80_000, seed=round_number)
        add_routes("del", 80_000, seed=round_number)
    add_routes("add", 2000, seed=99)
    run("ip nexthop replace id 10 group 2", check=True)
    box.process.send_signal(signal.SIGCONT)
    wait_for(lambda: box.status()["resyncs"] >= 2, seconds=60)
    box.ask("settle")
    status = box.status()
    print(f"    {status['overruns']} overruns, {status['resyncs'] - 1} resyncs, the last in {status['sync_us'] // 1000} ms")
    assert status["overruns"] >= 1
    assert not (left := box.differences()), (len(left), left[:5])
    assert box.decide("198.51.100.9", "9.9.9.9").startswith("forward port 0 to 02:00:5e:00:53:03")


def check_gateway():
    """The kernel is asked to keep a gateway resolved, and told when it is none any more."""
    box = Box(10)
    run("ip route add 203.0.113.0/24 via 10.1.0.2", check=True)
    wait_for(lambda: "managed" in run("ip neigh show 10.1.0.2 dev lan nud all"))
    # An answer to the kernel's question; whoever writes it so takes the care away, and the mirror asks again.
    run("ip neigh replace 10.1.0.2 lladdr 02:00:5e:00:53:02 dev lan nud reachable", check=True)
    wait_for(lambda: "managed" in run("ip neigh show 10.1.0.2 dev lan nud all"))
    wait_for(lambda: box.decide("198.51.100.9", "203.0.113.9").startswith("forward port 1 to 02:00:5e:00:53:02"))
    run("ip route del 203.0.113.0/24", check=True)
    wait_for(lambda: "managed" not in run("ip neigh show 10.1.0.2 dev lan nud all"))


def check_flap():
    """Links go down and up again with 10,000 routes on them: copy and kernel agree each time."""
    box = Box(10_000)
    for _ in range(3):
        run("ip link set wan down", check=True)
        box.ask("settle")
        assert not (left := box.differences()), (len(left), left[:5])
        run("ip link set wan up", check=True)
        run("ip nexthop add id 1 via 192.0.2.1 dev wan")
        run("ip nexthop add id 10 group 1")
        add_routes("add", 10_000)
        box.ask("settle")
        assert not (left := box.differences()), (len(left), left[:5])


def check_million():
    """A million routes: what they cost, and a change is compiled as soon as among a few."""
    box = Box(1_000_000)
    status = box.status()
    print(f"    {status['routes']} routes: first picture in {status['sync_us'] / 1e6:.1f} s, {box.memory_mb()} MB, "
          f"tables {status['bytes'] >> 20} MB")
    flip = box.median_latency_us([f"ip nexthop replace id 10 group {1 + i % 2}" for i in range(1, 12)])
    route = box.median_latency_us([f"ip route add 100.64.{i}.0/24 via 10.1.0.2" for i in range(11)])
    print(f"    nexthop flip {flip} us, one route {route} us")
    assert flip < 10_000 and route < 10_000


CASES = [check_flip, check_route, check_host, check_overrun, check_gateway, check_flap]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--long", action="store_true", default=os.environ.get("DETOUR_LONG") == "1")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = {case.__name__.removeprefix("check_"): case for case in CASES + [check_million] * options.long}
    if options.case:
        cases[options.case]()
        return 0
    passed = failed = 0
    for name in cases:
        if options.only not in name:
            continue
        # A namespace a case: everything in it goes with its process.
        command = ["unshare", "--net", "--pid", "--fork", "--kill-child", sys.executable, os.path.abspath(__file__), "--case", name]
        done = subprocess.run(command + ["--long"] * options.long, check=False)
        passed += done.returncode == 0
        failed += done.returncode != 0
        print(f"{'ok' if done.returncode == 0 else 'FAIL'} {name}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
