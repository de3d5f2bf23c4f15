# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""One box: a network namespace with the shipping detour-dataplane in it, whose ports are net_pcap
devices on the inner ends of veth pairs; the runner holds the outer ends.

    runner                 outside      | inside
      packet socket -- o-lan0 ======== w-lan0 -- net_pcap0 -- detour-dataplane -- TAP lan0 -- kernel

net_pcap reads the interface live, so that a case can answer what comes out. The kernel inside must
not see the frames a second time: an nft chain drops them at w-*.
"""

import ctypes
import errno
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import time

from .case import TOPOLOGIES, BadCase, statements

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("DETOUR_BUILD", os.path.join(ROOT, "build"))
START_SECONDS = 20.0
LARGEST = 65535

# What detourd sets (ARCHITECTURE.md, "Sysctls"), and quiet: nothing that a kernel says unasked.
SYSCTLS = """
net.ipv4.ip_forward=1 net.ipv4.nexthop_compat_mode=0 net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000
net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.arp_announce=2
net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.forwarding=1 net.ipv6.icmp.ratelimit=0
net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.default.keep_addr_on_down=1
net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_redirects=0 net.ipv6.conf.default.dad_transmits=0
net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.mldv2_unsolicited_report_interval=86400000
""".split()


class BoxFailed(Exception):
    pass


def check(result: int):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def command(*words: str, text: str = ""):
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        guilty = [text.splitlines()[int(line) - 1] for line in re.findall(r"^Command failed -:(\d+)", done.stderr, re.M)]
        raise BoxFailed("\n".join([f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}", *guilty]))
    return done.stdout


class Namespaces:
    """The calling thread lives inside; `outside` is where the outer ends of the wires are."""

    def __init__(self):
        self.outside = self.make()
        self.inside = self.make()

    @staticmethod
    def make() -> int:
        check(libc.unshare(CLONE_NEWNET))
        command("ip", "link", "set", "lo", "up")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def path_outside(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.outside}"

    def packet_socket(self, interface: str, namespace: int) -> socket.socket:
        check(libc.setns(namespace, CLONE_NEWNET))
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            made.bind((interface, ETH_P_ALL))
            made.setblocking(False)
            made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            return made
        finally:
            check(libc.setns(self.inside, CLONE_NEWNET))


class Telemetry:
    """DPDK's telemetry socket: one datagram asks, one answers."""

    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self.socket.recv(1 << 16)  # who is there

    def ask(self, question: str):
        self.socket.send(question.encode())
        answer = json.loads(self.socket.recv(1 << 20))
        return answer[question.split(",")[0]]

    def pages(self, question: str) -> list:
        items, first = [], 0
        while first is not None:
            page = self.ask(f"{question},{first}")
            items += page["items"].values()  # DPDK 22.11 has no arrays of objects: {"0": {...}, ...}
            first = page.get("next")
        return items


