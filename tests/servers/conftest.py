"""Real servers on free loopback ports, and a client that speaks HTTP/1.1 byte by byte.

`server` is every kind of server in turn, with site_probe.py on it, started once a session; `pinned` the same with
the pinboard; `start` starts one for a test that will stop it. A server that is not installed is a skip that says
how to install it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import devtools

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "packages" / "asgi-framework" / "examples"
PATIENCE = 60  # seconds that anything may take on a busy machine; nothing is ever expected to need them
KINDS = {
    "uvicorn-h11": ("uvicorn", "--http h11 --ws wsproto --loop asyncio --no-access-log --timeout-graceful-shutdown 1"),
    "uvicorn-httptools": ("uvicorn", "--http httptools --no-access-log --timeout-graceful-shutdown 1"),
    "hypercorn": ("hypercorn", "--workers 0 --graceful-timeout 1"),
    "hypercorn-trio": ("hypercorn", "--workers 0 --graceful-timeout 1 --worker-class trio"),
    "granian": ("granian", "--interface asgi --workers-kill-timeout 1"),
    "daphne": ("daphne", "--verbosity 1 --application-close-timeout 1"),
}
NEEDS = {
    "uvicorn-h11": ("h11", "wsproto"),
    "uvicorn-httptools": ("httptools", "websockets"),
    "hypercorn-trio": ("trio",),
}
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log error.log; user root;
events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
    scgi_temp_path s;
    BEFORE
    server {
        listen 127.0.0.1:PORT;
        LOCATION
    }
}
"""


def command(kind: str, application: str, port: int) -> list[str]:
    """The words after `python`; skips where something is not installed."""
    module, options = KINDS[kind]
    for needed in (module, *NEEDS.get(kind, ())):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"pip install {needed}")
    where = ["--bind", f"127.0.0.1:{port}"] if module == "hypercorn" else ["--port", str(port)]
    return ["-m", module, application, *options.split(), *where]


