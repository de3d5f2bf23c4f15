# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Open vSwitch with DPDK as a subject of the bench: one flow a prefix, and for tunnels its native GRE.

    forward   in0 -- br-int -- out0
    encap     in0 -- br-int -- t0 .. tN == br-phy -- out0    br-phy has our end's address
    decap     in0 -- br-phy == t0 .. tN -- br-int -- out0
"""

import json
import os

from ..ovs import Ovs
from ..process import wait_until
from . import frames, hugepages, subjects
from .cases import FLOWS, IN_ADDRESS, IN_MAC, OUT_ADDRESS, PEER, PEER_MAC, SOURCE_MAC, text_of

PROGRAM = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"


MOST_FLOWS, MOST_TUNNELS = 10_000, 10  # with more of them it starts for minutes


class OvsDpdk(subjects.Subject):
    name = "ovs-dpdk"

    @staticmethod
    def can_do(job) -> bool:
        return job.routes <= MOST_FLOWS and job.case.tunnel_count <= MOST_TUNNELS

    def launch(self, out_device: str):
        self.node = self.lab.namespace(f"o{len(self.lab.nodes)}")
        pages = "--in-memory" if hugepages.free_megabytes() >= subjects.MEGABYTES else "--no-huge --no-shconf"
        self.ovs = Ovs(self.node, program=PROGRAM, prefix=("nice", "-n", str(subjects.NICENESS)),
                       environment={"RUNTIME_DIRECTORY": self.folder}, settings={
                           "dpdk-init": "true", "pmd-cpu-mask": hex(1 << subjects.WORKER_CORE),
                           "dpdk-lcore-mask": hex(1 << subjects.MAIN_CORE),
                           # Stopped between its turns, it would forget its flows.
                           "max-idle": "10000000", "max-revalidator": "10000000",
                           "dpdk-extra": f"{pages} --no-pci --file-prefix=ovs -m {subjects.MEGABYTES} --log-level=error"})
        self.process = self.ovs.process
        work = self.job.case.work
        # The port of a tunnel's outer packets has a bridge of its own, with our end's address.
        outer = {"encap": "out0", "decap": "in0"}.get(work)
        self.ovs.bridge("br-int")
        if outer:
            self.ovs.bridge("br-phy")
        for port, device in (("in0", self.in_device), ("out0", out_device)):  # in this order: DPDK counts them
            self.ovs.port("br-phy" if port == outer else "br-int", port, "type=dpdk", f'options:dpdk-devargs="{device}"')
        if outer:
            self.give_address(outer)
        for tunnel in self.tunnels():
            self.ovs.port("br-int", *tunnel)
        self.out_mac = SOURCE_MAC if work != "encap" else json.loads(self.node.ip("-j link show br-phy"))[0]["address"]

    def give_address(self, outer: str):
        self.ovs.vsctl("set", "bridge", "br-phy", f'other-config:hwaddr="{IN_MAC}"')
        ours = OUT_ADDRESS if outer == "out0" else IN_ADDRESS
        self.node.setup("link set br-phy up", f"addr add {ours}/24 dev br-phy", f"route add 198.19.0.0/16 via {PEER} dev br-phy onlink")
        # What comes in is for the bridge's own address, what the bridge makes goes out.
        self.ovs.flows("br-phy", f"in_port={outer},actions=LOCAL", f"in_port=LOCAL,actions=output:{outer}")
        self.ovs.appctl("tnl/neigh/set", "br-phy", PEER, PEER_MAC)

    def tunnels(self) -> list:
        return [(f"t{i}", "type=gre", "options:packet_type=legacy_l3", f'options:remote_ip="{self.job.remote(i)}"',
                 f'options:local_ip="{self.job.local}"') for i in range(self.job.case.tunnel_count)]

    def open_gate(self):
        case, job = self.job.case, self.job
        field = ("nw_src" if case.by_source else "nw_dst") if case.family == 4 else "ipv6_dst"
        kind = "ip" if case.family == 4 else "ipv6"
        flows = []
        for i, prefix in enumerate(job.prefixes):
            out = f"mod_dl_src:{SOURCE_MAC},mod_dl_dst:{PEER_MAC},output:out0" if case.work != "encap" else \
                f"output:t{job.tunnel_of(i)}"
            flows.append(f"{kind},{field}={text_of(prefix, case.family)},actions=dec_ttl,{out}")
        self.ovs.flows("br-int", *flows)

    def compare(self, capture: str, wanted: int) -> str:
        """Each frame is right; not all are there, for the first of a flow waits for its entry and may be lost."""
        expected = {self.expected(flow) for flow in range(FLOWS)}
        for frame in map(frames.without_identification, frames.read_pcap(capture, wanted)):
            if frame not in expected and subjects.MULTICAST_REPORT not in frame:
                return f"a frame that nobody expects: {frame.hex()}, instead of such as {min(expected).hex()}"
        return ""

    def expected(self, flow: int) -> bytes:
        return self.job.frame_out(flow, self.out_mac)
