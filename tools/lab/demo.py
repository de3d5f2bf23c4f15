# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The body of tools/demo: builds, then plays the null-route story and tells it while it happens."""

import argparse
import dataclasses
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import build, internet, sandbox, story  # noqa: E402  (the path comes first)
from lab.night import WAITS  # noqa: E402
from lab.process import Failed  # noqa: E402
from lab.timeline import Timeline, stay  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.tunnel_demo import Demo  # noqa: E402

PROGRAMS = ("detour", "detourd", "detour-dataplane", "tools/lab/detour-traffic", "tools/lab/uml_preload.so")
SIDES = ("provider", "partner")


def arguments_of(words: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/demo", description="Play the null-route story on real packets.")
    parser.add_argument("--profile", choices=("fast", "careful"), default="fast",
                        help="how fast detour is allowed to be sure (default: fast, for labs)")
    parser.add_argument("--prefer", choices=SIDES, default="provider",
                        help="which side the Internet likes better while both announce (default: provider)")
    parser.add_argument("--runs", type=int, metavar="N", help="play it N times, the preferences in turn")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--keep", action="store_true", help="stay at the end, so that you can look around")
    parser.add_argument("--tunnel", action="store_true", help="the data plane alone, without the control plane")
    arguments = parser.parse_args(words)
    if arguments.runs is not None and arguments.runs < 1:
        parser.error("--runs wants at least 1")
    return arguments


def introduce(profile: str):
    print(internet.__doc__.split("Every router")[0])
    print(f"profile {profile}: bar: {story.BARS[profile]}; mail loses nothing, the way back loses nothing")
    if profile == "careful":
        waits = {**WAITS[profile]["detect"], **WAITS[profile]["policy"]}
        print("the demo's own waits (the detector and the gates are careful's): "
              + ", ".join(f"{key} {value}" for key, value in waits.items()))


def play_story(arguments, prefer: str) -> tuple:
    """(what was measured, what went wrong)."""
    with Lab("story") as lab:
        played = story.Story(lab, Timeline(), arguments.profile, prefer)
        problems = []
        try:
            story.play(played)
        except Failed as problem:
            problems.append(str(problem).splitlines()[0])
            print(f"FAIL {problem}")
        print(story.table(played.result))
        if arguments.keep and arguments.runs is None:
            stay(lab)
        return played.result, problems or played.result.shortfalls()


def write_json(arguments, results: list):
    """After each run: what was measured stays when a later one is interrupted."""
    document = [dataclasses.asdict(result) for result in results]
    with open(arguments.json, "w", encoding="utf-8") as stream:
        json.dump({"runs": document} if arguments.runs else document[0], stream, indent=2)
        stream.write("\n")


def play_stories(arguments) -> int:
    introduce(arguments.profile)
    results, shortfalls = [], []
    for run in range(arguments.runs or 1):
        prefer = arguments.prefer if run % 2 == 0 else SIDES[1 - SIDES.index(arguments.prefer)]
        if arguments.runs:
            print(f"\nrun {run + 1} of {arguments.runs}, the Internet prefers the {prefer}")
        result, problems = play_story(arguments, prefer)
        results.append(result)
        shortfalls += [f"run {run + 1}: {text}" for text in problems]
        if arguments.json:
            write_json(arguments, results)
    for text in shortfalls:
        print(f"FAIL {text}")
    return 1 if shortfalls else 0


def play_tunnel(arguments) -> int:
    timeline = Timeline()
    with Lab("demo") as lab:
        Demo(lab, timeline).play()
        if arguments.keep:
            stay(lab)
    return 1 if timeline.failures else 0


def play(arguments) -> int:
    try:
        failed = play_tunnel(arguments) if arguments.tunnel else play_stories(arguments)
    except Failed as problem:
        print(f"FAIL {problem}")
        failed = 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left behind")
        return 130
    print("\nNot all of it worked." if failed else "\nAll of it worked; nothing is left behind.")
    return failed


def main() -> int:
    arguments = arguments_of(sys.argv[1:])
    if not sandbox.is_inside():
        try:
            build.build(targets=PROGRAMS)
        except build.BuildFailed as problem:
            print(problem)
            return 1
    sandbox.enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return play(arguments)


if __name__ == "__main__":
    sys.exit(main())
