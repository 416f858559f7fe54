"""The number of bytecode instructions that a request takes, compared with what was recorded: a slower path fails, on any machine.

    python tests/benchmarks/guard.py             fails where a path takes over 5 % more than recorded
    python tests/benchmarks/guard.py --record    writes what is now taken to guard.json

The counts are repeatable and know no clock. They are recorded for each minor version of Python, whose instructions
differ; a version without a record passes, with the command that makes one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1]))

from cases import CASES
from frameworks import ours
from worker import Client, checked

import asgi_framework
from asgi_framework.testclient import TestClient
from steps import Counter

RECORD = Path(__file__).with_name("guard.json")
VERSION = "{}.{}".format(*sys.version_info)
PATHS = [
    "plaintext",
    "json",
    "param",
    "inputs",
    "exc404",
    "routes10_405",
    "cors",
    "session",
    "form20",
    "static_304",
    "ws10",
]
COMMAND = "hatch run bench:guard-record"
TOLERANCE = 1.05


async def counted(call: Callable[[], Awaitable[None]]) -> int:
    """The instructions of a call: the least of some, as a thread may make the loop go round once more."""
    for _ in range(3):
        await call()
    counts = []
    for _ in range(5):
        with Counter(without=__file__) as counter:
            await call()
        counts.append(counter.count)
    return min(counts)


async def of_case(name: str) -> int:
    """The instructions of a case of the benchmark."""
    app = ours.application(name)
    exchange = CASES[name].exchanges()[0]
    await checked(app, exchange)
    client = Client(exchange)

    async def call() -> None:
        client.next = 0
        await app(client.scope.copy(), client.receive, client.send)

    return await counted(call)


def of_test_client() -> int:
    """The instructions that a GET takes within asgi_testclient; httpx's own are not ours to guard."""

    async def hello(request: object) -> asgi_framework.Response:
        return asgi_framework.PlainTextResponse("Hello, World!")

    counts = []
    counter = Counter("asgi_testclient", without=__file__)
    with counter, TestClient(asgi_framework.App(routes=[asgi_framework.Route("/", hello)])) as client:
        for _ in range(10):
            before = counter.count
            assert client.get("/").text == "Hello, World!"
            counts.append(counter.count - before)
    return min(counts[3:])


def measure() -> dict[str, int]:
    """Every path and what it takes now."""
    return {name: asyncio.run(of_case(name)) for name in PATHS} | {"testclient_get": of_test_client()}


def compare(now: dict[str, int], recorded: dict[str, int]) -> list[str]:
    """Print a table; what has grown, or was never recorded."""
    wrong = []
    print("| path | recorded | now | |\n|---|---:|---:|---:|")
    for name, count in now.items():
        before = recorded.get(name)
        print(f"| {name} | {before or '–'} | {count} | {f'{count / before - 1:+.1%}' if before else '–'} |")
        if before is None or count > before * TOLERANCE:
            wrong.append(name)
    return wrong


def main() -> None:
    """Compare, or record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true", help="write what is now taken to guard.json")
    options = parser.parse_args()
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    now = measure()
    if options.record:
        records[VERSION] = now
        RECORD.write_text(json.dumps(records, indent=2, sort_keys=True) + "\n")
        print(f"recorded for Python {VERSION}: {now}")
    elif VERSION not in records:
        print(f"nothing is recorded for Python {VERSION}: {COMMAND}")
    elif wrong := compare(now, records[VERSION]):
        sys.exit(f"over 5 % more instructions than recorded: {', '.join(wrong)}. If that is meant: {COMMAND}")


if __name__ == "__main__":
    main()
