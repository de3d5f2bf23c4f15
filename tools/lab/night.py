# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A box under detourd in the story's Internet: its configuration, `detour run`, and what it says.

    night = Night(Internet(lab, "provider"), profile="fast")
    night.start()
    night.wait_verdict("web", "ipv4", "provider", "HEALTHY", 30)
"""

import json
import os

from . import build, internet
from .process import Failed, run, wait_until

CONFIG = """\
version: 1
router: {{name: cage-07, asn: 64500, id: 192.0.2.2, mode: {mode}}}
dataplane: {{kind: dpdk, cores: [1], poll: adaptive}}
ports:
  wan0:  {{device: "net_af_packet0,iface=phy-wan", addresses: [192.0.2.2/30, "2001:db8:1::2/64"]}}
  xcon0: {{device: "net_af_packet1,iface=phy-xcon", addresses: [192.0.2.66/30]}}
  lan0:  {{device: "net_af_packet2,iface=phy-lan", addresses: [10.1.0.1/24, "2001:db8:10::1/64"]}}
uplinks:
  provider:
    kind: direct
    port: wan0
    control-sources: [192.0.2.2, "2001:db8:1::2"]
    sentinels: [{sentinels}]
    bgp: {{peers: [192.0.2.1, "2001:db8:1::1"], asn: 64496, password-file: provider.key, ttl-security: true, hold: 9s}}
  partner:
    kind: gre
    underlay: {{port: xcon0, local: 192.0.2.66, remote: 192.0.2.65, key: {key}}}
    inner: [10.255.0.1/31, "2001:db8:ff::1/127"]
    control-sources: [192.0.2.98, "2001:db8:98::1"]
    bgp: {{peers: [10.255.0.0], asn: 64497, hold: 9s}}
prefix-sets:
  mail:
    prefixes: [198.51.100.0/24]
    beacons: [198.51.100.2, 198.51.100.254]
    next-hops: [10.1.0.2]
  web:
    prefixes: [203.0.113.0/24, "2001:db8:77::/48"]
    beacons: [203.0.113.2, 203.0.113.254, "2001:db8:77::2", "2001:db8:77:8000::2"]
    next-hops: [10.1.0.2, "2001:db8:10::2"]
detect:
  profile: {profile}
{detect}  targets:
{targets}
policy: {{{policy}}}
"""

# careful keeps its detector and its gates; only the waits are the demo's own, so that it ends in minutes.
WAITS = {
    "fast": {"detect": {}, "policy": {"fail-back": "auto"}},
    "careful": {"detect": {"start-up-grace": "5s", "link-up-grace": "2s"},
                "policy": {"fail-back": "auto", "stable-time": "15s", "overlap": "5s", "stair-step": "3s",
                           "canary": "15s", "canary-interval": "30s"}},
}


def quoted(addresses) -> str:
    return ", ".join(f'"{a}"' for a in addresses)


class Night:
    def __init__(self, net: internet.Internet, profile: str = "fast", mode: str = "auto", policy: dict | None = None,
                 detect: dict | None = None):
        self.net, self.lab, self.node, self.profile = net, net.lab, net.box, profile
        self.folder = self.lab.path("box")
        os.makedirs(self.folder)
        os.makedirs(f"{self.folder}/run")
        self.lab.write("box/provider.key", "detour-lab\n")
        waits = {**WAITS[profile]["policy"], **(policy or {})}
        own = "true" if profile == "fast" else "false"
        targets = "\n".join(f"    - {{asn: {asn}, addresses: [{quoted(addresses)}], own: {own}}}"
                            for asn, addresses in internet.TARGETS.items())
        self.config = self.lab.write("box/detour.yaml", CONFIG.format(
            mode=mode, profile=profile, key=internet.KEY, sentinels=quoted(internet.SENTINELS), targets=targets,
            detect="".join(f"  {k}: {v}\n" for k, v in {**WAITS[profile]["detect"], **(detect or {})}.items()),
            policy=", ".join(f"{k}: {v}" for k, v in waits.items())))
        self.process = None

    @staticmethod
    def program() -> str:
        return build.product("detour")

    def directories(self) -> list:
        return ["--config", self.config, "--run-dir", f"{self.folder}/run", "--state-dir", f"{self.folder}/state"]

    def detour(self, *words: str, check: bool = False) -> str:
        return run([*self.node.prefix(), self.program(), *words, *self.directories()], check=check)

    def start(self, seconds: float = 30):
        for device in ("phy-wan", "phy-xcon", "phy-lan"):
            self.node.setup(f"link set {device} up")
        self.process = self.node.start_router("detour", [self.program(), "run", *self.directories()])
        wait_until(lambda: self.status() is not None, seconds, f"detourd to answer; it said:\n{self.process.tail()}",
                   every=0.1)

    def status(self) -> dict | None:
        said = self.detour("status", "-j")
        try:
            status = json.loads(said)
        except ValueError:
            return None
        return status if "uplinks" in status else None

    def events(self, count: int = 500, set_name: str = "") -> list:
        words = ["events", "-j", "-n", str(count)] + (["--set", set_name] if set_name else [])
        return [json.loads(line) for line in self.detour(*words).splitlines() if line.startswith("{")]

    def watch(self, status: dict, uplink: str, set_name: str, family: str) -> dict:
        for row in status["uplinks"]:
            if row["name"] == uplink:
                for block in row["blocks"]:
                    if (block["set"], block["family"]) == (set_name, family):
                        return block
        raise Failed(f"status says nothing of {uplink} {set_name}/{family}")

    def block(self, status: dict, set_name: str, family: str) -> dict:
        for row in status["sets"]:
            if (row["set"], row["family"]) == (set_name, family):
                return row
        raise Failed(f"status says nothing of {set_name}/{family}")

    BLOCKS = (("mail", "ipv4"), ("web", "ipv4"), ("web", "ipv6"))

    def is_ready(self) -> bool:
        """Everything is healthy on the provider, and the partner could take it."""
        status = self.status()
        return status is not None and all(
            self.watch(status, "provider", *b)["verdict"] == "HEALTHY"
            and self.watch(status, "partner", *b)["armed"] for b in self.BLOCKS)

    def wait_ready(self, seconds: float):
        self.wait(self.is_ready, seconds, "a healthy and armed box", every=0.3)

    def wait(self, condition, seconds: float, what: str, every: float):
        """wait_until, with the box's status at the end of the patience."""
        try:
            return wait_until(condition, seconds, what, every)
        except Failed as problem:
            raise Failed(f"{problem}; status:\n{self.detour('status')}") from None

    def wait_on(self, uplink: str, set_name: str, families: tuple, seconds: float, each=lambda: None):
        """Until the set is announced and carried there and nowhere else; `each` is called meanwhile."""
        def there():
            each()
            status = self.status()
            rows = [self.block(status, set_name, f) for f in families]
            return all(r["uplink"] == uplink and r["move"] is None and
                       [a["uplink"] for a in r["announced"]] == [uplink] for r in rows)
        self.wait(there, seconds, f"{set_name} on {uplink} alone", every=0.1)

    def stop(self):
        if self.process:
            self.process.stop(15)
