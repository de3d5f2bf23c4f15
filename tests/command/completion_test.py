# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Completion as a person meets it: bash asked by its own variables, zsh by typing and the tab key in a
terminal, fish by its own question for candidates."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lab import build
from lab.terminal import Terminal

ROOT = build.ROOT
DETOUR = build.product("detour")
TWO = f"{ROOT}/conf/examples/two-provider.yaml"


def detour(*words: str) -> str:
    return subprocess.run([DETOUR, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          timeout=60).stdout


def offered() -> set:
    return {row["verb"] for row in json.loads(detour("help", "-j"))["verbs"] if row["offered"]}


class Shell(unittest.TestCase):
    """Each in a home directory of its own, with our detour first in the path."""

    shell = ""

    def setUp(self):
        if self.shell and shutil.which(self.shell) is None:
            self.skipTest(f"no {self.shell} here; tools/setup test brings it")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        # As it is installed, and not as it lies in the build: a script must not depend on where.
        os.symlink(DETOUR, f"{self.home}/detour")
        self.script = f"{self.home}/script"
        with open(self.script, "w", encoding="utf-8") as stream:
            stream.write(detour("completion", self.shell) if self.shell else "")
        self.environment = {**os.environ, "HOME": self.home, "PATH": f"{self.home}:{os.environ['PATH']}",
                            "XDG_CONFIG_HOME": self.home, "XDG_DATA_HOME": self.home, "LC_ALL": "C.UTF-8"}


class Names(unittest.TestCase):
    def test_names_come_from_the_configuration(self):
        self.assertEqual(detour("completion", "names", "SET", "-c", TWO).split(), ["mail", "web", "all"])
        self.assertEqual(detour("completion", "names", "UPLINK", "-c", TWO).split(), ["provider", "partner"])
        self.assertEqual(detour("completion", "names", "SET", "-c", "/nowhere.yaml"), "")


class Bash(Shell):
    shell = "bash"

    def ask(self, line: str) -> list:
        words = line.split(" ")
        script = "\n".join([
            f"source {self.script}", "compopt() { :; }",
            f"COMP_WORDS=({' '.join(repr(w) for w in words)})", f"COMP_CWORD={len(words) - 1}",
            '_detour; printf "%s\\n" "${COMPREPLY[@]}"'])
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT,
                              env=self.environment)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_verbs_options_and_names(self):
        self.assertIn("status", self.ask("detour sta"))
        self.assertEqual(self.ask(f"detour --config {TWO} fail"), ["failback"])
        self.assertIn("--to", self.ask("detour move web --t"))
        self.assertEqual(set(self.ask("detour ")), offered())
        self.assertEqual(self.ask("detour completion "), ["bash", "zsh", "fish"])


class Zsh(Shell):
    shell = "zsh"

    def ask(self, line: str, *expected: str):
        """The line and a tab: all of what is expected appears."""
        with Terminal(["zsh", "-f", "-i"], environment={**self.environment, "PS1": "ask> "}) as terminal:
            terminal.wait_for("ask> ", 10)
            terminal.type(f"autoload -Uz compinit; compinit -u -D; source {self.script}; echo rea''dy\n")
            terminal.wait_for("ready", 10)
            terminal.type(f"{line}\t")
            for text in expected:
                terminal.wait_for(text, 10)

    def test_a_verb(self):
        self.ask("detour uplin", "detour uplinks ")

    def test_verbs_are_shown_with_what_they_do(self):
        self.ask("detour f", "failback", "Bring a prefix set", "freeze")

    def test_options_of_the_verb_and_of_all(self):
        self.ask("detour move web --", "--yes", "--to", "--local")

    def test_objects(self):
        self.ask("detour completion z", "completion zsh")


class Fish(Shell):
    shell = "fish"

    def ask(self, line: str) -> list:
        done = subprocess.run(["fish", "--no-config", "-c", f"source {self.script}; complete -C '{line}'"],
                              capture_output=True, text=True, check=False, cwd=ROOT, env=self.environment)
        self.assertEqual(done.stderr, "")
        return [row.split("\t") for row in done.stdout.splitlines()]

    def words(self, line: str) -> list:
        return [row[0] for row in self.ask(line)]

    def test_verbs_with_what_they_do(self):
        self.assertEqual(self.words("detour uplin"), ["uplinks"])
        self.assertEqual(set(self.words("detour ")), offered())
        self.assertIn(["freeze", "From now on nothing is moved (works without detourd)"], self.ask("detour free"))

    def test_options_of_the_verb_and_of_all(self):
        self.assertIn("--to", self.words("detour move web --t"))
        self.assertIn("--local", self.words("detour move web --l"))
        self.assertNotIn("--to", self.words("detour status --t"))

    def test_objects(self):
        self.assertEqual(self.words("detour completion z"), ["zsh"])


class Language(unittest.TestCase):
    def test_the_scripts_are_in_their_shells_language(self):
        for shell, words in (("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])):
            if shutil.which(shell) is None:
                continue
            done = subprocess.run([shell, *words, "/dev/stdin"], input=detour("completion", shell),
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))


del Shell  # has no cases of its own

if __name__ == "__main__":
    unittest.main()