def unused_port() -> int:
    """A port below those that the system gives to outgoing connections: no other process takes it before the server does."""
    for port in random.sample(range(12_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("every port is taken")


def wait_until(holds: Callable[[], object], otherwise: Callable[[], str] = str) -> None:
    """Look again and again; fail with what `otherwise` says."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain: {otherwise()}")
        time.sleep(0.02)


class Server:
    """A server process in a group of its own; `output` is what it has printed."""

    def __init__(self, command: list[str], port: int, log: Path, kind: str = "", **environment: str) -> None:
        self.kind, self.port, self.log = kind, port, log
        self.url = f"http://127.0.0.1:{port}"
        self.ws = f"ws://127.0.0.1:{port}"
        # Without an output that is a terminal Python would hold back what the server prints.
        environment = {"PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"} | environment
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | environment,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def is_listening(self) -> bool:
        if self.process.poll() is not None:
            pytest.fail(f"the server stopped with {self.process.returncode}:\n{self.output}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def wait(self) -> int:
        """Wait until it stops of itself; its exit code."""
        try:
            return self.process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self, signum: int = signal.SIGINT) -> int:
        """Ask the server to stop and wait for it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Answer:
    """One answer off the wire; `interim` are the 1xx that came before it, `raw` its head as it was."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    interim: list[Answer] = field(default_factory=list)
    whole: bool = True

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, f"{name} was sent {len(values)} times"
        return values[0] if values else None


class Wire:
    """A connection that sends bytes and reads answers one after another (RFC 9112)."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, head: str, body: bytes = b"") -> None:
        """`head` without its last empty line, in lines that end as Python's do; a Host is added."""
        first, _, rest = head.partition("\n")
        lines = [first, "host: 127.0.0.1", *filter(None, rest.split("\n"))]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def more(self) -> bytes:
        piece = self.socket.recv(65536)
        self.buffer += piece
        return piece

    def until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            if not self.more():
                raise EOFError(f"the connection ended, before it came {self.buffer!r}")
        piece, _, self.buffer = self.buffer.partition(end)
        return piece

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self.more():
                raise EOFError(f"the connection ended {size - len(self.buffer)} bytes early")
        piece, self.buffer = self.buffer[:size], self.buffer[size:]
        return piece

    def head(self) -> Answer:
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = [line.split(":", 1) for line in lines[1:]]
        return Answer(int(lines[0].split(" ")[1]), [(name.lower(), value.strip()) for name, value in pairs])

    def read(self, method: str = "GET") -> Answer:
        interim = []
        while (answer := self.head()).status < 200:
            interim.append(answer)
        answer.interim = interim
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if "chunked" in (answer.header("transfer-encoding") or ""):
            while size := int(self.until(b"\r\n"), 16):
                answer.body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.until(b"\r\n") == b""
        elif (length := answer.header("content-length")) is not None:
            answer.body = self.exactly(int(length))
        else:
            while self.more():
                pass
            answer.body, self.buffer = self.buffer, b""
        return answer

    def ask(self, head: str, body: bytes = b"") -> Answer:
        self.send(head, body)
        return self.read(head.split(" ")[0])

    def is_closed(self) -> bool:
        """Return whether the other side closes without sending more; waits for it."""
        try:
            return self.more() == b""
        except ConnectionResetError:
            return True

    def until_closed(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass


@pytest.fixture(scope="session", autouse=True)
def many_files() -> Iterator[int]:
    """As many open files as we may have, for us and for the servers that are started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
    if soft == resource.RLIM_INFINITY or soft >= most:
        yield soft
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium, driven by devtools.py."""
    with devtools.chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def free_port() -> int:
    return unused_port()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """start(word, ..., port=): `python word ...`, listening; killed at the end of the test if it still runs.

    `program` is another program than Python.
    """
    servers: list[Server] = []

    def start(
        *words: object, port: int, wait: bool = True, kind: str = "", program: str = sys.executable, **environment: str
    ) -> Server:
        log = tmp_path / f"server{len(servers)}.log"
        server = Server([program, *map(str, words)], port, log, kind, **environment)
        servers.append(server)
        if wait:
            wait_until(server.is_listening, lambda: server.output)
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def serve(start: Callable[..., Server]) -> Callable[..., Server]:
    """serve(kind, "module:app", option, ...): a server of that kind, of this test alone."""

    def serve(kind: str, application: str, *options: str, **more: object) -> Server:
        port = unused_port()
        return start(*command(kind, application, port), *options, port=port, kind=kind, **more)

    return serve


@pytest.fixture
def nginx(start: Callable[..., Server], tmp_path: Path) -> Callable[..., Server]:
    """nginx(location, before=""): nginx with that in its `server` block, and other lines before the block."""

    def nginx(location: str, before: str = "") -> Server:
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
        program = shutil.which("nginx", path=path) or pytest.skip("nginx is not installed: apt-get install nginx-light")
        port = unused_port()
        text = NGINX.replace("PORT", str(port)).replace("BEFORE", before).replace("LOCATION", location)
        (tmp_path / "nginx.conf").write_text(text if os.geteuid() == 0 else text.replace(" user root;", ""))
        return start("-p", tmp_path, "-c", "nginx.conf", program=program, port=port)

    return nginx


@pytest.fixture(scope="session", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, many_files: int
) -> Iterator[Server]:
    yield from shared(request.param, "site_probe:app", tmp_path_factory.mktemp("probe"))


@pytest.fixture(scope="session", params=KINDS)
def pinned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, many_files: int
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pinboard")
    paths = os.pathsep.join([str(HERE), str(EXAMPLES / "pinboard")])
    yield from shared(request.param, "site_pinboard:app", folder, PYTHONPATH=paths, PINBOARD=str(folder / "data"))


def shared(kind: str, application: str, folder: Path, **environment: str) -> Iterator[Server]:
    port = unused_port()
    words = [sys.executable, *command(kind, application, port)]
    server = Server(words, port, folder / "server.log", kind, **environment)
    try:
        wait_until(server.is_listening, lambda: server.output)
        yield server
    finally:
        server.kill()


@pytest.fixture
def connect() -> Iterator[Callable[[Server], Wire]]:
    """connect(server): a Wire, closed at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda server: stack.enter_context(Wire(server.port))


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def happened() -> Callable[[Server, str], list[str]]:
    """happened(server, name): what the probe's log says of that exchange."""

    def happened(server: Server, name: str) -> list[str]:
        with Wire(server.port) as wire:
            body = wire.ask(f"GET /log/{name} HTTP/1.1\nconnection: close").body
        return [line.strip(' "') for line in body.decode().strip("[]").split(",") if line]

    return happened


@pytest.fixture
def examples() -> Path:
    return EXAMPLES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real servers on a machine that may be loaded: what fails is tried once more, and reported."""
    for item in items:
        if "servers" in item.path.parts:
            item.add_marker(pytest.mark.flaky(reruns=1))
