"""How much memory a server holds for each client that asks for a file and does not read it.

    python tests/benchmarks/slow_readers.py [--clients 1000] [--size 8388608]

The figures are kilobytes of resident memory of a uvicorn process for each client: while they all wait, and after they
have left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sockets import free_port

HERE = Path(__file__).parent
LIMIT_KB = 200


@contextlib.contextmanager
def serving(framework: str, file: str, port: int) -> Iterator[int]:
    """Run uvicorn with the file response of a framework, and give its process id."""
    command = [sys.executable, "-m", "uvicorn", f"slow_readers_app:{framework}", "--port", str(port)]
    command += ["--log-level", "error", "--http", "httptools", "--lifespan", "off"]
    server = subprocess.Popen(command, cwd=HERE, env={**os.environ, "SLOW_READERS_FILE": file})
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nrange: bytes=0-9\r\n\r\n")
                client.recv(1000)
                break
            time.sleep(0.05)
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process in kilobytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"no VmRSS for process {pid}")


def settled_kb(pid: int) -> int:
    """Return the resident memory once it has not changed by more than a hundredth for a second."""
    last, since = resident_kb(pid), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.1)
        now = resident_kb(pid)
        if abs(now - last) > last / 100:
            last, since = now, time.monotonic()
    return resident_kb(pid)


def measure(framework: str, clients: int, size: int) -> tuple[float, float]:
    """Return the kilobytes for each client while all of them wait, and after they have left."""
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(size)
        port = free_port()
        with serving(framework, file.name, port) as pid:
            before = settled_kb(pid)
            with contextlib.ExitStack() as waiting:
                for _ in range(clients):
                    client = waiting.enter_context(socket.create_connection(("127.0.0.1", port)))
                    client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
                held = settled_kb(pid)
            return (held - before) / clients, (settled_kb(pid) - before) / clients


def print_table(clients: int = 1000, size: int = 8 << 20) -> bool:
    """Print ours beside Starlette's, and return whether ours is within the limit."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(files, 3 * clients), most), most))
    print(f"\n{clients} clients that do not read a file of {size} bytes, KB of memory for each\n")
    print("| framework | held | not given back |\n|---|---:|---:|")
    figures = {framework: measure(framework, clients, size) for framework in ("ours", "starlette")}
    for framework, (held, kept) in figures.items():
        print(f"| {framework} | {held:.0f} | {kept:.0f} |", flush=True)
    return figures["ours"][0] <= LIMIT_KB


def main() -> None:
    """Measure by the command line's options; fail where a client costs more than the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--size", type=int, default=8 << 20)
    options = parser.parse_args()
    if not print_table(options.clients, options.size):
        sys.exit(f"a slow reader holds more than {LIMIT_KB} KB")


if __name__ == "__main__":
    main()
