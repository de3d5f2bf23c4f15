# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Dialects of GRE between a box and one far end: a tunnel each, and behind each a prefix of the customer.

    customer -- lan0 [detour] xcon0 ==== a tunnel a dialect ==== far end -- outside
    10.1.0.2         10.1.0.1   192.0.2.66                192.0.2.65       192.0.2.129
                              2001:db8:66::2              2001:db8:66::1
"""

from dataclasses import dataclass

OUTSIDE = "192.0.2.129"
FOUR = {"local": "192.0.2.66", "remote": "192.0.2.65"}
SIX = {"local": "2001:db8:66::2", "remote": "2001:db8:66::1"}


@dataclass
class Dialect:
    number: int
    name: str
    underlay: dict  # what the box's configuration says of it

    @property
    def prefix(self) -> str:
        return f"198.51.100.{16 * self.number}/28"

    @property
    def customer(self) -> str:
        return f"198.51.100.{16 * self.number + 10}"


def describe(box, dialects: list):
    """The box's ports, tunnels and prefix sets; its node has phy-lan and phy-xcon, and they are up afterwards."""
    xcon = box.port("xcon0", "phy-xcon", "192.0.2.66/30", "2001:db8:66::2/64")
    box.port("lan0", "phy-lan", "10.1.0.1/24")
    for one in dialects:
        box.gre_uplink(one.name, xcon, inner=(f"10.255.0.{2 * one.number + 1}/31",), **one.underlay)
        box.prefix_set(one.name, (one.prefix,), uplink=one.name, next_hops=("10.1.0.2",))
    box.node.setup("link set phy-lan up", "link set phy-xcon up")


def address_customer(customer, dialects: list):
    customer.setup("link set lan up", "addr add 10.1.0.2/24 dev lan", "route add default via 10.1.0.1",
                   *(f"addr add {one.customer} dev lo" for one in dialects))
