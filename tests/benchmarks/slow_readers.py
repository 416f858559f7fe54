"""The memory that a server holds for each client that asks for a file, or for events, and does not read.

    python tests/benchmarks/slow_readers.py [--clients 1000] [--size 8388608]

The figures are kilobytes of resident memory of a uvicorn process for each client: while they all wait, after they have
left, after the C library was asked to hand freed pages back to the system (malloc_trim), and while as many others wait
again. What is freed and kept by the allocator shows as a third figure near 0 and a fourth like the first; a leak as a
third that stays and a fourth that grows.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
import tempfile
from collections.abc import Iterator

from serving import allow_files, free_port, serving, settled_kb

LIMIT_KB = 200


@contextlib.contextmanager
def serving_files(framework: str, file: str, port: int) -> Iterator[int]:
    """Run uvicorn with the file response of a framework, and give its process id."""
    words = ["uvicorn", f"slow_readers_app:{framework}", "--port", str(port)]
    words += ["--log-level", "error", "--http", "httptools", "--lifespan", "off"]
    with serving(*words, port=port, SLOW_READERS_FILE=file) as pid:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nrange: bytes=0-9\r\n\r\n")
            head = client.recv(1000)
        if not head.startswith(b"HTTP/1.1 " + (b"200" if framework == "events" else b"206")):
            raise RuntimeError(f"{framework} does not serve: {head.decode('latin-1')}")
        yield pid


def held_kb(pid: int, port: int, clients: int) -> int:
    """Return the resident memory while so many clients wait that have asked and do not read."""
    with contextlib.ExitStack() as waiting:
        for _ in range(clients):
            client = waiting.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        return settled_kb(pid)


def trim(port: int) -> None:
    """Have the server give pages that are free back to the system."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /trim HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        while client.recv(1000):
            pass


def measure(framework: str, clients: int, size: int) -> list[float]:
    """Return the kilobytes for each client: while they wait, once they have left, trimmed, and with others waiting."""
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(size)
        port = free_port()
        with serving_files(framework, file.name, port) as pid:
            before = settled_kb(pid)
            figures = [held_kb(pid, port, clients), settled_kb(pid)]
            trim(port)
            figures += [settled_kb(pid), held_kb(pid, port, clients)]
            return [(figure - before) / clients for figure in figures]


def measure_events(clients: int) -> list[float]:
    """Return the kilobytes for each client that waits for events: before there are any, and behind by 5,000 of 1 KiB."""
    port = free_port()
    with serving_files("events", "", port) as pid, contextlib.ExitStack() as waiting:
        before = settled_kb(pid)
        for _ in range(clients):
            client = waiting.enter_context(socket.socket())
            # Otherwise the system keeps the events for those who do not read.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        connected = settled_kb(pid)
        with socket.create_connection(("127.0.0.1", port)) as publisher:
            publisher.sendall(b"GET /publish HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            reply = b"".join(iter(lambda: publisher.recv(1000), b""))
        if not reply.endswith(b"\r\n\r\n%d" % clients):
            raise RuntimeError(f"not {clients} subscribers: {reply.decode('latin-1')}")
        return [(figure - before) / clients for figure in (connected, settled_kb(pid))]


def print_events(clients: int = 1000) -> bool:
    """Print what readers of events cost, and return whether it is within the limit."""
    idle, behind = measure_events(clients)
    print(f"\n{clients} clients of an event stream, KB of memory for each\n")
    print(
        f"| there are no events | 5,000 events of 1 KiB that it does not read |\n|---:|---:|\n| {idle:.0f} | {behind:.0f} |"
    )
    return behind <= LIMIT_KB


def print_table(clients: int = 1000, size: int = 8 << 20) -> bool:
    """Print ours beside Starlette's, and return whether ours is within the limit."""
    allow_files(3 * clients)
    print(f"\n{clients} clients that do not read a file of {size} bytes, KB of memory for each\n")
    print("| framework | held | left behind | after malloc_trim | held again |\n|---|---:|---:|---:|---:|")
    figures = {framework: measure(framework, clients, size) for framework in ("ours", "starlette")}
    for framework, row in figures.items():
        print(f"| {framework} | {' | '.join(f'{figure:.0f}' for figure in row)} |", flush=True)
    return print_events(clients) and figures["ours"][0] <= LIMIT_KB


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
