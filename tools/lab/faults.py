# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What goes wrong in a network, on demand. Each returns something that undoes it: call .lift().

    with null_route(provider, "198.51.100.0/24"): ...
    fault = lossy(provider, "to-box", percent=20); ...; fault.lift()
"""

import itertools

from . import uml
from .process import Failed

numbers = itertools.count(1)


class Fault:
    def __init__(self, undo):
        self.undo = undo

    def lift(self):
        undo, self.undo = self.undo, None
        if undo:
            undo()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lift()


def null_route(node, *prefixes: str) -> Fault:
    """The prefixes vanish in this router; what it announces and its sessions stay."""
    node.setup(*(f"route add blackhole {prefix} metric 1" for prefix in prefixes))
    return Fault(lambda: node.setup(*(f"route del blackhole {prefix} metric 1" for prefix in prefixes)))


def link_down(node, device: str) -> Fault:
    """Take the cable out at this end; the other end loses carrier."""
    if isinstance(node, uml.Machine):
        raise Failed("take a machine's cable out at its neighbour's end")
    node.ip(f"link set {device} down")
    return Fault(lambda: node.ip(f"link set {device} up"))


def lossy(node, device: str, *, percent: int, match: str = "", direction: str = "ingress") -> Fault:
    """Lose this share of the packets that come in by (or leave by) a device; `match` narrows it in
    nft's words, such as "icmp type echo-request"."""
    table = f"fault{next(numbers)}"
    share = f"numgen random mod 100 < {percent}" if percent < 100 else ""
    node.nft(f"""table netdev {table} {{
    chain lose {{
        type filter hook {direction} device "{device}" priority 0; policy accept;
        {match} {share} counter drop
    }}
}}
""")
    return Fault(lambda: node.nft(f"delete table netdev {table}\n"))


def filtered(node, match: str) -> Fault:
    """Drop what this router forwards and nft's words match, such as "ip daddr 192.0.2.1 icmp type echo-request"."""
    table = f"fault{next(numbers)}"
    node.nft(f"""table inet {table} {{
    chain lose {{
        type filter hook forward priority 0; policy accept;
        {match} counter drop
    }}
}}
""")
    return Fault(lambda: node.nft(f"delete table inet {table}\n"))
