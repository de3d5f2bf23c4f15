# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The language of the cases: one statement a line, an indented line continues the one before.

    topology edge                     where the case plays (tests/packets/topologies)
    let p = IP(...)/UDP()/"text"      a name for a scapy expression
    ip route add ...                  a change of the kernel's state, and what the mirror makes of it
    settle                            the mirror has caught up with what the kernel learned by itself
    settle 1.5                        the same, that many seconds later: carriers are reported once a second
    send lan0 p                       a frame in; Ethernet addresses are added where missing
    expect xcon0 OUTER/hop(p)         the frame out, octet for octet (an outer identification aside)
    expect xcon0 like ICMP(type=11)   only the fields that are written down
    expect lan0 [hop(p), q]           several
    burst lan0 [p, q]                 at most nine frames, which the box finds waiting all at once
    flood lan0 4000 p                 so many, and all that comes of them until it is quiet is not looked at
    expect lan0 either [p, q]         one of them
    expect kernel lan0 p              what the kernel reads from the twin
    drop gre-nested 1                 how often each drop and punt counter moved: those that are not
    punt control 2                    named must not move
    count tunnels/partner/out 1       any other number of the telemetry, as a difference
    fails IP.ttl                      the runner must find this fault; a test of the runner

Of a topology's words only: `peer PORT MAC`, who is on the port's wire, and `vlan PORT PARENT`, a port without a
wire: its frames are its parent's, and have a tag there.

Statements are played in their order; what is expected is awaited before the next `send`, `burst`, `flood`, `ip` or `settle`.
"""

import os
from dataclasses import dataclass, field

CASES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPOLOGIES = os.path.join(CASES, "topologies")

# Verb -> how many words follow it before the rest of the line.
VERBS = {"topology": 1, "let": 2, "ip": 0, "sysctl": 0, "send": 1, "expect": 1, "drop": 1, "punt": 1, "count": 1,
         "fails": 0, "peer": 1, "vlan": 1, "settle": 0, "flood": 2,
         "burst": 1}


class BadCase(Exception):
    pass


@dataclass
class Statement:
    verb: str
    words: list
    rest: str
    line: int


@dataclass
class Case:
    name: str
    topology: str = ""
    steps: list = field(default_factory=list)  # Statements to be played
    fault: str = ""  # `fails`

    @property
    def changes_kernel(self) -> bool:
        """Then it needs a box of its own."""
        return any(step.verb in ("ip", "sysctl", "settle") for step in self.steps)


def statements(path: str) -> list:
    lines = []
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line[0].isspace():
                if not lines:
                    raise BadCase(f"{path}:{number}: nothing to continue")
                lines[-1][1] += " " + line.strip()
            else:
                lines.append([number, line.strip()])
    return [statement(path, number, text) for number, text in lines]


def statement(path: str, number: int, text: str) -> Statement:
    verb, _, rest = text.partition(" ")
    if verb not in VERBS:
        raise BadCase(f"{path}:{number}: no such statement: {verb}")
    words = []
    for _ in range(VERBS[verb]):
        word, _, rest = rest.lstrip().partition(" ")
        words.append(word)
        if verb == "expect" and word == "kernel":
            word, _, rest = rest.lstrip().partition(" ")
            words.append(word)
    if verb == "let" and words[1] != "=":
        raise BadCase(f"{path}:{number}: let NAME = EXPRESSION")
    return Statement(verb, words, rest.strip(), number)


def read_case(name: str) -> Case:
    case = Case(name)
    for step in statements(os.path.join(CASES, name, "case")):
        if step.verb == "topology":
            case.topology = step.words[0]
        elif step.verb == "fails":
            case.fault = step.rest
        else:
            case.steps.append(step)
    if not os.path.isdir(os.path.join(TOPOLOGIES, case.topology)) or not case.topology:
        raise BadCase(f"{name}: there is no topology '{case.topology}'")
    return case


def case_names() -> list:
    return sorted(name for name in os.listdir(CASES) if os.path.isfile(os.path.join(CASES, name, "case")))
