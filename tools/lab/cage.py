# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The building that detour was made for: a customer's network, a provider, and a partner with a
cross-connect, between which detour stands.

                                 192.0.2.1 +----------+ 192.0.2.85
                         +-----------------| provider |----------------+
             wan0        |  2001:db8:1::1  +----------+                |
          192.0.2.2      |                                             | 192.0.2.86
    +----------+    +--------+  xcon0                             +---------+
    | customer |----| detour |  192.0.2.66                        | outside |  192.0.2.129
    +----------+    +--------+                                    +---------+  2001:db8:501::1
    10.1.0.2   10.1.0.1   |                                            | 192.0.2.82
    198.51.100.10         |     192.0.2.65  +----------+ 192.0.2.81    |
    203.0.113.10          +-----------------| partner  |---------------+
    2001:db8:77::10     GRE, key 7, inside: +----------+  a Linux kernel's own GRE
                        10.255.0.1 -- 10.255.0.0,  2001:db8:ff::1 -- 2001:db8:ff::

Prefix set "mail" is 198.51.100.0/24, "web" is 203.0.113.0/24 and 2001:db8:77::/48. The outside sends
to all of them by the partner, or by the provider after outside_prefers().
"""

from .box import Box

PREFIXES = ("198.51.100.0/24", "203.0.113.0/24", "2001:db8:77::/48")
CUSTOMER = {"mail": "198.51.100.10", "web": "203.0.113.10", "web6": "2001:db8:77::10"}
OUTSIDE, OUTSIDE6 = "192.0.2.129", "2001:db8:501::1"


class Cage:
    def __init__(self, lab):
        self.lab = lab
        self.customer, self.detour, self.provider, self.outside = (
            lab.namespace(name) for name in ("customer", "detour", "provider", "outside"))
        self.partner = lab.linux_with_gre("partner")
        lab.link(self.customer, "lan", self.detour, "phy-lan")
        lab.link(self.provider, "customer", self.detour, "phy-wan")
        lab.link(self.partner, "xcon", self.detour, "phy-xcon")
        lab.link(self.provider, "world", self.outside, "provider")
        lab.link(self.partner, "world", self.outside, "partner")
        self.partner.boot()
        self.box = self.describe_box()
        self.address_neighbours()
        self.outside_prefers("partner")

    def describe_box(self) -> Box:
        box = Box(self.lab, self.detour)
        wan = box.port("wan0", "phy-wan", "192.0.2.2/30", "2001:db8:1::2/64")
        xcon = box.port("xcon0", "phy-xcon", "192.0.2.66/30")
        box.port("lan0", "phy-lan", "10.1.0.1/24", "2001:db8:10::1/64")
        box.direct_uplink("provider", wan, "192.0.2.1", "2001:db8:1::1")
        box.gre_uplink("partner", xcon, local="192.0.2.66", remote="192.0.2.65", key=7,
                       inner=("10.255.0.1/31", "2001:db8:ff::1/127"))
        box.prefix_set("mail", PREFIXES[:1], uplink="partner", next_hops=("10.1.0.2",),
                       beacons=("198.51.100.2", "198.51.100.254"))
        box.prefix_set("web", PREFIXES[1:], uplink="partner", next_hops=("10.1.0.2", "2001:db8:10::2"),
                       beacons=("203.0.113.2", "2001:db8:77::2"))
        for interface in ("phy-lan", "phy-wan", "phy-xcon"):
            self.detour.ip(f"link set {interface} up")
        return box

    def address_neighbours(self):
        self.customer.setup(
            "link set lan up", "addr add 10.1.0.2/24 dev lan", "addr add 2001:db8:10::2/64 dev lan",
            *(f"addr add {address} dev lo" for address in CUSTOMER.values()),
            "route add default via 10.1.0.1 src 198.51.100.10",
            "-6 route add default via 2001:db8:10::1 src 2001:db8:77::10")
        self.provider.as_router()
        self.provider.setup(
            "link set customer up", "addr add 192.0.2.1/30 dev customer", "addr add 2001:db8:1::1/64 dev customer",
            "link set world up", "addr add 192.0.2.85/30 dev world", "addr add 2001:db8:85::1/64 dev world",
            "route add default via 192.0.2.86", "-6 route add default via 2001:db8:85::2",
            *(f"route add {prefix} via {'2001:db8:1::2' if ':' in prefix else '192.0.2.2'}" for prefix in PREFIXES))
        self.partner.as_router()
        self.partner.setup(
            "link set xcon up", "addr add 192.0.2.65/30 dev xcon",
            "link set world up", "addr add 192.0.2.81/30 dev world", "addr add 2001:db8:81::1/64 dev world",
            "link add detour type gre local 192.0.2.65 remote 192.0.2.66 key 7 ttl 64 dev xcon", "link set detour up",
            "addr add 10.255.0.0/31 dev detour", "addr add 2001:db8:ff::/127 dev detour",
            "route add default via 192.0.2.82", "route add default via 2001:db8:81::2",
            *(f"route add {prefix} dev detour" for prefix in PREFIXES))
        self.outside.setup(
            "link set provider up", "addr add 192.0.2.86/30 dev provider", "addr add 2001:db8:85::2/64 dev provider",
            "link set partner up", "addr add 192.0.2.82/30 dev partner", "addr add 2001:db8:81::2/64 dev partner",
            f"addr add {OUTSIDE} dev lo", f"addr add {OUTSIDE6} dev lo",
            "route add 192.0.2.0/30 via 192.0.2.85", "route add 192.0.2.64/30 via 192.0.2.81")

    def outside_prefers(self, neighbour: str):
        four, six = {"partner": ("192.0.2.81", "2001:db8:81::1"),
                     "provider": ("192.0.2.85", "2001:db8:85::1")}[neighbour]
        self.outside.setup(*(f"route replace {prefix} via {six if ':' in prefix else four} dev {neighbour} "
                             f"src {OUTSIDE6 if ':' in prefix else OUTSIDE}" for prefix in PREFIXES))

    def start(self):
        """Data plane, then the kernel's state; returns when packets go both ways by the tunnel."""
        self.box.start()
        self.box.write_kernel_state()
        self.customer.wait_for_ping(OUTSIDE, 10, source=CUSTOMER["mail"])
        self.customer.wait_for_ping(OUTSIDE6, 10, source=CUSTOMER["web6"])

    def tunnel_counters(self) -> dict:
        """The partner's own: packets and bytes that its kernel received from and sent into the tunnel."""
        lines = self.partner.ip("-s link show dev detour").splitlines()
        received, sent = (lines[i + 1].split() for i, line in enumerate(lines) if line.strip().startswith(("RX:", "TX:")))
        return {"rx_bytes": int(received[0]), "rx_packets": int(received[1]), "rx_errors": int(received[2]),
                "tx_bytes": int(sent[0]), "tx_packets": int(sent[1]), "tx_errors": int(sent[2])}
