#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The shipping reconciler against a real kernel, with the null-route story's configuration.

      world namespace                       box namespace
    +-----------------+ p-wan0      wan0 +----------------------+
    | provider's end  +------------------+  uplink "provider"   |
    |                 | p-lan0      lan0 |                      |
    | customer        +------------------+  LAN                 |
    +-----------------+                  |                      |
          a process         TAP    xcon0 |                      |
          holds the ends  ---------------+  port of the tunnel  |
          of TAP and TUN    TUN  partner |                      |
                          ---------------+  uplink "partner"    |
                                         +----------------------+
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from reconciler_box import DEVICES, DRIVER, GROUP, IN, NEXTHOPS, ROOT, RULES4, Box, Driver, words

sys.path.insert(0, os.path.join(ROOT, "tools"))
from lab import cases  # noqa: E402  (the path comes first)

UML = "/usr/bin/linux.uml"
UML_INIT = """\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
modules=/usr/lib/uml/modules/$(uname -r)/kernel
for module in lib/crc-ccitt net/ipv6/ipv6 net/ipv4/gre net/ipv4/ip_tunnel net/ipv4/ip_gre drivers/net/veth; do
    insmod $modules/$module.ko
done
for device in wan0 xcon0 lan0; do
    ip link add $device type veth peer name p-$device
    ip link set p-$device up
done
exec >{result} 2>&1
# The end of its input ends a driver without removing anything, as kill -9 would.
(echo sync; sleep 2) | {driver} --kernel-mode --placed partner
(echo sync; sleep 2; echo counters; sleep 0.5) | {driver} --kernel-mode --placed partner
echo @@
ip -d link show partner
ip route show table all proto 142
echo @@
(echo sync; sleep 1; echo remove; sleep 1) | {driver} --kernel-mode --placed partner >/dev/null
ip -o link | grep partner:
ip nexthop
ip rule show pref 400
ip route show table all proto 142
sync
echo o >/proc/sysrq-trigger
sleep 5
"""


class Objects(Box):
    def test_objects_are_those_of_the_design(self):
        self.start()
        self.assert_story()
        links = {link["ifname"]: link for link in json.loads(self.ip("-j", "-d", "link"))}
        self.assertEqual([name for name in DEVICES if str(links[name].get("group")) == "196"],
                         ["wan0", "xcon0", "partner"])
        self.assertEqual(links["xcon0"]["mtu"], 9000)
        local = self.ip("-br", "address", "show", "lo")
        for address in ("198.51.100.2/32", "203.0.113.254/32", "192.0.2.98/32", "2001:db8:77::2/128",
                        "2001:db8:77:8000::2/128", "2001:db8:98::1/128"):
            self.assertIn(address, local)
        self.assertIn("nodad", self.ip("-6", "address", "show", "wan0"))

    def test_the_kernel_decides_as_the_design_says(self):
        driver = self.start()
        driver.say("place web partner")
        driver.expect("stands web ipv6 partner")
        for arguments, answer in (
                (["198.18.0.1", "from", "198.51.100.9", "iif", "lan0"], "via 192.0.2.1 dev wan0"),
                (["198.18.0.1", "from", "203.0.113.9", "iif", "lan0"], "dev partner table 1500001"),
                (["2001:db8:5::1", "from", "2001:db8:77::9", "iif", "lan0"], "dev partner table 1500001"),
                # Undeclared source: BCP 38.
                (["198.18.0.1", "from", "198.18.9.9", "iif", "lan0"], "RTNETLINK answers: Permission denied"),
                # Set to set stays in the house.
                (["203.0.113.9", "from", "198.51.100.9", "iif", "lan0"], "via 10.1.0.2 dev lan0"),
                # From the world: our prefixes and nothing else.
                (["198.51.100.9", "from", "198.18.0.1", "iif", "wan0"], "via 10.1.0.2 dev lan0"),
                (["203.0.113.9", "from", "198.18.0.1", "iif", "xcon0"], "via 10.1.0.2 dev lan0"),
                (["198.18.7.7", "from", "198.18.0.1", "iif", "partner"], "RTNETLINK answers: Invalid argument"),
                # Pinned probes, and a session bound to a device.
                (["198.18.0.1", "from", "203.0.113.2", "oif", "wan0"], "via 192.0.2.1 dev wan0"),
                (["198.18.0.1", "from", "198.51.100.2", "oif", "partner"], "dev partner table 1430001"),
                (["192.0.2.1", "oif", "wan0"], "192.0.2.1 dev wan0 table 1430000"),
                (["2001:db8:1::1", "oif", "wan0"], "2001:db8:1::1 from :: dev wan0 table 1430000"),
                (["fe80::77", "oif", "wan0"], "fe80::77 from :: dev wan0 table 1430000"),
                # Ourselves.
                (["198.18.0.1"], "via 192.0.2.1 dev wan0")):
            with self.subTest(arguments):
                self.assertIn(answer, self.decision(*arguments))

    def test_settings_are_made_and_read_only_ones_are_named(self):
        driver = self.start()
        for name, value in (("net/ipv4/ip_forward", "1"), ("net/ipv4/nexthop_compat_mode", "0"),
                            ("net/ipv4/conf/wan0/rp_filter", "0"), ("net/ipv4/conf/wan0/send_redirects", "0"),
                            ("net/ipv6/conf/wan0/keep_addr_on_down", "1"), ("net/ipv6/conf/all/forwarding", "1")):
            found = self.run_command("ip", "netns", "exec", "box", "cat", f"/proc/sys/{name}").strip()
            self.assertEqual((name, found), (name, value))
        self.assertFalse([line for line in driver.lines if line.startswith("setting")])
        driver.remove()
        self.run_command("ip", "netns", "exec", "box", "sysctl", "-qw", "net.ipv4.ip_forward=0")
        script = f"mount --bind -o ro /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec {DRIVER}"
        driver = Driver(prefix=("ip", "netns", "exec", "box", "unshare", "-m", "sh", "-c", script))
        self.drivers.append(driver)
        line = driver.expect("^setting ")
        self.assertEqual(line, "setting net/ipv4/ip_forward is 0 and should be 1 (Read-only file system): "
                               "sysctl -w net/ipv4/ip_forward=1")
        driver.sync()
        self.assert_story()


