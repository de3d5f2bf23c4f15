# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A Linux kernel of our own, as an ordinary process: User Mode Linux with an initramfs made from
this machine's packages (busybox, iproute2, ethtool, BIRD, and the modules of the user-mode-linux package).

It stands in for a partner's router where the host's kernel has no GRE. Ready in 2 to 4 s, about 80,000
packets/s, 60 MB. It is spoken to over its
console, a socket pair: a line of shell in, what it prints and its status out.
"""

import base64
import gzip
import hashlib
import os
import re
import select
import socket
import time

from . import build
from .process import Failed, run
from .topology import Namespace, Node

KERNEL = "/usr/bin/linux.uml"
MODULES = ("crc-ccitt", "ipv6", "gre", "ip_tunnel", "ip_gre", "tunnel6", "ip6_tunnel", "ip6_gre", "sch_netem")
PROGRAMS = ("/bin/ip", "/sbin/tc", "/usr/sbin/bird", "/usr/sbin/birdc", "/sbin/ethtool")
DONE = "@done "
READY_SECONDS = 40
# On a busy host the machine once in a while misses that its console became readable, and would notice with the
# next byte. An empty line means nothing to its shell.
NUDGE, NUDGE_SECONDS = b"\n", 2

INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox stty raw -echo </dev/console
export PATH=/bin
for module in %s; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox dmesg -n 1
/bin/ip link set lo up
# busybox has an ip and a tc of its own, which know little: ours come first by being functions.
ip() { /bin/ip "$@"; }
tc() { /bin/tc "$@"; }
echo "%sready"
while IFS= read -r line; do
    [ -n "$line" ] || continue
    (eval "$line") </dev/null 2>&1
    echo "%s$?"
done
/bin/busybox poweroff -f
"""


def program_files() -> list:
    """The programs and every library they ask for."""
    files = {"/usr/bin/busybox", *PROGRAMS}
    for program in PROGRAMS:
        files.update(re.findall(r"(/\S+) \(0x", run(["ldd", program])))
    return sorted(files)


def module_files() -> list:
    folder = "/usr/lib/uml/modules"
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".ko") and name[:-3] in MODULES:
                found[name[:-3]] = os.path.join(base, name)
    missing = [module for module in MODULES if module not in found]
    if missing:
        raise Failed(f"user-mode-linux has no module {', '.join(missing)} below {folder}")
    return [found[module] for module in MODULES]


class Archive:
    """A cpio archive of the "newc" form, as the kernel unpacks it (Documentation/driver-api/early-userspace)."""

    def __init__(self):
        self.bytes, self.count, self.folders = bytearray(), 0, set()

    def entry(self, name: str, mode: int, data: bytes = b"", device: tuple = (0, 0)):
        self.count += 1
        fields = (self.count, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        self.bytes += b"070701" + b"".join(b"%08X" % field for field in fields)
        self.bytes += name.encode() + b"\0"
        self.pad()
        self.bytes += data
        self.pad()

    def pad(self):
        self.bytes += b"\0" * (-len(self.bytes) % 4)

    def folder(self, name: str):
        if name and name not in self.folders:
            self.folder(os.path.dirname(name))
            self.folders.add(name)
            self.entry(name, 0o040755)

    def file(self, name: str, source: str):
        self.folder(os.path.dirname(name))
        with open(source, "rb") as stream:
            self.entry(name, 0o100755, stream.read())

    def finished(self) -> bytes:
        self.entry("TRAILER!!!", 0)
        return bytes(self.bytes)


def initramfs() -> str:
    """The archive for what is installed now; made once and kept in build/lab."""
    programs, modules = program_files(), module_files()
    init = INIT % (" ".join(MODULES), DONE, DONE)
    digest = hashlib.sha256(init.encode())
    for path in programs + modules:
        status = os.stat(path)
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}".encode())
    folder = os.path.join(build.ROOT, "build/lab")
    path = os.path.join(folder, f"uml-{digest.hexdigest()[:16]}.cpio.gz")
    if os.path.exists(path):
        return path
    archive = Archive()
    for name in ("bin", "dev", "proc", "sys", "etc", "run", "tmp", "modules"):
        archive.folder(name)
    archive.entry("dev/console", 0o020600, device=(5, 1))
    archive.entry("init", 0o100755, init.encode())
    for source in programs:
        is_library = ".so" in os.path.basename(source)
        archive.file(source[1:] if is_library else f"bin/{os.path.basename(source)}", source)
    for source in modules:
        archive.file(f"modules/{os.path.basename(source)}", source)
    os.makedirs(folder, exist_ok=True)
    with open(f"{path}.{os.getpid()}", "wb") as stream:
        stream.write(gzip.compress(archive.finished(), 3))
    os.rename(f"{path}.{os.getpid()}", path)
    return path


