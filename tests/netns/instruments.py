#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""detour trace, capture, ports, tunnels, drops, routes and neighbours against a running data plane, without
detourd: the picture stands on top of tools/lab/cage.py. What is captured is read by tshark.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import build, cases, process  # noqa: E402  (the path comes first)
from lab.cage import CUSTOMER, OUTSIDE, OUTSIDE6, Cage  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, carry  # noqa: E402

FLOW = f"{CUSTOMER['web']} > {OUTSIDE}"


class Instruments(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("instruments")
        cls.cage = Cage(cls.lab)
        cls.cage.start()
        cls.box, cls.customer, cls.outside = cls.cage.box, cls.cage.customer, cls.cage.outside

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    def setUp(self):
        self.box.place("partner")
        self.cage.outside_prefers("partner")

    def command(self, *words: str, run_dir: str = "") -> list:
        return [*self.cage.detour.prefix(), build.product("detour"), "--config", self.lab.path("detour.yaml"),
                "--run-dir", run_dir or self.box.run_dir, *words]

    def detour(self, *words: str, code: int = 0, run_dir: str = "") -> str:
        done = subprocess.run(self.command(*words, run_dir=run_dir), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def detour_json(self, *words: str, code: int = 0) -> dict:
        document = json.loads(self.detour("-j", *words, code=code))
        self.assertEqual(document["schema_version"], 1)
        return document

    def entry(self, verb: str, name: str) -> dict:
        return next(one for one in self.detour_json(verb)[verb] if one["name"] == name)

    # trace

    def test_trace_names_rule_table_next_hop_and_rewrite_and_follows_a_move(self):
        said = self.detour("trace", FLOW)
        for words in (f"{CUSTOMER['web']} > {OUTSIDE}, in by lan0", "400  from 203.0.113.0/24 lookup 1500001",
                      "table S(web): default nhid", "dev partner", "into tunnel partner, out by xcon0",
                      "192.0.2.66 > 192.0.2.65 TTL 64, GRE key 7", "up to     1472 bytes"):
            self.assertIn(words, said)
        self.assertNotIn("CAUTION", said)
        self.box.place("provider", "web")
        process.wait_until(lambda: "out by wan0 (uplink provider)" in self.detour("trace", FLOW), 3, "the move")
        self.assertNotIn("GRE", self.detour("trace", FLOW))

    def test_trace_tells_what_is_handed_to_the_kernel_and_what_is_dropped(self):
        said = self.detour("trace", f"10.1.0.2 > {OUTSIDE} in lan0")
        self.assertIn("450  iif lan0 prohibit", said)
        self.assertIn("handed to the kernel (prohibit)", said)
        said = self.detour("trace", f"{OUTSIDE} > 192.0.2.200 in partner", code=1)
        self.assertIn("table IN: blackhole default", said)
        self.assertIn("dropped (blackhole)", said)

    def test_trace_without_a_place_asks_for_each_uplink(self):
        document = self.detour_json("trace", f"{OUTSIDE6}>{CUSTOMER['web6']}")
        self.assertEqual([one["in"] for one in document["traces"]], ["wan0", "partner"])
        for one in document["traces"]:
            self.assertTrue(one["agrees"])
            self.assertEqual(one["steps"][-1]["outcome"], "answer")
            self.assertEqual((one["next_hops"][0]["verb"], one["next_hops"][0]["port"]), ("forward", "lan0"))

    def test_a_wrong_question_is_refused_with_what_was_wanted(self):
        self.assertIn("wanted: 'SOURCE > DESTINATION", self.detour("trace", "192.0.2.1", code=2))
        self.assertIn("there is no port and no tunnel lan9", self.detour("trace", f"{FLOW} in lan9", code=2))

    def test_nobody_who_answers_is_exit_code_3(self):
        nowhere = self.lab.path("nowhere")
        for words in (["trace", FLOW], ["ports"], ["tunnels"], ["drops"], ["capture", "lan0"]):
            self.assertIn("the data plane does not answer", self.detour(*words, code=3, run_dir=nowhere))

    # lists

    def test_ports_and_tunnels_count_what_crosses(self):
        before = self.entry("tunnels", "partner"), self.entry("ports", "lan0")
        self.assertEqual(self.customer.ping(OUTSIDE, source=CUSTOMER["web"], count=20), 20)
        after = self.entry("tunnels", "partner"), self.entry("ports", "lan0")
        for one, other in zip(before, after):
            self.assertGreaterEqual(other["in_packets"] - one["in_packets"], 20)
            self.assertGreaterEqual(other["out_packets"] - one["out_packets"], 20)
        self.assertIn("192.0.2.65", self.detour("tunnels"))
        self.assertRegex(self.detour("ports"), r"xcon0 +up +1500")

    def test_drops_are_told_by_name_and_only_those_that_happened(self):
        self.box.telemetry("/detour/drops")
        watching = subprocess.Popen(self.command("-j", "drops", "--seconds", "3"), stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        # The provider sends what is not ours.
        self.cage.provider.sh("ip route replace 192.0.2.200/32 via 192.0.2.2 && ping -c 4 -i 0.1 -W 1 192.0.2.200; "
                              "ip route del 192.0.2.200/32", check=False)
        document = json.loads(watching.communicate(timeout=30)[0])
        self.assertEqual({one["reason"]: one["packets"] for one in document["drops"]}, {"blackhole": 4})
        self.assertIn("blackhole", self.detour("drops"))

    def test_routes_have_names_for_tables_and_ways(self):
        said = self.detour("routes")
        for words in (r"IN +198\.51\.100\.0/24 +via 10\.1\.0\.2 dev lan0 +142 +detour",
                      r"S\(mail\) +default +dev partner +142", r"U\(provider\) +default +via 192\.0\.2\.1 dev wan0"):
            self.assertRegex(said, words)
        document = self.detour_json("routes", "203.0.113.7")
        found = {one["table"]: [route["destination"] for route in one["routes"]] for one in document["tables"]}
        self.assertEqual(found["IN"], ["default", "203.0.113.0/24"])
        self.assertNotIn("S(nobody)", found)
        self.assertIn("no address, no prefix and no table", self.detour("routes", "S(nobody)", code=2))

    def test_neighbours_say_who_is_needed_and_who_is_missed(self):
        self.assertEqual(self.customer.ping(OUTSIDE, source=CUSTOMER["web"]), 3)
        rows = {one["address"]: one for one in self.detour_json("neighbours", code=0)["neighbours"]}
        self.assertEqual(rows["192.0.2.65"]["role"], "far end of partner")
        self.assertEqual(rows["192.0.2.1"]["role"], "gateway of provider, BGP peer of provider")
        # What the provider is asked does not reach it.
        node = self.cage.detour
        node.nft('table netdev fault { chain c { type filter hook egress device "phy-wan" priority 0; drop; }; }\n')
        self.addCleanup(self.customer.wait_for_ping, OUTSIDE, 10, source=CUSTOMER["web"])
        self.addCleanup(node.sh, "nft delete table netdev fault")
        node.ip("neigh flush dev wan0", check=False)

        def first_row():
            done = subprocess.run(self.command("neighbours"), capture_output=True, text=True, check=False)
            return done.returncode == 1 and done.stdout.splitlines()[1]
        row = process.wait_until(first_row, 10, "the provider to be missed")
        self.assertRegex(row, r"^(wan0|-) .*(FAILED|INCOMPLETE|UNKNOWN) +gateway of provider, BGP peer of provider")

    # capture

    def start_capture(self, *words: str):
        """Returns when the data plane looks."""
        started = subprocess.Popen(self.command("capture", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(started.kill)
        time.sleep(0.7)
        return started

    def end_capture(self, started, code: int = 0) -> tuple:
        started.send_signal(signal.SIGINT)
        said = started.communicate(timeout=20)
        self.assertEqual(started.returncode, code, said)
        return said

    def tshark(self, file: str, show: str = "", *fields: str) -> list:
        """The packets that a display filter shows, one tuple of fields each."""
        words = ["tshark", "-n", "-r", file, "-T", "fields", *(word for name in fields for word in ("-e", name))]
        done = subprocess.run(words + (["-Y", show] if show else []), capture_output=True, text=True, check=True)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def test_a_port_is_captured_both_ways_as_it_is_on_the_wire(self):
        file = self.lab.path("xcon.pcapng")
        capture = self.start_capture("xcon0", "-w", file, "proto", "gre")
        self.assertEqual(self.customer.ping(OUTSIDE, source=CUSTOMER["web"], count=5), 5)
        _, said = self.end_capture(capture)
        self.assertIn("ended: as asked", said)
        requests = self.tshark(file, "icmp.type == 8", "frame.packet_flags_direction", "gre.key", "ip.src", "frame.interface_name")
        # Two IP headers, outside and inside.
        self.assertEqual(requests, [("0x00000002", "0x00000007", f"192.0.2.66,{CUSTOMER['web']}", "xcon0")] * 5)
        replies = self.tshark(file, "icmp.type == 0", "frame.packet_flags_direction", "ip.dst")
        self.assertEqual(replies, [("0x00000001", f"192.0.2.66,{CUSTOMER['web']}")] * 5)
        # Nothing else was wanted, and times are now.
        self.assertEqual(len(self.tshark(file, "", "frame.number")), len(self.tshark(file, "gre", "frame.number")))
        times = [float(one[0]) for one in self.tshark(file, "", "frame.time_epoch")]
        self.assertEqual(times, sorted(times))
        self.assertLess(abs(time.time() - times[-1]), 30)

    def test_a_tunnel_shows_the_packets_inside_and_two_taps_share_a_file(self):
        file = self.lab.path("both.pcapng")
        capture = self.start_capture("lan0,partner", "-w", file, "icmp6 and net 2001:db8:501::/48")
        self.assertEqual(self.customer.ping(OUTSIDE6, source=CUSTOMER["web6"], count=4), 4)
        self.assertEqual(self.customer.ping(OUTSIDE, source=CUSTOMER["web"], count=2), 2)
        self.end_capture(capture)
        rows = self.tshark(file, "", "frame.interface_name", "frame.packet_flags_direction", "icmpv6.type", "ipv6.hlim")
        self.assertEqual(sorted(rows), sorted(
            [("lan0", "0x00000001", "128", "64"), ("partner", "0x00000002", "128", "63"),
             ("partner", "0x00000001", "129", "63"), ("lan0", "0x00000002", "129", "62")] * 4))
        # In the order in which a packet crossed the box.
        self.assertEqual([row[0] for row in rows[:4]], ["lan0", "partner", "partner", "lan0"])

    def test_lines_for_a_look(self):
        capture = self.start_capture("partner", "-n", "4", "icmp")
        self.assertEqual(self.customer.ping(OUTSIDE, source=CUSTOMER["web"], count=5), 5)
        lines, said = capture.communicate(timeout=20)
        self.assertEqual(capture.returncode, 0)
        self.assertRegex(lines.splitlines()[0], rf"^\d\d:\d\d:\d\d\.\d{{6}}Z partner out {CUSTOMER['web']} > {OUTSIDE} "
                                                "ICMP echo request 84$")
        self.assertEqual(len(lines.splitlines()), 4)
        self.assertIn("4 packets; ended: as many packets or bytes as were wanted", said)

    def test_a_capture_is_bounded_in_time_and_one_at_a_time(self):
        start = time.monotonic()
        capture = self.start_capture("lan0", "--seconds", "2", "-w", self.lab.path("time.pcapng"))
        self.assertIn("another capture runs", self.detour("capture", "wan0", code=2))
        _, said = capture.communicate(timeout=20)
        self.assertEqual(capture.returncode, 0)
        self.assertIn("ended: its time was up", said)
        self.assertLess(time.monotonic() - start, 6)

    def test_a_reader_that_dies_ends_its_capture(self):
        capture = self.start_capture("lan0", "-w", self.lab.path("dead.pcapng"))
        capture.kill()
        capture.wait()
        process.wait_until(lambda: subprocess.run(self.command("capture", "lan0", "--seconds", "1"), capture_output=True,
                                                  check=False).returncode == 0, 10, "the next capture")

    def test_wrong_captures_are_refused_before_anything_is_written(self):
        precious = self.lab.write("precious.yaml", "version: 1\n")
        self.assertIn("exists and is no capture", self.detour("capture", "lan0", "-w", precious, code=2))
        with open(precious, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "version: 1\n")
        self.assertIn("there is no port and no tunnel", self.detour("capture", "lan9", code=2))
        self.assertIn("filter", self.detour("capture", "lan0", "hosst 192.0.2.1", code=2))

    def test_forwarding_loses_nothing_while_captures_come_and_go_under_load(self):
        self.customer.wait_for_ping(OUTSIDE, 5, source=CUSTOMER["mail"])
        file = self.lab.path("load.pcapng")

        def streams(rate: int) -> list:
            return [Stream(self.lab, f"load-{name}", *ends, rate=rate) for name, *ends in (
                ("out", self.customer, CUSTOMER["mail"], self.outside, OUTSIDE),
                ("in", self.outside, OUTSIDE, self.customer, CUSTOMER["mail"]))]

        def captures():
            for _ in range(5):
                self.detour("capture", "lan0,xcon0,partner", "--seconds", "1", "-w", file)
            # A reader that does not read: its packets are lost, those of the box are not.
            stuck = self.start_capture("lan0,xcon0", "-w", self.lab.path("stuck.pcapng"))
            stuck.send_signal(signal.SIGSTOP)
            time.sleep(2)
            stuck.send_signal(signal.SIGCONT)
            self.end_capture(stuck)
        a_stream = carry(streams, 5000, captures)[0]
        rate = a_stream.received / (a_stream.last_ns - a_stream.first_ns) * 1e9
        # In a second, packets of two streams, each twice on its way (lan0 and xcon0) and once inside the tunnel.
        self.assertGreater(len(self.tshark(file, "udp", "frame.number")), 3 * 2 * rate * 0.8)


class Kernel(unittest.TestCase):
    """kind kernel: no data plane to ask; the kernel that forwards says what it would do."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("kernel-trace")
        cls.addClassCleanup(cls.lab.__exit__, None, None, None)
        cls.router = cls.lab.namespace("router")
        for ours, address, other in (("eth0", "192.0.2.2/30", "wan"), ("eth2", "10.1.0.1/24", "lan")):
            neighbour = cls.lab.namespace(other)
            cls.lab.link(cls.router, ours, neighbour, "router")
            cls.router.setup(f"addr add {address} dev {ours}", f"link set {ours} up")
            neighbour.setup("link set router up")
        cls.router.sysctl({"net.ipv4.ip_forward": 1})
        cls.router.setup("route add default via 192.0.2.1 table 1000", "route add 203.0.113.0/24 via 10.1.0.2",
                         "rule add priority 400 from 203.0.113.0/24 lookup 1000")

    def trace(self, *words: str, code: int = 0) -> str:
        done = subprocess.run([*self.router.prefix(), build.product("detour"), "--config",
                               f"{build.ROOT}/conf/examples/kernel-container.yaml", "trace", *words],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_the_table_and_the_next_hop_are_the_kernels(self):
        said = self.trace("203.0.113.9 > 198.51.100.77")
        self.assertIn("203.0.113.9 > 198.51.100.77, in by eth2", said)
        self.assertRegex(said, r"table +1000")
        self.assertIn("out by eth0 via 192.0.2.1", said)
        inbound = json.loads(self.trace("-j", "198.51.100.77 > 203.0.113.9 in wan0"))
        self.assertEqual([(one["in"], one["route"]["dev"], one["route"]["gateway"]) for one in inbound["traces"]],
                         [("eth0", "eth2", "10.1.0.2")])

    def test_a_packet_without_a_way_is_said_to_have_none(self):
        self.router.setup("route replace unreachable default table 1000")
        self.addCleanup(self.router.setup, "route replace default via 192.0.2.1 table 1000")
        self.assertIn("the kernel has no way", self.trace("203.0.113.9 > 198.51.100.77", code=1))


if __name__ == "__main__":
    cases.main()
