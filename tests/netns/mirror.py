#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The mirror against the kernel: random sequences of `ip` commands and link, carrier and address
events; afterwards the mirror's copy equals a fresh dump, and the fast path's decision equals the
kernel's own `ip route get ... iif` for sampled flows.

         peers up and down = carrier
      wan-peer  xcon-peer  lan-peer  other-peer
         |          |         |          |
        wan       xcon       lan       other        partner (TUN, its far end behind xcon)
       port 0    port 1     port 2    not ours      tunnel 0
       [ mirror_driver: the shipping mirror, compiler and lookup, without DPDK ]

Each sequence runs in a network namespace of its own and is made by its seed alone.
    mirror.py [--sequences N] [--seed FIRST]     50 sequences, 1,000 with DETOUR_LONG=1 or --long
    mirror.py --replay SEED                      one sequence, its commands shown
"""

import argparse
import concurrent.futures
import fcntl
import json
import os
import random
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVER = os.path.join(os.environ.get("DETOUR_BUILD", os.path.join(HERE, "..", "..", "build")), "tests/netns/mirror_driver")
SETS = {"198.51.100.0/24": 0, "203.0.113.0/24": 1, "2001:db8:77::/48": 1}
PORTS = ["wan", "xcon", "lan"]
INGRESSES = PORTS + ["partner"]
SYSCTLS = {
    "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1, "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0, "net.ipv6.conf.all.keep_addr_on_down": 1, "net.ipv6.conf.all.accept_ra": 0,
    "net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.all.accept_dad": 0,
}
ADDRESSES = [
    ("192.0.2.2/30", "wan"), ("2001:db8:1::2/64", "wan"), ("192.0.2.66/30", "xcon"), ("10.1.0.1/24", "lan"),
    ("2001:db8:10::1/64", "lan"), ("10.255.0.1/31", "partner"), ("2001:db8:ff::1/127", "partner"),
    ("198.51.100.2/32", "lo"), ("2001:db8:77::2/128", "lo"), ("192.0.2.130/25", "other"),
]
MORE_ADDRESSES = [("10.1.0.5/24", "lan"), ("192.0.2.102/32", "lo"), ("10.2.0.1/24", "lan"), ("2001:db8:11::1/64", "lan")]
GATEWAYS = {
    4: [("192.0.2.1", "wan"), ("192.0.2.65", "xcon"), ("10.1.0.2", "lan"), ("10.1.0.3", "lan"), ("10.255.0.0", "partner"),
        ("192.0.2.131", "other")],
    6: [("2001:db8:1::1", "wan"), ("2001:db8:10::2", "lan"), ("2001:db8:10::3", "lan"), ("2001:db8:ff::", "partner")],
}
PREFIXES = {
    4: ["default", "198.51.100.0/24", "198.51.100.128/25", "203.0.113.0/24", "203.0.112.0/22", "203.0.113.64/26",
        "192.0.2.160/29", "10.1.0.2/32", "100.64.0.0/10", "100.64.7.0/24", "10.0.0.0/8"],
    6: ["default", "2001:db8:77::/48", "2001:db8:77:8000::/49", "2001:db8:161::/48", "2001:db8::/32", "2001:db8:10::2/128"],
}
HOSTS = {
    4: ["198.51.100.7", "198.51.100.200", "198.51.100.2", "203.0.113.70", "203.0.113.9", "203.0.114.1", "192.0.2.161",
        "10.1.0.2", "10.1.0.3", "10.1.0.77", "10.1.0.255", "100.64.7.1", "100.70.0.1", "10.9.9.9", "8.8.8.8", "192.0.2.1",
        "192.0.2.65", "10.255.0.0", "10.1.0.1", "192.0.2.131", "10.2.0.7"],
    6: ["2001:db8:77::9", "2001:db8:77:8000::9", "2001:db8:161::1", "2001:db8:99::1", "2001:db8:10::2", "2001:db8:10::77",
        "2001:db8:1::1", "2001:db8:ff::", "2001:db8:10::1", "2001:db8:10::", "2001:db8:11::5", "3fff::1"],
}
SOURCES = {
    4: ["198.51.100.9", "198.51.100.201", "203.0.113.77", "203.0.113.3", "10.1.0.88", "100.64.7.2", "9.9.9.9"],
    6: ["2001:db8:77::99", "2001:db8:77:8000::99", "2001:db8:10::88", "3fff::2"],
}
TABLES = [254, 254, 254, 100, 500, 1000, 1001]
DESIGN_RULES = [
    "iif wan lookup 100 pref 100", "iif partner lookup 100 pref 100", "oif wan lookup 900 pref 300",
    "lookup main suppress_prefixlength 0 suppress_ifgroup 196 pref 200", "iif lan prohibit pref 450",
    "lookup main suppress_prefixlength 0 pref 460", "lookup 500 pref 500",
]
SOURCE_RULES = {
    4: ["from 198.51.100.0/24 lookup 1000 pref 400", "from 203.0.113.0/24 lookup 1001 pref 400",
        "from 198.51.100.128/25 lookup 1001 pref 399", "from 203.0.113.64/26 prohibit pref 401"],
    6: ["from 2001:db8:77::/48 lookup 1001 pref 400", "from 2001:db8:77:8000::/49 lookup 1000 pref 399"],
}
MORE_RULES = {
    4: ["to 192.0.2.160/29 lookup 500 pref 150", "iif xcon lookup 100 pref 90", "iif lan to 203.0.112.0/22 blackhole pref 195",
        "to 100.64.0.0/10 unreachable pref 470"],
    6: ["to 2001:db8:161::/48 lookup 500 pref 150", "iif xcon lookup 100 pref 90"],
}
FOREIGN_RULES = ["fwmark 7 lookup 500 pref 480", "tos 0x10 lookup 500 pref 481", "not from 10.0.0.0/8 lookup 500 pref 482"]


def run(command: str, check=False) -> str:
    done = subprocess.run(command.split(), capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr.strip()}")
    return done.stdout


def hold_tun(name: str) -> int:
    """A TUN with carrier: it has some while its queue is held open."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0001 | 0x1000))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
    return tun


