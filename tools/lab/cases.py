# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Python's unittest, saying what tools/test reads (see HACKING.md, "How tests are found"):

    ok NAME | FAIL NAME | skip NAME: REASON      one line a case
    N passed, M failed, K skipped                the last line

A test file in tests/netns ends with `cases.main()`: it runs its cases inside a sandbox. Options:
--only CASE (cases whose name contains CASE).
"""

import sys
import time
import traceback
import unittest

from . import sandbox


class Result(unittest.TestResult):
    """Counts cases, not subtests: a case fails once, whichever of its subtests did."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = self.skipped_count = 0
        self.is_failed = self.is_skipped = False
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.is_failed = self.is_skipped = False
        self.started = time.monotonic()

    def _explain(self, error):
        self.is_failed = True
        print("".join(traceback.format_exception(*error)).rstrip(), flush=True)

    def addError(self, test, err):
        self._explain(err)
        if not hasattr(test, "_testMethodName"):  # setUpClass failed: no case will start
            self.failed += 1
            print(f"FAIL {test.id() if hasattr(test, 'id') else test}", flush=True)

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err is not None:
            print(f"in {subtest}:")
            self._explain(err)

    def addSkip(self, test, reason):
        self.is_skipped = True
        self.skipped_count += 1
        print(f"skip {name_of(test)}: {reason}", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        if self.is_skipped:
            return
        self.failed += self.is_failed
        self.passed += not self.is_failed
        print(f"FAIL {name_of(test)}" if self.is_failed else f"ok {name_of(test)} ({time.monotonic() - self.started:.1f} s)",
              flush=True)


def name_of(test) -> str:
    return getattr(test, "_testMethodName", str(test)).removeprefix("test_")


def every(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from every(test)
        else:
            yield test


def run_unittests(suite) -> int:
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    chosen = unittest.TestSuite(test for test in every(suite) if only in name_of(test))
    result = Result()
    try:
        chosen.run(result)
    finally:
        print(f"{result.passed} passed, {result.failed} failed, {result.skipped_count} skipped", flush=True)
    return 1 if result.failed else 0


def main():
    sandbox.enter()
    sys.exit(run_unittests(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
