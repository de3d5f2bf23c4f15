# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A place where nothing can be left behind.

A sandbox is a set of kernel namespaces (network, processes, mounts, IPC) with a private /run, /tmp
(as $TMPDIR) and /dev/shm. Whatever runs inside makes network namespaces, links, TAPs, nft tables and
processes as it likes; when it ends, is interrupted or is killed with -9, the kernel removes all of
them, because nothing outside refers to them. So no list of what was made is kept, and none can be
out of date.

    process A   outside: waits, hands signals on, kills what does not stop
    process B   pid 1 inside: reaps orphans; its death ends everything inside
    process C   the command, in a session of its own, so that a Ctrl-C reaches it exactly once

Used as `sandbox.enter()` at the top of a script, or as the command tools/lab/sandbox.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x08000000, 0x20000000, 0x40000000
MS_PRIVATE, MS_REC = 1 << 18, 1 << 14
PR_SET_PDEATHSIG = 1
MARK = "DETOUR_SANDBOX"
# How long the command may take to stop after a signal, before everything inside is killed.
GRACE_SECONDS = 10
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

libc = ctypes.CDLL(None, use_errno=True)


class NoSandbox(OSError):
    """The kernel refused; the message says what to do."""


def is_inside() -> bool:
    return MARK in os.environ


def pid_outside() -> int:
    """Pid 1 of the sandbox we are in, as the rest of the host calls it (for nsenter -t)."""
    return int(os.environ[MARK])


def enter():
    """Go on inside a sandbox; returns there. Outside, waits and exits with the inside's status."""
    if is_inside():
        return
    try:
        run_in_sandbox(None)
    except NoSandbox as problem:
        sys.exit(f"sandbox: {problem.strerror}")


def run(command: list) -> int:
    """Run a command in a sandbox and return its exit status."""
    return run_in_sandbox(command)


def run_in_sandbox(command: list | None) -> int:
    """With a command: its exit status. With None: returns 0 as process C, else never returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    read_orders, write_orders = os.pipe()
    if libc.unshare(CLONE_NEWPID) != 0:
        raise NoSandbox(ctypes.get_errno(), "cannot make namespaces: the lab needs root "
                        "(in a container: --privileged, or CAP_SYS_ADMIN and CAP_NET_ADMIN)")
    first = os.fork()
    if first == 0:
        os.close(write_orders)
        as_pid_one(command, read_orders)
        return 0
    os.close(read_orders)
    return supervise(first, write_orders)


def supervise(first: int, tell: int) -> int:
    """Process A: each signal becomes one byte for pid 1, which cannot see who sent what."""
    def forward(number, _frame):
        os.write(tell, bytes([number]))
        signal.alarm(GRACE_SECONDS)

    def give_up(_number, _frame):
        os.kill(first, signal.SIGKILL)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.signal(signal.SIGALRM, give_up)
    _, status = os.waitpid(first, 0)
    os._exit(status_of(status))


def as_pid_one(command: list | None, orders: int):
    """Process B; returns only in process C when there is no command to execute."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != 0:  # the parent is outside, unless it died before the line above
        os._exit(1)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) != 0:
        sys.stderr.write("sandbox: cannot make network and mount namespaces: the lab needs root "
                         "(in a container: --privileged)\n")
        os._exit(125)
    outer_pid = os.readlink("/proc/self")  # /proc is still the outside's
    furnish()
    second = os.fork()
    if second == 0:
        os.close(orders)
        os.setsid()
        os.environ[MARK] = outer_pid
        os.environ["TMPDIR"] = "/run/tmp"
        for number in FORWARDED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if command is not None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            execute(command)
        return
    reap_until(second, orders)


def reap_until(second: int, orders: int):
    """Pid 1's work: pass orders on, bury orphans, leave with the command's status."""
    os.set_blocking(orders, False)
    for number in FORWARDED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGIO})
    # SIGIO tells of an order; both wake the one wait below.
    import fcntl
    fcntl.fcntl(orders, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(orders, fcntl.F_SETFL, fcntl.fcntl(orders, fcntl.F_GETFL) | os.O_ASYNC)
    while True:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == second:
                os._exit(status_of(status))
            if pid == 0:
                break
        try:
            for number in os.read(orders, 16):
                os.kill(second, number)
        except BlockingIOError:
            pass
        signal.sigtimedwait({signal.SIGCHLD, signal.SIGIO}, 1.0)


def furnish():
    """Private mounts: what is written there goes with the sandbox."""
    def mount(source, target, kind, flags=0, options=""):
        if libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()) != 0:
            sys.stderr.write(f"sandbox: cannot mount {kind} on {target}: {os.strerror(ctypes.get_errno())}\n")
            os._exit(125)

    mount("none", "/", "none", MS_PRIVATE | MS_REC)
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777")
    for folder in ("/run/netns", "/run/tmp", "/run/lock"):
        os.mkdir(folder)
    os.chmod("/run/tmp", 0o1777)
    os.system("/sbin/ip link set lo up")


def execute(command: list):
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"sandbox: {command[0]}: {error.strerror}\n")
        os._exit(127)


def status_of(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