class Box:
    """From start() to stop(); `folder` is private and survives for whoever reads the log."""

    def __init__(self, topology: str, folder: str):
        self.topology = topology
        self.source = os.path.join(TOPOLOGIES, topology)
        self.folder = folder
        self.run_dir = os.path.join(folder, "run")
        self.log = os.path.join(folder, "log")
        self.peers, self.lets, self.macs, self.vlans = {}, [], {}, set()
        for word in statements(os.path.join(self.source, "words")):
            if word.verb == "peer":
                self.peers[word.words[0]] = word.rest
            elif word.verb == "vlan":
                self.peers[word.words[0]] = self.peers[word.rest]
                self.vlans.add(word.words[0])
            elif word.verb == "let":
                self.lets.append(word)
            else:
                raise BadCase(f"{self.source}/words: '{word.verb}' has no place there")
        self.wires, self.twins, self.process, self.telemetry = {}, {}, None, None

    def start(self):
        os.makedirs(self.run_dir)
        self.namespaces = Namespaces()
        for setting in SYSCTLS:
            write_sysctl(setting)
        wired = [port for port in self.peers if port not in self.vlans]
        for port in wired:
            self.wire(port)
        devices = ", ".join(f"w-{port}" for port in wired)
        command("nft", "-f", "-", text="table netdev wires {\nchain drop_all {\ntype filter hook ingress devices = "
                f"{{ {devices} }} priority -500; policy drop;\n}}\n}}\n")
        self.start_dataplane()
        self.kernel(os.path.join(self.source, "kernel"))
        for link in json.loads(command("ip", "-j", "link")):
            name = link["ifname"]
            if name != "lo" and not name.startswith("w-"):
                self.twins[name] = self.namespaces.packet_socket(name, self.namespaces.inside)
                self.macs[name] = link.get("address")
        self.settle()
        self.drain()

    def wire(self, port: str):
        inner, outer = f"w-{port}", f"o-{port}"
        command("ip", "link", "add", inner, "mtu", "9200", "type", "veth", "peer", "name", outer, "mtu", "9200",
                "netns", self.namespaces.path_outside())
        write_sysctl(f"net.ipv6.conf.{inner}.disable_ipv6=1")
        command("ip", "link", "set", inner, "up")
        check(libc.setns(self.namespaces.outside, CLONE_NEWNET))
        try:
            write_sysctl(f"net.ipv6.conf.{outer}.disable_ipv6=1")
            command("ip", "link", "set", outer, "up")
        finally:
            check(libc.setns(self.namespaces.inside, CLONE_NEWNET))
        self.wires[port] = self.namespaces.packet_socket(outer, self.namespaces.outside)

    def start_dataplane(self):
        """Returns when it says READY=1 (sd_notify(3)); the descriptors it wants kept are not."""
        ready = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log, "wb") as log:
            notify.bind(ready)
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "detour-dataplane"), "--config", os.path.join(self.source, "detour.yaml"),
                 "--run-dir", self.run_dir, "--state-dir", os.path.join(self.folder, "state")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": ready})
            deadline = time.monotonic() + START_SECONDS
            notify.settimeout(0.1)
            while True:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise BoxFailed(f"detour-dataplane did not become ready:\n{self.log_tail()}")
                try:
                    if b"READY=1" in notify.recv(4096):
                        break
                except TimeoutError:
                    pass
        self.telemetry = Telemetry(find_telemetry_socket(self.run_dir))

    def kernel(self, path: str):
        """Plays a file of `ip` and `sysctl` lines, runs of one family as one batch."""
        with open(path, encoding="utf-8") as stream:
            lines = [line.strip() for line in stream if line.strip() and not line.startswith("#")]
        self.play_kernel(lines)

    def play_kernel(self, lines: list):
        batch, family = [], []

        def flush():
            if batch:
                command("ip", *family, "-force", "-batch", "-", text="\n".join(batch) + "\n")
                batch.clear()

        for line in lines:
            verb, _, rest = line.partition(" ")
            if verb == "sysctl":
                flush()
                write_sysctl(rest.strip())
                continue
            if verb == "settle":  # what the kernel says by itself from here on meets what was written before
                flush()
                self.settle()
                continue
            if verb != "ip":
                raise BadCase(f"{self.topology}: only ip and sysctl: {line}")
            chosen = ["-6"] if rest.startswith("-6 ") else []
            if chosen != family:
                flush()
                family = chosen
            batch.append(rest.removeprefix("-6 "))
        flush()

    def settle(self):
        """Returns when the mirror has nothing more to publish."""
        before, same = None, 0
        deadline = time.monotonic() + 5
        while same < 3:
            if time.monotonic() > deadline:
                raise BoxFailed("the mirror does not come to rest")
            time.sleep(0.01)
            now = self.telemetry.ask("/detour/tables")
            state = (now["messages"], now["generation"])
            same = same + 1 if state == before and now["synced"] == "yes" else 0
            before = state

    def send(self, port: str, frame: bytes):
        self.wires[port].send(frame)

    def fetched(self, port: str) -> int:
        """How many frames the box has taken from the port so far."""
        return next(item["in_packets"] for item in self.telemetry.pages("/detour/ports") if item["name"] == port)

    def await_fetched(self, port: str, count: int):
        deadline = time.monotonic() + 5
        while self.fetched(port) < count and time.monotonic() < deadline:
            time.sleep(0.001)

    def receive(self, seconds: float) -> list:
        """What came in the meantime: (place, octets), place is a port or "kernel TWIN"."""
        places = {wire: port for port, wire in self.wires.items()}
        places.update({twin: f"kernel {name}" for name, twin in self.twins.items()})
        readable, _, _ = select.select(list(places), [], [], seconds)
        found = []
        for ready in readable:
            while True:
                try:
                    octets, address = whole(*ready.recvmsg(LARGEST, 256))
                except (BlockingIOError, InterruptedError):
                    break
                except OSError as problem:  # said once when the interface goes down
                    if problem.errno != errno.ENETDOWN:
                        raise
                    break
                if address[2] != PACKET_OUTGOING and not is_noise(octets):
                    found.append((places[ready], octets))
        return found

    def drain(self):
        while self.receive(0.02):
            pass

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def log_tail(self) -> str:
        with open(self.log, errors="replace", encoding="utf-8") as stream:
            return "".join(stream.readlines()[-30:])

    def stop(self) -> str:
        """What was wrong with the end of the process; nothing when it was clean."""
        if self.process is None:
            return ""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return "detour-dataplane did not stop in 10 s"
        if self.process.returncode != 0:
            return f"detour-dataplane ended with {self.process.returncode}:\n{self.log_tail()}"
        shutil.rmtree(self.folder, ignore_errors=True)
        return ""


def whole(octets: bytes, ancillary: list, _flags: int, address: tuple) -> tuple:
    """The frame with its VLAN tag, which the kernel took off and tells beside it."""
    for level, kind, told in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, control, tag_type = struct.unpack_from("=IIIHHHH", told)
            if status & TP_STATUS_VLAN_VALID:
                octets = octets[:12] + struct.pack("!HH", tag_type or 0x8100, control) + octets[12:]
    return octets, address


def write_sysctl(setting: str):
    name, _, value = setting.partition("=")
    # An interface's name may hold dots in its own place only, which none of ours does.
    with open("/proc/sys/" + name.strip().replace(".", "/"), "w", encoding="ascii") as stream:
        stream.write(value.strip())


def is_noise(octets: bytes) -> bool:
    """Multicast listener reports (RFC 3810), which a kernel sends when an address is added: to all
    of ff02::16, behind a hop-by-hop header, bare or inside a tunnel."""
    return bytes.fromhex("ff0200000000000000000000000000163a000502") in octets


def find_telemetry_socket(run_dir: str) -> str:
    folder = os.path.join(run_dir, "dpdk")
    for prefix in os.listdir(folder):
        return os.path.join(folder, prefix, "dpdk_telemetry.v2")
    raise BoxFailed(f"no telemetry socket in {folder}")
