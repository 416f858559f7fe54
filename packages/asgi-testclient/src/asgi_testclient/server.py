"""An application on a real server, in a thread of the test: for browsers, and for what only a socket shows.

    from asgi_testclient import LiveServer

    def test_over_a_socket(page):               # of Playwright
        with LiveServer(app) as server:
            assert server.client().get("/").text == "hello"
            page.goto(server.url)

The servers are uvicorn, granian, hypercorn and hypercorn-trio; without a name, the first of them that is installed. The
port is a free one of the loopback interface.
"""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from importlib import import_module
from importlib.util import find_spec
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from ._errors import is_cancellation, warn
from ._servers import Granian, Hypercorn, HypercornTrio, Runner, Uvicorn
from .exceptions import AppTimeout, LifespanFailed, UnfinishedTasks
from .types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from .httpx import LiveClient

__all__ = ["LiveServer", "ServerName"]

__tracebackhide__ = True  # pytest shows the code of its reader instead

ServerName = Literal["uvicorn", "granian", "hypercorn", "hypercorn-trio"]
RUNNERS: dict[str, type[Runner]] = {
    "uvicorn": Uvicorn,
    "granian": Granian,
    "hypercorn": Hypercorn,
    "hypercorn-trio": HypercornTrio,
}
LAST_CHANCE = 2.0  # seconds for a server to end after it was forced to


class LiveServer:
    """A context manager that serves an application; `url` is its address, without a slash at the end.

    Entering raises what the application raises in its startup, LifespanFailed, and AppTimeout after `startup_timeout`
    seconds. Leaving lets requests end for `shutdown_timeout` seconds, runs the shutdown, and raises what that raises. A
    server that does not end is left behind, with a warning that says where it stands.
    """

    def __init__(
        self,
        app: ASGIApp,
        server: ServerName | None = None,
        *,
        startup_timeout: float = 10,
        shutdown_timeout: float = 5,
    ) -> None:
        self.app = app
        self.server: str = _installed(server)
        self.url = ""
        self.startup_timeout = startup_timeout
        self.shutdown_timeout = shutdown_timeout
        self._watched: _Watched
        self._runner: Runner
        self._thread: threading.Thread | None = None
        self._ended = False
        self._crash: BaseException | None = None
        self._clients: list[LiveClient] = []

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("the server is running already")
        self._crash = None
        self._ended = False
        self._watched = _Watched(self.app)
        # Bound here: another process could take a port that is only looked up and released.
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            self._runner = RUNNERS[self.server](self._watched, listener, self.shutdown_timeout)
        except BaseException as exc:
            listener.close()
            if isinstance(exc, ImportError):
                raise ImportError(f"{self.server} cannot be imported: {_to_install(self.server)}") from exc
            raise
        # A daemon: a server that cannot be stopped does not keep the interpreter from its end.
        self._thread = threading.Thread(target=self._serve, name=f"asgi-testclient {self.server}", daemon=True)
        self._thread.start()
        try:
            self._wait_for_startup(port)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        while self._clients:
            self._clients.pop().close()
        self._end()
        failure = self._watched.failure or self._crash
        if failure is not None and exc is None:
            raise failure

    def client(self, **options: Any) -> LiveClient:
        """Return a new client of this server, which is closed with it; the options are those of `httpx.Client`."""
        from . import _preferred_httpx

        client: LiveClient = import_module(f".{_preferred_httpx()}", __package__).LiveClient(self, **options)
        self._clients.append(client)
        return client

    @property
    def app_state(self) -> dict[str, Any]:
        """The state of the lifespan."""
        return self._watched.state

    def _serve(self) -> None:
        try:
            self._runner.run()
        except BaseException as exc:
            self._crash = exc
        finally:
            self._ended = True
            self._watched.changed.set()

    def _wait_for_startup(self, port: int) -> None:
        end = monotonic() + self.startup_timeout
        self._watched.changed.wait(self.startup_timeout)
        if self._watched.failure is not None:
            raise self._watched.failure
        while self._is_running() and monotonic() < end:
            try:
                # The listener has a backlog: only granian, which opens a socket of its own, is not reached at once.
                return socket.create_connection(("127.0.0.1", port), 0.2).close()
            except OSError:
                sleep(0.02)
        if self._is_running():
            phase = "it does not listen" if self._watched.changed.is_set() else "the application has not started up"
            raise AppTimeout(f"{self.server}: {phase} after {self.startup_timeout:g} s. {self._where()}")
        raise RuntimeError(f"{self.server} has stopped before it listened") from self._crash

    def _is_running(self) -> bool:
        # Not by the thread alone, which lives for a moment longer, while its socket still accepts connections.
        return self._thread is not None and not self._ended

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        assert thread is not None
        if not self._runner.drains:
            end = monotonic() + self.shutdown_timeout
            while self._watched.running and thread.is_alive() and monotonic() < end:
                sleep(0.02)
        for step, seconds in ((self._runner.stop, self.shutdown_timeout + 1), (self._runner.force, LAST_CHANCE)):
            if thread.is_alive():
                step()
                thread.join(seconds)
        self._runner.listener.close()  # a server that fails may leave it open
        if thread.is_alive():
            warn(f"{self.server} did not stop, and is left behind. {self._where(thread)}", UnfinishedTasks)

    def _where(self, thread: threading.Thread | None = None) -> str:
        """Return the lines that the thread of the server is at."""
        frame = sys._current_frames().get((thread or self._thread or threading.main_thread()).ident or 0)
        lines = traceback.extract_stack(frame)[-3:]
        steps = " -> ".join(f"{line.filename}:{line.lineno} in {line.name}" for line in lines)
        return f"Its thread is at {steps}."


class _Watched:
    """An application whose lifespan is watched. `changed` is set once startup is over, or will never be.

    `running` counts the requests and WebSockets in it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.changed = threading.Event()
        self.running = 0
        self.failure: BaseException | None = None
        self.state: dict[str, Any] = {}
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.state = scope.get("state", self.state)
            return await self._live(scope, receive, send)
        self.running += 1
        try:
            return await self._app(scope, receive, send)
        finally:
            self.running -= 1

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = False

        async def receive_and_note() -> Message:
            nonlocal asked
            message = await receive()
            asked = True
            return message

        async def send_and_note(message: Message) -> None:
            if message["type"].endswith(".failed"):
                self.failure = LifespanFailed(message["type"].split(".")[1], message.get("message", ""))
            await send(message)
            self.changed.set()

        try:
            await self._app(scope, receive_and_note, send_and_note)
        except BaseException as exc:
            # An application that raises before it has asked for a message knows no lifespan: servers go on.
            if asked and self.failure is None and not is_cancellation(exc):
                self.failure = exc
            raise
        finally:
            self.changed.set()


def _installed(name: str | None) -> str:
    """Return the name of a server that can be imported. Raises ImportError with the way to install one."""
    if name is not None and name not in RUNNERS:
        raise ValueError(f"server is one of {', '.join(map(repr, get_args(ServerName)))}, not {name!r}")
    for known in RUNNERS if name is None else (name,):
        if all(find_spec(module) is not None for module in known.split("-")):
            return known
    wanted = "no server is installed" if name is None else f"{name} is not installed"
    raise ImportError(f"{wanted}: {_to_install(name or 'uvicorn')}")


def _to_install(name: str) -> str:
    extra = name.partition("-")[0]
    return f"pip install 'asgi-testclient[{extra}]>=1'"


# Errors and documentation name the place that it is imported from.
LiveServer.__module__ = __name__.partition(".")[0]
