# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What a demo says while it happens."""

import signal
import time

from . import sandbox
from .topology import Namespace


class Timeline:
    """What happened when, a line each, as it happens."""

    def __init__(self):
        self.start = time.monotonic()
        self.failures = []

    def say(self, text: str):
        print(f"{time.monotonic() - self.start:7.1f} s  {text}", flush=True)

    def check(self, is_right: bool, text: str):
        self.say(f"{'  ok ' if is_right else 'FAIL '} {text}")
        if not is_right:
            self.failures.append(text)


def stay(lab):
    print("\nStill running; Ctrl-C ends and removes it. In another terminal:")
    for node in lab.nodes.values():
        if isinstance(node, Namespace):
            print(f"    nsenter -t {sandbox.pid_outside()} -m -p ip netns exec {node.netns} bash    # {node.name}")
    signal.pause()
