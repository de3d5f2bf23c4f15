# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The faults of tools/bench failover. Each is struck while numbered packets of "web" cross the box both ways.

`strike(subject)` begins it. A subject that has no such deed (only detour moves on command) is not asked.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from .. import faults, internet

# What reaches "web" from above; the provider's own network is not the border.
ABOVE = '{ "r501", "r502" }'


@dataclass(frozen=True)
class Case:
    name: str
    strike: Callable
    what: str
    is_for_all: bool = True      # false: only for subjects that move on command, and by evidence back
    begins_away: bool = False    # the set is on the partner when it begins


def null_route(subject):
    subject.net.null_route(internet.WEB4, internet.WEB6)


def null_route_at_the_border(subject):
    faults.filtered(subject.net.provider, f"iifname {ABOVE} ip daddr {internet.WEB4}")
    faults.filtered(subject.net.provider, f"iifname {ABOVE} ip6 daddr {internet.WEB6}")


def take_the_cable_out(subject):
    subject.net.provider.ip("link set wan down")


def kill_the_sessions(subject):
    """The box's ends are reset; the provider hears of it when the box calls again."""
    script = os.path.join(os.path.dirname(os.path.abspath(faults.__file__)), "tcp_reset.py")
    for peer in ("192.0.2.2", "2001:db8:1::2"):
        subject.net.provider.sh(f"{script} wan {peer} detour-lab")


def cut_the_cable_silently(subject):
    faults.lossy(subject.net.provider, "wan", percent=100)
    faults.lossy(subject.net.provider, "wan", percent=100, direction="egress")


CASES = {case.name: case for case in (
    Case("nullroute", null_route, "the provider throws the block away everywhere inside; its session stays"),
    Case("nullroute-border", null_route_at_the_border, "thrown away only where it comes in from other networks"),
    Case("link-down", take_the_cable_out, "the provider's port loses its carrier"),
    Case("session-kill", kill_the_sessions, "the BGP connections to the provider are reset, nothing else"),
    Case("bfd", cut_the_cable_silently, "nothing crosses the provider's cable, whose carrier stays (BFD 50 ms x 3 for the "
                                        "peers; detour goes by its probes)"),
    Case("planned-move", lambda subject: subject.move_away(), "the operator moves the set to the partner", is_for_all=False),
    Case("fail-back", lambda subject: subject.move_home(), "and back home", is_for_all=False, begins_away=True))}
