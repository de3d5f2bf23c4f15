# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The shipping BGP speaker in a node of the lab, driven by commands (tests/interop/bgp_driver.cpp)."""

import json
import os
import subprocess

from lab.build import ROOT
from lab.process import wait_until

DRIVER = os.path.join(os.environ.get("DETOUR_BUILD") or os.path.join(ROOT, "build"), "tests/interop/bgp_driver")


class Speaker:
    """Peers are numbered by their place in `peers`."""

    def __init__(self, node, name: str = "speaker"):
        self.process = node.start(name, [DRIVER], stdin=subprocess.PIPE, is_result_apart=True)

    def tell(self, command: dict):
        self.process.popen.stdin.write((json.dumps(command) + "\n").encode())
        self.process.popen.stdin.flush()

    def configure(self, asn: int, router_id: str, declared: list, peers: list, *, is_resumed: bool = False):
        numbered = [{"id": number, **peer} for number, peer in enumerate(peers)]
        self.tell({"configure": {"asn": asn, "router_id": router_id, "declared": declared, "peers": numbered,
                                 "resumed": is_resumed}})

    def announce(self, peer: int, announcements: dict):
        self.tell({"announce": {"peer": peer, "set": announcements}})

    def change(self, peer: int, prefixes: list, announcement: dict | None):
        self.tell({"change": {"peer": peer, "prefixes": prefixes, "announcement": announcement}})

    def said(self, since: int = 0) -> list:
        """What it has said, from the entry `since` on."""
        lines = self.process.result().splitlines(keepends=True)
        return [json.loads(line) for line in lines[since:] if line.endswith("\n")]

    def count(self) -> int:
        return len(self.said())

    def wait_for(self, seconds: float, since: int = 0, **wanted) -> dict:
        """The first entry since `since` that has these values."""
        def look():
            return next((entry for entry in self.said(since)
                         if all(entry.get(key) == value for key, value in wanted.items())), None)
        return wait_until(look, seconds, f"the speaker to say {wanted}; it said:\n"
                          + "\n".join(map(str, self.said(since)[-12:])))

    def view(self, peer: int) -> dict:
        since = self.count()
        self.tell({"view": peer})
        return self.wait_for(5, since, view=peer)

    def wait_state(self, peer: int, state: str, seconds: float) -> dict:
        wait_until(lambda: self.view(peer)["state"] == state, seconds,
                   f"session {peer} to be {state}", every=0.1)
        return self.view(peer)
