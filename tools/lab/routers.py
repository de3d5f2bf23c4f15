# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""BIRD and FRR in a node of the lab, each with sockets and logs of its own.

    bird = Bird(node, 'router id 192.0.2.1;\nprotocol device {}\n...')     bird.ask("show protocols")
    frr = Frr(node, 'router bgp 64496\n...', daemons=("bgpd", "bfdd"))      frr.ask("show bgp summary json")
"""

import os
import pwd

from . import uml
from .process import Failed, run, wait_until


class Bird:
    def __init__(self, node, config: str):
        self.node = node
        if isinstance(node, uml.Machine):
            node.write("/run/bird.conf", config)
            node.sh("bird -c /run/bird.conf -s /run/bird.ctl -P /run/bird.pid")
            self.control = "/run/bird.ctl"
        else:
            self.path = node.lab.write(f"{node.name}-bird.conf", config)
            self.control = node.lab.path(f"{node.name}-bird.ctl")
            self.start()
        self.wait_answer()

    def start(self, *options: str):
        self.process = self.node.start("bird", ["bird", "-f", "-c", self.path, "-s", self.control, *options])

    def wait_answer(self):
        wait_until(lambda: "BIRD" in self.ask("show status", check=False), 10, f"{self.node.name}: BIRD to answer")

    def restart(self):
        """As after a crash: it asks its neighbours to have kept what they had from it (-R)."""
        self.process.kill()
        self.start("-R")
        self.wait_answer()

    def ask(self, question: str, *, check: bool = True) -> str:
        return self.node.sh(f"birdc -s {self.control} {question}", check=check)

    def is_established(self, protocol: str) -> bool:
        return "Established" in self.ask(f"show protocols {protocol}", check=False)

    def wait_established(self, protocol: str, seconds: float = 30):
        wait_until(lambda: self.is_established(protocol), seconds, f"{self.node.name}: {protocol} to be Established",
                   every=0.1)

    def configure(self, config: str):
        path = "/run/bird.conf"
        if isinstance(self.node, uml.Machine):
            self.node.write(path, config)
        else:
            path = self.node.lab.write(f"{self.node.name}-bird.conf", config)
        said = self.ask(f"'configure \"{path}\"'")
        if "Reconfigur" not in said:
            raise Failed(f"{self.node.name}: BIRD refused its configuration:\n{said}")


class Frr:
    """zebra and staticd always; each daemon starts empty, and vtysh loads the configuration."""

    FOLDER = "/usr/lib/frr"

    def __init__(self, node, config: str, daemons: tuple = ("bgpd",)):
        self.node, self.processes = node, {}
        self.folder = node.lab.path(f"{node.name}-frr")
        os.makedirs(self.folder)
        user = pwd.getpwnam("frr")
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        os.chmod(node.lab.folder, 0o755)
        empty = os.path.join(self.folder, "empty.conf")
        with open(empty, "w", encoding="utf-8"):
            pass
        os.chown(empty, user.pw_uid, user.pw_gid)
        for daemon in ("zebra", "staticd", *daemons):
            self.processes[daemon] = node.start(daemon, [
                f"{self.FOLDER}/{daemon}", "-f", empty, "-i", f"{self.folder}/{daemon}.pid", "--vty_socket", self.folder,
                "-z", f"{self.folder}/zserv.api", "-A", "127.0.0.1", "-P", "0", "--log", "stdout"])
            wait_until(lambda name=daemon: os.path.exists(f"{self.folder}/{name}.vty"), 15,
                       f"{node.name}: {daemon} to listen")
        self.configure(config)

    def vtysh(self, *words: str, check: bool = True) -> str:
        # Its history goes to $HOME.
        return run([*self.node.prefix(), "env", f"HOME={self.folder}", "vtysh", "--vty_socket", self.folder, *words], check=check)

    def configure(self, config: str):
        path = os.path.join(self.folder, "frr.conf")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(config)
        self.vtysh("-f", path)

    def ask(self, question: str) -> str:
        return self.vtysh("-c", question)
