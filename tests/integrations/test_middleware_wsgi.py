"""WSGIMiddleware in front of Django's and Flask's WSGI applications, bare and under uvicorn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from asgi_middleware.wsgi import WSGIMiddleware
from asgi_testclient import Lint
from integrations.with_middleware import FORM, MULTIPART, call_bare
from raw_asgi import http_scope
from serving import Uvicorn


def django() -> Any:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    from integrations import site_django

    def stream(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse((f"chunk {n}\n".encode() for n in range(3)), content_type="text/plain")

    def hello(request: Any) -> HttpResponse:
        return HttpResponse(f"hello {request.GET.get('name', 'world')}", content_type="text/plain")

    kept = [page for page in site_django.urlpatterns if str(page.pattern) not in ("", "stream", "sse")]
    site_django.create()
    settings.ROOT_URLCONF = (path("", hello), path("stream", stream), *kept)
    return WSGIMiddleware(get_wsgi_application())


def flask() -> Any:
    from flask import Flask, Response, redirect, request

    app = Flask(__name__)

    @app.get("/")
    def hello() -> str:
        return f"hello {request.args.get('name', 'world')}"

    @app.post("/echo")
    def echo() -> Response:
        return Response(request.get_data(), content_type="application/octet-stream")

    @app.post("/upload")
    def upload() -> Any:
        file = request.files["file"]
        return {"name": file.filename, "size": len(file.read()), "title": request.form["title"]}

    @app.get("/redirect")
    def away() -> Any:
        return redirect("/?name=redirected")

    @app.get("/cookies")
    def cookies() -> Response:
        response = Response(request.cookies.get("seen", "no"), content_type="text/plain")
        response.set_cookie("seen", "yes")
        return response

    @app.get("/stream")
    def stream() -> Response:
        return Response((f"chunk {number}\n" for number in range(3)), content_type="text/plain")

    return WSGIMiddleware(app)


FRAMEWORKS = {"django": django, "flask": flask}
BODY = b"abcd" * 25_000


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"needs {request.param}: pip install {request.param}")
    return request.param


async def test_a_bare_server_gets_pages_streams_uploads_redirects_and_cookies(framework: str) -> None:
    lint = Lint(FRAMEWORKS[framework]())

    async def ask(method: str, path: str, chunks: Any = (b"",), **scope: Any) -> Any:
        with anyio.fail_after(20):
            return await call_bare(lint, http_scope(method, path, **scope), chunks)

    assert (await ask("GET", "/", query=b"name=you")).body == b"hello you"
    head = await ask("HEAD", "/")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", "11")
    assert (await ask("GET", "/missing")).status == 404
    assert (await ask("GET", "/stream")).body == b"chunk 0\nchunk 1\nchunk 2\n"
    moved = await ask("GET", "/redirect")
    assert (moved.status, moved.header("location")) == (302, "/?name=redirected")
    seen = await ask("GET", "/cookies", headers=[(b"cookie", b"a=1"), (b"cookie", b"seen=before")])
    assert (seen.body, str(seen.header("set-cookie")).partition(";")[0]) == (b"before", "seen=yes")
    length = (b"content-length", b"%d" % len(BODY))
    assert (await ask("POST", "/echo", [BODY[:70_000], BODY[70_000:]], headers=[length])).body == BODY
    sized = (b"content-length", b"%d" % len(FORM))
    uploaded = await ask("POST", "/upload", [FORM[:90], FORM[90:]], headers=[MULTIPART, sized])
    assert (uploaded.status, b'"a.txt"' in uploaded.body, b"8000" in uploaded.body) == (200, True, True)
    lint.assert_clean()


@pytest.fixture
def server(framework: str, tmp_path: Any) -> Iterator[Uvicorn]:
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'uvicorn[standard]'")
    with Uvicorn(f"integrations.test_middleware_wsgi:{framework}", log=tmp_path / "log", factory=True) as server:
        yield server


def test_a_browser_gets_them_from_uvicorn(server: Uvicorn) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for _ in range(2):
            assert client.get("/", params={"name": "you"}).text == "hello you"
            assert client.head("/").status_code == 200
            assert client.get("/stream").text == "chunk 0\nchunk 1\nchunk 2\n"
            assert client.get("/redirect", follow_redirects=True).text == "hello redirected"
            assert client.post("/echo", content=BODY).content == BODY
            assert client.get("/missing").status_code == 404
        files = {"file": ("a.txt", b"content")}
        uploaded = client.post("/upload", files=files, data={"title": "A"}).json()
        assert uploaded == {"name": "a.txt", "size": 7, "title": "A"}
        assert [client.get("/cookies").text for _ in range(2)] == ["no", "yes"]
    assert server.output == ""
