"""Static files in front of an application, and the page for navigations to paths that lead nowhere."""

from __future__ import annotations

import os

import pytest

from asgi_requests.exceptions import HTTPException
from asgi_requests.responses import PlainTextResponse
from asgi_requests.staticfiles import StaticFiles, static
from asgi_requests.staticfiles._navigation import is_navigation
from raw_asgi import http_scope, request, run, websocket_scope

HTML = [(b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]


@pytest.fixture
def root(tmp_path):
    dist = tmp_path / "dist"
    (dist / "css").mkdir(parents=True)
    (dist / "index.html").write_text("<p>app")
    (dist / "404.html").write_text("<p>missing")
    (dist / "css/site.css").write_text("p {}")
    (dist / "css/site.css.br").write_bytes(b"B")
    (dist / "css/site.27e20196a850.css").write_text("p {}")
    return dist


async def app(scope, receive, send):
    app.seen = scope, receive, send
    status = 404 if scope.get("path", "").startswith("/missing") else 200
    await PlainTextResponse(f"app {scope['path']}", status)(scope, receive, send)


# Navigations


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/a/b", {"accept": "text/html"}, True),
        ("/a/b", {"accept": "application/xhtml+xml"}, True),
        ("/a/b", {"accept": "TEXT/HTML;level=1"}, True),
        ("/a/b", {"accept": "image/png, text/html;q=0.1"}, True),
        ("/a/b", {"accept": "text/html;q=0"}, False),
        ("/a/b", {"accept": "text/html; q=0.000 , */*"}, False),
        ("/a/b", {"accept": "text/html;q=1.5"}, False),
        ("/a/b", {"accept": 'application/json;profile=", text/html, "'}, False),
        ("/a/b", {"accept": 'text/html;profile="a,b;q=0"'}, True),
        ("/a/b", {"accept": "text/htmlx"}, False),
        ("/a/b", {"accept": "*/*"}, False),
        ("/a/b", {"accept": "application/json"}, False),
        ("/a/b", {}, False),
        ("/a/b", {"accept": "text/html," + "a/b," * 2000}, False),
        ("/a/b", {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ("/a/b", {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, True),
        ("/a/b", {"accept": "text/html", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, False),
        ("/a/b", {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "object"}, False),
        ("/app.js", {"accept": "text/html"}, False),
        ("/app.JS.MAP", {"accept": "text/html"}, False),
        ("/files/report.pdf", {"accept": "text/html"}, False),
        ("/users/ada@example.com", {"accept": "text/html"}, True),
        ("/docs/v1.2", {"accept": "text/html"}, True),
        ("/old.html", {"accept": "text/html"}, True),
        ("/js", {"accept": "text/html"}, True),
        ("/a.js/b", {"accept": "text/html"}, True),
        ("/", {"accept": "text/html"}, True),
    ],
)
def test_a_navigation_names_html_and_no_asset(path, headers, expected):
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert is_navigation({"path": path, "headers": fields}) is expected


@pytest.mark.parametrize("html", [False, True])
async def test_the_page_is_sent_for_navigations_and_404_otherwise(root, html):
    files = StaticFiles(directory=root, fallback="index.html", html=html)
    for method in ("GET", "HEAD"):
        reply = await request(files, method, "/deep/link", headers=HTML)
        assert (reply.status, reply.body) == (200, b"<p>app" if method == "GET" else b"")
        assert reply.header("content-type") == "text/html; charset=utf-8"
        assert reply.header("vary") == "Accept, Sec-Fetch-Mode, Sec-Fetch-Dest"
        assert reply.header("cache-control") == "no-cache"
    for path, headers in (("/deep/link", []), ("/app.js", HTML)):
        reply = await request(files, path=path, headers=headers)
        assert (reply.status, reply.body == b"<p>missing") == (404, html)
    assert (await request(files, "POST", "/deep/link", headers=HTML)).status == 405
    assert (await request(files, path="/css/site.css", headers=HTML)).body == b"p {}"


async def test_the_page_has_validators_siblings_and_a_pattern(root):
    (root / "index.html.br").write_bytes(b"B")
    patterns = {"index.html": "max-age=5"}
    files = StaticFiles(directory=root, fallback="index.html", precompressed=True, cache_control=patterns)
    headers = [*HTML, (b"accept-encoding", b"br")]
    reply = await request(files, path="/deep/link", headers=headers)
    assert (reply.body, reply.header("cache-control")) == (b"B", "max-age=5")
    assert reply.header("vary") == "Accept, Sec-Fetch-Mode, Sec-Fetch-Dest, Accept-Encoding"
    tag = reply.header("etag").encode()
    reply = await request(files, path="/other", headers=[*headers, (b"if-none-match", tag)])
    assert (reply.status, reply.header("vary")[:6]) == (304, "Accept")


async def test_a_page_that_does_not_exist_is_404(root):
    os.unlink(root / "index.html")
    assert (await request(StaticFiles(directory=root, fallback="index.html"), headers=HTML)).status == 404
    front = static(app, root, "/", fallback="index.html")
    assert (await request(front, path="/missing", headers=HTML)).status == 404


# In front of an application


async def test_files_are_served_and_everything_else_is_passed_through(root):
    front = static(app, root, "/static")
    reply = await request(front, path="/static/css/site.css")
    assert (reply.status, reply.body) == (200, b"p {}")
    for method, path in [
        ("GET", "/"),
        ("GET", "/static"),
        ("GET", "/staticx/css/site.css"),
        ("GET", "/static/none"),
        ("GET", "/static/css"),
        ("GET", "/static/../dist/index.html"),
        ("POST", "/static/css/site.css"),
        ("OPTIONS", "/static/css/site.css"),
    ]:
        assert (await request(front, method, path)).text == f"app {path}"


@pytest.mark.parametrize("scope", [http_scope(path="/x"), http_scope(path="/static/x"), websocket_scope("/static/x")])
async def test_what_is_passed_through_are_the_same_three_objects(root, scope):
    seen = []

    async def inner(*three):
        seen.extend(three)

    async def receive():
        raise AssertionError

    async def send(message):
        raise AssertionError

    for options in ({}, {"fallback": "index.html"}):
        seen.clear()
        before = dict(scope)
        await static(inner, root, **options)(scope, receive, send)
        assert [id(one) for one in seen] == [id(scope), id(receive), id(send)]
        assert scope == before


async def test_a_lifespan_is_the_applications(root):
    async def failing(scope, receive, send):
        raise RuntimeError("Django has no lifespan")

    with pytest.raises(RuntimeError, match="Django has no lifespan"):
        await run(static(failing, root), {"type": "lifespan"})


async def test_what_the_application_raises_has_no_context_of_the_files(root):
    async def failing(scope, receive, send):
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        await request(static(failing, root), path="/static/none")
    assert caught.value.__context__ is None


async def test_it_has_the_defaults_of_production(root):
    front = static(app, root)
    reply = await request(front, path="/static/css/site.css", headers=[(b"accept-encoding", b"br")])
    assert reply.body == b"B"
    reply = await request(front, path="/static/css/site.27e20196a850.css")
    assert reply.header("cache-control") == "public, max-age=31536000, immutable"
    plain = static(app, root, precompressed=False, immutable=False, stat_max_age=0)
    reply = await request(plain, path="/static/css/site.css", headers=[(b"accept-encoding", b"br")])
    assert (reply.body, reply.header("vary")) == (b"p {}", None)


@pytest.mark.parametrize("prefix", ["/", ""])
@pytest.mark.filterwarnings("ignore:prefix")
async def test_a_directory_may_stand_at_the_root(root, prefix):
    front = static(app, root, prefix, html=True)
    assert (await request(front, path="/css/site.css")).body == b"p {}"
    assert (await request(front, path="/")).body == b"<p>app"
    # The application has a page for what is missing, and not the files.
    assert (await request(front, path="/other")).text == "app /other"
    assert (await request(front, path="/css")).text == "app /css"


@pytest.mark.parametrize("prefix", ["/static/", "static", "/static//"])
@pytest.mark.filterwarnings("ignore:prefix")
async def test_the_slashes_of_a_prefix_do_not_matter(root, prefix):
    assert (await request(static(app, root, prefix), path="/static/css/site.css")).body == b"p {}"


def test_a_prefix_without_its_slash_is_warned_of_and_a_url_refused(root):
    with pytest.warns(UserWarning, match=r"prefix: 'static' is taken as '/static'") as warned:
        static(app, root, "static")
    assert warned[0].filename == __file__
    for url in ("https://cdn.example/static", "//cdn.example/static"):
        with pytest.raises(ValueError, match="prefix is a path such as '/static', not the URL"):
            static(app, root, url)


@pytest.mark.parametrize(
    ("path", "root_path"),
    [("/app/static/css/site.css", "/app"), ("/static/css/site.css", "/app"), ("/static/css/site.css", "/")],
)
async def test_a_root_path_is_not_part_of_the_prefix(root, path, root_path):
    assert (await request(static(app, root), path=path, root_path=root_path)).body == b"p {}"


async def test_what_may_not_be_read_and_what_is_not_acceptable_is_answered_here(root):
    front = static(app, root)
    refusing = [(b"accept-encoding", b"identity;q=0")]
    assert (await request(front, path="/static/index.html", headers=refusing)).status == 406
    with pytest.raises(HTTPException):
        await request(front, path="/static/index.html", headers=refusing, **{"asgi_middleware.exceptions": ()})


async def test_a_missing_directory_is_refused_or_left_to_the_application(root, tmp_path):
    with pytest.raises(RuntimeError, match="does not exist"):
        static(app, tmp_path / "none")
    front = static(app, tmp_path / "none", check_dir=False)
    assert (await request(front, path="/static/x")).text == "app /static/x"
    (tmp_path / "none").mkdir()
    (tmp_path / "none/x").write_text("now")
    assert (await request(front, path="/static/x")).text == "now"


def test_the_application_comes_first(root):
    with pytest.raises(TypeError, match=r"static\(\) takes an ASGI application, a directory and a prefix, not 'dist'"):
        static("dist", root)


async def test_the_page_stands_in_for_a_404_of_the_application(root):
    front = static(app, root, "/", fallback="index.html")
    reply = await request(front, path="/missing/page", headers=HTML)
    assert (reply.status, reply.body, reply.types.count("http.response.start")) == (200, b"<p>app", 1)
    # Routes of the application come first, and it answers all but navigations.
    assert (await request(front, path="/known", headers=HTML)).text == "app /known"
    assert (await request(front, path="/missing/page")).status == 404
    assert (await request(front, path="/missing.js", headers=HTML)).status == 404
    assert (await request(front, "POST", "/missing/page", headers=HTML)).text == "app /missing/page"
    assert (await request(front, "HEAD", "/missing/page", headers=HTML)).status == 200


async def test_below_a_prefix_only_its_navigations_get_the_page(root):
    front = static(app, root, "/shop", fallback="index.html")
    assert (await request(front, path="/missing", headers=HTML)).status == 404
    assert (await request(front, path="/shop/missing", headers=HTML)).text == "app /shop/missing"


async def test_a_function_for_cache_control_gets_the_path_below_the_prefix(root):
    front = static(app, root, "/static", cache_control=lambda path: f"max-age={len(path)}")
    assert (await request(front, path="/static/css/site.css")).header("cache-control") == "max-age=12"