class Namespace:
    """The devices of the picture, in the namespace this process runs in."""

    def __init__(self, choose: random.Random, is_verbose: bool):
        self.is_verbose = is_verbose
        run("ip link set lo up", check=True)
        for name, value in SYSCTLS.items():
            run(f"sysctl -qw {name}={value}", check=True)
        run(f"sysctl -qw net.ipv4.nexthop_compat_mode={choose.choice([0, 0, 0, 1])}", check=True)
        for port in [*PORTS, "other"]:
            run(f"ip link add {port} type veth peer name {port}-peer", check=True)
            run(f"ip link set {port}-peer up", check=True)
            run(f"ip link set {port} up", check=True)
        self.tun = hold_tun("partner")
        run("ip link set partner up mtu 1472 group 196", check=True)
        run("ip link set wan group 196", check=True)
        for address, device in ADDRESSES:
            run(f"ip addr add {address} dev {device}{' nodad' if ':' in address else ''}", check=True)
        self.ip(["rule add " + rule for rule in DESIGN_RULES] if choose.random() < 0.8 else [])

    def ip(self, lines: list):
        """Runs lines of ip's batch language; what the kernel refuses is part of the game."""
        for family in ("-4", "-6"):
            # A rule without an address is meant for both families, anything else for one.
            batch = [line for line in lines if family == ("-6" if ":" in line else "-4") or is_for_both(line)]
            if batch:
                subprocess.run(["ip", family, "-force", "-batch", "-"], input="\n".join(batch) + "\n", text=True,
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if self.is_verbose:
            print("\n".join("    ip " + line for line in lines), flush=True)


def is_for_both(line: str) -> bool:
    return line.startswith("rule") and "from" not in line.replace("not from", "from") and " to " not in line


class Commands:
    """Random commands; each returns the lines it is."""

    def __init__(self, choose: random.Random):
        self.choose = choose
        self.has_foreign = False  # a rule whose packets the fast path leaves to the kernel
        self.has_split = False  # IPv6 over several hops: suppress_ifgroup asks the one a flow is hashed to
        self.kinds = [(self.route, 10), (self.nexthop, 6), (self.neighbour, 4), (self.address, 2), (self.link, 2),
                      (self.carrier, 2), (self.rule, 3), (self.attribute, 1), (self.flush, 1), (self.story, 2)]

    def some(self) -> list:
        kinds, weights = zip(*self.kinds)
        return self.choose.choices(kinds, weights)[0]()

    def family(self) -> int:
        return self.choose.choice([4, 4, 6])

    def hop(self, family: int) -> str:
        gateway, device = self.choose.choice(GATEWAYS[family])
        form = self.choose.random()
        if form < 0.15:
            return f"dev {device}"
        if form < 0.25 and family == 4:
            six, device = self.choose.choice(GATEWAYS[6])
            return f"via inet6 {six} dev {device}"
        return f"via {gateway} dev {device}"

    def route(self) -> list:
        choose, family = self.choose, self.family()
        prefix = choose.choice(PREFIXES[family])
        table = choose.choice(TABLES)
        if table in (1000, 1001):
            prefix = "default"
        metric = choose.choice(["", "", f" metric {choose.choice([10, 20])}"])
        verb = choose.choice(["add", "add", "replace", "replace", "append", "prepend", "del", "del"])
        if verb == "prepend" and family == 6:
            verb = "append"
        target = choose.choice([self.hop(family)] * 5 + [f"nhid {choose.choice([10, 11, 12, 1, 2])}"] * 4 + ["multi", "special"])
        if prefix == "default":
            prefix = "default" if family == 4 else "::/0"
        if target == "special":
            return [f"route {verb} {choose.choice(['blackhole', 'unreachable', 'prohibit', 'throw'])} {prefix} table {table}{metric}"]
        if target == "multi":
            self.has_split |= family == 6
            hops = " ".join(f"nexthop {self.hop(family)} weight {choose.choice([1, 2, 3])}" for _ in range(2))
            return [f"route {verb} {prefix} table {table}{metric} {hops}"]
        extra = choose.choice(["", "", "", " mtu 1400"]) if verb != "del" else ""
        source = " src 10.1.0.5" if choose.random() < 0.08 and family == 4 and "nhid" not in target else ""
        if verb == "del" and choose.random() < 0.5:
            return [f"route del {prefix} table {table}{metric}"]
        return [f"route {verb} {prefix} table {table}{metric} {target}{source}{extra}"]

    def nexthop(self) -> list:
        choose = self.choose
        form = choose.random()
        if form < 0.45:
            family = self.family()
            number = choose.choice([1, 2, 3, 4]) + (4 if family == 6 else 0)
            gateway, device = choose.choice(GATEWAYS[family])
            target = choose.choice([f"via {gateway} dev {device}"] * 5 + ["blackhole"])
            return [f"nexthop replace id {number} {target}"]
        if form < 0.8:
            four = choose.random() < 0.6
            pool = [1, 2, 3, 4] if four else [5, 6, 7, 8]
            members = choose.sample(pool, choose.choice([1, 1, 2, 3]))
            self.has_split |= not four and len(members) > 1
            group = "/".join(f"{one},{choose.choice([1, 1, 2, 5])}" for one in members)
            return [f"nexthop replace id {choose.choice([10, 11]) if four else 12} group {group}"]
        return [f"nexthop del id {choose.choice([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12])}"]

    def neighbour(self) -> list:
        choose, family = self.choose, self.family()
        gateway, device = choose.choice([pair for pair in GATEWAYS[family] if pair[1] != "partner"] + [
            (("10.1.0.77", "lan") if family == 4 else ("2001:db8:10::77", "lan"))])
        if choose.random() < 0.25:
            return [f"neigh del {gateway} dev {device}"]
        state = choose.choice(["permanent", "reachable", "stale", "failed", "noarp"])
        mac = f"02:00:00:00:{choose.randrange(4):02x}:{choose.randrange(256):02x}"
        return [f"neigh replace {gateway} lladdr {mac} dev {device} nud {state}"]

    def address(self) -> list:
        address, device = self.choose.choice(ADDRESSES + MORE_ADDRESSES * 2)
        suffix = " nodad" if ":" in address else ""
        return [self.choose.choice([f"addr add {address} dev {device}{suffix}", f"addr del {address} dev {device}"])]

    def link(self) -> list:
        device = self.choose.choice(["wan", "xcon", "lan", "partner", "other"])
        return [f"link set {device} {self.choose.choice(['up', 'up', 'down'])}"]

    def carrier(self) -> list:
        return [f"link set {self.choose.choice([*PORTS, 'other'])}-peer {self.choose.choice(['up', 'up', 'down'])}"]

    def rule(self) -> list:
        choose, family = self.choose, self.family()
        if choose.random() < 0.04:
            self.has_foreign = True
            return [f"rule {choose.choice(['add', 'add', 'del'])} {choose.choice(FOREIGN_RULES)}"]
        pool = SOURCE_RULES[family] * 2 + MORE_RULES[family] + [choose.choice(DESIGN_RULES)]
        return [f"rule {choose.choice(['add', 'add', 'del'])} {choose.choice(pool)}"]

    def attribute(self) -> list:
        device = self.choose.choice([*PORTS, "partner"])
        return [self.choose.choice([f"link set {device} mtu {self.choose.choice([1400, 1500])}",
                                    f"link set {device} group {self.choose.choice([0, 196])}"])]

    def flush(self) -> list:
        return [f"-4 route flush table {self.choose.choice([100, 500, 1000])}"[3:]]

    def story(self) -> list:
        """What detourd does: a member, a group, a default by the group's id, in one batch."""
        family = self.family()
        base, group, everything = (1, 10, "default") if family == 4 else (5, 12, "::/0")
        gateway, device = self.choose.choice(GATEWAYS[family])
        table = self.choose.choice([1000, 1001])
        return [f"nexthop replace id {base} via {gateway} dev {device}", f"nexthop replace id {group} group {base}",
                f"route replace {everything} nhid {group} table {table}",
                f"route replace unreachable {everything} metric 4278198272 table {table}"]


class Driver:
    def __init__(self):
        arguments = [DRIVER, "port:wan:0", "port:xcon", "port:lan", "tunnel:partner:1:1:192.0.2.66:192.0.2.65:7"]
        arguments += [f"set:{prefix}={number}" for prefix, number in SETS.items()]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.line()

    def line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"mirror_driver ended with {self.process.wait()}")
        return line.rstrip("\n")

    def ask(self, question: str) -> str:
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self.line()

    def differences(self) -> list:
        first = self.ask("compare")
        lines = []
        while first != ".":
            lines.append(first)
            first = self.line()
        return [] if lines == ["same"] else lines


