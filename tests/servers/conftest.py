"""Real servers on free loopback ports: started by the test that asks for one, stopped when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "packages" / "asgi-framework" / "examples"


class Server:
    """A server process; `output` is what it printed, whole once it has stopped."""

    def __init__(self, command: list[str], port: int, log: Path, **environment: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_it_listens(self, attempts: int = 600) -> None:
        for _ in range(attempts):
            if self.process.poll() is not None:
                pytest.fail(f"the server stopped with {self.process.returncode}:\n{self.output}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        pytest.fail(f"the server does not listen:\n{self.output}")

    def stop(self, signum: int = signal.SIGINT) -> int:
        """Ask the server to stop and wait for it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            return self.process.wait(15)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    """start(command, port): a listening Server; every one is stopped at the end of the test."""
    servers: list[Server] = []

    def start(*command: object, port: int, wait: bool = True, **environment: str) -> Server:
        words = [sys.executable, *map(str, command)]
        server = Server(words, port, tmp_path / f"server{len(servers)}.log", **environment)
        servers.append(server)
        if wait:
            server.wait_until_it_listens()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def examples() -> Path:
    return EXAMPLES
