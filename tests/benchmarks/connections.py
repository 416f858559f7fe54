"""The memory that an open WebSocket and an open event stream cost a server, ours beside bare ASGI and Starlette.

    python tests/benchmarks/connections.py [--connections 1000] [--rounds 3] [--servers uvicorn,granian]

The figures are kilobytes of resident memory of the server's process for each connection, by the least of the rounds: a
WebSocket that has echoed one message, and a stream whose head has arrived. Each round starts a server of its own.
Fails where ours costs more than bare ASGI's plus 3 KiB.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from serving import allow_files, free_port, resident_kb, serving, settled_kb, words_of

MOST_ADDED_KB = 3.0
FRAMEWORKS = ("bare", "ours", "starlette")
MASK = b"\0\0\0\0"
HELLO = bytes([0x81, 0x80 | 5]) + MASK + b"hello"


def worker_of(pid: int) -> int:
    """Return the child with the most memory, or the process itself: granian serves from a child."""
    children = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if path.read_text().rpartition(")")[2].split()[1] == str(pid):
                children.append(int(path.parent.name))
    return max(children or [pid], key=resident_kb)


def connected(port: int) -> socket.socket:
    """Return a connection that gives up after ten seconds."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_until(client: socket.socket, end: bytes) -> bytes:
    """Return what arrives up to and with some bytes."""
    data = b""
    while end not in data:
        chunk = client.recv(4096)
        if not chunk:
            raise OSError(f"the connection ended before {end!r}: {data!r}")
        data += chunk
    return data


def open_websocket(port: int) -> socket.socket:
    """Return a WebSocket that has echoed a message."""
    client = connected(port)
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n".encode()
    )
    if b" 101 " not in (head := read_until(client, b"\r\n\r\n")):
        raise OSError(f"not a WebSocket: {head!r}")
    client.sendall(HELLO)
    read_until(client, b"hello")
    return client


def open_stream(port: int) -> socket.socket:
    """Return an event stream whose head has arrived."""
    client = connected(port)
    client.sendall(f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
    if b" 200 " not in (head := read_until(client, b"\r\n\r\n")):
        raise OSError(f"not a stream: {head!r}")
    return client


KINDS: dict[str, Callable[[int], socket.socket]] = {"WebSocket": open_websocket, "event stream": open_stream}


def measure(server: str, framework: str, kind: str, connections: int) -> float:
    """Return the kilobytes of one connection."""
    port = free_port()
    words = words_of(server, "connections_app:app", port)
    with serving(*words, port=port, ASGI_BENCHMARK=framework) as process, contextlib.ExitStack() as held:
        # What the first connections load and allocate once is not theirs.
        for _ in range(20):
            held.enter_context(KINDS[kind](port))
        pid = worker_of(process)
        before = settled_kb(pid)
        for _ in range(connections):
            held.enter_context(KINDS[kind](port))
        return (settled_kb(pid) - before) / connections


def main() -> None:
    """Print a table; fail where a connection of ours costs more than the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", default="uvicorn,granian")
    options = parser.parse_args()
    allow_files(3 * options.connections)
    print(f"{options.connections} open connections, KB of memory for each\n")
    print("| server, kind | " + " | ".join(FRAMEWORKS) + " | ours less bare |\n|---|" + "---:|" * (len(FRAMEWORKS) + 1))
    dear = []
    for server in options.servers.split(","):
        for kind in KINDS:
            row = {
                name: min(measure(server, name, kind, options.connections) for _ in range(options.rounds))
                for name in FRAMEWORKS
            }
            added = row["ours"] - row["bare"]
            cells = " | ".join(f"{row[name]:.1f}" for name in FRAMEWORKS)
            print(f"| {server}, {kind} | {cells} | {added:.1f} |", flush=True)
            if added > MOST_ADDED_KB:
                dear.append(f"{server}, {kind}: {added:.1f} KB more than bare ASGI")
    if dear:
        sys.exit("\n".join(dear))


if __name__ == "__main__":
    main()
