"""The cost of importing each package and the peers: CPU milliseconds above an empty interpreter, fresh processes, medians.

python tests/benchmarks/imports.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STATEMENTS = {
    "an empty interpreter": "pass",
    "asgi_routing": "import asgi_routing",
    "asgi_middleware": "import asgi_middleware",
    "asgi_middleware.cors": "import asgi_middleware.cors",
    "asgi_requests": "import asgi_requests",
    "asgi_framework": "import asgi_framework",
    "asgi_framework, an application": "from asgi_framework import App, JSONResponse, Request, Route",
    "asgi_testclient": "import asgi_testclient",
    "asgi_testclient, TestClient": "from asgi_testclient import TestClient",
    "anyio": "import anyio",
    "httpx2": "import httpx2",
    "httpx": "import httpx",
    "starlette, an application": (
        "from starlette.applications import Starlette; from starlette.routing import Route; "
        "from starlette.requests import Request; from starlette.responses import JSONResponse"
    ),
    "starlette.testclient": "import starlette.testclient",
    "fastapi": "import fastapi",
    "litestar": "import litestar",
    "falcon.asgi": "import falcon.asgi",
    "blacksheep": "import blacksheep",
    "asgi_tools": "import asgi_tools",
    "quart": "import quart",
    "lilya": "from lilya.apps import Lilya",
}
MEASURED = """
import sys, time
before = set(sys.modules)
start = time.process_time()
{statement}
print((time.process_time() - start) * 1000, len(set(sys.modules) - before))
"""

# Installed packages are compiled, an editable checkout may not be: here all are, in a folder of their own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "asgi-benchmark-bytecode")
}


def once(statement: str) -> tuple[float, int] | None:
    """CPU milliseconds and new modules of one fresh process; None where the module is not installed."""
    command = [sys.executable, "-c", MEASURED.format(statement=statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode:
        return None
    milliseconds, modules = done.stdout.split()
    return float(milliseconds), int(modules)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    found = {name: once(statement) for name, statement in STATEMENTS.items()}
    figures: dict[str, list[float]] = {name: [] for name, first in found.items() if first}
    for _ in range(rounds):
        for name, milliseconds in figures.items():
            milliseconds.append(once(STATEMENTS[name])[0])
    print("| import | CPU ms | min..max | modules |\n|---|---:|---:|---:|")
    for name, milliseconds in figures.items():
        spread = f"{min(milliseconds):.1f}..{max(milliseconds):.1f}"
        print(f"| {name} | {statistics.median(milliseconds):.1f} | {spread} | {found[name][1]} |")
    medians = {name: statistics.median(milliseconds) for name, milliseconds in figures.items()}
    share = medians["asgi_framework, an application"] / medians["starlette, an application"]
    httpx = min(medians[name] for name in ("httpx2", "httpx") if name in medians)
    print(f"\nasgi_framework is {share:.2f} of Starlette's application import (goal: at most 0.5)")
    print(f"asgi_testclient is {medians['asgi_testclient, TestClient'] / httpx:.2f} of httpx (goal: at most 1.2)")


if __name__ == "__main__":
    main()
