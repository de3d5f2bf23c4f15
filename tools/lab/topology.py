# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A small network of Linux kernels, declared in a few lines:

    sandbox.enter()
    with Lab("tunnel") as lab:
        box, customer = lab.namespace("box"), lab.namespace("customer")
        partner = lab.linux_with_gre("partner")
        lab.link(customer, "lan", box, "phy-lan")
        lab.link(box, "phy-xcon", partner, "xcon")
        partner.boot()
        customer.setup("addr add 198.51.100.10/24 dev lan", "link set lan up", ...)

A node is a network namespace, or User Mode Linux where the host's kernel lacks what is wanted; both
take the same words. Everything is made inside the sandbox, whose end removes it; leaving the `with`
stops the programs in order, so that their last words are in their logs.

Names of namespaces carry the lab's name and process, so that two labs on a host do not meet. Links
are veth pairs with checksum and segmentation offload off on both ends (frames with partial
checksums would reach af_packet); duplicate address detection is off, so that an address serves at
once. Use documentation prefixes only.
"""

import itertools
import os
import shlex
import shutil
import tempfile

from . import build, process, sandbox
from .process import Failed, Process, run

# Quiet and predictable: no address that nobody asked for, no delay before one serves.
CALM = {
    "net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.all.accept_ra": 0, "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.router_solicitations": 0,
    "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0,
}
ROUTER = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1,
          "net.ipv4.conf.all.send_redirects": 0, "net.ipv4.conf.default.send_redirects": 0}
OFFLOADS = "tx off sg off tso off gso off gro off"


ROUTER_NICENESS = -10


class Node:
    """What a namespace and a virtual machine have in common. `sh` runs a line of shell in it."""

    def __init__(self, lab, name: str):
        self.lab, self.name = lab, name

    def sh(self, line: str, *, check: bool = True, timeout: float = 60) -> str:
        raise NotImplementedError

    def boot(self):
        """Links are declared: start it, where there is something to start."""

    def ip(self, words: str, *, check: bool = True) -> str:
        return self.sh(f"ip {words}", check=check)

    def setup(self, *lines: str):
        """Several `ip` commands, one a line, in order."""
        for line in lines:
            self.ip(line)

    def sysctl(self, values: dict):
        """By dots; a slash stands for a dot inside a name (net/ipv4/conf/eth0.1/...)."""
        self.sh("; ".join(f"echo {value} > /proc/sys/{name.replace('.', '/')}" for name, value in values.items()))

    def calm(self):
        self.sysctl(CALM)

    def without_offloads(self, device: str):
        """Each packet as it is on the wire. User Mode Linux needs it for more than that: it merges the
        segments of a TCP stream (GRO, which cannot be switched off there) and takes them apart again
        with their bytes exchanged and the checksums right, unless scatter-gather is off."""
        self.sh(f"ethtool -K {device} {OFFLOADS}", check=False)

    def as_router(self):
        self.sysctl(ROUTER)

    def ping(self, target: str, *, source: str = "", count: int = 3, wait: float = 1) -> int:
        """How many of `count` echo requests were answered."""
        options = f"-I {source} " if source else ""
        said = self.sh(f"ping -q -c {count} -i 0.1 -W {wait:g} {options}{target}", check=False,
                       timeout=10 + count * (wait + 0.1))
        words = said.replace(",", " ").split()
        # "3 packets transmitted, 3 received" (iputils) or "3 packets received" (busybox)
        for marker, step in (("received", -1), ("received", -2)):
            if marker in words and words[words.index(marker) + step].isdigit():
                return int(words[words.index(marker) + step])
        return 0

    def wait_for_ping(self, target: str, seconds: float, *, source: str = ""):
        process.wait_until(lambda: self.ping(target, source=source, count=1) == 1, seconds,
                           f"{self.name}: an answer from {target}")


class Namespace(Node):
    def __init__(self, lab, name: str):
        super().__init__(lab, name)
        self.netns = f"{lab.name}-{os.getpid()}-{name}"
        run(["ip", "netns", "add", self.netns])
        # It would go with the sandbox; but another lab of this name may follow in the same one.
        lab.cleanups.append(lambda: run(["ip", "netns", "del", self.netns], check=False))
        self.calm()
        self.ip("link set lo up")

    def sh(self, line: str, *, check: bool = True, timeout: float = 60) -> str:
        return run([*self.prefix(), "sh", "-c", line], check=check, timeout=timeout)

    def ip(self, words: str, *, check: bool = True) -> str:
        return run(["ip", "-n", self.netns, *shlex.split(words)], check=check)

    def setup(self, *lines: str):
        # A batch is of one family: -4 and -6 stand before it and not in its lines.
        for family, group in itertools.groupby(lines, lambda line: line[:2] if line.startswith("-") else ""):
            text = "".join(line.removeprefix(family).lstrip() + "\n" for line in group)
            run(["ip", *family.split(), "-n", self.netns, "-batch", "-"], text=text)

    def prefix(self) -> list:
        return ["ip", "netns", "exec", self.netns]

    def start(self, name: str, command: list, **how) -> Process:
        """Start a program here; the lab stops it at the end, last started first."""
        return self.lab.start(f"{self.name}-{name}", [*self.prefix(), *command], **how)

    def start_router(self, name: str, command: list, **how) -> Process:
        """A program that carries packets: before this machine's other work, as a router would be."""
        return self.start(name, ["nice", "-n", str(ROUTER_NICENESS), *command], **how)

    def nft(self, ruleset: str):
        run([*self.prefix(), "nft", "-f", "-"], text=ruleset)


