"""pyfakefs: it looks through the names of every module for those of file systems, and replaces them."""

from __future__ import annotations

from pyfakefs.fake_filesystem_unittest import Patcher
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient


def test_files_are_served_from_a_file_system_in_memory():
    original = Response
    with Patcher() as patcher:
        patcher.fs.create_file("/site/page.html", contents="<p>page</p>")
        app = Starlette(
            routes=[
                Route("/file", lambda request: FileResponse("/site/page.html")),
                Mount("/static", StaticFiles(directory="/site")),
            ]
        )
        client = TestClient(app)
        assert client.get("/file").text == client.get("/static/page.html").text == "<p>page</p>"
        assert client.get("/static/nothing").status_code == 404
    import starlette.responses

    assert starlette.responses.Response is original
