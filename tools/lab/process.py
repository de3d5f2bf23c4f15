# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Commands that must succeed, and programs that run until somebody stops them."""

import os
import signal
import subprocess
import time


class Failed(Exception):
    """A command of the lab failed: what it was and what it said."""


def run(command: list, *, text: str | None = None, check: bool = True, timeout: float = 60) -> str:
    """Run to the end and return what it wrote to standard output."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, errors="replace", check=False,
                          timeout=timeout)
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}")
        raise Failed(f"{' '.join(command)}: {said}" + (f"\n{text}" if text else ""))
    return done.stdout


def wait_until(condition, seconds: float, what: str, every: float = 0.02):
    """Wait until condition() is true and return what it gave; Failed after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds:g} s in vain: {what}")
        time.sleep(every)


class Process:
    """A program that was started: its log is a file, and it is ended by its pid alone."""

    def __init__(self, command: list, log: str, *, environment: dict | None = None, stdin=subprocess.DEVNULL,
                 output=None, is_result_apart: bool = False, descriptors: tuple = ()):
        self.command, self.log = command, log
        # A program whose standard output is its result says the rest on standard error.
        self.result_file = log + ".result" if is_result_apart else log
        with open(log, "ab") as errors, open(self.result_file, "ab") as results:
            self.popen = subprocess.Popen(command, stdin=stdin, stdout=output or results, stderr=errors,
                                          pass_fds=descriptors, env={**os.environ, **(environment or {})},
                                          start_new_session=True)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def said(self) -> str:
        with open(self.log, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def result(self) -> str:
        with open(self.result_file, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def signal(self, number: int):
        if self.is_running:
            os.kill(self.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def wait(self, seconds: float) -> int:
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.command[0]} did not end within {seconds:g} s; it said:\n{self.tail()}") from None

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM, and SIGKILL for one that does not listen; the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.said().splitlines()[-lines:])

    def wait_for_text(self, wanted: str, seconds: float):
        """Wait until it has said this; Failed when it ends before."""
        def look():
            if wanted in self.said() or wanted in self.result():
                return True
            if not self.is_running:
                raise Failed(f"{' '.join(self.command)} ended with {self.popen.returncode}:\n{self.tail()}")
            return False
        wait_until(look, seconds, f"{self.command[0]} to say '{wanted}'; it said:\n{self.tail()}")