class Oracle:
    """The kernel's decision for a flow, in the words of fib::describe()."""

    def __init__(self):
        self.links = {link["ifname"]: link for link in json.loads(run("ip -j link"))}
        self.neighbours = {(one["dev"], one["dst"]): one for one in json.loads(run("ip -j neigh show nud all") or "[]")}

    def is_usable(self, device: str) -> bool:
        flags = self.links[device]["flags"]
        return "UP" in flags and "LOWER_UP" in flags

    def get(self, ingress: str, source: str, destination: str, how: str = ""):
        family = "-6" if ":" in destination else "-4"
        done = subprocess.run(["ip", "-d", family, "-j", "route", "get", *how.split(), destination, "from", source, "iif", ingress],
                              capture_output=True, text=True)
        if done.returncode != 0 and not done.stdout.strip():
            return done.stderr.strip()
        return json.loads(done.stdout)[0]

    def hop(self, hop: dict, destination: str) -> str:
        device = hop["dev"]
        if device == "partner":
            return "tunnel" if self.is_usable(device) else "drop port-down"
        if device not in PORTS:
            return "punt other-device"
        if not self.is_usable(device):
            return "drop port-down"
        next_hop = hop.get("gateway") or hop.get("via", {}).get("host") or destination
        neighbour = self.neighbours.get((device, next_hop))
        states = {"PERMANENT", "NOARP", "REACHABLE", "PROBE", "STALE", "DELAY"}
        if neighbour is None or "lladdr" not in neighbour or not states & set(neighbour["state"]):
            return "punt unresolved"
        return f"forward port {PORTS.index(device)} to {neighbour['lladdr']}"

    def expected(self, ingress: str, source: str, destination: str) -> list:
        answer = self.get(ingress, source, destination)
        if isinstance(answer, str):
            for text, meaning in (("Invalid argument", "drop blackhole"), ("Permission denied", "punt prohibit"),
                                  ("Network is unreachable", "punt no-route"), ("No route to host", "punt no-route")):
                if text in answer:
                    return [meaning]
            return [answer]
        kind = answer.get("type", "unicast")
        fixed = {"local": "punt local", "anycast": "punt local", "broadcast": "punt broadcast", "multicast": "punt broadcast",
                 "blackhole": "drop blackhole", "unreachable": "punt no-route", "prohibit": "punt prohibit"}
        if kind in fixed:
            return [fixed[kind]]
        matched = self.get(ingress, source, destination, "fibmatch")
        hops = [answer]
        if isinstance(matched, dict):
            hops += matched.get("nexthops", [])
            if "nhid" in matched:
                hops += self.nexthop_hops(matched["nhid"])
        return list(dict.fromkeys(self.hop(hop, destination) if hop else "drop blackhole" for hop in hops))

    def nexthop_hops(self, number: int) -> list:
        objects = json.loads(run(f"ip -j nexthop show id {number}") or "[]")
        hops = []
        for one in objects:
            if "group" in one:
                for member in one["group"]:
                    hops += self.nexthop_hops(member["id"])
            else:
                hops.append({} if one.get("blackhole", False) is None or "blackhole" in one else one)
        return hops


