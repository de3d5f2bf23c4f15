# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""tools/demo --tunnel: the data plane alone, between a customer and a partner's Linux kernel. The kernel's
state is written by plain `ip`.
"""

import os
import signal
import time

from . import process
from .cage import CUSTOMER, OUTSIDE, OUTSIDE6, Cage
from .timeline import Timeline
from .topology import Namespace
from .traffic import Stream, Transfer

RATE = 5000
PICTURE = """
                            +----------+
                   +--------| provider |--------+
                   |        +----------+        |
  +----------+   +--------+                +---------+
  | customer |---| detour |                | outside |
  +----------+   +--------+                +---------+
  198.51.100.0/24  |                            |  192.0.2.129
  203.0.113.0/24   |  GRE, key 7 +---------+    |  2001:db8:501::1
  2001:db8:77::/48 +=============| partner |----+
                                 +---------+
"""


class Demo:
    def __init__(self, lab, timeline: Timeline):
        self.lab, self.timeline = lab, timeline
        self.cage = None

    def play(self):
        self.lay_out()
        self.ping()
        self.transfer()
        self.change_routes_under_load()
        self.kill_the_data_plane()
        self.print_counters()

    def lay_out(self):
        say = self.timeline.say
        print(PICTURE)
        say("laying the network, starting the partner's Linux kernel")
        self.cage = Cage(self.lab)
        partner = self.cage.partner
        kind = "this host's own" if isinstance(partner, Namespace) else "User Mode Linux"
        release = partner.sh("cat /proc/sys/kernel/osrelease").strip()
        say(f"the partner's kernel is Linux {release} ({kind}): `ip link add detour type gre ... key 7`")
        say("starting `detour run`: the data plane makes a TAP for each port and a TUN for the tunnel")
        self.cage.start()
        say("addresses, rules, tables and nexthop objects are in the kernel, written by plain `ip`:")
        for line in self.cage.detour.ip("rule show").splitlines():
            if " lookup " in line and "proto" in line:
                print(f"                {line}")

    def ping(self):
        cage = self.cage
        for who, node, source, target in (
                ("customer -> outside", cage.customer, CUSTOMER["mail"], OUTSIDE),
                ("customer -> outside", cage.customer, CUSTOMER["web6"], OUTSIDE6),
                ("outside -> customer", cage.outside, OUTSIDE, CUSTOMER["web"]),
                ("outside -> customer", cage.outside, OUTSIDE6, CUSTOMER["web6"])):
            self.timeline.check(node.ping(target, source=source) == 3, f"ping {who}: {source} -> {target} through the tunnel")

    def ends(self):
        customer, outside = self.cage.customer, self.cage.outside
        return (("customer -> outside, IPv4", customer, CUSTOMER["mail"], outside, OUTSIDE),
                ("outside -> customer, IPv4", outside, OUTSIDE, customer, CUSTOMER["mail"]),
                ("customer -> outside, IPv6", customer, CUSTOMER["web6"], outside, OUTSIDE6),
                ("outside -> customer, IPv6", outside, OUTSIDE6, customer, CUSTOMER["web6"]))

    def transfer(self):
        for name, *ends in self.ends():
            result = Transfer(self.lab, "tcp-" + name.replace(" ", ""), *ends, size=10_000_000).finish()
            self.timeline.check(result.survived, f"TCP {name}: {result}")

    def start_streams(self, rate: int) -> list:
        streams = [(name, Stream(self.lab, f"udp-{rate}-{name.replace(' ', '')}", *ends, rate=rate))
                   for name, *ends in self.ends()]
        for _, stream in streams:
            stream.wait_for_packets()
        return streams

    def change_routes_under_load(self):
        say, box, node = self.timeline.say, self.cage.box, self.cage.detour
        streams = self.start_streams(RATE)
        say(f"numbered UDP packets: {RATE} a second in each direction and family, {4 * RATE} through the box")
        time.sleep(1)
        group = box.sets["mail"].nexthop(4)
        say(f"`ip nexthop replace id {group} group ...`: 40 times to the provider and back, both families")
        for _ in range(20):
            for uplink in ("provider", "partner"):
                box.place(uplink)
                time.sleep(0.02)
        say("`ip route replace 198.51.100.0/24 ...`: 40 times, and a more specific route that comes and goes")
        node.setup("nexthop add id 4242 via 10.1.0.2 dev lan0")
        for _ in range(20):
            for way in ("nhid 4242", "via 10.1.0.2 dev lan0"):
                node.setup(f"route replace 198.51.100.0/24 {way} table 1420000 metric 142 proto 142")
            for verb in ("add", "del"):
                node.setup(f"route {verb} 198.51.100.0/28 via 10.1.0.2 dev lan0 table 1420000 proto 142")
            time.sleep(0.02)
        for name, stream in streams:
            result = stream.stop()
            self.timeline.check(result.lost == 0 and result.received > 0, f"UDP {name}: {result}")

    def kill_the_data_plane(self):
        say, check, box = self.timeline.say, self.timeline.check, self.cage.box
        streams = self.start_streams(1000)
        before, first = box.kernel_state(), box.dataplane_pid()
        say(f"kill -9 {first} (detour-dataplane), with 4000 packets/s on their way")
        os.kill(first, signal.SIGKILL)
        second = process.wait_until(lambda: box.dataplane_pid() not in (None, first) and box.dataplane_pid(), 5,
                                    "a new data plane")
        say(f"`detour run` started another one: {second}")
        time.sleep(2.5)
        results = [(name, stream.stop()) for name, stream in streams]
        for name, result in results:
            check(result.longest_gap_ms < 2000, f"UDP {name}: silent for {result.longest_gap_ms:.0f} ms, {result.lost} lost")
        check(before == box.kernel_state(),
              "no address, link, route, rule or nexthop object in the kernel changed meanwhile")

    def print_counters(self):
        self.timeline.say("the partner's own counters, `ip -s tunnel show` in its kernel:")
        shown = self.cage.partner.ip("-s tunnel show detour") + self.cage.partner.ip("-s link show dev detour")
        print("\n".join(f"                {line}" for line in shown.splitlines() if line.strip()))
        self.timeline.say("and the data plane's, from its telemetry socket:")
        for tunnel in self.cage.box.items("/detour/tunnels"):
            print("                " + ", ".join(f"{key} {value}" for key, value in tunnel.items()))
        for reason, count in self.cage.box.drops().items():
            print(f"                dropped {count}: {reason}")
