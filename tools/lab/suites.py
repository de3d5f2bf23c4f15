# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The body of tools/test: build, find the suites, run each in a sandbox, count cases.

A suite is found by where it stands (HACKING.md, "How tests are found"):
    unit/NAME     a doctest program that meson knows as test(NAME)
    NAME          an executable tests/NAME/run
    DIR/NAME      an executable tests/{netns,interop}/NAME.py
The last two print a line a case and end with the counts; see lab/cases.py.
"""

import concurrent.futures
import glob
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import build as builder  # noqa: E402  (the path comes first)
from lab.build import ROOT  # noqa: E402

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")
# Folders whose suites measure time or load the machine: one after another, nothing beside them; but for
# those that mostly wait (for a session, a kernel, an answer) and judge no figure.
ALONE = ("netns", "interop", "packets")
BESIDE_OTHERS = ("interop/bgp", "netns/doctor", "netns/instruments", "netns/lab", "netns/mirror", "netns/reconciler",
                 "packets")
PATIENCE_SECONDS = 420
PATIENCE_LONG_SECONDS = 7200
COVERED_ROOMS = ("conf/types", "conf/model", "dataplane/packet")
COVERED_PERCENT = 90.0


@dataclass
class Suite:
    name: str
    command: list
    is_doctest: bool = False

    @property
    def is_alone(self) -> bool:
        return self.name.split("/")[0] in ALONE and self.name not in BESIDE_OTHERS


@dataclass
class Outcome:
    suite: Suite
    passed: int = 0
    failed: list = field(default_factory=list)  # names, or a sentence
    skipped: dict = field(default_factory=dict)  # name -> reason
    text: str = ""
    seconds: float = 0.0


class Options:
    def __init__(self, arguments: list):
        self.only = self.case = ""
        self.is_long = self.is_list = False
        self.flavour = ""
        rest = iter(arguments)
        for argument in rest:
            if argument == "--only" or argument.startswith("--only="):
                value = argument.partition("=")[2] or next(rest, "")
                self.only, _, self.case = value.partition(":")
            elif argument == "--long":
                self.is_long = True
            elif argument in ("--sanitize", "--coverage"):
                self.flavour = argument[2:]
            elif argument == "--list":
                self.is_list = True
            else:
                raise ValueError(f"unknown option {argument}; see tools/test --help")


def find_suites(folder: str) -> list:
    found = []
    known = subprocess.run(["meson", "introspect", "--tests", folder], capture_output=True, text=True, check=True)
    for test in json.loads(known.stdout):
        found.append(Suite(f"unit/{test['name']}", test["cmd"], is_doctest=True))
    for path in sorted(glob.glob(f"{ROOT}/tests/*/run")):
        found.append(Suite(path.split("/")[-2], [path]))
    for path in sorted(glob.glob(f"{ROOT}/tests/netns/*.py") + glob.glob(f"{ROOT}/tests/interop/*.py")):
        found.append(Suite("/".join(path.split("/")[-2:]).removesuffix(".py"), [path]))
    return [suite for suite in found if os.access(suite.command[0], os.X_OK)]


class Runner:
    """Runs suites, each in a sandbox, and knows which are running so that a signal can stop them."""

    def __init__(self, options: Options, folder: str):
        self.options, self.folder = options, folder
        self.running, self.lock = set(), threading.Lock()
        self.is_stopping = False
        self.outcomes, self.total = [], 0

    def run_all(self, suites: list):
        self.total = len(suites)
        together = [suite for suite in suites if not suite.is_alone]
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for future in concurrent.futures.as_completed([pool.submit(self.run, suite) for suite in together]):
                self.report(future.result())
        for suite in suites:
            if suite.is_alone:
                self.report(self.run(suite))

    def stop(self):
        with self.lock:
            self.is_stopping = True
            for process in self.running:
                process.terminate()

    def run(self, suite: Suite) -> Outcome:
        outcome = Outcome(suite)
        if self.is_stopping:
            outcome.failed.append("not run: interrupted")
            return outcome
        start = time.monotonic()
        if suite.is_doctest:
            self.run_doctest(suite, outcome)
        else:
            self.run_script(suite, outcome)
        outcome.seconds = time.monotonic() - start
        return outcome

    def execute(self, command: list) -> tuple:
        """Status and text of a command in a sandbox; the sandbox is killed when patience ends."""
        environment = {**os.environ, "DETOUR_BUILD": self.folder, "DETOUR_ROOT": ROOT,
                       "DETOUR_LONG": "1" if self.options.is_long else "",
                       "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
        patience = PATIENCE_LONG_SECONDS if self.options.is_long else PATIENCE_SECONDS
        process = subprocess.Popen([f"{ROOT}/tools/lab/sandbox", *command], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                                   errors="replace", env=environment, cwd=ROOT, start_new_session=True)
        with self.lock:
            self.running.add(process)
            if self.is_stopping:
                process.terminate()
        try:
            text, _ = process.communicate(timeout=patience)
            return process.returncode, text
        except subprocess.TimeoutExpired:
            process.kill()  # the sandbox's pid 1 dies with it, and all inside with pid 1
            text, _ = process.communicate()
            return None, text
        finally:
            with self.lock:
                self.running.discard(process)

    def run_doctest(self, suite: Suite, outcome: Outcome):
        result = os.path.join(self.folder, f"{suite.name.replace('/', '-')}.xml")
        if os.path.exists(result):
            os.remove(result)
        filters = [f"-tc=*{self.options.case}*"] if self.options.case else []
        status, outcome.text = self.execute([*suite.command, "-r=xml", f"-o={result}", *filters])
        try:
            tree = ElementTree.parse(result)
        except (OSError, ElementTree.ParseError):
            outcome.failed.append(f"crashed or stopped half-way (status {status})")
            return
        for case in tree.iter("TestCase"):
            totals = case.find("OverallResultsAsserts")
            if case.get("skipped"):
                if not filters:
                    outcome.skipped[case.get("name")] = "marked skip in its source"
            elif totals is not None and totals.get("test_case_success") == "true":
                outcome.passed += 1
            else:
                outcome.failed.append(case.get("name"))
                outcome.text += "\n".join(failures_of(case)) + "\n"
        if status != 0 and not outcome.failed:
            outcome.failed.append(f"exit status {status} after the last case")

    def run_script(self, suite: Suite, outcome: Outcome):
        only = ["--only", self.options.case] if self.options.case else []
        status, outcome.text = self.execute([*suite.command, *only])
        lines = outcome.text.rstrip().splitlines()
        counts = COUNTS.match(lines[-1]) if lines else None
        if status is None:
            outcome.failed.append("ran out of patience")
        for line in lines:
            if line.startswith("skip "):
                name, _, reason = line[5:].partition(": ")
                outcome.skipped[name] = reason
            elif line.startswith("FAIL "):
                outcome.failed.append(line[5:])
        if counts is None:
            outcome.failed.append(f"ended without its counts (status {status})")
            return
        outcome.passed = int(counts[1])
        while len(outcome.failed) < int(counts[2]):
            outcome.failed.append("a case it did not name")
        if len(outcome.skipped) < int(counts[3]):
            outcome.failed.append("skipped cases without naming them")
        if status != 0 and not outcome.failed:
            outcome.failed.append(f"exit status {status}")

    def report(self, outcome: Outcome):
        self.outcomes.append(outcome)
        counts = f"{outcome.passed} passed" + (f", {len(outcome.failed)} FAILED" if outcome.failed else "") \
            + (f", {len(outcome.skipped)} skipped" if outcome.skipped else "")
        print(f"[{len(self.outcomes):>2}/{self.total}] {outcome.suite.name:<24} {counts}  ({outcome.seconds:.1f} s)",
              flush=True)
        if outcome.failed:
            for line in outcome.text.rstrip().splitlines()[-80:]:
                print(f"        {line}")
            for name in outcome.failed:
                print(f"    FAILED {outcome.suite.name}: {name}", flush=True)


def failures_of(case) -> list:
    """A doctest case's failed expressions, as an editor can jump to them."""
    lines = [f"{case.get('filename')}:{case.get('line')}: {case.get('name')}"]
    for expression in case.iter("Expression"):
        original = (expression.findtext("Original") or "").strip()
        expanded = (expression.findtext("Expanded") or "").strip()
        lines.append(f"{expression.get('filename')}:{expression.get('line')}: {expression.get('type')}( {original} )"
                     f" is {expanded}")
        lines += [f"    {' '.join((info.text or '').split())}" for info in expression.iter("Info")]
    lines += [f"    threw: {' '.join((problem.text or '').split())}" for problem in case.iter("Exception")]
    lines += [f"{m.get('filename')}:{m.get('line')}: {' '.join((m.findtext('Text') or '').split())}"
              for m in case.iter("Message")]
    return lines