class Machine(Node):
    """plug() its links, boot() it, then it is a Node like any other."""

    def __init__(self, lab, name: str):
        super().__init__(lab, name)
        self.shell = Namespace(lab, f"{name}-shell")
        self.ports, self.console, self.process = [], None, None

    def plug(self, device: str, neighbour: Namespace, their_device: str, mtu: int):
        """The neighbour's end of a veth pair is an ordinary device; the machine reads and writes raw
        frames on the other end, which lies in a namespace of its own without an address."""
        self.lab.link(neighbour, their_device, self.shell, device, mtu=mtu)
        self.shell.sysctl({f"net.ipv6.conf.{device}.disable_ipv6": 1})
        self.shell.setup(f"link set {device} promisc on up")
        self.ports.append((device, mtu))

    def boot(self):
        self.console, theirs = socket.socketpair()
        vectors = [f"vec{i}:transport=raw,ifname={device},depth=512,gro=0,mtu={mtu}"
                   for i, (device, mtu) in enumerate(self.ports)]
        if not os.path.exists(KERNEL):
            raise Failed(f"{KERNEL} is missing: tools/setup demo installs it")
        # Without address randomisation: UML pays for all it finds below its heap with page tables.
        # Its memory is a file in $TMPDIR, the sandbox's tmpfs.
        command = ["setarch", "-R", KERNEL, "mem=128M", f"initrd={initramfs()}", *vectors, "con=null",
                   "con0=fd:0,fd:1", "quiet", f"umid={self.name}-{os.getpid()}", f"uml_dir={self.lab.folder}/uml"]
        self.process = self.shell.start_router(
            "kernel", command, stdin=theirs, output=theirs,
            environment={"LD_PRELOAD": build.product("tools/lab/uml_preload.so")})
        theirs.close()
        self.hear(READY_SECONDS)
        for i, (device, _) in enumerate(self.ports):
            self.ip(f"link set vec{i} name {device}")
            self.without_offloads(device)
        self.calm()

    def hear(self, seconds: float) -> tuple:
        """What the console says until the status line: (text, status)."""
        heard, deadline = b"", time.monotonic() + seconds
        while True:
            match = re.search(rb"(?:^|\n)" + DONE.encode() + rb"(\w+)\r?\n", heard)
            if match:
                text = heard[:match.start()].decode(errors="replace").replace("\r", "")
                status = match.group(1).decode()
                return text + ("\n" if text else ""), 0 if status == "ready" else int(status)
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failed(f"{self.name}: the machine's console was silent for {seconds:g} s; it said:\n"
                             + heard.decode(errors="replace")[-2000:])
            if not select.select([self.console], [], [], min(left, NUDGE_SECONDS))[0]:
                self.console.sendall(NUDGE)
                continue
            more = self.console.recv(65536)
            if not more:
                raise Failed(f"{self.name}: the machine ended; it said:\n" + heard.decode(errors="replace")[-2000:])
            heard += more

    def sh(self, line: str, *, check: bool = True, timeout: float = 60) -> str:
        if "\n" in line or len(line) > 3500:
            raise Failed("a machine takes one line of shell at a time; write() a file for more")
        self.console.sendall(line.encode() + b"\n")
        text, status = self.hear(timeout)
        if check and status != 0:
            raise Failed(f"{self.name}: {line}: {text.strip() or f'exit status {status}'}")
        return text

    def setup(self, *lines: str):
        for start in range(0, len(lines), 20):  # fewer journeys over the console
            chunk = [line for line in lines[start:start + 20]]
            text = " && ".join(f"ip {line}" for line in chunk)
            if len(text) < 3500:
                self.sh(text)
            else:
                for line in chunk:
                    self.ip(line)

    def write(self, path: str, text: str):
        """A file inside the machine."""
        data = base64.b64encode(text.encode()).decode()
        self.sh(f": > {path}.b64")
        for start in range(0, len(data), 3000):
            self.sh(f"printf %s {data[start:start + 3000]} >> {path}.b64")
        self.sh(f"busybox base64 -d {path}.b64 > {path}; rm {path}.b64")
