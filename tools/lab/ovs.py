# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Open vSwitch with its datapath in user space, in a node of the lab; database, sockets and log its own.

    ovs = Ovs(node)
    ovs.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
    ovs.flows("br0", "in_port=1,actions=output:2", ...)
"""

import os

from .process import Failed, run, wait_until

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Ovs:
    def __init__(self, node, *, program: str = "ovs-vswitchd", settings: dict | None = None, prefix: tuple = (),
                 environment: dict | None = None):
        """`settings` are of other_config, set before the switch starts; `prefix` goes before its command."""
        self.node = node
        self.folder = node.lab.path(f"{node.name}-ovs")
        os.makedirs(self.folder)
        database, self.socket = os.path.join(self.folder, "conf.db"), os.path.join(self.folder, "db.sock")
        self.control = os.path.join(self.folder, "switch.ctl")
        self.environment = {"OVS_RUNDIR": self.folder, "OVS_LOGDIR": self.folder, "OVS_DBDIR": self.folder,
                            **(environment or {})}
        run(["ovsdb-tool", "create", database, SCHEMA])
        node.start("ovsdb", ["ovsdb-server", database, f"--remote=punix:{self.socket}",
                             f"--unixctl={self.folder}/ovsdb.ctl"], environment=self.environment)
        wait_until(lambda: os.path.exists(self.socket), 10, f"{node.name}: the database of Open vSwitch")
        self.vsctl("--no-wait", "init")
        for key, value in (settings or {}).items():
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".", f'other_config:{key}="{value}"')
        self.process = node.start("ovs", [*prefix, program, f"unix:{self.socket}", f"--unixctl={self.control}", "--disable-system"],
                                  environment=self.environment)
        wait_until(lambda: os.path.exists(self.control), 60, f"{node.name}: Open vSwitch; it said:\n{self.process.tail()}")

    def call(self, *command: str) -> str:
        return run([*self.node.prefix(), "env", *(f"{name}={value}" for name, value in self.environment.items()), *command])

    def vsctl(self, *words: str) -> str:
        return self.call("ovs-vsctl", "--timeout=20", f"--db=unix:{self.socket}", *words)

    def appctl(self, *words: str) -> str:
        return self.call("ovs-appctl", "-t", self.control, *words)

    def bridge(self, name: str, *ports: tuple):
        """A bridge of the user-space datapath; each port is its name, and what `set interface` says of it."""
        self.vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail-mode=secure")
        for port in ports:
            self.port(name, *port)

    def port(self, bridge: str, name: str, *words: str):
        self.vsctl("add-port", bridge, name, *(("--", "set", "interface", name, *words) if words else ()))
        said = self.vsctl("get", "interface", name, "error").strip()
        if said not in ("[]", '""'):
            raise Failed(f"Open vSwitch: port {name}: {said}")

    def flows(self, bridge: str, *flows: str):
        path = os.path.join(self.folder, f"{bridge}.flows")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("\n".join(flows) + "\n")
        self.call("ovs-ofctl", "--bundle", "replace-flows", bridge, path)
