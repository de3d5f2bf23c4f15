# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The manual: in mandoc's eyes, complete against the table of verbs, its example a clean configuration."""

import glob
import json
import os
import re
import subprocess
import tempfile
import unittest

from lab import build

MAN = f"{build.ROOT}/conf/system/man"
DETOUR = build.product("detour")
PAGES = ("detour.1", "detour.yaml.5", "detour-runbook.7", "detour-dataplane.8", "detourd.8")


def page(name: str) -> str:
    with open(f"{MAN}/{name}", encoding="utf-8") as stream:
        return stream.read()


class Manual(unittest.TestCase):
    maxDiff = None

    def test_every_page_is_there_and_installed(self):
        self.assertEqual({os.path.basename(p) for p in glob.glob(f"{MAN}/*.[0-9]")}, set(PAGES))
        installed = page("meson.build")
        for name in PAGES:
            self.assertIn(f"'{name}'", installed)

    def test_mandoc_finds_nothing(self):
        for name in PAGES:
            said = subprocess.run(["mandoc", "-Tlint", f"{MAN}/{name}"], capture_output=True, text=True, check=False)
            # Whether other pages are installed here is not the page's fault.
            findings = [line for line in (said.stdout + said.stderr).splitlines()
                        if "referenced manual not found" not in line and "mandoc.db" not in line]
            self.assertEqual(findings, [])

    def test_pages_refer_to_each_other(self):
        for name in PAGES:
            text = page(name)
            for other in PAGES:
                stem, section = other.rsplit(".", 1)
                if other != name:
                    self.assertIn(f".Xr {stem} {section}", text, f"{name} does not name {other}")

    def test_the_table_of_commands_is_that_of_the_code(self):
        rows = json.loads(subprocess.run([DETOUR, "help", "-j"], capture_output=True, text=True, check=True).stdout)
        expected = []
        for row in rows["verbs"]:
            expected.append([row["verb"], row["object"], row["options"], row["summary"] + ".", row["offered"]])
        told = []
        commands = page("detour.1").split(".Sh COMMANDS\n")[1].split("\n.Sh ")[0]
        for entry in commands.split("\n.It Ic ")[1:]:
            head, *lines = entry.splitlines()
            words = re.match(r'([\w-]+)(?: Ar (?:"([^"]*)"|(\S+)))?(?: Li (?:"([^"]*)"|(\S+)))?$', head)
            self.assertIsNotNone(words, head)
            verb, quoted, bare, options, option = words.groups()
            told.append([verb, quoted or bare or "", (options or option or "").replace("\\-", "-", 1), lines[0],
                         "Not offered yet." not in lines])
        self.assertEqual(told, expected)

    def test_the_example_is_a_clean_configuration(self):
        example = page("detour.yaml.5").split(".Bd -literal -offset indent\n")[1].split(".Ed\n")[0]
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/detour.yaml", "w", encoding="utf-8") as stream:
                stream.write(example)
            done = subprocess.run([DETOUR, "check", f"{folder}/detour.yaml"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_runbook_names_commands_that_are_offered(self):
        rows = json.loads(subprocess.run([DETOUR, "help", "-j"], capture_output=True, text=True, check=True).stdout)
        known = {row["verb"] for row in rows["verbs"]}
        named = set(re.findall(r"\bdetour ([a-z-]+)", page("detour-runbook.7").split(".Sh DESCRIPTION")[1].replace("\\-", "-")))
        self.assertGreater(len(named), 8)
        self.assertEqual(named - known, set())

    def test_the_runbook_explains_every_verdict(self):
        with open(f"{build.ROOT}/controlplane/decision/verdict.cpp", encoding="utf-8") as stream:
            names = re.findall(r'"([A-Z-]+)"', stream.read())
        explained = re.findall(r"^\.It ([A-Z-]+)$", page("detour-runbook.7"), re.M)
        self.assertGreater(len(names), 15)
        self.assertEqual(set(names) - set(explained), set())


if __name__ == "__main__":
    unittest.main()
