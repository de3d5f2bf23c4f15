# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The body of tools/bench failover: every fault, every subject, run by run, and what numbered packets say of it."""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from lab import build, internet, sandbox  # noqa: E402  (the path comes first)
from lab.failover.cases import CASES, Case  # noqa: E402
from lab.failover.subjects import SUBJECTS  # noqa: E402
from lab.process import Failed  # noqa: E402
from lab.topology import Lab  # noqa: E402
from lab.traffic import Stream  # noqa: E402

PROGRAMS = ("detour", "detourd", "detour-dataplane", "tools/lab/detour-traffic", "tools/lab/uml_preload.so")
RATE = 1000             # packets a second, each way and family
SHORTEST_GAP_MS = 20    # a silence that counts as an outage, if packets are missing
PATIENCE = 10.0         # not recovered by then: null
AFTER = 5.0             # how long a run goes on when traffic is back
# Milliseconds of the median, profile fast.
GOALS = {"nullroute": 500, "nullroute-border": 500, "link-down": 130, "bfd": 150, "session-kill": 0, "planned-move": 0,
         "fail-back": 0}


@dataclass(frozen=True)
class Run:
    """`outage_ms`: the longest silence of any stream; 0: no packet was lost; None: not recovered in time."""

    outage_ms: float | None
    lost_packets: int
    outages: int


def say(text: str):
    print(text, flush=True)


def arguments_of(words: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench failover", description="How long traffic stands still in a fault, and what is lost, on real "
        "packets through a small Internet that prefers the provider and the partner in turn.",
        epilog="\n".join(f"{case.name:16} {case.what}" for case in CASES.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="BIRD and FRR with BFD 50 ms x 3 as well")
    parser.add_argument("--runs", type=int, default=4, metavar="N", help="how often each, the preferences in turn (default: 4)")
    parser.add_argument("--profile", choices=("fast", "careful"), default="fast", help="detour's (default: fast)")
    parser.add_argument("--case", action="append", choices=CASES, help="this fault only; may be repeated")
    parser.add_argument("--subject", action="append", choices=SUBJECTS, help="this subject only; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    arguments = parser.parse_args(words)
    if arguments.runs < 1:
        parser.error("--runs wants at least 1")
    return arguments


def play(subject_type, case: Case, prefer: str, profile: str) -> Run:
    with Lab("failover") as lab:
        subject = subject_type(lab, prefer, profile)
        subject.start()
        if case.begins_away:
            subject.move_away()
            subject.wait_away()
        streams = streams_of(lab, subject.net)
        try:
            time.sleep(3)  # what detour's passive evidence compares with, and a quiet second
            struck_ns = time.monotonic_ns()
            case.strike(subject)
            recovered = wait_recovered(streams, struck_ns)
            return judge([stream.stop() for stream in streams], recovered, struck_ns)
        finally:
            for stream in streams:
                stream.abandon()


def streams_of(lab, net) -> list:
    outside, customer = net.nodes["outside"], net.nodes["customer"]
    made = []
    for host in internet.CUSTOMER_HOSTS["web"]:
        far = internet.OUTSIDE6 if ":" in host else internet.OUTSIDE4
        name = "v6" if ":" in host else "v4"
        made += [Stream(lab, f"{name}-in", outside, far, customer, host, rate=RATE, gap_ms=SHORTEST_GAP_MS),
                 Stream(lab, f"{name}-out", customer, host, outside, far, rate=RATE, gap_ms=SHORTEST_GAP_MS)]
    for stream in made:
        stream.wait_for_packets()
    return made


def wait_recovered(streams: list, struck_ns: int) -> bool:
    """Until every stream has run for AFTER seconds without a break, or PATIENCE is over."""
    end = struck_ns / 1e9 + PATIENCE
    counts, since = [stream.so_far()["received"] for stream in streams], None
    while True:
        time.sleep(0.4)
        now = [stream.so_far()["received"] for stream in streams]
        flows = all(after > before for before, after in zip(counts, now))
        counts = now
        if not flows:
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since >= AFTER:
            return True
        if since is None and time.monotonic() > end:
            return False


def judge(results: list, recovered: bool, struck_ns: int) -> Run:
    lost = sum(result.lost for result in results)
    outages = max(outages_of(result.holes) for result in results)
    longest = max((gap["ms"] for result in results if result.lost for gap in result.gaps if gap["to_ns"] > struck_ns),
                  default=0.0)
    return Run(None if not recovered else round(longest, 1) if lost else 0.0, lost, outages)


def outages_of(holes: list) -> int:
    """How often packets were lost, [first, last] each time: what is lost within a fifth of a second is one outage."""
    ends = [None] + [last for _, last in holes]
    return sum(end is None or first - end > RATE // 5 for end, (first, _) in zip(ends, holes))


def row_of(subject: str, case: str, runs: list) -> dict:
    times = [run.outage_ms for run in runs]
    # A run that did not recover is longer than any other.
    ordered = sorted(times, key=lambda time: float("inf") if time is None else time)
    middle = ordered[(len(ordered) - 1) // 2:len(ordered) // 2 + 1]
    median = None if None in middle else round(statistics.mean(middle), 1)
    return {"subject": subject, "case": case, "runs": len(runs), "outage_ms": {"median": median, "max": ordered[-1]},
            "lost_packets": sum(run.lost_packets for run in runs), "outages": sum(run.outages for run in runs)}


def milliseconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} ms"


def line_of(row: dict, profile: str) -> str:
    median, goal, verdict = row["outage_ms"]["median"], GOALS[row["case"]], ""
    if row["subject"] == "detour" and profile == "fast":
        verdict = f"  goal {goal} ms: {'met' if median is not None and median <= goal else 'missed'}"
    return (f"  {row['subject']:8} {row['case']:17} {row['runs']:>3}  {milliseconds(median):>9}  "
            f"{milliseconds(row['outage_ms']['max']):>9}  {row['lost_packets']:>7}  {row['outages']:>7}{verdict}")


def bench(arguments) -> dict:
    names = arguments.subject or (list(SUBJECTS) if arguments.peers else ["detour"])
    result = {"profile": arguments.profile, "packets_per_second": RATE, "results": []}
    say(f"profile {arguments.profile}, {RATE} packets/s each way in IPv4 and IPv6; a run takes about half a minute")
    say(f"  {'subject':8} {'case':17} runs    median        max     lost  outages")
    for case in [CASES[name] for name in arguments.case or CASES]:
        for name in names:
            subject = SUBJECTS[name]
            if not case.is_for_all and not subject.moves_on_command:
                continue
            runs = []
            for number in range(arguments.runs):
                prefer = ("provider", "partner")[number % 2]
                runs.append(play(subject, case, prefer, arguments.profile))
            result["results"].append(row_of(name, case.name, runs))
            say(line_of(result["results"][-1], arguments.profile))
            write(arguments, result)
    return result


def write(arguments, result: dict):
    """After each row: what was measured stays when a later one is interrupted."""
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as stream:
            json.dump(result, stream, indent=2)
            stream.write("\n")


def main(words: list) -> int:
    arguments = arguments_of(words)
    try:
        if not sandbox.is_inside():
            build.build(targets=PROGRAMS)
        sandbox.enter()
        bench(arguments)
    except (Failed, build.BuildFailed) as problem:
        sys.exit(f"bench: {problem}")
    except KeyboardInterrupt:
        print("interrupted; nothing is left behind")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
