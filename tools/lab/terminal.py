# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""A terminal for the program under test: a pty of a known size, what was written to it, and the screen
that a person would see.

    with Terminal([detour, "status", "-w"]) as terminal:
        terminal.wait_for("web/ipv4", 5)
        print(terminal.screen())
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from .process import Failed

CODE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Screen:
    """As much of a VT100 as our programs use: home, erase, styles; lines that are too long wrap."""

    def __init__(self, columns: int, rows: int):
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.column = [[" "] * columns for _ in range(rows)], 0, 0

    def down(self):
        if self.row + 1 < self.rows:
            self.row += 1
        else:
            self.lines = self.lines[1:] + [[" "] * self.columns]

    def put(self, letter: str):
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.down()
        elif letter >= " ":
            if self.column == self.columns:
                self.column = 0
                self.down()
            self.lines[self.row][self.column] = letter
            self.column += 1

    def obey(self, what: str, letter: str):
        if letter == "H":
            self.row = self.column = 0
        elif letter in ("J", "K"):
            self.lines[self.row][self.column:] = [" "] * (self.columns - self.column)
            if letter == "J":
                first = 0 if what == "2" else self.row + 1
                self.lines[first:] = [[" "] * self.columns for _ in range(self.rows - first)]

    def write(self, text: str):
        at = 0
        while at < len(text):
            code = CODE.match(text, at)
            if code:
                self.obey(*code.groups())
                at = code.end()
            else:
                self.put(text[at])
                at += 1

    def text(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")


class Terminal:
    def __init__(self, command: list, columns: int = 80, rows: int = 24, environment: dict | None = None):
        self.columns, self.rows, self.raw, self.status = columns, rows, "", None
        # "xterm" is what the codes mean; whether the machine has its terminfo matters to nobody here.
        variables = {**os.environ, "TERM": "xterm", **(environment or {})}
        variables.pop("NO_COLOR", None)
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            try:
                os.execvpe(command[0], command, variables)
            finally:
                os._exit(127)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, seconds: float) -> bool:
        """What comes within the time; False at the end of it all."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            part = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.raw += part.decode("utf-8", "replace")
        return bool(part)

    def wait_for(self, text: str, seconds: float):
        end = time.monotonic() + seconds
        while text not in self.text():
            if time.monotonic() > end or not self.read(0.1):
                raise Failed(f"the terminal never showed {text!r}; it shows:\n{self.text()}")

    def type(self, text: str):
        os.write(self.master, text.encode())

    def wait(self, seconds: float = 30) -> int:
        """Until the program ends; its exit code."""
        end = time.monotonic() + seconds
        while self.read(0.1):
            if time.monotonic() > end:
                raise Failed(f"the program did not end; it shows:\n{self.text()}")
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def text(self) -> str:
        """Everything that was written, without styles."""
        return CODE.sub("", self.raw).replace("\r\n", "\n")

    def screen(self) -> str:
        screen = Screen(self.columns, self.rows)
        screen.write(self.raw)
        return screen.text()