def agrees(decision: str, expected: list) -> bool:
    said = decision.split(": ", 1)[1]
    if said.startswith("group"):
        members = [part.split(" ", 1)[1].rstrip("]") for part in said.split(" [")[1:]]
    else:
        members = [said]
    return all(any(is_same(member, one) for one in expected) for member in members)


def is_same(member: str, expected: str) -> bool:
    if expected == "tunnel":
        return member.startswith("tunnel 0 port 1 to ") or member in ("drop tunnel-unresolved", "drop port-down")
    return member == expected or member.startswith(expected + " mtu ")


def wait_until_same(driver: Driver) -> list:
    """Linkwatch tells of carrier up to a second late; what still differs after that is a fault."""
    deadline = time.monotonic() + 2.5
    while True:
        driver.ask("settle")
        left = driver.differences()
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def check_flows(driver: Driver, choose: random.Random, commands: Commands) -> list:
    oracle = Oracle()
    wrong = []
    for _ in range(30):
        family = choose.choice([4, 4, 6])
        ingress = choose.choice(INGRESSES)
        source, destination = choose.choice(SOURCES[family]), choose.choice(HOSTS[family])
        if not oracle.is_usable(ingress):
            continue
        expected = oracle.expected(ingress, source, destination)
        decision = driver.ask(f"decide {ingress} {source} {destination}")
        is_foreign = commands.has_foreign or (family == 6 and commands.has_split)
        if agrees(decision, expected) or (is_foreign and "unsupported" in decision):
            continue
        wrong.append(f"iif {ingress} from {source} to {destination}: mirror says {decision}; kernel says {' or '.join(expected)}")
    return wrong


