# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What tests/netns/reconciler.py puts to the test: the shipping reconciler in a namespace of its own, the
kernel's objects as the design wants them for the null-route story, and what `ip` says of them."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

ROOT = os.environ.get("DETOUR_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
DRIVER = os.path.join(os.environ.get("DETOUR_BUILD") or os.path.join(ROOT, "build"), "tests/netns/reconciler_driver")
DEVICES = ("wan0", "xcon0", "lan0", "partner")
U0, U1, MAIL, WEB, IN = "1430000", "1430001", "1500000", "1500001", "1420000"
PLAIN, GROUP = 0x0F000000, 0x0F100000

RULES4 = """\
0: from all lookup local
100: from all iif partner lookup 1420000 proto 142
100: from all iif wan0 lookup 1420000 proto 142
100: from all iif xcon0 lookup 1420000 proto 142
200: from all lookup main suppress_prefixlength 0 suppress_ifgroup 196 proto 142
300: from all oif partner lookup 1430001 proto 142
300: from all oif wan0 lookup 1430000 proto 142
400: from 198.51.100.0/24 lookup 1500000 proto 142
400: from 203.0.113.0/24 lookup 1500001 proto 142
450: from all iif lan0 prohibit proto 142
460: from all lookup main suppress_prefixlength 0 proto 142
500: from all lookup 1420001 proto 142
32766: from all lookup main
32767: from all lookup default"""
RULES6 = "\n".join(line for line in RULES4.replace("203.0.113.0/24", "2001:db8:77::/48").splitlines()
                   if "198.51" not in line and "32767" not in line)
ROUTES4 = """\
default nhid 251658240 table 1430000 metric 142
192.0.2.0/30 dev wan0 table 1430000 scope link metric 142
default nhid 251658242 table 1430001 metric 142
10.255.0.0/31 dev partner table 1430001 scope link metric 142
blackhole default table 1420000 metric 4278198272
198.51.100.0/24 via 10.1.0.2 dev lan0 table 1420000 metric 142
203.0.113.0/24 via 10.1.0.2 dev lan0 table 1420000 metric 142
default nhid 252706816 table 1500000 metric 142
unreachable default table 1500000 metric 4278198272
default nhid 252706818 table 1500001 metric 142
unreachable default table 1500001 metric 4278198272
default nhid 251658240 metric 14200
default nhid 251658242 metric 14201
198.51.100.0/24 via 10.1.0.2 dev lan0 metric 142
203.0.113.0/24 via 10.1.0.2 dev lan0 metric 142"""
ROUTES6 = """\
default nhid 251658241 table 1430000 metric 142 pref medium
2001:db8:1::/64 dev wan0 table 1430000 metric 142 pref medium
fe80::/64 dev wan0 table 1430000 metric 142 pref medium
default nhid 251658243 table 1430001 metric 142 pref medium
2001:db8:ff::/127 dev partner table 1430001 metric 142 pref medium
fe80::/64 dev partner table 1430001 metric 142 pref medium
blackhole default dev lo table 1420000 metric 4278198272 pref medium
2001:db8:77::/48 via 2001:db8:10::2 dev lan0 table 1420000 metric 142 pref medium
default nhid 252706819 table 1500001 metric 142 pref medium
unreachable default dev lo table 1500001 metric 4278198272 pref medium
default nhid 251658241 metric 14200 pref medium
default nhid 251658243 metric 14201 pref medium
2001:db8:77::/48 via 2001:db8:10::2 dev lan0 metric 142 pref medium"""
NEXTHOPS = """\
id 251658240 via 192.0.2.1 dev wan0 proto 142
id 251658241 via 2001:db8:1::1 dev wan0 proto 142
id 251658242 dev partner proto 142
id 251658243 dev partner proto 142
id 252706816 group 251658240 proto 142
id 252706818 group 251658240 proto 142
id 252706819 group 251658241 proto 142"""


def words(text: str) -> list:
    """The lines, each with single blanks, sorted: what `ip` prints, without its layout."""
    lines = (re.sub(r"\s+", " ", line.replace("[detached] ", "")).strip() for line in text.splitlines())
    return sorted(line for line in lines if line)


TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0001, 0x0002, 0x1000


def hold_tun(name: str, mode: int):
    """Makes the device in this namespace and keeps its other end open."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), mode | IFF_NO_PI))
    print("held", flush=True)
    sys.stdin.read()


class Driver:
    """A running reconciler_driver; what it says is collected line by line."""

    def __init__(self, *options: str, prefix=("ip", "netns", "exec", "box")):
        self.process = subprocess.Popen([*prefix, DRIVER, *options], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines, self.changed, self.mark = [], threading.Condition(), 0
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip())
                self.changed.notify_all()

    def say(self, *commands: str):
        self.mark = len(self.lines)
        self.process.stdin.write("".join(command + "\n" for command in commands))
        self.process.stdin.flush()

    def expect(self, pattern: str, timeout: float = 10.0) -> str:
        """The next line that matches, after the one found last."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                for place in range(self.mark, len(self.lines)):
                    if re.search(pattern, self.lines[place]):
                        self.mark = place + 1
                        return self.lines[place]
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"nothing like /{pattern}/ within {timeout} s; it said:\n"
                                         + "\n".join(self.lines[-40:]))

    def sync(self):
        self.say("sync")
        self.expect("^synced$")

    def counters(self) -> dict:
        self.say("counters")
        line = self.expect("^counters ")
        return {name: int(value) for name, value in (word.split("=") for word in line.split()[1:])}

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def remove(self):
        self.say("remove")
        self.expect("^removed ")
        self.process.wait(timeout=5)


