#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The shipping probe sockets and codecs against Linux: three kinds, two families, two ways.

            +-- one -- near --+
      box --+                 +-- target       beacon 198.51.100.2, 2001:db8:77::2 on the box's lo
            +-- two -- far ---+                the target answers the beacon by `far`, whatever it came by
"""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import build, cases  # noqa: E402  (the path comes first)
from lab.process import run, wait_until  # noqa: E402
from lab.topology import Lab  # noqa: E402

BEACON = {4: "198.51.100.2", 6: "2001:db8:77::2"}
TARGET = {4: "203.0.113.1", 6: "2001:db8:501::1"}
LINKS = {  # (left, right): left's address is .1 or ::1, right's .2 or ::2
    ("box", "near"): ("192.0.2.0", "2001:db8:1::"), ("box", "far"): ("192.0.2.4", "2001:db8:2::"),
    ("near", "target"): ("192.0.2.8", "2001:db8:3::"), ("far", "target"): ("192.0.2.12", "2001:db8:4::")}
# Answers of a service, so that an open port can be told from a closed one.
SERVICES = """
import socket, threading
def tcp(family):
    s = socket.socket(family, socket.SOCK_STREAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("", 443)); s.listen()
    while True: s.accept()
def udp(family, address):
    s = socket.socket(family, socket.SOCK_DGRAM); s.bind((address, 7))
    while True:
        data, peer = s.recvfrom(2048); s.sendto(data, peer)
