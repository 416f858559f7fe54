"""The test clients, synchronous and asynchronous, in front of applications of seven frameworks."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from asgi_testclient import AppIgnoredDisconnect, AsyncTestClient, TestClient, WebSocketDisconnect


def offers(site: Any, feature: str) -> None:
    if not site.features.get(feature, True):
        pytest.skip(f"{site.__name__} has no {feature}")


def leaving(site: Any) -> Any:
    """The end to expect of a site whose client leaves: it ends its response, or goes on until it is cancelled."""
    return nullcontext() if site.features.get("disconnect", True) else pytest.warns(AppIgnoredDisconnect)


def grace(site: Any) -> float:
    return 5 if site.features.get("disconnect", True) else 0.05


@pytest.fixture
def client(site: Any) -> Any:
    with TestClient(site.create(), disconnect_grace=grace(site)) as client:
        yield client


def test_a_page(client: Any) -> None:
    response = client.get("/", params={"name": "you"})
    assert (response.status_code, response.text) == (200, "hello you")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.asgi.done
    assert not [violation for violation in response.asgi.violations if violation.code[0] == "E"]


def test_a_page_without_the_lifespan(site: Any) -> None:
    if site.features.get("needs_lifespan"):
        pytest.skip(f"{site.__name__} does not answer before its lifespan has begun")
    with TestClient(site.create(), lifespan="off") as client:
        assert client.get("/").text == "hello world"
    client = TestClient(site.create())
    assert [client.get("/").text for _ in range(2)] == ["hello world"] * 2
    client.close()


def test_the_head_of_a_page_and_a_missing_one(client: Any) -> None:
    assert client.head("/").content == b""
    assert client.get("/missing").status_code == 404


def test_a_body_whole_and_in_pieces(client: Any) -> None:
    assert client.post("/echo", content=b"x" * 200_000).content == b"x" * 200_000
    assert client.post("/echo", content=iter([b"one", b"two"])).content == b"onetwo"
    assert client.post("/echo", content=b"").content == b""


def test_an_upload(client: Any) -> None:
    response = client.post("/upload", files={"file": ("a.txt", b"content")}, data={"title": "A"})
    assert response.json() == {"name": "a.txt", "size": 7, "title": "A"}


def test_a_redirect(client: Any) -> None:
    assert client.get("/redirect").text == "hello redirected"
    assert client.get("/redirect", follow_redirects=False).headers["location"].endswith("/?name=redirected")


def test_cookies(client: Any) -> None:
    assert [client.get("/cookies").text for _ in range(2)] == ["no", "yes"]


def test_a_stream(client: Any) -> None:
    assert client.get("/stream").text == "chunk 0\nchunk 1\nchunk 2\n"
    with client.stream("GET", "/stream") as response:
        assert "".join(response.iter_text()) == "chunk 0\nchunk 1\nchunk 2\n"


def test_an_endless_stream_ends_when_the_client_leaves(client: Any, site: Any) -> None:
    with leaving(site), client.stream("GET", "/sse") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert [next(lines) for _ in range(3)] == ["data: tick", "", "data: tick"]
    response.asgi.wait_closed()
    for _ in range(100):  # some leave their generators to the garbage collector, and their cleanup to a later turn
        gc.collect()
        assert client.get("/").text == "hello world"
        if "sse ended" in site.events:
            break
    assert site.events.count("sse ended") == 1


def test_an_error_is_a_page_of_500(client: Any, site: Any) -> None:
    if site.features.get("raises", True):
        with pytest.raises(ValueError, match="broken page"):
            client.get("/error")
    else:
        assert client.get("/error").status_code == 500
    with TestClient(site.create(), raise_server_exceptions=False) as other:
        assert other.get("/error").status_code == 500


def test_a_background_task_ends_before_the_block_does(site: Any) -> None:
    offers(site, "background")
    with TestClient(site.create()) as client:
        assert client.get("/background").status_code == 200
        client.wait_idle(5)
    assert "background" in site.events


def test_the_lifespan_is_run_around_the_block(site: Any) -> None:
    with TestClient(site.create()) as client:
        assert site.events == (["startup"] if site.features.get("lifespan", True) else [])
        client.get("/")
    assert site.events == (["startup", "shutdown"] if site.features.get("lifespan", True) else [])


def test_a_websocket(client: Any, site: Any) -> None:
    offers(site, "websocket")
    with client.websocket_connect("/ws", subprotocols=["other", "chat"]) as websocket:
        assert websocket.accepted_subprotocol == "chat"
        for text in ("one", "two"):
            websocket.send_text(text)
            assert websocket.receive_text() == text
    assert client.get("/").text == "hello world"


def test_a_websocket_that_the_application_closes(client: Any, site: Any) -> None:
    offers(site, "websocket")
    with client.websocket_connect("/ws", subprotocols=["chat"]) as websocket:
        websocket.send_text("close")
        with pytest.raises(WebSocketDisconnect):
            websocket.receive_text()


def test_a_websocket_that_is_refused(client: Any, site: Any) -> None:
    offers(site, "websocket")
    offers(site, "denied")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws-denied"):
        pass


async def test_the_asynchronous_client(site: Any) -> None:
    async with AsyncTestClient(site.create()) as client:
        assert (await client.get("/")).text == "hello world"
        assert (await client.post("/echo", content=b"abc")).content == b"abc"
        assert (await client.get("/redirect")).text == "hello redirected"
        assert [(await client.get("/cookies")).text for _ in range(2)] == ["no", "yes"]
        assert (await client.get("/stream")).text == "chunk 0\nchunk 1\nchunk 2\n"
        upload = await client.post("/upload", files={"file": ("a.txt", b"content")}, data={"title": "A"})
        assert upload.json()["size"] == 7


async def test_concurrent_requests(site: Any) -> None:
    pages: list[str] = []

    async def load(client: Any, name: str) -> None:
        pages.append((await client.get("/", params={"name": name})).text)

    async with AsyncTestClient(site.create()) as client, anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(load, client, name)
    assert sorted(pages) == ["hello a", "hello b", "hello c"]


async def test_an_endless_stream_of_the_asynchronous_client(site: Any) -> None:
    async with AsyncTestClient(site.create(), disconnect_grace=grace(site)) as client:
        with leaving(site):
            async with client.stream("GET", "/sse") as response:
                lines = response.aiter_lines()
                assert await anext(lines) == "data: tick"
        await response.asgi.wait_closed()
        del lines, response
        for _ in range(100):
            gc.collect()
            assert (await client.get("/")).text == "hello world"
            if "sse ended" in site.events:
                break
        assert site.events.count("sse ended") == 1


async def test_a_websocket_of_the_asynchronous_client(site: Any) -> None:
    offers(site, "websocket")
    async with AsyncTestClient(site.create()) as client, client.websocket_connect("/ws", ["chat"]) as websocket:
        await websocket.send_text("one")
        assert await websocket.receive_text() == "one"
