# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A detour in a namespace of the lab: its configuration, its data plane under `detour run`, and the
kernel's state written by plain `ip` and `sysctl` in detourd's own form (the rules, tables, nexthop
objects and sysctls of ARCHITECTURE.md), for labs without a control plane.

    box = Box(lab, node)
    lan = box.port("lan0", "phy-lan", "10.1.0.1/24", "2001:db8:10::1/64")
    ...
    box.uplink("partner", xcon, local=..., remote=..., key=7, inner=(...))
    box.prefix_set("web", ("203.0.113.0/24",), uplink="partner", next_hops=("10.1.0.2",), beacons=(...))
    box.start(); box.write_kernel_state()
"""

import glob
import ipaddress
import json
import os
import socket
from collections import Counter
from dataclasses import dataclass, field

from . import build
from .process import Failed, wait_until

PROTOCOL = 142
UPLINK_GROUP = 196
TABLE_IN, TABLE_LEARNED, TABLE_UPLINK, TABLE_SET = 1420000, 1420001, 1430000, 1500000
NEXTHOP_UPLINK, NEXTHOP_SET = 0x0F000000, 0x0F100000
METRIC, METRIC_MAIN_DEFAULT, METRIC_LAST = 142, 14200, 4278198272
READY_SECONDS = 30

SYSCTLS = {
    "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1, "net.ipv4.nexthop_compat_mode": 0,
    **{f"net.ipv4.conf.{which}.{name}": value for which in ("all", "default")
       for name, value in {"rp_filter": 0, "arp_announce": 2, "arp_ignore": 1, "send_redirects": 0,
                           "accept_redirects": 0}.items()},
    **{f"net.ipv6.conf.{which}.{name}": value for which in ("all", "default")
       for name, value in {"accept_redirects": 0, "keep_addr_on_down": 1, "accept_ra": 0}.items()},
}


def family_of(address: str) -> int:
    return 6 if ":" in address else 4


def default_of(family: int) -> str:
    return "0.0.0.0/0" if family == 4 else "::/0"


@dataclass
class Port:
    name: str
    interface: str
    addresses: tuple
    mtu: int = 1500
    further: dict = field(default_factory=dict)  # keys of the configuration; with `parent` there is no interface

    def configuration(self, number: int) -> dict:
        device = {} if "parent" in self.further else {"device": f"net_af_packet{number},iface={self.interface}"}
        return {**device, "addresses": list(self.addresses), "mtu": self.mtu, **self.further}


@dataclass
class Uplink:
    index: int
    name: str
    kind: str
    port: Port
    addresses: tuple  # ours on the link: the port's, or the tunnel's inner ones
    gateways: dict  # family -> address; none for a tunnel
    local: str = ""
    remote: str = ""
    key: int | None = None
    underlay: dict = field(default_factory=dict)  # further keys of the configuration

    @property
    def device(self) -> str:
        return self.port.name if self.kind == "direct" else self.name

    def carries(self, family: int) -> bool:
        return family in self.gateways if self.kind == "direct" else \
            any(family_of(address) == family for address in self.addresses)

    def nexthop(self, family: int) -> int:
        return NEXTHOP_UPLINK + 2 * self.index + (family == 6)


@dataclass
class PrefixSet:
    index: int
    name: str
    prefixes: tuple
    uplink: str
    next_hops: tuple
    beacons: tuple

    def families(self) -> list:
        return sorted({family_of(prefix) for prefix in self.prefixes})

    def nexthop(self, family: int) -> int:
        return NEXTHOP_SET + 2 * self.index + (family == 6)


class Box:
    def __init__(self, lab, node, *, poll: str = "adaptive"):
        self.lab, self.node, self.poll = lab, node, poll
        self.ports, self.uplinks, self.sets = {}, {}, {}
        self.run_dir = lab.path(f"{node.name}-run")
        self.state_dir = lab.path(f"{node.name}-state")
        self.process = None

    # What it is.

    def port(self, name: str, interface: str, *addresses: str, mtu: int = 1500, **further) -> Port:
        self.ports[name] = Port(name, interface, addresses, mtu, further)
        return self.ports[name]

    def direct_uplink(self, name: str, port: Port, *gateways: str) -> Uplink:
        self.uplinks[name] = Uplink(len(self.uplinks), name, "direct", port, port.addresses,
                                    {family_of(gateway): gateway for gateway in gateways})
        return self.uplinks[name]

    def gre_uplink(self, name: str, port: Port, *, local: str, remote: str, inner: tuple, key: int | None = None,
                   **underlay) -> Uplink:
        self.uplinks[name] = Uplink(len(self.uplinks), name, "gre", port, inner, {}, local, remote, key, underlay)
        return self.uplinks[name]

    def prefix_set(self, name: str, prefixes: tuple, *, uplink: str, next_hops: tuple, beacons: tuple = ()) -> PrefixSet:
        self.sets[name] = PrefixSet(len(self.sets), name, prefixes, uplink, next_hops, beacons)
        return self.sets[name]

    def is_lan(self, port: Port) -> bool:
        return all(uplink.port is not port for uplink in self.uplinks.values())

    def configuration(self) -> str:
        """YAML; JSON is YAML, and nothing has to be quoted by hand."""
        config = {
            "version": 1,
            "router": {"name": self.node.name, "asn": 64500, "id": "192.0.2.2", "mode": "advise"},
            "dataplane": {"kind": "dpdk", "poll": self.poll},
            "ports": {port.name: port.configuration(i) for i, port in enumerate(self.ports.values())},
            "uplinks": {}, "prefix-sets": {},
            # The data plane reads past this; a configuration without a target is refused.
            "detect": {"targets": [{"asn": 64501, "addresses": ["192.0.2.129", "2001:db8:501::1"]}]},
        }
        for uplink in self.uplinks.values():
            if uplink.kind == "direct":
                entry = {"kind": "direct", "port": uplink.port.name,
                         "bgp": {"peers": list(uplink.gateways.values()), "asn": 64496}}
            else:
                underlay = {"port": uplink.port.name, "local": uplink.local, "remote": uplink.remote, **uplink.underlay}
                if uplink.key is not None:
                    underlay["key"] = uplink.key
                entry = {"kind": "gre", "underlay": underlay, "inner": list(uplink.addresses)}
            config["uplinks"][uplink.name] = entry
        for one in self.sets.values():
            config["prefix-sets"][one.name] = {"prefixes": list(one.prefixes), "beacons": list(one.beacons),
                                               "next-hops": list(one.next_hops)}
        return json.dumps(config, indent=2) + "\n"

    # The programs.

    def start(self):
        """`detour run` with the data plane under it; returns when every twin is there."""
        os.makedirs(self.state_dir, exist_ok=True)
        path = self.lab.write(f"{self.node.name}.yaml", self.configuration())
        self.process = self.node.start_router("detour", [build.product("detour"), "run", "--only", "detour-dataplane",
                                                             "--config", path, "--run-dir",
                                                  self.run_dir, "--state-dir", self.state_dir])
        self.wait_ready()

    def wait_ready(self):
        def is_ready():
            if not self.process.is_running:
                raise Failed(f"detour run ended with {self.process.popen.returncode}:\n{self.process.tail()}")
            return all(self.has_device(device) for device in self.devices()) and self.telemetry("/info") is not None
        try:
            wait_until(is_ready, READY_SECONDS, "the twins and the telemetry socket")
        except Failed as problem:
            raise Failed(f"{problem}\n{self.process.tail()}") from None

    def devices(self) -> list:
        return [*self.ports, *(uplink.name for uplink in self.uplinks.values() if uplink.kind == "gre")]

    def has_device(self, name: str) -> bool:
        return bool(self.node.ip(f"-o link show dev {name}", check=False))

    def dataplane_pid(self) -> int | None:
        """The data plane's process: the child of our `detour run`, found by its parent."""
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    before, _, after = stream.read().rpartition(")")
                name, fields = before.split("(", 1)[1], after.split()
            except (OSError, IndexError):
                continue
            if name.startswith("detour-datapla") and int(fields[1]) == self.process.pid and fields[0] != "Z":
                return int(path.split("/")[2])
        return None

    def cpu_seconds(self) -> float:
        """Processor time that the data plane has used."""
        with open(f"/proc/{self.dataplane_pid()}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def items(self, command: str) -> list:
        """All entries of a list of telemetry, page by page."""
        found, following = [], 0
        while following is not None:
            answer = self.telemetry(f"{command},{following}")
            found += answer["items"].values() if isinstance(answer["items"], dict) else answer["items"]
            following = answer.get("next")
        return found

    def reasons(self, command: str) -> Counter:
        """Reasons that have counted something."""
        return Counter({item["reason"]: item["packets"] for item in self.items(command) if item["packets"]})

    def drops(self) -> Counter:
        return self.reasons("/detour/drops")

    def punts(self) -> Counter:
        return self.reasons("/detour/punts")

    def telemetry(self, command: str):
        """The answer of detour-dataplane's telemetry socket to one command; None if nobody listens."""
        found = glob.glob(f"{self.run_dir}/dpdk/*/dpdk_telemetry.v2")
        if not found:
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(5)
            try:
                connection.connect(found[0])
                connection.recv(65536)
                connection.send(command.encode())
                answer = json.loads(connection.recv(1 << 20))
            except (OSError, json.JSONDecodeError):
                return None
        return answer.get(command.split(",")[0])

    # The kernel's state, by plain commands.

    def write_kernel_state(self):
        self.node.sysctl(SYSCTLS)
        for device in self.devices():
            self.node.sysctl({f"net.ipv4.conf.{device}.send_redirects": 0, f"net.ipv4.conf.{device}.rp_filter": 0,
                              f"net.ipv6.conf.{device}.keep_addr_on_down": 1})
        self.node.setup(*self.link_lines(), *self.rule_lines(), *self.route_lines())

    def link_lines(self) -> list:
        lines = []
        for port in self.ports.values():
            group = "" if self.is_lan(port) else f" group {UPLINK_GROUP}"
            lines.append(f"link set dev {port.name} mtu {port.mtu} up{group}")
        for uplink in self.uplinks.values():
            if uplink.kind == "gre":
                lines.append(f"link set dev {uplink.name} group {UPLINK_GROUP} up")
        owners = [*((port.name, port.addresses) for port in self.ports.values()),
                  *((uplink.name, uplink.addresses) for uplink in self.uplinks.values() if uplink.kind == "gre")]
        for device, addresses in owners:
            lines += [f"addr add {address} dev {device}{' nodad' if family_of(address) == 6 else ''}"
                      for address in addresses]
        for one in self.sets.values():
            lines += [f"addr add {beacon} dev lo" for beacon in one.beacons]
        return lines

    def rule_lines(self) -> list:
        lines = []
        for family in (4, 6):
            def rule(priority: int, what: str, flag=f"-{family}"):
                lines.append(f"{flag} rule add pref {priority} protocol {PROTOCOL} {what}")
            outer = [port.name for port in self.ports.values() if not self.is_lan(port)]
            outer += [uplink.name for uplink in self.uplinks.values() if uplink.kind == "gre"]
            for device in outer:
                rule(100, f"iif {device} lookup {TABLE_IN}")
            rule(200, f"lookup main suppress_prefixlength 0 suppress_ifgroup {UPLINK_GROUP}")
            for uplink in self.uplinks.values():
                if uplink.carries(family):
                    rule(300, f"oif {uplink.device} lookup {TABLE_UPLINK + uplink.index}")
            for one in self.sets.values():
                for prefix in one.prefixes:
                    if family_of(prefix) == family:
                        rule(400, f"from {prefix} lookup {TABLE_SET + one.index}")
            for port in self.ports.values():
                if self.is_lan(port):
                    rule(450, f"iif {port.name} prohibit")
            rule(460, "lookup main suppress_prefixlength 0")
            rule(500, f"lookup {TABLE_LEARNED}")
        return lines

    def route_lines(self) -> list:
        lines = []
        for family in (4, 6):
            lines.append(f"-{family} route replace blackhole default table {TABLE_IN} metric {METRIC_LAST} proto {PROTOCOL}")
            for uplink in self.uplinks.values():
                if uplink.carries(family):
                    lines += self.uplink_lines(uplink, family)
        for one in self.sets.values():
            for family in one.families():
                lines += [f"-{family} route replace unreachable default table {TABLE_SET + one.index} "
                          f"metric {METRIC_LAST} proto {PROTOCOL}", *self.placement_lines(one, family, one.uplink)]
            for prefix in one.prefixes:
                lines += [f"route replace {prefix} {self.lan_way(one, prefix)} table {table} metric {METRIC} proto {PROTOCOL}"
                          for table in ("main", TABLE_IN)]
        return lines

    def uplink_lines(self, uplink: Uplink, family: int) -> list:
        gateway = f" via {uplink.gateways[family]}" if family in uplink.gateways else ""
        table = TABLE_UPLINK + uplink.index
        networks = [ipaddress.ip_interface(address).network for address in uplink.addresses
                    if family_of(address) == family]
        return [*(f"route replace {network} dev {uplink.device} table {table} metric {METRIC} proto {PROTOCOL}"
                  for network in networks),
                f"-{family} nexthop replace id {uplink.nexthop(family)}{gateway} dev {uplink.device} proto {PROTOCOL}",
                f"-{family} route replace default nhid {uplink.nexthop(family)} table {table} metric {METRIC} proto {PROTOCOL}",
                f"-{family} route replace default nhid {uplink.nexthop(family)} metric {METRIC_MAIN_DEFAULT + uplink.index} "
                f"proto {PROTOCOL}"]

    def lan_way(self, one: PrefixSet, prefix: str) -> str:
        hop = next(hop for hop in one.next_hops if family_of(hop) == family_of(prefix))
        for port in self.ports.values():
            for address in port.addresses:
                if self.is_lan(port) and ipaddress.ip_address(hop) in ipaddress.ip_interface(address).network:
                    return f"via {hop} dev {port.name}"
        raise Failed(f"no LAN port reaches the next hop {hop} of {one.name}")

    def placement_lines(self, one: PrefixSet, family: int, uplink_name: str) -> list:
        """A move, as a batch that may be repeated: member, group, default route."""
        uplink = self.uplinks[uplink_name]
        gateway = f" via {uplink.gateways[family]}" if family in uplink.gateways else ""
        return [f"-{family} nexthop replace id {uplink.nexthop(family)}{gateway} dev {uplink.device} proto {PROTOCOL}",
                f"nexthop replace id {one.nexthop(family)} group {uplink.nexthop(family)} proto {PROTOCOL}",  # of no family
                f"-{family} route replace default nhid {one.nexthop(family)} table {TABLE_SET + one.index} "
                f"metric {METRIC} proto {PROTOCOL}"]

    def place(self, uplink_name: str, *set_names: str):
        """Move prefix sets (all of them if none is named), both families."""
        sets = [self.sets[name] for name in set_names or self.sets]
        batches = [self.placement_lines(one, family, uplink_name) for one in sets for family in one.families()]
        # All members, then all groups, then all routes: what a group names is there before it.
        self.node.setup(*(line for step in zip(*batches) for line in step))

    def kernel_state(self) -> str:
        """Addresses, rules, routes, nexthop objects and our links: what must not change when the data
        plane dies."""
        shown = []
        for words in ("-o addr show", "-4 rule show", "-6 rule show", "-4 route show table all",
                      "-6 route show table all", "nexthop show"):
            shown += [f"{words}: {line.strip()}" for line in self.node.ip(words).splitlines()]
        shown += [f"link {line.split(': ', 1)[1].strip()}" for line in self.node.ip("-o link show").splitlines()
                  if line.split(": ")[1].split("@")[0] in self.devices()]
        return "\n".join(sorted(shown)) + "\n"

    def neighbours(self) -> set:
        """The resolved ones on our links, as (address, device, MAC)."""
        fields = (line.split() for line in self.node.ip("neigh show").splitlines())
        return {(words[0], words[2], words[words.index("lladdr") + 1]) for words in fields
                if "lladdr" in words and words[2] in self.devices()}