def expected_skips() -> dict:
    with open(f"{ROOT}/tests/expected-skips", encoding="utf-8") as stream:
        lines = [line.strip() for line in stream if line.strip() and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


def coverage(folder: str) -> list:
    """Print the line coverage of the pure rooms; the rooms that miss their mark."""
    missed = []
    print("coverage of lines:")
    for room in COVERED_ROOMS:
        done = subprocess.run(["gcovr", "--root", ROOT, "--filter", f"{ROOT}/{room}/", "--exclude-throw-branches",
                               "--json-summary", "-", folder], capture_output=True, text=True, check=False)
        try:
            summary = json.loads(done.stdout)
            percent, lines = summary["line_percent"], summary["line_total"]
        except (json.JSONDecodeError, KeyError):
            percent, lines = 0.0, 0
        print(f"    {room:<18} {percent:5.1f} % of {lines} lines", flush=True)
        if percent < COVERED_PERCENT:
            missed.append(f"{room} is covered to {percent} %, less than {COVERED_PERCENT} %")
    return missed


def judge(outcomes: list, is_filtered: bool) -> tuple:
    """The three counts; a skip that tests/expected-skips does not name is a failure."""
    expected = expected_skips()
    passed, failed, skipped = 0, 0, 0
    for outcome in outcomes:
        passed += outcome.passed
        failed += len(outcome.failed)
        for name, reason in outcome.skipped.items():
            if f"{outcome.suite.name}/{name}" in expected:
                skipped += 1
                print(f"skipped {outcome.suite.name}/{name}: {reason}")
            else:
                failed += 1
                print(f"FAILED {outcome.suite.name}/{name}: skipped ({reason}), but tests/expected-skips does not name it")
    if not outcomes and is_filtered:
        print("no suite has that name; tools/test --list names them")
        failed += 1
    return passed, failed, skipped


def run(options: Options) -> tuple:
    folder = builder.folder_of(options.flavour)
    if not options.is_list:
        print(f"build: in {os.path.relpath(folder, ROOT)}/", flush=True)
        folder = builder.build(options.flavour)
    if options.flavour == "coverage":
        for stale in glob.glob(f"{folder}/**/*.gcda", recursive=True):
            os.remove(stale)
    suites = [suite for suite in find_suites(folder) if options.only in suite.name]
    if options.is_list:
        print("\n".join(suite.name for suite in suites))
        return 0, 0, 0
    runner = Runner(options, folder)

    def interrupted(number, _frame):
        print(f"stopping: {signal.Signals(number).name}", flush=True)
        runner.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    runner.run_all(suites)
    passed, failed, skipped = judge(runner.outcomes, bool(options.only))
    if options.flavour == "coverage" and not options.only:
        for miss in coverage(folder):
            print(f"FAILED {miss}")
            failed += 1
    return passed, failed, skipped


def main() -> int:
    start = time.monotonic()
    try:
        options = Options(sys.argv[1:])
        passed, failed, skipped = run(options)
        if options.is_list:
            return 0
    except (ValueError, subprocess.CalledProcessError, builder.BuildFailed) as problem:
        print(f"{problem}\ntests: nothing was run", flush=True)
        passed, failed, skipped = 0, 1, 0
    except KeyboardInterrupt:
        passed, failed, skipped = 0, 1, 0
    print(f"took {time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
