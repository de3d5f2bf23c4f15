# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What tests/netns/dataplane.py puts to the test: a box in the picture drawn there, its keeper, and what it costs."""

import array
import glob
import json
import os
import re
import socket
import threading
import time

from lab import build
from lab.box import Box
from lab.process import Failed, run, wait_until

class Keeper:
    """systemd's side of sd_notify with FDSTORE, in a few lines: what `detour run` does, done apart."""

    def __init__(self, path: str):
        self.path, self.kept, self.states = path, {}, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            try:
                text, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
            except OSError:
                return
            fields = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)
            self.states.append(fields)
            for _, _, data in ancillary:
                descriptors = array.array("i")
                descriptors.frombytes(data)
                self.kept[fields["FDNAME"]] = descriptors[0]
            if "FDSTOREREMOVE" in fields and fields.get("FDNAME") in self.kept:
                os.close(self.kept.pop(fields["FDNAME"]))

    def drop_all(self):
        while self.kept:
            os.close(self.kept.popitem()[1])

    def is_ready(self, since: int) -> bool:
        return any("READY" in fields for fields in self.states[since:])


class DataPlane(Box):
    """The box with detour-dataplane alone: as systemd would run it (with a keeper) or by hand."""

    def __init__(self, lab, node, **how):
        cores = how.pop("cores", None)
        super().__init__(lab, node, **how)
        self.cores = cores
        self.port_devices = {}  # by port, other than those of the interfaces

    def configuration(self) -> str:
        config = json.loads(super().configuration())
        for port, device in self.port_devices.items():
            config["ports"][port]["device"] = device
        if self.cores is not None:
            config["dataplane"]["cores"] = self.cores
        return json.dumps(config, indent=2) + "\n"

    def command(self) -> list:
        path = self.lab.write(f"{self.node.name}.yaml", self.configuration())
        return [build.product("detour-dataplane"), "--config", path, "--run-dir", self.run_dir,
                "--state-dir", self.state_dir]

    def start(self, keeper: Keeper | None = None):
        os.makedirs(self.state_dir, exist_ok=True)
        environment, command = {}, self.command()
        if keeper is None:
            self.process = self.node.start("dataplane", command)
            return self.wait_ready()
        environment["NOTIFY_SOCKET"] = keeper.path
        kept = list(keeper.kept.items())
        if kept:
            environment.update(LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(name for name, _ in kept))
            # The shell moves the descriptors to 3, 4, ... and names itself as their owner.
            moves = " ".join(f"{3 + i}<&{fd}" for i, (_, fd) in enumerate(kept))
            command = ["bash", "-c", f'exec {moves}; LISTEN_PID=$$ exec "$@"', "bash", *command]
            for _, fd in kept:
                os.set_inheritable(fd, True)
        since = len(keeper.states)
        self.process = self.node.start("dataplane", command, environment=environment,
                                       descriptors=tuple(fd for _, fd in kept))
        wait_until(lambda: keeper.is_ready(since) or not self.process.is_running, 20, "READY=1")
        return self.wait_ready()

    def wait_ready(self):
        def is_ready():
            if not self.process.is_running:
                raise Failed(f"detour-dataplane ended with {self.process.popen.returncode}:\n{self.process.tail()}")
            return self.telemetry("/detour/version") is not None
        wait_until(is_ready, 20, "the telemetry socket")


