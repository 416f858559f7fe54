"""Servers in processes of their own, for measurements over loopback, and the memory that they hold."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
SERVERS = {
    "uvicorn": "uvicorn {app} --port {port} --loop uvloop --http httptools --no-access-log --log-level error",
    "granian": "granian --interface asgi {app} --port {port} --workers 1 --loop uvloop --no-log",
}
PATIENCE_S = 10.0


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def words_of(server: str, app: str, port: int) -> list[str]:
    """Return the words after `python -m` that start a server of a kind."""
    return SERVERS[server].format(app=app, port=port).split()


def start(*words: str, **environment: str) -> subprocess.Popen[bytes]:
    """Run `python -m WORD ...` in the folder of the benchmarks."""
    return subprocess.Popen([sys.executable, "-m", *words], cwd=HERE, env={**os.environ, **environment})


def listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a process listens on a port; return False if it has stopped, or takes too long."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        time.sleep(0.05)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(*words: str, port: int, **environment: str) -> Iterator[int]:
    """Run `python -m WORD ...`, and give its process id once it listens on the port."""
    process = start(*words, **environment)
    try:
        if not listens(process, port):
            raise RuntimeError(f"{words[0]} does not listen on port {port}")
        yield process.pid
    finally:
        stop(process)


def allow_files(count: int) -> None:
    """Raise the limit of open files of this process, and of those that it starts, if the system allows it."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(files, count), most), most))


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
