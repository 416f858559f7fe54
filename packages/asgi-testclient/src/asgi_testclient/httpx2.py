"""The clients and transports built on httpx2, whichever httpx the package prefers.

    from asgi_testclient.httpx2 import TestClient

They are httpx's own classes with `asgi_testclient`'s behaviour in front, and work with objects of this httpx alone.
"""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from ._clients import TaskClient, ThreadClient
from ._streams import TaskStream, ThreadStream
from ._transports import TaskTransport, ThreadTransport
from .websockets._disconnects import Denial

try:
    import httpx2
except ImportError as exc:
    raise ImportError("these clients need httpx2: pip install asgi-testclient[httpx2]") from exc

__all__ = ["ASGITransport", "AsyncASGITransport", "AsyncTestClient", "TestClient", "WebSocketDenialResponse"]


class ResponseStream(ThreadStream, httpx2.SyncByteStream):
    """A response body as it comes."""


class AsyncResponseStream(TaskStream, httpx2.AsyncByteStream):
    """A response body as it comes, for a task."""


class WebSocketDenialResponse(httpx2.Response, Denial):  # type: ignore[misc]
    """The response a handshake was denied with, raised as WebSocketDenied; `code` is its status."""


class ASGITransport(ThreadTransport, httpx2.BaseTransport):
    """Drives an ASGI application for a `httpx2.Client`, on an event loop in a thread of its own.

    Its options are those of TestClient. As a context manager, which the client's own block enters, it runs
    the lifespan.
    """

    httpx: ClassVar[ModuleType] = httpx2
    stream_type = ResponseStream


class AsyncASGITransport(TaskTransport, httpx2.AsyncBaseTransport):
    """Drives an ASGI application for a `httpx2.AsyncClient`, on the loop it is used on.

    Its options are those of AsyncTestClient. As a context manager, which the client's own block enters, it runs the
    lifespan.
    """

    httpx: ClassVar[ModuleType] = httpx2
    stream_type = AsyncResponseStream


class TestClient(ThreadClient, httpx2.Client):
    """A `httpx2.Client` that drives an ASGI application in-process; its `with` block runs the lifespan."""

    httpx: ClassVar[ModuleType] = httpx2
    transport_type = ASGITransport
    denial_response = WebSocketDenialResponse


class AsyncTestClient(TaskClient, httpx2.AsyncClient):
    """A `httpx2.AsyncClient` that drives an ASGI application on the test's own loop, asyncio or trio."""

    httpx: ClassVar[ModuleType] = httpx2
    transport_type = AsyncASGITransport
    denial_response = WebSocketDenialResponse
