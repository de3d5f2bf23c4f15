#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""detour doctor against real faults: each is made, found, told with its mend; where the mend is a command
it is run, and the finding is gone. The box is that of tools/lab/cage.py with its data plane alone.
"""

import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import build, cases, process  # noqa: E402  (the path comes first)
from lab.cage import Cage  # noqa: E402
from lab.topology import Lab  # noqa: E402

# In the order of how bad they are.
LEVELS = ("ok", "not checked", "warning", "error")


class Report:
    def __init__(self, done):
        self.document = json.loads(done.stdout)
        self.code = done.returncode
        self.findings = self.document["findings"]

    def of(self, check: str, text: str = "") -> list:
        return [one for one in self.findings if one["check"] == check and text in one["text"]]

    def level(self, check: str, text: str = "") -> str:
        """The worst level of the findings whose text holds this; "none" without any."""
        return max((one["level"] for one in self.of(check, text)), key=LEVELS.index, default="none")

    def mend(self, check: str, text: str = "") -> str:
        return next(one["mend"] for one in self.of(check, text) if one["mend"])


def run_doctor(prefix: list, config: str, run_dir: str, environment: dict | None = None, before: tuple = ()) -> Report:
    command = [*prefix, *before, build.product("detour"), "--config", config, "--run-dir", run_dir, "-j", "doctor"]
    outside = {key: value for key, value in os.environ.items() if key != "SSH_CONNECTION"}
    return Report(subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                                 env={**outside, **(environment or {})}))


class Running(unittest.TestCase):
    """A box that forwards, and what is done to it."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("doctor")
        cls.cage = Cage(cls.lab)
        cls.cage.start()
        cls.node = cls.cage.detour

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__(None, None, None)

    def doctor(self, **how) -> Report:
        return run_doctor(self.node.prefix(), self.lab.path("detour.yaml"), self.cage.box.run_dir, **how)

    def assert_found_and_mended(self, check: str, text: str, level: str = "error"):
        """The finding is there, its mend is a command, and after it the finding is not."""
        report = self.doctor()
        self.assertEqual(report.level(check, text), level, report.findings)
        self.node.sh(report.mend(check, text).split("; or ")[0])
        self.assertNotIn(self.doctor().level(check, text), ("warning", "error"))

    def drop_on_the_way(self, device: str, what: str):
        """Frames leave the box and arrive nowhere."""
        self.node.nft(f"table netdev fault {{ chain c {{ type filter hook egress device \"{device}\" priority 0; {what} drop; }}; }}\n")
        self.addCleanup(self.node.sh, "nft delete table netdev fault", check=False)

    def test_a_healthy_box_has_no_errors_and_its_far_ends_answer(self):
        report = self.doctor()
        self.assertEqual([one for one in report.findings if one["level"] == "error"], [])
        for check in ("far end", "GRE", "underlay MTU", "TUN", "nexthop objects", "rules", "guard", "offloads", "interface",
                      "systemd-networkd", "NetworkManager", "foreign routes", "memlock", "IOMMU", "cores"):
            self.assertEqual(report.level(check), "ok", (check, report.of(check)))
        self.assertEqual(report.code, 1 if report.document["warnings"] else 0)
        self.assertEqual(report.document["exit_code"], report.code)
        # And as text: the worst first, the well in one line.
        said = self.node.sh(f"{build.product('detour')} --config {self.lab.path('detour.yaml')} --run-dir "
                            f"{self.cage.box.run_dir} doctor", check=False)
        self.assertRegex(said.splitlines()[-1], r"^0 errors, \d+ warnings, \d+ not checked, \d+ ok$")
        self.assertRegex(said.splitlines()[-2], "^ok +.*GRE")

    def test_reverse_path_filter(self):
        self.node.sysctl({"net.ipv4.conf.wan0.rp_filter": 1})
        # Nobody but detourd would set it back: without it the finding is a warning.
        self.assert_found_and_mended("sysctl", "net.ipv4.conf.wan0.rp_filter is 1", "warning")

    def test_offloads_switched_on_under_the_data_plane(self):
        self.node.sh("ethtool -K phy-lan gro on")
        self.assert_found_and_mended("offloads", "phy-lan: gro on")

    def test_an_address_on_the_interface_behind_a_port(self):
        self.node.ip("addr add 192.0.2.97/30 dev phy-wan")
        self.assert_found_and_mended("addresses", "phy-wan has 192.0.2.97/30")

    def test_an_interface_smaller_than_its_port_or_down(self):
        self.node.ip("link set phy-lan mtu 1400")
        self.assert_found_and_mended("MTU", "phy-lan takes 1400 bytes")
        self.node.ip("link set phy-lan down")
        self.assert_found_and_mended("interface", "phy-lan (port lan0) is down")

    def management(self):
        other = self.lab.namespace(f"admin{len(self.lab.processes)}{self._testMethodName[5:9]}")
        self.lab.link(other, "box", self.node, "mgmt")
        other.setup("addr add 10.9.0.2/24 dev box", "link set box up")
        self.node.setup("addr add 10.9.0.1/24 dev mgmt", "link set mgmt up")
        self.addCleanup(self.node.ip, "link del mgmt", check=False)

    def test_foreign_routes_and_rules_that_win_over_a_set(self):
        self.management()
        self.node.ip("route add 0.0.0.0/1 via 10.9.0.2 dev mgmt")
        self.assert_found_and_mended("foreign route", "main has 0.0.0.0/1 dev mgmt")
        self.node.ip("route add 203.0.113.128/25 dev mgmt proto static")
        self.assert_found_and_mended("foreign route", "main has 203.0.113.128/25 dev mgmt (by static)")
        self.node.ip("route add 192.0.2.128/25 via 10.9.0.2 dev mgmt")
        self.assert_found_and_mended("foreign route", "main has 192.0.2.128/25 dev mgmt", "warning")
        self.node.ip("rule add pref 50 from all lookup 7")
        self.assert_found_and_mended("foreign rule", "rule 50 (from all, table 7)")
        # A route of the customer's on the LAN is not foreign.
        self.node.ip("route add 10.77.0.0/16 via 10.1.0.2 dev lan0")
        self.addCleanup(self.node.ip, "route del 10.77.0.0/16", check=False)
        self.assertEqual(self.doctor().level("foreign routes"), "ok")

    def test_the_management_network_is_exposed_until_something_stands_before_it(self):
        self.management()
        self.addCleanup(self.node.sh, "nft delete table inet management", check=False)
        self.assert_found_and_mended("management", "mgmt", "warning")
        self.assertEqual(self.doctor().level("management", "mgmt"), "ok")

    def test_a_session_that_came_in_by_a_port(self):
        self.node.ip("addr add 192.0.2.101/30 dev phy-wan")
        self.addCleanup(self.node.ip, "addr del 192.0.2.101/30 dev phy-wan", check=False)
        report = self.doctor(environment={"SSH_CONNECTION": "192.0.2.102 50000 192.0.2.101 22"})
        self.assertEqual(report.level("management", "you came in by phy-wan, which is port wan0"), "error")

    def impostor(self, name: str):
        """A process of that name in the box's namespace: how the doctor knows who runs."""
        program = self.lab.path(name)
        shutil.copy("/bin/sleep", program)
        started = self.node.start(f"impostor-{name[:4]}", [program, "600"])
        process.wait_until(lambda: self.doctor().level("systemd-networkd" if "networkd" in name else name) != "ok" or None, 5, name)
        return started

    def test_systemd_networkd_that_manages_what_it_did_not_make(self):
        self.addCleanup(shutil.rmtree, "/run/systemd", ignore_errors=True)
        networkd = self.impostor("systemd-networkd")
        report = self.doctor()
        self.assertEqual(report.level("systemd-networkd", "removes routes"), "error")
        self.assertEqual(report.level("systemd-networkd", "removes rules"), "error")
        self.assertIn("ManageForeignRoutes=no", report.mend("systemd-networkd"))
        os.makedirs("/run/systemd/networkd.conf.d")
        os.makedirs("/run/systemd/network")
        # The mend's own words, into the folder that lives as long as this test.
        text = report.mend("systemd-networkd").split(" > ")[0]
        self.node.sh(f"{text} > /run/systemd/networkd.conf.d/detour.conf")
        self.assertEqual(self.doctor().level("systemd-networkd"), "ok")
        with open("/run/systemd/network/80-all.network", "w", encoding="ascii") as stream:
            stream.write("[Match]\nName=phy-*\n[Network]\nDHCP=yes\n")
        self.assertEqual(self.doctor().level("systemd-networkd", "80-all.network (Name=phy-*) takes phy-"), "error")
        networkd.stop()
        self.assertEqual(self.doctor().level("systemd-networkd"), "ok")

    def test_network_manager_that_manages_our_links(self):
        self.addCleanup(shutil.rmtree, "/run/NetworkManager", ignore_errors=True)
        manager = self.impostor("NetworkManager")
        report = self.doctor()
        self.assertEqual(report.level("NetworkManager", "it manages lan0, partner, phy-lan"), "error")
        os.makedirs("/run/NetworkManager/conf.d")
        text = report.mend("NetworkManager").split(" > ")[0]
        self.node.sh(f"{text} > /run/NetworkManager/conf.d/detour.conf")
        self.assertEqual(self.doctor().level("NetworkManager"), "ok")
        manager.stop()

    def test_an_underlay_that_loses_large_packets(self):
        self.drop_on_the_way("phy-xcon", "ip length > 1400")
        report = self.doctor()
        self.assertEqual(report.level("underlay MTU"), "error")
        # By how much is told to the byte where nothing is between: a frame that may not leave holds up what is behind it
        # in af_packet's ring (see largest_packets_are_found_by_halving).
        self.assertIn("packets of 1500 bytes to 192.0.2.65 are lost", report.of("underlay MTU")[0]["text"])
        self.assertIn("ports: xcon0: {mtu: ", report.mend("underlay MTU"))

    def test_gre_filtered_on_the_way(self):
        self.drop_on_the_way("phy-xcon", "ip protocol gre")
        report = self.doctor()
        self.assertEqual(report.level("far end", "192.0.2.65 answers"), "ok")
        self.assertEqual(report.level("GRE", "IP protocol 47 is filtered on the way"), "error")
        self.assertEqual(report.code, 2)

    def test_a_gateway_that_is_gone(self):
        # Whoever looks next finds it again: the kernel gives a neighbour that failed some rest.
        for gateway in ("192.0.2.1", "2001:db8:1::1"):
            self.addCleanup(self.node.wait_for_ping, gateway, 10)
        self.drop_on_the_way("phy-wan", "")
        self.node.ip("neigh flush dev wan0", check=False)
        report = self.doctor()
        self.assertEqual(report.level("far end", "nobody is gateway 192.0.2.1 on wan0"), "error", report.of("far end"))
        self.assertEqual(report.level("far end", "192.0.2.65 answers"), "ok")

    def test_a_read_only_proc_sys(self):
        self.node.sysctl({"net.ipv4.conf.wan0.rp_filter": 1})
        self.addCleanup(self.node.sysctl, {"net.ipv4.conf.wan0.rp_filter": 0})
        report = self.doctor(before=("unshare", "--mount", "sh", "-c",
                                     'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"', "sh"))
        self.assertEqual(report.level("sysctl", "/proc/sys is read-only here"), "error")
        self.assertIn("--sysctl net.ipv4.conf.wan0.rp_filter=0", report.mend("sysctl", "wan0.rp_filter"))

    def test_missing_rights_and_no_tun(self):
        report = self.doctor(before=("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"))
        self.assertEqual(report.level("rights"), "error")
        report = self.doctor(before=("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"))
        self.assertEqual(report.level("TUN"), "error")
        self.assertIn("modprobe tun", report.mend("TUN"))


