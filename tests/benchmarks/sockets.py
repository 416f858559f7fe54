"""Requests over loopback under uvicorn (uvloop, httptools) and granian, one worker: per second, and what each costs.

    python tests/benchmarks/sockets.py [--seconds 1] [--rounds 8] [--servers uvicorn,granian] [--cases plaintext,json]

The load comes from wrk where it is installed, otherwise from a small loader of our own with 64 connections. All servers
of a row run at once and are measured in turn; the better quartile of the rounds. The CPU time of the server per request
(Linux) tells more than requests per second where the machine has other work.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import CASES
from run import FRAMEWORKS

from serving import free_port, listens, start, stop, words_of

CONNECTIONS = 64
WITHOUT_WEBSOCKETS = {"granian": ["--no-ws"]}


class Server:
    """A server process for one framework."""

    def __init__(self, server: str, framework: str, case: str) -> None:
        self.port = free_port()
        exchange = CASES[case].exchanges()[0]
        self.method, self.path, self.status = exchange.scope["method"], exchange.scope["path"], exchange.status
        self.figures: list[tuple[float, float]] = []
        words = [*words_of(server, "sockets_app:app", self.port), *WITHOUT_WEBSOCKETS.get(server, ())]
        self.process = start(*words, ASGI_BENCHMARK=f"{framework}/{case}")

    def answers(self) -> bool:
        """Wait until the server listens, and return whether it answers as the case asks."""
        if not listens(self.process, self.port):
            return False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request(self.method, self.path, self.port))
            return connection.recv(4096).startswith(b"HTTP/1.1 %d" % self.status)
        return False

    def load(self, seconds: float) -> None:
        """Measure requests per second, and the CPU microseconds that the server spends on each."""
        before = cpu_seconds(self.process.pid)
        if wrk := shutil.which("wrk"):
            url = f"http://127.0.0.1:{self.port}{self.path}"
            with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
                script.write(f'wrk.method = "{self.method}"\n')
                script.flush()
                command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(round(seconds), 1)}s", "-s", script.name, url]
                printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert ("Non-2xx" in printed) == (self.status >= 400), printed
            rate = float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])
            count = int(re.search(r"(\d+) requests in", printed)[1])
        else:
            rate, count = asyncio.run(own_load(self.method, self.path, self.port, seconds))
        self.figures.append((rate, (cpu_seconds(self.process.pid) - before) / max(count, 1) * 1e6))


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process and its children."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if str(pid) in (path.parent.name, fields[1]):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def request(method: str, path: str, port: int) -> bytes:
    """Return one request without a body."""
    return f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode()


async def own_load(method: str, path: str, port: int, seconds: float) -> tuple[float, int]:
    """Requests per second, and their number, of connections that each ask again when they are answered."""
    count = 0
    end = time.perf_counter() + seconds

    async def ask() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            writer.write(request(method, path, port))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"(?i)content-length: *(\d+)", head)[1]))
            count += 1
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return count / (time.perf_counter() - start), count


def row(server: str, case: str, frameworks: list[str], rounds: int, seconds: float) -> dict[str, tuple[float, float]]:
    """The medians of each framework."""
    servers = {name: Server(server, name, case) for name in frameworks}
    try:
        ready = {name: one for name, one in servers.items() if one.answers()}
        for name in servers.keys() - ready.keys():
            print(f"{server}, {case}: {name} does not answer", file=sys.stderr)
        for one in ready.values():
            one.load(1)
            one.figures.clear()
        for turn in range(rounds):
            order = list(ready.values())
            for i in range(len(order)):
                order[(i + turn) % len(order)].load(seconds)
    finally:
        for one in servers.values():
            stop(one.process)
    return {
        name: (better_quartile([-rate for rate, _ in one.figures]) * -1, better_quartile([c for _, c in one.figures]))
        for name, one in ready.items()
    }


def better_quartile(values: list[float]) -> float:
    """The lower quartile: what else a machine does only ever adds."""
    return sorted(values)[len(values) // 4]


def cell(rate: float, cost: float, bare_rate: float, bare_cost: float) -> str:
    """The figures of one framework."""
    return f"{rate / 1000:.1f}k, {rate / bare_rate:.0%}; {cost:.1f} us, {bare_cost / cost:.0%}"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--servers", default="uvicorn,granian")
    parser.add_argument("--cases", default="plaintext,json,param")
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS))
    options = parser.parse_args()
    frameworks = options.frameworks.split(",")
    print(
        "Requests per second and share of bare ASGI; CPU microseconds of the server per request and bare ASGI's share\n"
    )
    print("| | " + " | ".join(frameworks) + " |\n|---|" + "---:|" * len(frameworks))
    for server in options.servers.split(","):
        for case in options.cases.split(","):
            found = row(server, case, frameworks, options.rounds, options.seconds)
            cells = ["–" if name not in found else cell(*found[name], *found["bare"]) for name in frameworks]
            print(f"| {server} / {case} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
