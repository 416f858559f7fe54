"""Measure ourselves, bare ASGI and the peers in one run, and print Markdown tables.

    python tests/benchmarks/run.py [--quick] [--cases plaintext,json] [--frameworks bare,ours,starlette] [--record]

Each framework lives in a process of its own, fresh for each case and again for each generation: two processes of one
program may differ by some percent for as long as they live. The rounds are interleaved and the order of the frameworks
is rotated, the figure is the median over all rounds: microseconds of CPU time per request, the ratio to bare ASGI, and
our ratio to each peer. Absolute figures drift from machine to machine, ratios within one run hold.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

import goals
import history
from cases import CASES

HERE = Path(__file__).parent
FRAMEWORKS = [
    "bare",
    "ours",
    "starlette",
    "fastapi",
    "litestar",
    "falcon",
    "blacksheep",
    "asgi_tools",
    "quart",
    "lilya",
    "laminite",
    "fasterapi",
    "wred",
]


class Worker:
    """The process of one framework and one case; it is not `ready` where the framework has no such thing."""

    def __init__(self, framework: str, case: str) -> None:
        self.name = framework
        self.figures: list[float] = []
        self.ready = False
        self.failed = ""
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), framework, case],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> None:
        """Wait until the application is built and its answers are checked."""
        answer = self.process.stdout.readline().strip()
        self.ready = answer == "ready"
        if answer not in ("ready", "none"):
            self.failed = self.process.stderr.read().strip().rpartition("\n")[2]

    def measure(self, seconds: float) -> None:
        """Measure one batch."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.figures.append(float(self.process.stdout.readline()))

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def measure(case: str, frameworks: list[str], rounds: list[int], seconds: float) -> dict[str, float]:
    """The median of each framework that has the case, over so many rounds in each generation of processes."""
    figures: dict[str, list[float]] = {}
    for count in rounds:
        workers = [Worker(framework, case) for framework in frameworks]
        for worker in workers:
            worker.wait()
            if worker.failed:
                print(f"{case}: {worker.name} failed: {worker.failed}", file=sys.stderr)
        ready = [worker for worker in workers if worker.ready]
        for turn in range(count):
            for i in range(len(ready)):
                ready[(i + turn) % len(ready)].measure(seconds)
        for worker in workers:
            worker.stop()
            figures.setdefault(worker.name, []).extend(worker.figures)
        frameworks = [worker.name for worker in ready]
    return {name: statistics.median(values) for name, values in figures.items() if values}


def cell(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else f"{value:{form}}"


def table(figures: dict[str, dict[str, float]], frameworks: list[str]) -> None:
    print("\nMicroseconds of CPU time per request\n")
    print("| case | " + " | ".join(frameworks) + " |")
    print("|---|" + "---:|" * len(frameworks))
    for case, row in figures.items():
        print(f"| {case} – {CASES[case].title} | " + " | ".join(cell(row.get(name)) for name in frameworks) + " |")
    if "ours" in frameworks:
        others = [name for name in frameworks if name != "ours"]
        print("\nOurs as a share of theirs (below 1 we are faster)\n")
        print("| case | " + " | ".join(others) + " |")
        print("|---|" + "---:|" * len(others))
        for case, row in figures.items():
            ours = row.get("ours")
            ratios = [None if ours is None or name not in row else ours / row[name] for name in others]
            print(f"| {case} | " + " | ".join(cell(ratio, ".3g") for ratio in ratios) + " |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="the main cases, fewer rounds: under two minutes")
    parser.add_argument("--cases")
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS))
    parser.add_argument("--rounds", type=int, help="in each generation of processes")
    parser.add_argument("--generations", type=int)
    parser.add_argument("--record", action="store_true", help="keep the figures in tests/benchmarks/history")
    options = parser.parse_args()
    frameworks = options.frameworks.split(",")
    names = (
        options.cases.split(",") if options.cases else [c.name for c in CASES.values() if c.quick or not options.quick]
    )
    rounds = [options.rounds or 3] * (options.generations or (1 if options.quick else 3))
    figures = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures[name] = measure(name, frameworks, rounds, 0.06 if options.quick else 0.12)
    table(figures, frameworks)
    goals.table(figures)
    if options.record:
        print(f"\nrecorded in {history.record(figures, frameworks)}")


if __name__ == "__main__":
    main()