class Moves(Box):
    def test_two_thousand_flips_with_no_wrong_state(self):
        driver = self.start()
        driver.say("flip web 2000")
        wrong, samples = [], 0
        while not any(line.startswith("flipped") for line in driver.lines):
            answer = self.decision("198.18.0.1", "from", "203.0.113.9", "iif", "lan0")
            samples += 1
            if "dev wan0" not in answer and "dev partner" not in answer:
                wrong.append(answer)
        line = driver.expect("^flipped ")
        print(f"{line}; {samples} samples beside")
        self.assertEqual(wrong, [])
        self.assertIn("flipped 2000 missed 0", line)
        driver.sync()
        self.assert_story()
        driver.say("advance 61")
        self.assertEqual(driver.expect("^audited"), "audited 0")
        counters = driver.counters()
        self.assertEqual((counters["refusals"], counters["overruns"]), (0, 0))

    def test_an_isolated_set_goes_nowhere_and_comes_back(self):
        driver = self.start()
        driver.say("place web none")
        driver.expect("stands web ipv6 none")
        self.assertIn("Invalid argument", self.decision("198.18.0.1", "from", "203.0.113.9", "iif", "lan0"))
        self.assertIn("dev wan0", self.decision("198.18.0.1", "from", "198.51.100.9", "iif", "lan0"))
        driver.say("place web provider")
        driver.expect("stands web ipv6 provider")
        driver.sync()
        self.assert_story()

    def test_a_move_right_after_a_silent_flush_is_made(self):
        driver = self.start()
        driver.process.send_signal(signal.SIGSTOP)
        self.world("link", "set", "p-wan0", "down")
        time.sleep(0.1)
        driver.say("place web partner", "place mail partner")
        driver.process.send_signal(signal.SIGCONT)
        driver.expect("stands web ipv4 partner")
        driver.sync()
        self.assertIn("dev partner", self.decision("198.18.0.1", "from", "203.0.113.9", "iif", "lan0"))
        self.assertIn("dev partner", self.decision("198.18.0.1", "from", "198.51.100.9", "iif", "lan0"))