class Box(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.drivers, self.holders = [], []
        for name in ("world", "box"):
            self.run_command("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        for device in DEVICES:
            self.add_device(device)
        self.run_command("ip", "-n", "world", "address", "add", "192.0.2.1/30", "dev", "p-wan0")
        self.run_command("ip", "-n", "world", "address", "add", "2001:db8:1::1/64", "dev", "p-wan0", "nodad")

    def tearDown(self):
        for driver in self.drivers:
            if driver.process.poll() is None:
                driver.kill()
        for holder in self.holders:
            holder.communicate()
        for name in ("world", "box"):
            subprocess.run(["ip", "netns", "del", name], check=False)

    def add_device(self, device: str):
        if device in ("xcon0", "partner"):
            holder = subprocess.Popen(["ip", "netns", "exec", "box", sys.executable, os.path.abspath(__file__), device],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.holders.append(holder)
            self.assertEqual(holder.stdout.readline(), "held\n")
            return
        self.ip("link", "add", device, "type", "veth", "peer", "name", f"p-{device}", "netns", "world")
        self.world("link", "set", f"p-{device}", "up")

    def run_command(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def ip(self, *arguments: str) -> str:
        return self.run_command("ip", "-n", "box", *arguments)

    def world(self, *arguments: str) -> str:
        return self.run_command("ip", "-n", "world", *arguments)

    def start(self, *options: str) -> Driver:
        driver = Driver(*options)
        self.drivers.append(driver)
        driver.sync()
        return driver

    def rules(self, family: str) -> list:
        return words(self.ip("-N", family, "rule").replace("lookup 255", "lookup local")
                     .replace("lookup 254", "lookup main").replace("lookup 253", "lookup default").replace("lan0 8 ", "lan0 prohibit "))

    def routes(self, family: str) -> list:
        return words(self.ip(family, "route", "show", "table", "all", "proto", "142"))

    def nexthops(self) -> list:
        return words(re.sub(r" scope \d+", "", self.ip("-N", "nexthop", "show", "proto", "142")))

    def ours(self) -> dict:
        return {"rules4": self.rules("-4"), "rules6": self.rules("-6"), "routes4": self.routes("-4"),
                "routes6": self.routes("-6"), "nexthops": self.nexthops()}

    def assert_story(self):
        self.assertEqual(self.rules("-4"), words(RULES4))
        self.assertEqual(self.rules("-6"), words(RULES6))
        self.assertEqual(self.routes("-4"), words(ROUTES4))
        self.assertEqual(self.routes("-6"), words(ROUTES6))
        self.assertEqual(self.nexthops(), words(NEXTHOPS))

    def decision(self, *arguments: str) -> str:
        """The kernel's answer for a packet, or its refusal."""
        done = subprocess.run(["ip", "-n", "box", "route", "get", *arguments], capture_output=True, text=True,
                              check=False)
        return re.sub(r"\s+", " ", (done.stdout or done.stderr).strip())

    def events(self) -> "Monitor":
        return Monitor()


class Monitor:
    """`ip monitor` in the box: everything the kernel says about our kinds of objects."""

    def __enter__(self):
        self.process = subprocess.Popen(["stdbuf", "-oL", "ip", "-n", "box", "monitor", "route", "rule", "nexthop", "address"],
                                        stdout=subprocess.PIPE, text=True)
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        time.sleep(0.1)
        self.process.terminate()
        self.lines = [line.rstrip() for line in self.process.communicate()[0].splitlines()]

    def about_ours(self) -> list:
        return [line for line in self.lines if "142" in line]


if __name__ == "__main__":
    hold_tun(sys.argv[-1], IFF_TUN if sys.argv[-1] == "partner" else IFF_TAP)
