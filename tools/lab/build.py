# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Configure and build one flavour of detour: build/ at the root, other flavours in build-NAME/."""

import os
import re
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))

FLAVOURS = {
    "": [],
    "sanitize": ["-Db_sanitize=address,undefined", "-Db_lundef=false"],
    "coverage": ["-Db_coverage=true", "-Dbuildtype=debug"],
}


class BuildFailed(Exception):
    """What meson or ninja said."""


def folder_of(flavour: str) -> str:
    return os.path.join(ROOT, f"build-{flavour}" if flavour else "build")


def product(name: str) -> str:
    """A built file: of the flavour that tools/test runs, else of build/."""
    return os.path.join(os.environ.get("DETOUR_BUILD", folder_of("")), name)


def build(flavour: str = "", targets: tuple = ()) -> str:
    """Build the targets (all of them if none is named) and return the build folder."""
    folder = folder_of(flavour)
    options = ["-Dwerror=true", *FLAVOURS[flavour]]
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        quietly(["meson", "setup", folder, ROOT, *options])
    else:
        quietly(["meson", "configure", folder, *options])
    known = subprocess.run(["ninja", "-C", folder, "-t", "targets", "all"], capture_output=True, text=True,
                           check=False).stdout
    follow(["ninja", "-C", folder, *(t for t in targets if re.search(rf"^{re.escape(t)}: ", known, re.MULTILINE))])
    return folder


def quietly(command: list):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailed("\n".join(done.stdout.splitlines()[-40:]))


def follow(command: list):
    """Run ninja: on a terminal its own progress, else a line every ten seconds; errors in full."""
    errors, last_shown, start = [], time.monotonic(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as ninja:
        for line in ninja.stdout:
            step = re.match(r"\[(\d+)/(\d+)\]", line)
            if not step:
                errors.append(line.rstrip())
                continue
            if sys.stdout.isatty():
                print(f"\r\033[Kbuild {step.group(1)}/{step.group(2)}", end="", flush=True)
            elif time.monotonic() - last_shown > 10:
                print(f"build {step.group(1)}/{step.group(2)}", flush=True)
                last_shown = time.monotonic()
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if ninja.returncode != 0:
        raise BuildFailed("\n".join(errors[-60:]))
    print(f"build: done in {time.monotonic() - start:.0f} s", flush=True)