class Stopped(unittest.TestCase):
    """No daemon, no namespace: a host that a box is to be installed on."""

    def write(self, name: str, **changes) -> str:
        config = {"version": 1, "router": {"name": "box", "asn": 64500, "id": "192.0.2.2", "mode": "advise"},
                  "dataplane": {"kind": "dpdk"},
                  "ports": {"lan0": {"device": "net_af_packet0,iface=phy-lan", "addresses": ["10.1.0.1/24"]},
                            "wan0": {"device": "net_af_packet1,iface=phy-wan", "addresses": ["192.0.2.2/30"]}},
                  "uplinks": {"provider": {"kind": "direct", "port": "wan0", "bgp": {"peers": ["192.0.2.1"], "asn": 64496}}},
                  "prefix-sets": {"mail": {"prefixes": ["198.51.100.0/24"], "beacons": ["198.51.100.2"],
                                           "next-hops": ["10.1.0.2"]}},
                  "detect": {"targets": [{"asn": 64501, "addresses": ["192.0.2.129"]}]}}
        for path, value in changes.items():
            place, _, key = path.rpartition("__")
            (config[place] if place else config)[key] = value
        path = os.path.join(os.environ["TMPDIR"], f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(config, stream)
        return path

    def doctor(self, config: str, **how) -> Report:
        return run_doctor([], config, os.path.join(os.environ["TMPDIR"], "no-box"), **how)

    def test_it_says_what_it_could_not_ask_and_which_interfaces_are_missing(self):
        report = self.doctor(self.write("missing"))
        self.assertEqual(report.level("interface", "there is no interface phy-lan"), "error")
        self.assertEqual(report.level("far end", "ask again when the box runs"), "not checked")
        self.assertEqual(report.code, 2)

    def test_largest_packets_are_found_by_halving(self):
        with Lab("halving") as lab:
            box, far = lab.namespace("box"), lab.namespace("far")
            lab.link(far, "xcon", box, "phy-xcon")
            box.setup("link set lo up", "link set phy-xcon up", "addr add 192.0.2.66/30 dev phy-xcon")
            far.setup("link set xcon up", "addr add 192.0.2.65/30 dev xcon")
            config = self.write(
                "halving", dataplane={"kind": "kernel"}, ports__lan0={"device": "phy-lan", "addresses": ["10.1.0.1/24"]},
                ports__wan0={"device": "phy-xcon", "addresses": ["192.0.2.66/30"]},
                uplinks__provider={"kind": "gre", "underlay": {"port": "wan0", "local": "192.0.2.66", "remote": "192.0.2.65"},
                                   "inner": ["10.255.0.1/31"], "bgp": {"peers": ["10.255.0.0"], "asn": 64496}})
            for length in (1400, 1373):
                far.nft("table netdev fault\ndelete table netdev fault\ntable netdev fault { chain c { type filter hook ingress "
                        f"device \"xcon\" priority 0; ip length > {length} drop; }}; }}\n")
                report = run_doctor(box.prefix(), config, lab.path("no-box"))
                self.assertIn(f"packets of 1500 bytes to 192.0.2.65 are lost, {length} come through",
                              report.of("underlay MTU")[0]["text"])
                self.assertIn(f"ports: wan0: {{mtu: {length}}}", report.mend("underlay MTU"))

    def test_cores_that_are_not_there_and_workers_that_leave_none(self):
        report = self.doctor(self.write("core", dataplane={"kind": "dpdk", "cores": [1000]}))
        self.assertEqual(report.level("cores", "core 1000"), "error")
        every = sorted(os.sched_getaffinity(0))
        report = self.doctor(self.write("busy", dataplane={"kind": "dpdk", "cores": every, "poll": "busy"}))
        self.assertEqual(report.level("cores", "leave nothing to the control plane"), "warning")

    def card(self, driver: str | None) -> tuple:
        """A PCI bus with one card, for the doctor alone."""
        link = f"mkdir -p /sys/bus/pci/drivers/{driver} && ln -s ../../drivers/{driver} /sys/bus/pci/devices/0000:3b:00.0/driver && " if driver else ""
        return ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys/bus && mkdir -p /sys/bus/pci/devices/0000:3b:00.0 && "
                f'{link} exec "$@"', "sh")

    def test_cards_and_their_drivers(self):
        config = self.write("card", ports__wan0={"device": "0000:3b:00.0", "addresses": ["192.0.2.2/30"]})
        self.assertEqual(self.doctor(config).level("driver", "there is no PCI device 0000:3b:00.0"), "error")
        for driver, level in ((None, "error"), ("ixgbe", "error"), ("uio_pci_generic", "warning"), ("vfio-pci", "ok"), ("mlx5_core", "ok")):
            report = self.doctor(config, before=self.card(driver))
            self.assertEqual(report.level("driver"), level, (driver, report.of("driver")))
        self.assertIn("dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0", self.doctor(config, before=self.card("ixgbe")).mend("driver"))

    def test_a_card_wants_an_iommu_and_memory_that_may_be_locked(self):
        config = self.write("iommu", ports__wan0={"device": "0000:3b:00.0", "addresses": ["192.0.2.2/30"]})
        empty = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/iommu_groups && exec "$@"', "sh")
        if os.path.isdir("/sys/kernel/iommu_groups"):
            self.assertIn(self.doctor(config, before=empty).level("IOMMU"), ("warning", "error"))
            full = (*empty[:4], 'mount -t tmpfs none /sys/kernel/iommu_groups && mkdir /sys/kernel/iommu_groups/0 && exec "$@"', "sh")
            self.assertEqual(self.doctor(config, before=full).level("IOMMU"), "ok")
        else:
            self.assertEqual(self.doctor(config).level("IOMMU"), "error")
        little = ("prlimit", "--memlock=65536:65536", "setpriv", "--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock")
        self.assertEqual(self.doctor(config, before=little).level("memlock"), "error")
        # Root may lock what it likes.
        self.assertEqual(self.doctor(config, before=little[:2]).level("memlock"), "ok")

    def test_hugepages_by_what_the_kernel_says(self):
        config = self.write("huge")
        for free, level in ((0, "warning"), (512, "ok")):
            path = os.path.join(os.environ["TMPDIR"], "meminfo")
            with open(path, "w", encoding="ascii") as stream:
                stream.write(f"MemTotal: 8000000 kB\nHugePages_Total: {free}\nHugePages_Free: {free}\nHugepagesize: 2048 kB\n")
            report = self.doctor(config, before=("unshare", "--mount", "sh", "-c", f'mount --bind {path} /proc/meminfo && exec "$@"', "sh"))
            self.assertEqual(report.level("hugepages"), level)
        self.assertRegex(self.doctor(config, before=("unshare", "--mount", "sh", "-c",
                         f'echo "HugePages_Total: 0" > {path}; mount --bind {path} /proc/meminfo && exec "$@"', "sh")).mend("hugepages"),
                         r"^sysctl -w vm.nr_hugepages=\d+")

    def test_kind_kernel_wants_gre_of_the_kernel(self):
        has_gre = subprocess.run(["unshare", "--net", "ip", "link", "add", "t", "type", "gre", "local", "192.0.2.1", "remote", "192.0.2.2"],
                                 capture_output=True, check=False).returncode == 0
        config = self.write("kernel", dataplane={"kind": "kernel"},
                            ports__lan0={"device": "phy-lan", "addresses": ["10.1.0.1/24"]},
                            ports__wan0={"device": "phy-wan", "addresses": ["192.0.2.2/30"]})
        report = self.doctor(config)
        self.assertEqual(report.level("GRE"), "ok" if has_gre else "error")
        self.assertEqual(report.level("hugepages"), "none")

    def test_a_wrong_configuration_is_said_and_nothing_is_examined(self):
        done = subprocess.run([build.product("detour"), "--config", "/nonexistent.yaml", "doctor"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("detour check says which", done.stderr)


if __name__ == "__main__":
    cases.main()
