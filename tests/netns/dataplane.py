#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""detour-dataplane on real packets: forwarding, GRE with a Linux kernel, punts, twins and their keeper,
what it changes on the host and puts back.

    customer 198.51.100.10, 2001:db8:77::10
       |  10.1.0.2 .... 2001:db8:10::2
      lan0
     [ box ] --- wan0 --- provider 192.0.2.1, 2001:db8:1::1, and 203.0.113.10, 2001:db8:3::10 behind it
      xcon0
       |  192.0.2.65
    partner ------------- tunnel "partner", key 7, 10.255.0.0/31, 2001:db8:ff::/127

The kernel's state is written by plain `ip` in detourd's form (tools/lab/box.py). Set "mail" leaves by
the provider, set "web" by the partner.
"""

import glob
import json
import os
import re
import signal
import sys
import time
import unittest
from datetime import datetime

ROOT = os.environ.get("DETOUR_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tools"))
from lab import build, cases  # noqa: E402  (the path comes first)
from lab.process import run, wait_until  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream, Transfer, carry  # noqa: E402
from dataplane_scene import DataPlane, Keeper, Scene, cpu_seconds, offloads, share_of_a_core, sleeps  # noqa: E402

EX_CONFIG = 78


class Forwarding(unittest.TestCase):
    maxDiff = None

    def test_both_families_cross_the_box_and_each_packet_once(self):
        with Lab("forward") as lab:
            scene = Scene(lab)
            scene.start()
            for source, target in (("198.51.100.10", "203.0.113.10"), ("2001:db8:77::10", "2001:db8:3::10")):
                said = scene.customer.sh(f"ping -c 20 -i 0.01 -I {source} {target}")
                self.assertIn(" 20 received", said)
                # A copy that the kernel forwarded beside the fast path would show as a duplicate.
                self.assertNotIn("duplicates", said)
                self.assertNotIn("DUP", said)
            there, back = carry(lambda rate: [
                Stream(lab, "v4", scene.customer, "198.51.100.10", scene.provider, "203.0.113.10", rate=rate),
                Stream(lab, "v6", scene.provider, "2001:db8:3::10", scene.customer, "2001:db8:77::10", rate=rate)],
                10000, lambda: time.sleep(2))
            sets = {(item["uplink"], item["set"], item["family"]): item for item in scene.box.items("/detour/sets")}
            self.assertGreaterEqual(sets["provider", "mail", "ipv4"]["out_packets"], there.received)
            self.assertGreaterEqual(sets["provider", "mail", "ipv6"]["in_packets"], back.received)
            self.assertEqual(sets["partner", "mail", "ipv4"]["out_packets"], 0)
            ports = {item["name"]: item for item in scene.box.items("/detour/ports")}
            self.assertGreaterEqual(ports["lan0"]["in_packets"], 10000)
            self.assertEqual(scene.box.process.stop(), 0, scene.box.process.tail())

    def test_tcp_to_the_box_itself_works_through_the_twin(self):
        with Lab("punt") as lab:
            scene = Scene(lab)
            scene.start()
            result = Transfer(lab, "up", scene.customer, "10.1.0.2", scene.node, "10.1.0.1", size=3_000_000).finish()
            self.assertTrue(result.survived, str(result))
            result = Transfer(lab, "down", scene.node, "2001:db8:10::1", scene.customer, "2001:db8:10::2",
                              size=3_000_000).finish()
            self.assertTrue(result.survived, str(result))
            self.assertEqual(scene.customer.ping("198.51.100.2", count=3), 3)
            self.assertEqual(scene.provider.ping("2001:db8:77::2", count=3), 3)

    def test_the_kernel_answers_for_ttl_size_and_missing_routes(self):
        with Lab("errors") as lab:
            scene = Scene(lab)
            scene.start()
            said = scene.customer.sh("ping -c 1 -t 1 -I 198.51.100.10 203.0.113.10", check=False)
            self.assertIn("Time to live exceeded", said)
            said = scene.customer.sh("ping -c 1 -t 1 -I 2001:db8:77::10 2001:db8:3::10", check=False)
            self.assertIn("Time exceeded", said)
            # 1472 fit the tunnel's MTU of 1472: 1444 and ICMP and IP headers; one more does not.
            said = scene.customer.sh("ping -c 1 -M do -s 1445 -I 198.51.100.140 203.0.113.130", check=False)
            self.assertRegex(said, "[Ff]rag needed.*1472|mtu ?= ?1472")
            said = scene.customer.sh("ping -c 1 -M do -s 1425 -I 2001:db8:77:8000::10 2001:db8:3:8000::10", check=False)
            self.assertRegex(said, "Packet too big.*1472|mtu ?= ?1472")
            # BCP 38: a source that nobody declared.
            said = scene.customer.sh("ping -c 1 -W 1 -I 10.1.0.2 203.0.113.10", check=False)
            self.assertIn("0 received", said)
            punts = scene.box.punts()
            self.assertGreaterEqual(punts["ttl-exceeded"], 2)
            self.assertGreaterEqual(punts["too-big"], 2)
            self.assertGreaterEqual(punts["prohibit"], 1)

    def test_jumbo_packets_cross_and_frames_beyond_the_ring_are_dropped_by_name(self):
        with Lab("jumbo") as lab:
            scene = Scene(lab, mtu=9000)
            scene.start()
            said = scene.customer.sh("ping -c 3 -i 0.1 -M do -s 8972 -I 198.51.100.10 203.0.113.10")
            self.assertIn(" 3 received", said)
            # The rings of larger frames are watched as well.
            self.assertNotIn("may stop it", scene.box.process.said())
        with Lab("cut") as lab:
            scene = Scene(lab)
            scene.start()
            scene.node.ip("link set phy-lan mtu 9000")
            scene.customer.ip("link set lan mtu 9000")
            scene.customer.sh("ping -c 3 -i 0.1 -W 1 -M do -s 4000 -I 198.51.100.10 203.0.113.10", check=False)
            self.assertEqual(scene.box.drops()["bad-total-length"], 3)

    def two_processors(self) -> list:
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) < 2:
            self.skipTest("one processor")
        return processors[:2]

    def test_two_workers_share_ports_that_have_one_queue(self):
        with Lab("workers") as lab:
            scene = Scene(lab, cores=self.two_processors())
            scene.start()
            results = carry(lambda rate: [
                Stream(lab, "v4", scene.customer, "198.51.100.10", scene.provider, "203.0.113.10", rate=rate),
                Stream(lab, "back", scene.provider, "203.0.113.10", scene.customer, "198.51.100.10", rate=rate)],
                5000, lambda: time.sleep(2))
            self.assertEqual([result.reordered for result in results], [0, 0])
            workers = scene.box.items("/detour/workers")
            self.assertEqual(len(workers), 2)
            least = min(result.received for result in results) / 2
            self.assertTrue(all(worker["packets"] > least for worker in workers), workers)

    def test_two_workers_share_one_port_and_every_flow_keeps_its_order(self):
        with Lab("spread") as lab:
            scene = Scene(lab, cores=self.two_processors())
            scene.start()
            streams = [Stream(lab, f"flow{n}", scene.customer, "198.51.100.10", scene.provider, "203.0.113.10", rate=500)
                       for n in range(8)]
            time.sleep(2)
            for stream in streams:
                result = stream.stop()
                self.assertEqual((result.lost, result.duplicates, result.reordered), (0, 0, 0), str(result))
            # All of it came in by the one queue of lan0. Of eight flows each worker had at least one.
            handed = sum(item["handed_over"] for item in scene.box.items("/detour/workers"))
            self.assertGreater(handed, 700)
            self.assertLess(handed, 8000)


class Reload(unittest.TestCase):
    ROUNDS = 3
    SPARE = 5  # tunnels at a time; there are counters for ten more than the two uplinks

    def reload(self, box) -> dict:
        box.command()
        return box.telemetry("/detour/reload")

    def carried(self, box) -> int:
        """By the next hop to the provider, however often the workers were made anew."""
        return next(item["packets"] for item in box.items("/detour/next_hops") if item.get("uplink") == "provider")

    def test_tunnels_come_and_go_again_and_again(self):
        with Lab("reload") as lab:
            scene = Scene(lab)
            scene.start()
            box, before = scene.box, dict(scene.box.uplinks)
            carried = self.carried(box)
            for number in range(self.ROUNDS):
                for i in range(self.SPARE):
                    box.gre_uplink(f"spare{number}{i}", box.ports["xcon0"], local="192.0.2.66", remote="192.0.2.65",
                                   key=100 + i, inner=(f"10.255.9.{2 * i}/31",))
                self.assertEqual(self.reload(box)["result"], "taken")
                # Nothing is new this time, nor may what is there be counted twice.
                self.assertEqual(self.reload(box)["result"], "taken")
                self.assertTrue(box.has_device(f"spare{number}0"))
                box.uplinks = dict(before)
                self.assertEqual(self.reload(box)["result"], "taken")
                wait_until(lambda number=number: not box.has_device(f"spare{number}0"), 10, "the tunnels to be gone", every=0.1)
            for i in range(11):
                box.gre_uplink(f"many{i}", box.ports["xcon0"], local="192.0.2.66", remote="192.0.2.65", key=200 + i,
                               inner=(f"10.255.9.{2 * i}/31",))
            refused = self.reload(box)
            self.assertEqual((refused["result"], refused["error"]),
                             ("refused", "needs a new start: more uplinks or sets than counters"))
            self.assertFalse(box.has_device("many0"))
            self.assertEqual(scene.customer.ping("203.0.113.10", source="198.51.100.10"), 3)
            self.assertGreaterEqual(self.carried(box), carried + 3)


class Refused(unittest.TestCase):
    """Frames that the kernel will not send cost themselves, and never the port."""

    def refuse(self, lab, scene, count: int, command: str):
        """Of what the command sends, each of `count` packets is dropped by name; whatever is beside it arrives."""
        before, times = scene.box.drops()["transmit-refused"], []

        def send():
            times.append(scene.customer.sh(command, check=False))
            time.sleep(0.5)
        result, = carry(lambda rate: [Stream(lab, "beside", scene.customer, "198.51.100.10", scene.provider, "203.0.113.10",
                                             rate=rate)], 2000, send)
        self.assertEqual(result.reordered, 0, str(result))
        self.assertLess(result.longest_gap_ms, 500, str(result))
        self.assertEqual(scene.customer.ping("203.0.113.10", source="198.51.100.10"), 3)
        self.assertEqual(scene.box.drops()["transmit-refused"] - before, count * len(times))

    def test_frames_beyond_the_far_ends_mtu_stop_nothing(self):
        with Lab("refused") as lab:
            scene = Scene(lab)
            scene.start()
            scene.provider.ip("link set wan mtu 1400")
            ping = "ping -c {} -i {} -W 1 -M dont -s 1472 -I 198.51.100.10 203.0.113.10"
            self.refuse(lab, scene, 1, ping.format(1, 1))
            self.refuse(lab, scene, 100, ping.format(100, 0.01))
            scene.box.process.wait_for_text(
                "port wan0: the kernel refuses to send some frames, one of 1514 octets: has the far end of phy-wan a", 5)
            self.assertEqual(scene.box.process.said().count("refuses to send"), 1)

    def test_what_a_filter_on_the_way_out_drops_stops_nothing(self):
        with Lab("filter") as lab:
            scene = Scene(lab)
            scene.box.port_devices["wan0"] = "net_af_packet1,iface=phy-wan,qdisc_bypass=0"
            scene.start()
            scene.node.sh("nft 'add table netdev t; add chain netdev t c { type filter hook egress device phy-wan priority 0; }; "
                          "add rule netdev t c ip protocol icmp ip length 1028 drop'")
            self.refuse(lab, scene, 5, "ping -c 5 -i 0.2 -W 1 -s 1000 -I 198.51.100.10 203.0.113.10")


class Tunnel(unittest.TestCase):
    def test_gre_with_a_linux_kernel_carries_ping_udp_and_tcp_of_both_families_both_ways(self):
        with Lab("tunnel") as lab:
            scene = Scene(lab, has_partner=True)
            scene.partner_tunnel()
            scene.start()
            scene.customer.wait_for_ping("203.0.113.130", 10, source="198.51.100.140")
            scene.customer.wait_for_ping("2001:db8:3:8000::10", 10, source="2001:db8:77:8000::10")
            # The inner addresses are the kernel's, through the TUN.
            scene.partner.wait_for_ping("10.255.0.1", 5)
            scene.partner.wait_for_ping("2001:db8:ff::1", 5)
            self.assertEqual(scene.node.ping("10.255.0.0"), 3)
            self.assertEqual(scene.partner.ping("198.51.100.140", source="203.0.113.130"), 3)
            self.assertEqual(scene.partner.ping("2001:db8:77:8000::10", source="2001:db8:3:8000::10"), 3)
            # Full-size packets without fragments.
            said = scene.customer.sh("ping -c 3 -i 0.1 -M do -s 1444 -I 198.51.100.140 203.0.113.130")
            self.assertIn(" 3 received", said)
            tunnel = scene.box.items("/detour/tunnels")[0]
            self.assertGreater(tunnel["in_packets"], 10)
            self.assertGreater(tunnel["out_packets"], 10)
            self.assertEqual(tunnel["next_hop"], "resolved")
            counted = {(item["set"], item["family"]): item for item in scene.box.items("/detour/sets")
                       if item["uplink"] == "partner"}
            for family in ("ipv4", "ipv6"):
                self.assertGreater(counted["web", family]["in_packets"], 3)
                self.assertGreater(counted["web", family]["out_packets"], 3)
                self.assertEqual(counted["mail", family]["out_packets"], 0)
            self.assertEqual(scene.box.process.stop(), 0, scene.box.process.tail())


class Twins(unittest.TestCase):
    maxDiff = None

    def test_a_killed_data_plane_with_a_keeper_changes_nothing_in_the_kernel(self):
        with Lab("keeper") as lab:
            scene = Scene(lab)
            keeper = Keeper(lab.path("notify.sock"))
            scene.start(keeper)
            self.assertEqual(set(keeper.kept), {"lan0", "wan0", "xcon0", "partner"})
            stream = Stream(lab, "v4", scene.customer, "198.51.100.10", scene.provider, "203.0.113.10", rate=2000)
            stream.wait_for_packets()
            before = scene.box.kernel_state()
            for _ in range(3):
                events = scene.node.start("monitor", ["ip", "monitor", "link", "address", "route", "rule", "nexthop"])
                time.sleep(0.3)
                scene.box.process.kill()
                time.sleep(0.3)
                self.assertEqual(scene.box.kernel_state(), before)
                scene.box.start(keeper)
                stream.wait_for_packets()
                self.assertEqual(scene.box.kernel_state(), before)
                events.stop()
                # Opening a queue makes the kernel say RTM_NEWLINK once more, of an unchanged link.
                told = [line for line in events.said().splitlines()
                        if not re.match(r"\d+: \S+: <[A-Z_,]*UP,LOWER_UP>|\s+link/", line)]
                self.assertEqual(told, [], "the kernel told of changes")
            result = stream.stop()
            # A machine that stands still delays one of them; 300 ms of each silence are of this test.
            silences = sorted(gap["ms"] - 300 for gap in result.gaps if gap["ms"] > 300)
            self.assertGreaterEqual(len(silences), 3)
            self.assertLess(silences[len(silences) // 2], 2000)
            # A clean stop leaves the twins to the keeper; they go when it lets go.
            self.assertEqual(scene.box.process.stop(), 0, scene.box.process.tail())
            self.assertTrue(scene.box.has_device("lan0"))
            keeper.drop_all()
            wait_until(lambda: not any(scene.box.has_device(d) for d in scene.box.devices()), 5, "the twins to go")

    def test_a_clean_stop_leaves_nothing_behind(self):
        with Lab("stop") as lab:
            scene = Scene(lab)
            run([*scene.node.prefix(), "ethtool", "-K", "phy-wan", "tx", "on", "tso", "on"])
            scene.node.ip("link set phy-wan down")
            links, features = scene.node.ip("-br link show"), offloads(scene.node, "phy-wan")
            scene.start()
            self.assertEqual(offloads(scene.node, "phy-wan")["tx-checksumming"], "off")
            self.assertIn("guard", run([*scene.node.prefix(), "nft", "list", "ruleset"]))
            self.assertEqual(scene.box.process.stop(), 0, scene.box.process.tail())
            self.assertEqual(run([*scene.node.prefix(), "nft", "list", "ruleset"]), "")
            self.assertEqual(offloads(scene.node, "phy-wan"), features)
            wait_until(lambda: scene.node.ip("-br link show") == links, 3, "the links to be as before")
            self.assertEqual(sorted(os.listdir(scene.box.run_dir)), ["detour-dataplane.lock"])

    def test_a_crash_without_a_keeper_is_repaired_by_the_next_start_and_undone_by_its_stop(self):
        with Lab("crash") as lab:
            scene = Scene(lab)
            run([*scene.node.prefix(), "ethtool", "-K", "phy-wan", "tx", "on", "tso", "on"])
            features = offloads(scene.node, "phy-wan")
            scene.start()
            scene.box.process.kill()
            # The twins stay with their addresses, the guard stays in force.
            self.assertIn("10.1.0.1/24", scene.node.ip("addr show dev lan0"))
            self.assertIn("guard", run([*scene.node.prefix(), "nft", "list", "ruleset"]))
            begin = time.monotonic()
            scene.box.start()
            # Routes went with the carrier; who wrote them writes them again, and packets flow.
            wait_until(lambda: "LOWER_UP" in scene.node.ip("link show dev wan0"), 3, "the carrier of wan0")
            scene.node.setup(*scene.box.route_lines())
            scene.customer.wait_for_ping("203.0.113.10", 5, source="198.51.100.10")
            self.assertLess(time.monotonic() - begin, 5)
            self.assertEqual(scene.box.process.stop(), 0, scene.box.process.tail())
            self.assertEqual(run([*scene.node.prefix(), "nft", "list", "ruleset"]), "")
            self.assertEqual(offloads(scene.node, "phy-wan"), features)
            self.assertFalse(any(scene.box.has_device(device) for device in scene.box.devices()))

    def test_the_twins_carrier_follows_the_port(self):
        with Lab("carrier") as lab:
            scene = Scene(lab)
            scene.start()

            def has_carrier(device: str) -> bool:
                return "LOWER_UP" in scene.node.ip(f"link show dev {device}")
            self.assertTrue(has_carrier("wan0"))
            scene.provider.ip("link set wan down")
            wait_until(lambda: not has_carrier("wan0"), 3, "wan0 to lose its carrier")
            self.assertTrue(has_carrier("lan0"))
            self.assertTrue(has_carrier("partner"), "a tunnel stays up")
            drops = scene.box.drops()["port-down"]
            scene.customer.ping("203.0.113.10", source="198.51.100.10", count=1)
            self.assertGreaterEqual(scene.box.drops()["port-down"], drops)
            scene.provider.ip("link set wan up")
            wait_until(lambda: has_carrier("wan0"), 3, "wan0 to have its carrier again")
            scene.provider.setup("route replace 198.51.100.0/24 via 192.0.2.2")
            scene.box.node.setup(*scene.box.route_lines())
            scene.customer.wait_for_ping("203.0.113.10", 5, source="198.51.100.10")

    def test_the_loss_of_a_carrier_is_told_at_once(self):
        # Left alone, the kernel tells of the twin a second after the interface under the port.
        with Lab("told") as lab:
            scene = Scene(lab)
            scene.start()
            monitor = scene.node.start("monitor", ["ip", "-o", "-ts", "monitor", "link"], is_result_apart=True)

            def told(device: str) -> datetime | None:
                lines = [line for line in monitor.result().splitlines() if f" {device}" in line and "LOWER_UP" not in line]
                return datetime.fromisoformat(re.search(r"\[(.*?)\]", lines[0])[1]) if lines else None
            time.sleep(1.5)
            scene.provider.ip("link set wan down")
            wait_until(lambda: told("wan0"), 3, "wan0 to be told of")
            self.assertLess((told("wan0") - told("phy-wan")).total_seconds(), 0.3, monitor.result())

    def test_an_interface_that_goes_down_under_traffic_holds_up_nobody(self):
        with Lab("down") as lab:
            scene = Scene(lab)
            scene.start()
            stream = Stream(lab, "out", scene.customer, "198.51.100.10", scene.provider, "203.0.113.10", rate=20000)
            stream.wait_for_packets()
            for _ in range(5):
                scene.node.ip("link set phy-wan down")
                self.assertEqual(scene.customer.ping("10.1.0.1", count=2), 2)
                scene.node.ip("link set phy-wan up")
                time.sleep(0.1)
            scene.node.ip("link set phy-wan down")
            stream.stop()
            # A socket whose interface is down must not keep the worker awake.
            begin = cpu_seconds(scene.box.process.pid)
            time.sleep(2)
            self.assertLess(cpu_seconds(scene.box.process.pid) - begin, 0.1)
            scene.node.ip("link set phy-wan up")
            wait_until(lambda: "LOWER_UP" in scene.node.ip("link show dev wan0"), 3, "the carrier of wan0")
            scene.node.setup(*scene.box.route_lines())
            scene.customer.wait_for_ping("203.0.113.10", 5, source="198.51.100.10")

    def test_an_interface_that_was_made_anew_asks_for_a_new_start(self):
        with Lab("anew") as lab:
            scene = Scene(lab)
            scene.start()
            scene.node.ip("link del phy-wan")
            wait_until(lambda: "LOWER_UP" not in scene.node.ip("link show dev wan0"), 3, "wan0 to lose its carrier")
            self.assertEqual(scene.customer.ping("10.1.0.1"), 3)
            lab.link(scene.provider, "wan", scene.node, "phy-wan")
            self.assertEqual(scene.box.process.wait(5), 1)
            self.assertIn("start anew", scene.box.process.said())

    def test_a_second_instance_is_refused_whatever_its_run_directory(self):
        with Lab("second") as lab:
            scene = Scene(lab)
            scene.start()
            second = scene.node.start("second", scene.box.command())
            self.assertEqual(second.wait(20), EX_CONFIG)
            self.assertIn("another detour-dataplane (process", second.said())
            # Another run directory, but the same twins: its packets would be stolen.
            command = scene.box.command()
            command[command.index("--run-dir") + 1] = lab.path("other-run")
            third = scene.node.start("third", command)
            self.assertEqual(third.wait(20), EX_CONFIG)
            self.assertIn("interface lan0 is open in another process", third.said())
            self.assertEqual(scene.customer.ping("203.0.113.10", source="198.51.100.10"), 3)

    def test_an_interface_that_is_not_ours_is_not_taken(self):
        with Lab("foreign") as lab:
            scene = Scene(lab)
            scene.node.ip("link add lan0 type bridge")
            refused = scene.node.start("refused", scene.box.command())
            self.assertEqual(refused.wait(20), EX_CONFIG)
            self.assertIn("there is an interface lan0 that is not the TAP of this box", refused.said())
            self.assertEqual(run([*scene.node.prefix(), "nft", "list", "ruleset"]), "")

    def test_a_twin_deleted_under_a_running_data_plane_ends_it_for_a_new_start(self):
        with Lab("deleted") as lab:
            scene = Scene(lab)
            scene.start()
            scene.node.ip("link del lan0")
            self.assertEqual(scene.box.process.wait(5), 1)
            self.assertIn("was deleted", scene.box.process.said())
            scene.box.start()
            self.assertTrue(scene.box.has_device("lan0"))


class Neighbourly(unittest.TestCase):
    def test_two_boxes_side_by_side_on_one_host_and_in_one_namespace(self):
        with Lab("two") as lab:
            first, second = Scene(lab), None
            first.start()
            node, customer, provider = first.node, lab.namespace("customer2"), lab.namespace("provider2")
            lab.link(customer, "lan", node, "phy2-lan")
            lab.link(provider, "wan", node, "phy2-wan")
            second = DataPlane(lab, node)
            second.run_dir = lab.path("second-run")
            second.port("lan2", "phy2-lan", "10.2.0.1/24")
            wan = second.port("wan2", "phy2-wan", "192.0.2.130/30")
            second.direct_uplink("provider2", wan, "192.0.2.129")
            second.prefix_set("shop", ("203.0.113.128/25",), uplink="provider2", next_hops=("10.2.0.2",))
            second.start()
            self.assertEqual({item["name"] for item in second.items("/detour/ports")}, {"lan2", "wan2"})
            self.assertEqual({item["name"] for item in first.box.items("/detour/ports")}, {"lan0", "wan0", "xcon0"})
            node.setup("addr add 10.2.0.1/24 dev lan2", "addr add 192.0.2.130/30 dev wan2")
            customer.setup("addr add 10.2.0.2/24 dev lan", "link set lan up")
            provider.setup("addr add 192.0.2.129/30 dev wan", "link set wan up")
            customer.wait_for_ping("10.2.0.1", 5)
            provider.wait_for_ping("192.0.2.130", 5)
            self.assertEqual(second.process.stop(), 0, second.process.tail())
            # The one that stopped took nothing of the other with it.
            self.assertEqual(first.customer.ping("203.0.113.10", source="198.51.100.10"), 3)
            self.assertIn("phy-lan", run([*node.prefix(), "nft", "list", "ruleset"]))
            self.assertNotIn("phy2-lan", run([*node.prefix(), "nft", "list", "ruleset"]))

    def test_an_idle_box_uses_less_than_five_percent_of_a_core(self):
        with Lab("idle") as lab:
            scene = Scene(lab)
            scene.start()
            used = share_of_a_core(scene.box.process.pid)
            print(f"idle: {used:.2%} of a core")
            self.assertLess(used, 0.05)

    def test_an_idle_box_whose_drivers_have_nothing_to_sleep_on_naps_for_a_millisecond(self):
        with Lab("naps") as lab:
            scene = Scene(lab)
            scene.box.port_devices = {name: f"net_null{i},no-rx=1" for i, name in enumerate(scene.box.ports)}
            scene.box.start()
            pid = scene.box.process.pid
            before, begin = sleeps(pid), time.monotonic()
            used = share_of_a_core(pid)
            rate = (sleeps(pid) - before) / (time.monotonic() - begin)
            # Under 5 % where a wake-up costs 40 microseconds or less; how often it wakes is ours alone.
            print(f"idle without sockets: {used:.2%} of a core, {rate:.0f} sleeps a second")
            self.assertLess(rate, 1250)
            self.assertLess(used, 0.20)

    def test_every_telemetry_command_answers(self):
        with Lab("telemetry") as lab:
            scene = Scene(lab)
            scene.start()
            known = [command for command in scene.box.telemetry("/") if command.startswith("/detour/")]
            self.assertGreaterEqual(len(known), 9)
            for command in known:
                if command != "/detour/trace":
                    self.assertIsInstance(scene.box.telemetry(command), dict, command)
            self.assertEqual(scene.box.telemetry("/detour/version")["version"],
                             run([build.product("detour-dataplane"), "--version"]).split()[1])
            self.assertEqual(scene.box.telemetry("/detour/tables")["synced"], "yes")
            for what, expected in (("lan0,198.51.100.140,203.0.113.10", ("source", "web", "tunnel", "partner")),
                                   ("lan0,2001:db8:77::10,2001:db8:3::10", ("source", "mail", "port", "wan0")),
                                   ("wan0,203.0.113.10,198.51.100.10", ("destination", "mail", "port", "lan0"))):
                traced = scene.box.telemetry(f"/detour/trace,{what}")
                lookup, prefix_set, key, name = expected
                self.assertEqual((traced["lookup"], traced["set"], traced["next_hop"][key]),
                                 (lookup, prefix_set, name), traced)
            self.assertIn("error", scene.box.telemetry("/detour/trace,lan0,198.51.100.10,2001:db8::1"))

    def test_what_cannot_start_says_why_and_what_to_do(self):
        with Lab("refusals") as lab:
            scene = Scene(lab)

            def said_by(change) -> str:
                config = json.loads(scene.box.configuration())
                change(config)
                path = lab.write("broken.yaml", json.dumps(config))
                command = scene.box.command()
                command[command.index("--config") + 1] = path
                process = scene.node.start(f"refused{time.monotonic_ns()}", command)
                self.assertEqual(process.wait(20), EX_CONFIG, process.said())
                return process.said()

            def device(text):
                return lambda config: config["ports"]["lan0"].update(device=text)
            self.assertIn("no interface absent0", said_by(device("net_af_packet0,iface=absent0")))
            self.assertIn("DPDK cannot open net_nonsense0", said_by(device("net_nonsense0")))
            self.assertIn("core 1023", said_by(lambda config: config["dataplane"].update(cores=[1023])))
            self.assertIn("already", said_by(device("net_af_packet1,iface=phy-lan")))
            self.assertEqual(run([*scene.node.prefix(), "nft", "list", "ruleset"]), "")
            self.assertEqual(glob.glob(f"{scene.box.run_dir}/undo"), [])


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    cases.main()
