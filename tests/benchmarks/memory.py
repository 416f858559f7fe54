"""The memory that requests leave behind, path by path, and that a client holds that does not read.

    python tests/benchmarks/memory.py [--requests 100000]

The figures are blocks and garbage-collected objects per 1,000 requests, and the cycles that a request leaves, measured
with the collector off. A leak is a figure that is not about 0. The second table is that of slow_readers.py.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from typing import Any

from cases import CASES
from slow_readers import LIMIT_KB, print_table
from worker import Client, application, checked

NAMES = ["plaintext", "json", "param", "exc404", "inputs", "routes1000_miss", "routes1000_405", "cors", "session"]


async def send_many(app: Any, clients: list[Client], count: int) -> None:
    """Send requests, one after the other."""
    for i in range(count):
        client = clients[i % len(clients)]
        client.next = 0
        await app(client.scope.copy(), client.receive, client.send)


async def growth(framework: str, case: str, count: int) -> tuple[float, float, int]:
    """Blocks and objects per 1,000 requests, and the unreachable objects that 1,000 requests leave."""
    app = await application(framework, case)
    exchanges = CASES[case].exchanges()
    for exchange in exchanges:
        await checked(app, exchange)
    clients = [Client(exchange) for exchange in exchanges]
    await send_many(app, clients, 2000)
    gc.collect()
    gc.disable()
    await send_many(app, clients, 1000)
    cycles = gc.collect()
    gc.enable()
    blocks, objects = sys.getallocatedblocks(), len(gc.get_objects())
    await send_many(app, clients, count)
    gc.collect()
    grown = sys.getallocatedblocks() - blocks, len(gc.get_objects()) - objects
    return grown[0] / count * 1000, grown[1] / count * 1000, cycles


def main() -> None:
    """Print a table; fail where there is growth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--framework", default="ours")
    options = parser.parse_args()
    grows = []
    print(f"After {options.requests} requests, per 1,000\n")
    print("| case | blocks | objects | unreachable |\n|---|---:|---:|---:|")
    for name in NAMES:
        blocks, objects, cycles = asyncio.run(growth(options.framework, name, options.requests))
        print(f"| {name} | {blocks:.2f} | {objects:.2f} | {cycles} |", flush=True)
        if blocks > 5 or objects > 1 or cycles > 10:
            grows.append(name)
    is_frugal = print_table()
    if grows:
        sys.exit(f"memory grows: {', '.join(grows)}")
    if not is_frugal:
        sys.exit(f"a slow reader holds more than {LIMIT_KB} KB")


if __name__ == "__main__":
    main()