class Repairs(Box):
    def test_carrier_loss_is_told_and_its_silent_flush_repaired(self):
        driver = self.start()
        for _ in range(3):
            self.world("link", "set", "p-wan0", "down")
            driver.expect("^device wan0 no-carrier")
            driver.expect("^waits web ipv4 provider: wan0 has no carrier")
            # No leak: the last resort answers.
            self.assertIn("No route to host", self.decision("198.18.0.1", "from", "203.0.113.9", "iif", "lan0"))
            self.world("link", "set", "p-wan0", "up")
            driver.expect("^device wan0 up ready")
            driver.expect("^stands web ipv6 provider")
            driver.sync()
            self.assert_story()

    def test_a_link_taken_down_by_hand_stays_down_and_is_whole_when_raised(self):
        driver = self.start()
        for device in DEVICES:
            self.ip("link", "set", device, "down")
            driver.expect(f"^device {device} down")
            driver.sync()
            self.assertNotIn("UP", self.ip("-br", "link", "show", device).split("<")[1].split(",LOWER")[0].split(","))
            self.ip("link", "set", device, "up")
            driver.expect(f"^device {device} up ready")
            driver.sync()
            self.assert_story()

    def test_a_twin_made_anew_gets_everything_again(self):
        driver = self.start()
        for device in DEVICES:
            self.ip("link", "del", device)
            driver.expect(f"^device {device} absent")
            self.add_device(device)
            if device == "wan0":
                self.world("address", "add", "192.0.2.1/30", "dev", "p-wan0")
            driver.expect(f"^device {device} up ready")
            driver.sync()
            self.assert_story()

    def test_what_somebody_deletes_or_bends_is_made_again(self):
        driver = self.start()
        for command in ("nexthop del id 252706818", "nexthop del id 251658240", "route del default table 1500001",
                        "-6 route del ::/0 table 1500001 metric 142", "rule del pref 450", "-6 rule del pref 100 iif wan0",
                        "route flush table 1420000", "address del 203.0.113.2/32 dev lo", "nexthop flush proto 142",
                        "nexthop replace id 252706818 group 251658242 proto 142",
                        "route replace default dev lan0 table 1500001 metric 142 proto 142",
                        "link set wan0 group 0", "link set xcon0 mtu 1400", "address del 192.0.2.2/30 dev wan0",
                        "-6 address del 2001:db8:1::2/64 dev wan0"):
            with self.subTest(command):
                self.ip(*command.split())
                deadline = time.monotonic() + 5
                while time.monotonic() < deadline:
                    driver.sync()
                    if self.nexthops() == words(NEXTHOPS) and self.rules("-4") == words(RULES4):
                        break
                self.assert_story()
        self.assertIn("203.0.113.2/32", self.ip("-br", "address", "show", "lo"))
        self.assertIn("196", self.ip("-d", "link", "show", "wan0"))
        self.assertIn("mtu 9000", self.ip("link", "show", "xcon0"))

    def test_an_endless_quarrel_is_slow(self):
        driver = self.start()
        before = driver.counters()["operations"]
        end = time.monotonic() + 2
        quarrels = 0
        while time.monotonic() < end:
            subprocess.run(["ip", "-n", "box", "rule", "del", "pref", "450"], stderr=subprocess.DEVNULL, check=False)
            quarrels += 1
        repairs = driver.counters()["operations"] - before
        print(f"{quarrels} attacks, {repairs} repairs")
        self.assertLess(repairs, 20)
        driver.expect("^repaired interference", timeout=5)

    def test_the_gateway_is_watched(self):
        driver = self.start()
        subprocess.run(["ip", "netns", "exec", "box", "ping", "-c1", "-W1", "192.0.2.1"], stdout=subprocess.DEVNULL, check=True)
        driver.expect("^gateway provider ipv4 resolved")
        self.world("link", "set", "p-wan0", "down")
        driver.expect("^gateway provider ipv4 unknown")


