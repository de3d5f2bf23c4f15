# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The body of tools/bench fastpath: who is timed with what, round by round, and what is said of it."""

import argparse
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from lab import build, sandbox  # noqa: E402  (the path comes first)
from lab.fastpath import footprint, hugepages, measure, ovs, subjects  # noqa: E402
from lab.fastpath.cases import CASES, Job  # noqa: E402
from lab.process import Failed  # noqa: E402
from lab.topology import Lab  # noqa: E402

PROGRAMS = ("detour", "detourd", "detour-dataplane")
# (case, routes) of a whole run.
JOBS = [(case, routes) for case in ("forward", "encap", "decap", "encap-policy", "forward-v6", "encap-v6", "decap-v6")
        for routes in (1, 10_000)] + \
       [(case, 10_000) for case in ("encap-1000-tunnels", "decap-1000-tunnels")] + \
       [(case, 1_000_000) for case in ("forward", "encap")]
# TSC cycles a packet as a ratio to testpmd io, 10,000 routes.
GOALS = {"forward": 1.7, "encap": 1.8, "decap": 1.7, "encap-policy": 2.0}
PUBLISHED = "VPP on an AMD Zen 5 at 2596 MHz, 10,000 routes: forward 2.6, encap 3.95, decap 3.47 times testpmd io"


def arguments_of(words: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench fastpath", description="Cycles a packet of detour's fast path, beside testpmd on the same core.")
    parser.add_argument("--peers", action="store_true", help="testpmd macswap and Open vSwitch with DPDK as well")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often each is timed, in turns (default: 7)")
    parser.add_argument("--seconds", type=float, default=0.5, metavar="S", help="how long each time (default: 0.5)")
    parser.add_argument("--case", action="append", choices=CASES, help="this case only; may be repeated")
    parser.add_argument("--routes", action="append", type=int, metavar="N", help="with so many routes only")
    parser.add_argument("--only", choices=("packets", "footprint"),
                        help="only the cycles a packet, or only nexthop flips and memory")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    arguments = parser.parse_args(words)
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("--rounds wants at least 1, --seconds more than nothing")
    return arguments


def jobs_of(arguments) -> list:
    if arguments.case and arguments.routes:
        chosen = [(case, routes) for case in arguments.case for routes in arguments.routes]
    else:
        chosen = [(case, routes) for case, routes in JOBS
                  if case in (arguments.case or CASES) and routes in (arguments.routes or (1, 10_000, 1_000_000))]
    for case, routes in chosen:
        if CASES[case].tunnel_count > routes or not 1 <= routes <= 8_000_000:
            raise Failed(f"{case} cannot be with {routes} routes")
    return [Job(CASES[case], routes) for case, routes in chosen]


class Contest:
    """One job, all subjects, all rounds."""

    def __init__(self, lab, job: Job, kinds: list, pollers):
        self.job, self.pollers = job, pollers
        self.hertz = measure.tsc_hertz()
        capture = lab.path(f"{job.case.name}-{job.routes}.pcap")
        job.write_capture(capture)
        self.subjects = [kind(lab, job, capture) for kind in kinds]
        self.times = {subject.name: [] for subject in self.subjects}

    def play(self, rounds: int, seconds: float):
        ready = []
        try:
            for subject in self.subjects:
                wrong = subject.verify()
                if wrong:
                    say(f"  {subject.name} has no row: {wrong}")
                    continue
                subject.start()
                ready.append(subject)
            for _ in range(rounds):
                self.refuse_company()
                for subject in list(ready):
                    if not self.take_time(subject, seconds):
                        ready.remove(subject)
        finally:
            for subject in self.subjects:
                subject.end()

    def refuse_company(self):
        others = self.pollers.find()
        if others:
            raise Failed("another program polls on this machine and would be measured too: " + ", ".join(others))

    def take_time(self, subject, seconds: float) -> bool:
        window = measure.window(subject, seconds)
        if window.packets == 0 or abs(window.lost) > 0.001 * window.packets:
            say(f"  {subject.name} has no row: it lost {window.lost} of {window.packets} packets; {subject.complaints()}")
            self.times[subject.name] = []
            return False
        self.times[subject.name].append(self.hertz * window.seconds / window.packets)
        return True

    def rows(self) -> list:
        base = self.times.get("testpmd-io", [])
        rows = []
        for subject in self.subjects:
            times = self.times[subject.name]
            if not times:
                continue
            ratios = [time / io for time, io in zip(times, base)]
            median = statistics.median(times)
            rows.append({
                "subject": subject.name, "case": self.job.case.name, "routes": self.job.routes,
                "frame_bytes": self.job.case.frame_bytes,
                "cycles_per_packet": {"min": round(min(times), 1), "median": round(median, 1), "max": round(max(times), 1)},
                "mpps": round(self.hertz / median / 1e6, 2),
                "ratio_to_testpmd_io": round(statistics.median(ratios), 2) if ratios else None})
        return rows


def say(text: str):
    print(text, flush=True)


def line_of(row: dict) -> str:
    cycles, goal = row["cycles_per_packet"], GOALS.get(row["case"])
    ratio = row["ratio_to_testpmd_io"]
    is_judged = row["subject"] == "detour" and goal and ratio and row["routes"] == 10_000
    verdict = f"  goal {goal}: {'met' if ratio <= goal else 'missed'}" if is_judged else ""
    return (f"  {row['subject']:16} {row['case']:19} {row['routes']:>8}  {cycles['median']:6.1f}  "
            f"{cycles['min']:6.1f} - {cycles['max']:6.1f}  {row['mpps']:6.1f}  {ratio if ratio is not None else '-':>5}{verdict}")


def bench(arguments, pollers) -> dict:
    result = {"rounds": arguments.rounds, "hugepages": hugepages.free_megabytes() >= subjects.MEGABYTES, "results": []}
    kinds = [subjects.Detour, subjects.TestpmdIo] + ([subjects.TestpmdMacswap, ovs.OvsDpdk] if arguments.peers else [])
    jobs = jobs_of(arguments)
    pages = "hugepages" if hugepages.free_megabytes() >= subjects.MEGABYTES else "no hugepages"
    say(f"TSC {measure.tsc_hertz() / 1e6:.0f} MHz, worker on core {subjects.WORKER_CORE}, {pages}, {arguments.rounds} rounds "
        f"of {arguments.seconds:g} s each; published: {PUBLISHED}")
    say(f"  {'subject':16} {'case':19} {'routes':>8}  cycles     min -    max    Mpps  ratio")
    with Lab("bench") as lab:
        for job in jobs if arguments.only != "footprint" else []:
            contest = Contest(lab, job, [kind for kind in kinds if kind.can_do(job)], pollers)
            contest.play(arguments.rounds, arguments.seconds)
            for row in contest.rows():
                say(line_of(row))
                result["results"].append(row)
        if arguments.only != "packets":
            result.update(footprint.measure(lab, say))
    return result


def main(words: list) -> int:
    arguments = arguments_of(words)
    pollers = measure.Pollers()
    try:
        subjects.choose_cores()
        build.build(targets=PROGRAMS)
        sandbox.enter()
        with hugepages.Reserved():
            result = bench(arguments, pollers)
    except (Failed, build.BuildFailed) as problem:
        sys.exit(f"bench: {problem}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as stream:
            json.dump(result, stream, indent=2)
            stream.write("\n")
    wanted = {(job.case.name, job.routes) for job in jobs_of(arguments)} if arguments.only != "footprint" else set()
    got = {(row["case"], row["routes"]) for row in result["results"] if row["subject"] == "detour"}
    return 0 if wanted == got else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
