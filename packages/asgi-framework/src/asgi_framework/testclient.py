"""The test client, which raises the same WebSocketDisconnect as applications of this framework.

    from asgi_framework.testclient import TestClient

    def test_hello():
        with TestClient(app) as client:
            assert client.get("/").text == "hello"

`AsyncTestClient` is the same for asynchronous tests. Both need asgi-testclient: asgi-framework[testclient].
"""

from __future__ import annotations

from asgi_requests.websockets import WebSocketDisconnect

try:
    import asgi_testclient
except ImportError as exc:
    raise ImportError("the test client needs asgi-testclient: pip install asgi-framework[testclient]") from exc

__all__ = ["AsyncTestClient", "TestClient"]


class TestClient(asgi_testclient.TestClient):
    """A synchronous test client: an httpx client whose server is the application.

    Its options are those of `asgi_testclient.TestClient`.
    """

    __test__ = False
    websocket_disconnect = WebSocketDisconnect


class AsyncTestClient(asgi_testclient.AsyncTestClient):
    """An asynchronous test client, on the event loop of the test. Its options are those of TestClient."""

    __test__ = False
    websocket_disconnect = WebSocketDisconnect
