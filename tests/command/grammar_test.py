# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Words, abbreviations, exit codes, JSON, colour."""

import json
import os
import subprocess
import tempfile
import unittest

from lab import build
from lab.terminal import Terminal

ROOT = build.ROOT
DETOUR = build.product("detour")
MINIMAL = f"{ROOT}/conf/examples/minimal.yaml"


def detour(*words: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([DETOUR, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          timeout=60, **more)


class Words(unittest.TestCase):
    def refused(self, *words: str) -> str:
        done = detour(*words)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        return done.stderr

    def test_a_verb_that_reads_is_known_by_its_beginning(self):
        self.assertEqual(detour("versi").stdout, detour("version").stdout)
        self.assertEqual(detour("--config", MINIMAL, "che").returncode, 0)

    def test_a_verb_that_changes_something_is_never_guessed(self):
        self.assertIn("write it out", self.refused("mov", "web", "--to", "partner", "a reason"))

    def test_what_is_misspelt_is_told_with_what_was_meant(self):
        self.assertIn("did you mean status?", self.refused("statsu"))
        self.assertIn("did you mean --json?", self.refused("check", "--jsn"))

    def test_a_verb_that_is_not_offered_says_so(self):
        rows = json.loads(detour("help", "-j").stdout)["verbs"]
        for row in rows:
            if not row["offered"]:
                self.assertIn("not offered yet", self.refused(row["verb"]))
                self.assertNotIn(f"\n  {row['verb']} ", detour("help").stdout)

    def test_nothing_said_and_too_much_said(self):
        self.assertIn("say what to do", self.refused())
        self.assertIn("not expected", self.refused("version", "now"))

    def test_every_verb_has_its_page(self):
        for row in json.loads(detour("help", "-j").stdout)["verbs"]:
            page = detour("help", row["verb"])
            self.assertEqual(page.returncode, 0)
            self.assertIn(row["summary"], page.stdout)
            if row["offered"]:
                self.assertEqual(detour(row["verb"], "--help").stdout, page.stdout)


class ExitCodes(unittest.TestCase):
    def test_a_daemon_that_does_not_answer_is_3(self):
        with tempfile.TemporaryDirectory() as folder:
            for words in (["status"], ["why", "203.0.113.0/24"], ["events"],
                          ["move", "web", "--to", "partner", "a reason"]):
                done = detour(*words, "--run-dir", folder)
                self.assertEqual(done.returncode, 3, done)
                self.assertIn("is it running", done.stderr)
                said = detour(*words, "--run-dir", folder, "-j")
                self.assertEqual(said.returncode, 3)
                self.assertEqual(json.loads(said.stdout)["schema_version"], 1)

    def test_warnings_are_1_and_errors_2(self):
        self.assertEqual(detour("check", f"{ROOT}/tests/config/warned/few-targets.yaml").returncode, 1)
        self.assertEqual(detour("check", f"{ROOT}/tests/config/bad/no-target.yaml").returncode, 2)

    def test_what_changes_something_wants_a_reason(self):
        for words in (["move", "web", "--to", "partner"], ["failback", "web"], ["abort", "web"]):
            done = detour(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn("a reason is wanted", done.stderr)


class Forms(unittest.TestCase):
    def test_json_says_its_schema(self):
        for words in (["version"], ["check", MINIMAL], ["help"]):
            self.assertEqual(json.loads(detour(*words, "-j").stdout)["schema_version"], 1)

    def test_colour_is_for_terminals(self):
        self.assertNotIn("\x1b", detour("check", MINIMAL).stdout)
        with Terminal([DETOUR, "check", MINIMAL]) as terminal:
            self.assertEqual(terminal.wait(), 0)
            self.assertIn("\x1b[1;32mclean\x1b[0m", terminal.raw)
        with Terminal([DETOUR, "check", MINIMAL], environment={"TERM": "dumb"}) as terminal:
            terminal.wait()
            self.assertNotIn("\x1b", terminal.raw)

    def test_watch_redraws_one_screen_and_fits_it(self):
        with Terminal([DETOUR, "check", f"{ROOT}/tests/config/bad/several-at-once.yaml", "--watch=100ms"],
                      columns=40, rows=10) as terminal:
            self.assertEqual(terminal.wait(), 2)
            self.assertIn("error", terminal.screen())
        with Terminal([DETOUR, "check", "-w", "50ms", MINIMAL], columns=40) as terminal:
            while terminal.raw.count("\x1b[H") < 4:
                self.assertTrue(terminal.read(5))
            lines = terminal.screen().splitlines()
            self.assertEqual(len(lines), 1, "drawn over, not below")
            self.assertLessEqual(len(lines[0]), 40)

    def test_watch_is_for_what_reads(self):
        for words in (["move", "web", "--to", "partner", "a reason"], ["events"]):
            self.assertIn("does not go with -w", detour(*words, "-w").stderr)


if __name__ == "__main__":
    unittest.main()
