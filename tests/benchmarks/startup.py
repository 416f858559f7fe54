"""The cost of an application of 1,000 routes before and at its first request, and the memory it holds.

    python tests/benchmarks/startup.py [--rounds 7]

Each framework and round is a fresh process: building, lifespan and first request in CPU milliseconds, and the growth of
the resident memory over that of the imported framework.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import inspect
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cases import CASES, routed, table
from run import FRAMEWORKS
from worker import Client, checked

CASE = "routes1000_last"


def resident() -> float:
    """The resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def lifespan(app: Any) -> float:
    """CPU milliseconds until the start-up is complete; 0 where the application knows no lifespan."""
    reported: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    messages = [{"type": "lifespan.startup"}]

    async def receive() -> dict:
        return messages.pop() if messages else await asyncio.get_running_loop().create_future()

    async def send(message: dict) -> None:
        reported.set_result(None)

    start = time.process_time()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, receive, send))
    await asyncio.wait([task, reported], return_when=asyncio.FIRST_COMPLETED)
    elapsed = (time.process_time() - start) * 1000
    if not reported.done():
        reported.cancel()
        task.exception()
    return elapsed


async def once(framework: str) -> None:
    """Print build, lifespan and first request in milliseconds, and MB."""
    module = importlib.import_module(f"frameworks.{framework}")
    small = module.application("plaintext")
    small = await small if inspect.isawaitable(small) else small
    await checked(small, CASES["plaintext"].exchanges()[0])
    gc.collect()
    memory = resident()
    start = time.process_time()
    app = module.application(CASE)
    if inspect.isawaitable(app):
        app = await app
    build = (time.process_time() - start) * 1000
    started = 0.0 if framework == "bare" else await lifespan(app)
    exchange = routed(table(1000)[-1])
    client = Client(exchange)
    start = time.process_time()
    await app(dict(exchange.scope), client.receive, client.send)
    first = (time.process_time() - start) * 1000
    gc.collect()
    print(build, started, first, resident() - memory)
    sys.stdout.flush()


def main() -> None:
    """Print a table, or the figures of one framework."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one")
    options = parser.parse_args()
    if options.one:
        return asyncio.run(once(options.one))
    figures: dict[str, list[list[float]]] = {name: [] for name in FRAMEWORKS}
    for _ in range(options.rounds):
        for name, rows in figures.items():
            command = [sys.executable, __file__, "--one", name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: {done.stderr.strip().rpartition(chr(10))[2]}", file=sys.stderr)
            else:
                rows.append([float(word) for word in done.stdout.splitlines()[-1].split()])
    print("| framework | build ms | lifespan ms | first request ms | total ms | MB |\n|---|---:|---:|---:|---:|---:|")
    totals = {}
    for name, rows in figures.items():
        if rows:
            build, started, first, memory = (statistics.median(column) for column in zip(*rows, strict=True))
            totals[name] = statistics.median(sum(row[:3]) for row in rows), memory
            print(f"| {name} | {build:.1f} | {started:.1f} | {first:.2f} | {totals[name][0]:.1f} | {memory:.1f} |")
    (ours, memory), (theirs, their_memory) = totals["ours"], totals["starlette"]
    print(f"\nours is {ours / theirs:.2f} of Starlette's time (goal: at most 0.6), ", end="")
    print(f"{memory / their_memory:.2f} of its memory (goal: at most 1)")
    return None


if __name__ == "__main__":
    main()