def play(seed: int, is_verbose: bool) -> int:
    choose = random.Random(seed)
    namespace = Namespace(choose, is_verbose)
    commands = Commands(choose)
    # Half of the state is there before the mirror starts, half it must follow.
    namespace.ip([line for _ in range(12) for line in commands.some()])
    driver = Driver()
    wrong = []
    for _ in range(choose.choice([2, 3])):
        for _ in range(choose.randrange(2, 8)):
            namespace.ip([line for _ in range(choose.choice([1, 1, 1, 4])) for line in commands.some()])
        wrong += wait_until_same(driver)
        wrong += [] if wrong else check_flows(driver, choose, commands)
        if wrong:
            break
    if is_verbose:
        print(driver.ask("status"))
    print("\n".join(wrong), flush=True)
    driver.process.kill()
    return 1 if wrong else 0


def judge(seed: int) -> tuple:
    done = subprocess.run(["unshare", "-n", sys.executable, os.path.abspath(__file__), "--play", str(seed)], capture_output=True, text=True,
                          timeout=120)
    return done.returncode, (done.stdout + done.stderr).strip()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sequences", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", action="store_true", default=os.environ.get("DETOUR_LONG") == "1")
    parser.add_argument("--only", default="")
    parser.add_argument("--replay", type=int)
    parser.add_argument("--play", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play is not None:
        return play(options.play, is_verbose=False)
    if options.replay is not None:
        code = (f"import sys; sys.path.insert(0, {HERE!r}); import mirror; sys.exit(mirror.play({options.replay}, True))")
        return subprocess.run(["unshare", "-n", sys.executable, "-c", code]).returncode
    count = options.sequences or (1000 if options.long else 50)
    seeds = [seed for seed in range(options.seed, options.seed + count) if options.only in f"sequence_{seed}"]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
        for seed, (status, text) in zip(seeds, pool.map(judge, seeds)):
            if status == 0:
                print(f"ok sequence_{seed}", flush=True)
                continue
            failed += 1
            print(f"{text}\nFAIL sequence_{seed} (again: tests/netns/mirror.py --replay {seed})", flush=True)
    print(f"{len(seeds) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