class Neighbours(Box):
    """Other masters of the same kernel."""

    def test_foreign_objects_are_not_touched(self):
        foreign = ("nexthop add id 77 via 192.0.2.1 dev wan0", "nexthop add id 78 group 77",
                   "route add 198.18.5.0/24 nhid 78", "route add 198.18.6.0/24 dev lan0 table 1430000",
                   "route add default via 192.0.2.1 dev wan0 metric 50", "rule add pref 150 from 198.18.0.0/16 lookup 99",
                   "rule add pref 400 fwmark 7 lookup 99", "-6 rule add pref 460 fwmark 3 lookup 98",
                   "address add 198.18.1.1/24 dev lan0")
        for device in ("wan0", "lan0"):
            self.ip("link", "set", device, "up")
        self.ip("address", "add", "192.0.2.2/30", "dev", "wan0")
        for command in foreign:
            self.ip(*command.split())

        def theirs():
            # What a nexthop object leads to is printed or not as nexthop_compat_mode says.
            return [words(self.ip(*command.split()).replace("nhid 78 via 192.0.2.1 dev wan0", "nhid 78")) for command in
                    ("nexthop show id 77", "nexthop show id 78", "route show 198.18.5.0/24",
                     "route show 198.18.6.0/24 table 1430000", "route show default metric 50", "rule show pref 150",
                     "rule show fwmark 7", "-6 rule show fwmark 3", "-br -4 address show lan0 to 198.18.0.0/15",
                     "-br -4 address show wan0")]
        before = theirs()
        driver = self.start()
        self.assertEqual(theirs(), before)
        driver.say("place web partner", "place web none", "place web provider,partner", "advance 61")
        driver.sync()
        driver.say("place web provider")
        driver.expect("stands web ipv6 provider$|stands web ipv6 provider ")
        driver.sync()
        self.assertEqual(theirs(), before)
        driver.remove()
        self.assertEqual(theirs(), before)
        # The address that was there before us is still there, without us.
        self.assertIn("192.0.2.2/30", self.ip("-br", "address", "show", "wan0"))

    def test_an_id_of_another_protocol_is_reported_and_used_when_it_is_free(self):
        self.ip("link", "set", "lan0", "up")
        self.ip("nexthop", "add", "id", str(GROUP + 2), "dev", "lan0", "proto", "196")
        driver = self.start()
        self.assertIn("conflict nexthop id 252706818 belongs to protocol 196", driver.lines)
        self.assertIn("proto 196", self.ip("-N", "nexthop", "show", "id", str(GROUP + 2)))
        self.assertIn("No route to host", self.decision("198.18.0.1", "from", "203.0.113.9", "iif", "lan0"))
        self.ip("nexthop", "del", "id", str(GROUP + 2))
        driver.expect("^stands web ipv4 provider")
        driver.sync()
        self.assert_story()

    def wait_for_zebra(self, zebra, folder: str):
        # vtysh leaves its history in $HOME.
        ask = ["vtysh", "--vty_socket", folder, "-c", "show ip route table 1420000"]
        deadline = time.monotonic() + 10
        while True:
            self.assertIsNone(zebra.poll(), "zebra runs")
            shown = subprocess.run(ask, capture_output=True, text=True, check=False, env={**os.environ, "HOME": folder})
            if "198.51.100.0/24" in shown.stdout:
                return
            self.assertLess(time.monotonic(), deadline, f"zebra shows our table; it said: {shown.stdout}{shown.stderr}")
            time.sleep(0.1)

    def test_zebra_started_and_stopped_beside_it_changes_none_of_our_objects(self):
        driver = self.start()
        driver.sync()
        before, counted = self.ours(), driver.counters()
        folder = "/run/frr-test"
        self.run_command("install", "-d", "-o", "frr", "-g", "frr", folder)
        with open(f"{folder}/zebra.conf", "w", encoding="ascii"):
            pass
        with self.events() as monitor:
            for stop in (signal.SIGTERM, signal.SIGKILL):
                zebra = subprocess.Popen(["ip", "netns", "exec", "box", "/usr/lib/frr/zebra", "-f", f"{folder}/zebra.conf",
                                          "-i", f"{folder}/zebra.pid", "-z", f"{folder}/zserv.api", "--vty_socket", folder,
                                          "-A", "127.0.0.1", "-P", "0"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                # What zebra deletes of others' it deletes before it has read and shows our tables.
                self.wait_for_zebra(zebra, folder)
                driver.say("place web partner")
                driver.expect("stands web ipv4 partner")
                driver.say("place web provider")
                driver.expect("stands web ipv4 provider")
                zebra.send_signal(stop)
                zebra.wait(timeout=5)
                self.assertEqual(self.ours(), before)
        driver.sync()
        self.assertEqual([line for line in monitor.about_ours() if line.startswith("Deleted")], [])
        counters = driver.counters()
        self.assertEqual(counters["repairs"], counted["repairs"])
        # Four moves of two families, six operations each, and nothing else.
        self.assertEqual(counters["operations"], counted["operations"] + 4 * 6)
        self.assert_story()


class Lives(Box):
    """Kill, restart, stop."""

    def test_killed_it_leaves_everything_and_the_next_one_changes_nothing(self):
        self.start().kill()
        self.assert_story()
        with self.events() as monitor:
            driver = self.start()
        self.assertEqual(monitor.lines, [])
        self.assertEqual(driver.counters()["operations"], 0)
        self.assertTrue(any(line.startswith("stands web ipv6 provider") for line in driver.lines))
        self.assert_story()

    def test_killed_in_a_move_the_next_one_goes_where_it_is_told(self):
        driver = self.start()
        driver.say("place web partner")
        driver.expect("stands web ipv6 partner")
        driver.kill()
        self.start()
        self.assert_story()

    def test_a_clean_stop_leaves_nothing_behind(self):
        before = [self.ip("rule"), self.ip("-6", "rule"), self.ip("-br", "address", "show", "lo")]
        driver = self.start()
        driver.say("place web partner", "place mail none")
        driver.sync()
        driver.remove()
        self.assertEqual([self.ip("rule"), self.ip("-6", "rule"), self.ip("-br", "address", "show", "lo")], before)
        self.assertEqual(self.ip("nexthop"), "")
        self.assertEqual(self.ip("-4", "route", "show", "table", "all", "proto", "142"), "")
        self.assertEqual(self.ip("-6", "route", "show", "table", "all", "proto", "142"), "")
        self.assertEqual(self.ip("-o", "link", "show", "group", "196"), "")
        for device in DEVICES:
            self.assertEqual(self.ip("-4", "address", "show", device), "")
            self.assertNotIn("2001:db8", self.ip("-6", "address", "show", device))

    def test_ten_thousand_prefixes(self):
        started = time.monotonic()
        driver = self.start("--prefixes", "10000")
        took = time.monotonic() - started
        count = len(self.ip("route", "show", "table", IN).splitlines())
        self.assertEqual(count, 10003)
        driver.say("place web partner")
        line = driver.expect("stands web ipv6 partner")
        latency = float(line.split()[-1])
        self.world("link", "set", "p-lan0", "down")
        driver.expect("device lan0 no-carrier")
        driver.sync()
        self.world("link", "set", "p-lan0", "up")
        driver.expect("device lan0 up")
        driver.sync()
        self.assertEqual(len(self.ip("route", "show", "table", IN).splitlines()), 10003)
        removing = time.monotonic()
        driver.remove()
        print(f"20,000 routes made in {took:.2f} s; a move among them {latency:.1f} ms; "
              f"removed in {time.monotonic() - removing:.2f} s")
        self.assertEqual(self.ip("-4", "route", "show", "table", "all", "proto", "142"), "")
        self.assertLess(latency, 100)


class KernelMode(Box):
    def test_the_tunnel_is_a_real_one_where_the_kernel_has_gre_and_said_to_be_missing_where_not(self):
        self.holders.pop().communicate()
        probe = subprocess.run(["ip", "-n", "box", "link", "add", "probe0", "type", "gre", "local", "192.0.2.66",
                                "remote", "192.0.2.65"], capture_output=True, check=False)
        if probe.returncode == 0:
            self.ip("link", "del", "probe0")
        driver = Driver("--kernel-mode")
        self.drivers.append(driver)
        if probe.returncode != 0:
            self.assertIn("this kernel has no gre tunnels: load the module ip_gre", driver.expect("^refused link add partner"))
            # Everything else stands.
            driver.expect("^stands web ipv6 provider")
            return
        driver.expect("^device partner up ready")
        self.assertIn("remote 192.0.2.65 local 192.0.2.66 dev xcon0", self.ip("-d", "link", "show", "partner"))
        driver.remove()
        self.assertNotIn("partner", self.ip("link"))


    @unittest.skipUnless(os.path.exists(UML), "user-mode-linux is not installed")
    def test_the_tunnel_is_made_kept_and_removed_by_a_kernel_that_has_gre(self):
        """In User Mode Linux (6.1) on this machine's own files, since kernels of the lab may have no gre."""
        script, result = "/run/tmp/reconciler-init.sh", "/run/tmp/reconciler-result"
        with open(script, "w", encoding="ascii") as stream:
            stream.write(UML_INIT.format(driver=DRIVER, result=result))
        os.chmod(script, 0o755)
        preload = os.path.join(os.path.dirname(DRIVER), "../../tools/lab/uml_preload.so")
        subprocess.run([UML, "mem=128M", "rootfstype=hostfs", "rw", f"init={script}", "con=null", "con0=null", "quiet",
                        "uml_dir=/run/tmp"],  # else ~/.uml
                       env={**os.environ, "HOME": "/run/tmp", "LD_PRELOAD": os.path.abspath(preload)}, timeout=90, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(result, encoding="ascii") as stream:
            said, there, after = stream.read().split("@@")
        self.assertIn("device partner up ready", said)
        self.assertIn("stands web ipv4 partner", said)
        self.assertIn("stands web ipv6 partner", said)
        self.assertNotIn("refused", said)
        # The second driver adopted what the first, killed, had left.
        self.assertIn("counters operations=0", said)
        self.assertIn("gre remote 192.0.2.65 local 192.0.2.66 dev xcon0 ttl 64 ikey 0.0.0.7 okey 0.0.0.7", there)
        self.assertIn("alias detour", there)
        self.assertIn("group 196", there)
        self.assertIn("default nhid 252706818 table 1500001", there)
        self.assertEqual(after.split(), [])


if __name__ == "__main__":
    cases.main()