class Scene:
    """The picture above, without the partner's machine unless wanted."""

    def __init__(self, lab, *, has_partner: bool = False, mtu: int = 1500, **how):
        self.lab = lab
        self.node, self.customer, self.provider = (lab.namespace(name) for name in ("box", "customer", "provider"))
        self.partner = lab.linux_with_gre("partner") if has_partner else lab.namespace("partner")
        lab.link(self.customer, "lan", self.node, "phy-lan", mtu=mtu)
        lab.link(self.provider, "wan", self.node, "phy-wan", mtu=mtu)
        lab.link(self.partner, "xcon", self.node, "phy-xcon", mtu=mtu)
        self.partner.boot()
        self.box = DataPlane(lab, self.node, **how)
        box = self.box
        box.port("lan0", "phy-lan", "10.1.0.1/24", "2001:db8:10::1/64", mtu=mtu)
        wan = box.port("wan0", "phy-wan", "192.0.2.2/30", "2001:db8:1::2/64", mtu=mtu)
        xcon = box.port("xcon0", "phy-xcon", "192.0.2.66/30", mtu=mtu)
        box.direct_uplink("provider", wan, "192.0.2.1", "2001:db8:1::1")
        box.gre_uplink("partner", xcon, local="192.0.2.66", remote="192.0.2.65", key=7,
                       inner=("10.255.0.1/31", "2001:db8:ff::1/127"))
        hops = ("10.1.0.2", "2001:db8:10::2")
        box.prefix_set("mail", ("198.51.100.0/25", "2001:db8:77::/49"), uplink="provider", next_hops=hops,
                       beacons=("198.51.100.2", "2001:db8:77::2"))
        box.prefix_set("web", ("198.51.100.128/25", "2001:db8:77:8000::/49"), uplink="partner", next_hops=hops,
                       beacons=("198.51.100.130", "2001:db8:77:8000::2"))
        self.neighbours()

    def neighbours(self):
        self.customer.setup(
            "addr add 10.1.0.2/24 dev lan", "addr add 2001:db8:10::2/64 dev lan nodad", "link set lan up",
            "addr add 198.51.100.10/32 dev lo", "addr add 2001:db8:77::10/128 dev lo",
            "addr add 198.51.100.140/32 dev lo", "addr add 2001:db8:77:8000::10/128 dev lo",
            "route add default via 10.1.0.1", "-6 route add default via 2001:db8:10::1")
        self.provider.setup(
            "addr add 192.0.2.1/30 dev wan", "addr add 2001:db8:1::1/64 dev wan nodad", "link set wan up",
            "addr add 203.0.113.10/32 dev lo", "addr add 2001:db8:3::10/128 dev lo",
            "route add 198.51.100.0/24 via 192.0.2.2", "-6 route add 2001:db8:77::/48 via 2001:db8:1::2")
        self.partner.setup("addr add 192.0.2.65/30 dev xcon", "link set xcon up")

    def partner_tunnel(self):
        """The partner's end, its kernel's own GRE."""
        self.partner.setup(
            "link add gre-box type gre local 192.0.2.65 remote 192.0.2.66 key 7 ttl 64 dev xcon",
            "addr add 10.255.0.0/31 dev gre-box", "-6 addr add 2001:db8:ff::/127 dev gre-box nodad",
            "link set gre-box up",
            "addr add 203.0.113.130/32 dev lo", "-6 addr add 2001:db8:3:8000::10/128 dev lo",
            "route add 198.51.100.128/25 dev gre-box", "-6 route add 2001:db8:77:8000::/49 dev gre-box")

    def start(self, keeper: Keeper | None = None):
        self.box.start(keeper)
        self.box.write_kernel_state()
        # The kernel learns of a carrier up to a second late (linkwatch), and flushes or refuses
        # nexthops until then.
        self.customer.wait_for_ping("203.0.113.10", 10, source="198.51.100.10")
        self.customer.wait_for_ping("2001:db8:3::10", 10, source="2001:db8:77::10")


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid: int) -> int:
    """How often the threads of a process have gone to sleep."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="ascii", errors="replace") as stream:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", stream.read(), re.MULTILINE)[1])
    return total


def share_of_a_core(pid: int) -> float:
    """What a process uses, over a few seconds."""
    seconds, begin = 4, cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - begin) / seconds


def offloads(node, device: str) -> dict:
    said = run([*node.prefix(), "ethtool", "-k", device])
    return {name: state for name, state in re.findall(r"^(\S+): (on|off)(?! \[fixed\])", said, re.MULTILINE)}


