# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Who is timed: detour and its peers, each as a process on the same core with the same EAL options,
captures and devices (net_pcap with infinite_rx=1 in, net_null out).

A subject is started twice: with a capture as its second device, whose frames are compared, and
with net_null, to be timed. Between its turns it is stopped (SIGSTOP), so that nobody else polls.
"""

import glob
import json
import os
import signal
import socket

from .. import build
from ..process import Failed, Process, wait_until
from . import frames, hugepages
from .cases import FLOWS, IN_ADDRESS, IN_PEER, OUT_ADDRESS, PEER, Job, text_of

MAIN_CORE, WORKER_CORE = 0, 1  # of the cores that we may use, the first and the last; set by choose_cores()
MEGABYTES = 200
POOL = 49152  # buffers of testpmd: a capture in a loop, queues and caches
BUFFER = 2176
NICENESS = -20
SYSCTLS = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1, "net.ipv4.nexthop_compat_mode": 0,
           "net.ipv4.conf.all.rp_filter": 0, "net.ipv6.conf.all.keep_addr_on_down": 1,
           "net.ipv6.conf.default.keep_addr_on_down": 1, "net.ipv6.route.max_size": 2147483647}


def choose_cores():
    global MAIN_CORE, WORKER_CORE
    usable = sorted(os.sched_getaffinity(0))
    MAIN_CORE, WORKER_CORE = usable[0], usable[-1]
    if MAIN_CORE == WORKER_CORE:
        raise Failed("two processor cores are wanted: one to poll and one for everything else")


def eal_options(prefix: str) -> list:
    """As dataplane/engine/eal.cpp plans them, with hugepages where there are enough of them."""
    pages = ["--in-memory"] if hugepages.free_megabytes() >= MEGABYTES else ["--no-huge", "--no-shconf"]
    return [f"--file-prefix={prefix}", f"--lcores=0@{MAIN_CORE},1@{WORKER_CORE}", "--main-lcore=0", "--log-level=error",
            "-m", str(MEGABYTES), *pages, "--no-pci"]


# RFC 3810: what a kernel says, unasked, when an interface comes up; bare or in a tunnel.
MULTICAST_REPORT = bytes.fromhex("ff0200000000000000000000000000163a000502")


class Subject:
    name = ""

    def __init__(self, lab, job: Job, capture: str):
        self.lab, self.job, self.capture = lab, job, capture
        self.folder = lab.path(f"{self.name}-{job.case.name}-{job.routes}")
        os.makedirs(self.folder, exist_ok=True)
        self.process, self.worker, self.connection = None, None, None

    # For each kind to say.

    @staticmethod
    def can_do(job: Job) -> bool:
        return True

    def launch(self, out_device: str):
        """Start it; `out_device` is DPDK's name and arguments of the second device."""
        raise NotImplementedError

    def open_gate(self):
        """Everything is set: let the frames pass."""

    def expected(self, flow: int) -> bytes:
        raise NotImplementedError

    def complaints(self) -> dict:
        """What it says itself that it dropped."""
        return {}

    # What is the same for all.

    @property
    def in_device(self) -> str:
        return f"net_pcap0,rx_pcap={self.capture},infinite_rx=1"

    def start_process(self, command: list, **how):
        self.process = Process(["nice", "-n", str(NICENESS), *command], os.path.join(self.folder, "log"), **how)
        self.lab.processes.append(self.process)

    def telemetry_socket(self) -> str | None:
        found = glob.glob(f"{self.folder}/dpdk/*/dpdk_telemetry.v2")
        return found[0] if found else None

    def ask(self, question: str):
        if self.connection is None:
            self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.connection.settimeout(10)
            self.connection.connect(self.telemetry_socket())
            self.connection.recv(1 << 16)
        self.connection.send(question.encode())
        return json.loads(self.connection.recv(1 << 20))[question.split(",")[0]]

    def wait_for_telemetry(self, seconds: float = 60):
        def is_there():
            if not self.process.is_running:
                raise Failed(f"{self.name} ended with {self.process.popen.returncode}:\n{self.process.tail()}")
            return self.telemetry_socket()
        wait_until(is_there, seconds, f"{self.name}: its telemetry socket; it said:\n{self.process.tail()}")

    def packets(self) -> tuple:
        """In by the first device, out by the second."""
        return self.ask("/ethdev/stats,0")["ipackets"], self.ask("/ethdev/stats,1")["opackets"]

    def pid(self) -> int:
        return self.process.pid

    def verify(self) -> str:
        """Nothing if what goes out is right, octet by octet; else what is wrong."""
        capture = os.path.join(self.folder, "out.pcap")
        self.launch(f"net_pcap1,tx_pcap={capture}")
        self.open_gate()
        wanted = 3 * FLOWS
        size = wanted * (16 + len(self.expected(0)))
        try:
            wait_until(lambda: os.path.getsize(capture) > 24 + size, 60, f"{self.name}: frames that go out", every=0.002)
        except Failed as problem:
            return f"{problem}; dropped: {self.complaints()}"
        finally:
            self.end()
        found = self.compare(capture, wanted)
        os.unlink(capture)
        return found

    def compare(self, capture: str, wanted: int) -> str:
        expected = [self.expected(flow) for flow in range(FLOWS)]
        got = [frames.without_identification(frame) for frame in frames.read_pcap(capture, wanted)
               if MULTICAST_REPORT not in frame]
        if len(got) < 2 * FLOWS:
            return f"{len(got)} frames came out where {wanted} were wanted"
        if got[0] not in expected:
            return f"a frame that nobody expects: {got[0].hex()}, instead of such as {expected[0].hex()}"
        first = expected.index(got[0])
        for i, frame in enumerate(got):
            if frame != expected[(first + i) % FLOWS]:
                return f"frame {i} is {frame.hex()}, not {expected[(first + i) % FLOWS].hex()}"
        return ""

    def start(self):
        self.launch("net_null0,no-rx=1")
        self.open_gate()
        before = self.packets()[1]
        wait_until(lambda: self.packets()[1] > before + 1_000_000, 60, f"{self.name}: packets that go out")
        self.worker = self.busiest_thread()
        self.pause()

    def busiest_thread(self) -> str:
        """Folder in /proc of the thread that polls."""
        def ticks(task):
            with open(f"{task}/stat", encoding="ascii", errors="replace") as stream:
                fields = stream.read().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])
        return max(glob.glob(f"/proc/{self.pid()}/task/*"), key=ticks)

    def pause(self):
        os.kill(self.pid(), signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid(), signal.SIGCONT)

    def end(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self.process is not None and self.process.is_running:
            self.resume()
            self.process.stop(20)
        self.process = None


class Detour(Subject):
    name = "detour"

    def configuration(self, out_device: str) -> str:
        case, job = self.job.case, self.job
        underlay, lan_host = ("in0", PEER) if case.work == "decap" else ("out0", IN_PEER)
        gateway = {"gateway": PEER if case.work == "encap" else IN_PEER} if case.tunnel_count > 1 else {}
        prefixes = [text_of(prefix, 4) for prefix in job.prefixes] if case.by_source else ["203.0.113.0/24"]
        beacon = prefixes[0].split("/")[0].removesuffix(".0") + ".2"
        return json.dumps({
            "version": 1,
            "router": {"name": "bench", "asn": 64500, "id": OUT_ADDRESS, "mode": "advise"},
            "dataplane": {"kind": "dpdk", "poll": "adaptive", "cores": [WORKER_CORE]},
            "ports": {"in0": {"device": self.in_device, "addresses": [f"{IN_ADDRESS}/24"]},
                      "out0": {"device": out_device, "addresses": [f"{OUT_ADDRESS}/24"]}},
            "uplinks": {f"t{i}": {"kind": "gre", "inner": [f"10.{224 + (i >> 15)}.{i >> 7 & 255}.{(i & 127) * 2}/31"],
                                  "underlay": {"port": underlay, "local": job.local, "remote": job.remote(i), **gateway}}
                        for i in range(case.tunnel_count)} or
            {"other": {"kind": "direct", "port": "out0", "bgp": {"peers": [PEER], "asn": 64496}}},
            "prefix-sets": {"all": {"prefixes": prefixes, "beacons": [beacon], "next-hops": [lan_host]}},
            "detect": {"targets": [{"asn": 64501, "addresses": ["192.0.2.129"]}]},
        }, indent=1)

    def launch(self, out_device: str):
        self.node = self.lab.namespace(f"d{len(self.lab.nodes)}")
        self.node.sysctl(SYSCTLS)
        path = os.path.join(self.folder, "detour.yaml")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(self.configuration(out_device))
        self.start_process([*self.node.prefix(), build.product("detour-dataplane"), "--config", path, "--run-dir", self.folder,
                            "--state-dir", os.path.join(self.folder, "state")])
        self.wait_for_telemetry()
        wait_until(lambda: self.answers("/detour/version"), 60, f"detour: to forward; it said:\n{self.process.tail()}")
        self.node.ip("link set in0 down")
        wait_until(lambda: "LOWER_UP" in self.node.ip("link show out0"), 10, "detour: the carrier of out0")
        self.node.setup(*self.job.device_lines())
        self.node.setup(*self.job.nexthop_lines())
        self.node.setup(*self.job.rule_lines())
        self.node.setup(*self.job.route_lines())
        self.settle()
        self.out_mac = json.loads(self.node.ip("-j link show out0"))[0]["address"]

    def answers(self, question: str) -> bool:
        try:
            return self.ask(question) is not None
        except (OSError, json.JSONDecodeError, KeyError):
            self.connection = None
            return False

    def settle(self):
        """Returns when the mirror has nothing more to publish."""
        seen = []

        def is_calm():
            tables = self.ask("/detour/tables")
            seen.append((tables["messages"], tables["generation"], tables["synced"]))
            return len(seen) > 3 and seen[-1] == seen[-4] and tables["synced"] == "yes"
        wait_until(is_calm, 120, "detour: its mirror to come to rest", every=0.05)

    def open_gate(self):
        self.node.ip("link set in0 up")

    def expected(self, flow: int) -> bytes:
        return self.job.frame_out(flow, self.out_mac)

    def complaints(self) -> dict:
        found, first = {}, 0
        while first is not None:
            page = self.ask(f"/detour/drops,{first}")
            found.update({item["reason"]: item["packets"] for item in page["items"].values() if item["packets"]})
            first = page.get("next")
        return found


class Testpmd(Subject):
    """What the harness itself costs: frames in and out, and nothing (io) or the MACs exchanged between."""
    mode = ""

    def launch(self, out_device: str):
        self.start_process(
            ["dpdk-testpmd", *eal_options("testpmd"), f"--vdev={self.in_device}", f"--vdev={out_device}", "--",
             f"--forward-mode={self.mode}", "--auto-start", "--port-topology=paired", "--nb-cores=1", "--rxq=1", "--txq=1",
             f"--total-num-mbufs={POOL}", f"--mbuf-size={BUFFER}", "--mbcache=256", "--no-lsc-interrupt", "--no-mlockall"],
            environment={"RUNTIME_DIRECTORY": self.folder}, stdin=open_pipe())
        self.wait_for_telemetry()

    def expected(self, flow: int) -> bytes:
        return frames.without_identification(self.job.frame_in(flow))


class TestpmdIo(Testpmd):
    name, mode = "testpmd-io", "io"


class TestpmdMacswap(Testpmd):
    name, mode = "testpmd-macswap", "macswap"

    def expected(self, flow: int) -> bytes:
        frame = super().expected(flow)
        return frame[6:12] + frame[:6] + frame[12:]


def open_pipe():
    """A standard input that never ends: testpmd stops at its end."""
    read, write = os.pipe()
    KEPT.append(write)
    return read


KEPT = []
