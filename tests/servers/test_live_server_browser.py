"""The server that a test starts in a thread, as a browser sees it."""

from __future__ import annotations

import pytest

from asgi_testclient import LiveServer

pytest.importorskip("websockets", reason="pip install websockets")
PAGE = b"""<!doctype html><title>waiting</title><link rel=icon href=data:,><script>
const socket = new WebSocket(`ws://${location.host}/socket`);
socket.onmessage = (event) => { document.title = event.data; };
</script>"""


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "connected"})
        await receive()
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": PAGE})


@pytest.mark.parametrize("name", ["uvicorn", "granian", "hypercorn", "hypercorn-trio"])
def test_a_browser_opens_a_page_and_a_websocket(name, browser):
    pytest.importorskip(name.partition("-")[0])
    with LiveServer(app, name) as server:
        page = browser.open(server.url + "/")
        page.wait_for("document.title == 'connected'")
        assert page.errors == []