class Lab:
    def __init__(self, name: str, *, is_kept: bool = False):
        if not sandbox.is_inside():
            raise Failed("a lab lives in a sandbox: call sandbox.enter() first, or run tools/lab/sandbox")
        self.name, self.is_kept = name, is_kept
        self.folder = tempfile.mkdtemp(prefix=f"{name}-")
        self.nodes, self.processes, self.cleanups = {}, [], []

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        for started in reversed(self.processes):
            started.stop(5)
        for cleanup in reversed(self.cleanups):
            cleanup()
        keep_at = os.environ.get("DETOUR_LAB_LOGS")
        if keep_at:
            shutil.copytree(self.folder, os.path.join(keep_at, self.name), dirs_exist_ok=True,
                            ignore=lambda folder, names: [n for n in names
                                                          if not os.path.isfile(os.path.join(folder, n))
                                                          and not os.path.isdir(os.path.join(folder, n))])

    def path(self, name: str) -> str:
        """A file of this lab; gone with the sandbox (DETOUR_LAB_LOGS=DIR keeps a copy)."""
        return os.path.join(self.folder, name)

    def write(self, name: str, text: str) -> str:
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def start(self, name: str, command: list, **how) -> Process:
        started = Process(command, self.path(f"{name}.log"), **how)
        self.processes.append(started)
        return started

    def namespace(self, name: str) -> Namespace:
        node = Namespace(self, name)
        self.nodes[name] = node
        return node

    def linux_with_gre(self, name: str) -> Node:
        """A Linux kernel that has ip_gre and ip6_gre: the host's own, or User Mode Linux.
        DETOUR_LAB_PEER=uml chooses the latter even so."""
        from . import uml
        wants_uml = os.environ.get("DETOUR_LAB_PEER") == "uml"
        node = uml.Machine(self, name) if wants_uml or not host_has_gre() else Namespace(self, name)
        self.nodes[name] = node
        return node

    def link(self, left: Node, left_device: str, right: Node, right_device: str, *, mtu: int = 1500):
        """A cable: a veth pair. A virtual machine gets its end at boot()."""
        from . import uml
        if isinstance(left, uml.Machine) and isinstance(right, uml.Machine):
            raise Failed("two virtual machines need a namespace between them")
        if isinstance(left, uml.Machine):
            left.plug(left_device, right, right_device, mtu)
        elif isinstance(right, uml.Machine):
            right.plug(right_device, left, left_device, mtu)
        else:
            run(["ip", "link", "add", "name", left_device, "netns", left.netns, "mtu", str(mtu), "type", "veth",
                 "peer", "name", right_device, "netns", right.netns, "mtu", str(mtu)])
            left.without_offloads(left_device)
            right.without_offloads(right_device)


    def slow_link(self, left: Node, left_device: str, right: Node, right_device: str, *, delay_ms: float = 0,
                  jitter_ms: float = 0, loss: float = 0, duplicate: float = 0):
        """A cable with a length: frames come later, some not at all (shares from 0 to 1), each way alike.
        A relay in the middle does it, so that it works on a kernel without netem; good for 50,000 frames/s."""
        middle = self.namespace(f"cable{len(self.nodes)}")
        self.link(left, left_device, middle, "left")
        self.link(middle, "right", right, right_device)
        for end in ("left", "right"):
            middle.sysctl({f"net.ipv6.conf.{end}.disable_ipv6": 1})
            middle.ip(f"link set {end} promisc on up")
        middle.start_router("relay", [build.product("tools/lab/detour-traffic"), "relay", "--left", "left", "--right", "right",
                                      "--delay", f"{round(delay_ms * 1000)}us", "--jitter", f"{round(jitter_ms * 1000)}us",
                                      "--loss", str(loss), "--duplicate", str(duplicate)])


def host_has_gre() -> bool:
    if shutil.which("modprobe"):
        run(["modprobe", "-q", "-a", "ip_gre", "ip6_gre"], check=False)
    probe = ["ip", "link", "add", "gre-probe", "type", "gre", "local", "192.0.2.1", "remote", "192.0.2.2"]
    try:
        run(probe)
    except Failed:
        return False
    run(["ip", "link", "del", "gre-probe"])
    return True