for family, address in ((socket.AF_INET, "203.0.113.1"), (socket.AF_INET6, "2001:db8:501::1")):
    threading.Thread(target=tcp, args=(family,), daemon=True).start()
    threading.Thread(target=udp, args=(family, address), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""


class Probes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("probes")
        cls.addClassCleanup(cls.lab.__exit__, None, None, None)
        cls.node = {name: cls.lab.namespace(name) for name in ("box", "near", "far", "target")}
        for (left, right), (v4, v6) in LINKS.items():
            cls.lab.link(cls.node[left], right, cls.node[right], left)
            base, last = v4.rsplit(".", 1)
            for node, device, n in ((left, right, 1), (right, left, 2)):
                cls.node[node].setup(f"addr add {base}.{int(last) + n}/30 dev {device}",
                                     f"addr add {v6}{n}/64 dev {device} nodad", f"link set {device} up")
        for name in ("near", "far"):
            cls.node[name].as_router()
        box, near, far, target = (cls.node[n] for n in ("box", "near", "far", "target"))
        box.calm()
        target.calm()
        box.setup("addr add 198.51.100.2/32 dev lo", "addr add 2001:db8:77::2/128 dev lo",
                  # As rule 300 has it: a table for each device; without it the second way.
                  "route add default via 192.0.2.2 table 1", "route add default via 2001:db8:1::2 table 1",
                  "route add default via 192.0.2.6 table 2", "route add default via 2001:db8:2::2 table 2",
                  "rule add oif near lookup 1 pref 300", "-6 rule add oif near lookup 1 pref 300",
                  "rule add oif far lookup 2 pref 300", "-6 rule add oif far lookup 2 pref 300",
                  "route add default via 192.0.2.6", "route add default via 2001:db8:2::2")
        for router, to_box, to_target in ((near, ("192.0.2.1", "2001:db8:1::1"), ("192.0.2.10", "2001:db8:3::2")),
                                          (far, ("192.0.2.5", "2001:db8:2::1"), ("192.0.2.14", "2001:db8:4::2"))):
            router.setup(*(f"route add {BEACON[f]} via {to_box[i]}" for i, f in enumerate((4, 6))),
                         *(f"route add {TARGET[f]} via {to_target[i]}" for i, f in enumerate((4, 6))))
        target.setup("addr add 203.0.113.1/32 dev lo", "addr add 2001:db8:501::1/128 dev lo",
                     "route add default via 192.0.2.13", "route add default via 2001:db8:4::1")
        services = target.start("services", ["/usr/bin/python3", "-c", SERVICES])
        wait_until(lambda: "ready" in services.tail(), 10, "the services", every=0.1)
        for family in (4, 6):
            box.wait_for_ping(TARGET[family], 10, source=BEACON[family])

    def probe(self, device: str, family: int, kind: str, port: int = 0, *, size: int = 24, hops: int = 0) -> list:
        driver = build.product("tests/netns/probe_driver")
        said = run([*self.node["box"].prefix(), driver, device, BEACON[family], TARGET[family], kind, str(port),
                    str(size), str(hops)])
        return said.splitlines()

    def each(self):
        for family in (4, 6):
            for device in ("near", "far"):
                yield family, device

    def test_each_kind_leaves_pinned_and_is_heard_on_the_way_it_comes_back(self):
        for family, device in self.each():
            for kind, port, expected in (("icmp", 0, "answer icmp"), ("tcp", 443, "answer tcp"),
                                         ("tcp", 9, "answer tcp"), ("udp", 7, "answer udp"),
                                         ("udp", 33434, "error port-unreachable")):
                with self.subTest(family=family, device=device, kind=kind, port=port):
                    before = self.received(device)
                    self.assertEqual(self.probe(device, family, kind, port),
                                     ["sent", f"{expected} from {TARGET[family]} by far"])
                    self.assertGreater(self.received(device), before)

    def received(self, device: str) -> int:
        """Packets that the router of this way was sent by the box."""
        return int(self.node[device].sh("cat /sys/class/net/box/statistics/rx_packets"))

    def test_the_kernels_reset_ends_the_half_open_connection(self):
        for family in (4, 6):
            self.probe("near", family, "tcp", 443)
        self.assertEqual(self.node["target"].sh("ss -Htn state syn-recv"), "")
        resets = self.node["target"].sh("nstat -asz TcpAttemptFails TcpEstabResets | awk '/Tcp/ {s += $2} END {print s}'")
        self.assertGreaterEqual(int(resets), 2)

    def test_what_is_no_probes_is_not_heard(self):
        """A connection of the box's own, as BGP's: its segments stay in the kernel's hands."""
        driver = [build.product("tests/netns/probe_driver"), "near", BEACON[4], TARGET[4], "icmp", "0", "24", "0"]
        listening = self.node["box"].start("driver", driver)
        time.sleep(0.05)
        self.node["box"].sh("/usr/bin/python3 -c 'import socket; "
                            "[socket.create_connection((\"203.0.113.1\", 443)).close() for _ in range(20)]'")
        wait_until(lambda: not listening.is_running, 10, "the driver's end", every=0.1)
        self.assertEqual(listening.tail().splitlines(), ["sent", f"answer icmp from {TARGET[4]} by far"])

    def test_a_router_on_the_way_is_heard(self):
        for family, device in self.each():
            router = {(4, "near"): "192.0.2.2", (6, "near"): "2001:db8:1::2",
                      (4, "far"): "192.0.2.6", (6, "far"): "2001:db8:2::2"}[family, device]
            for kind in ("icmp", "tcp", "udp"):
                with self.subTest(family=family, device=device, kind=kind):
                    self.assertEqual(self.probe(device, family, kind, 443, hops=1),
                                     ["sent", f"error time-exceeded from {router} by {device}"])

    def test_a_probe_of_full_size_is_whole_or_lost(self):
        self.assertEqual(self.probe("near", 4, "icmp", size=1480), ["sent", f"answer icmp from {TARGET[4]} by far"])
        self.node["near"].setup("link set target mtu 1400")
        self.addCleanup(self.node["near"].setup, "link set target mtu 1500")
        for _ in range(2):  # the second time the kernel knows the path's MTU, and must not cut the packet
            self.assertEqual(self.probe("near", 4, "icmp", size=1480),
                             ["sent", "error other from 192.0.2.2 by near"])
            self.assertEqual(self.probe("near", 6, "icmp", size=1460),
                             ["sent", "error other from 2001:db8:1::2 by near"])
        self.assertEqual(self.probe("near", 4, "icmp", size=1380), ["sent", f"answer icmp from {TARGET[4]} by far"])

    def test_a_missing_path_is_a_lost_probe(self):
        self.node["box"].setup("link set near down")
        self.addCleanup(self.repair)
        self.assertTrue(self.probe("near", 4, "tcp", 443)[0].startswith("not sent: "))

    def repair(self):
        self.node["box"].setup("link set near up", "addr replace 2001:db8:1::1/64 dev near nodad",
                               "route replace default via 192.0.2.2 table 1",
                               "route replace default via 2001:db8:1::2 table 1")


if __name__ == "__main__":
    cases.main()
