"""StaticFiles: what is served, what is not, and how it answers on every kind of scope."""

from __future__ import annotations

import importlib
import os

import anyio
import pytest

from asgi_requests.exceptions import HTTPException
from asgi_requests.files import FileResponse
from asgi_requests.responses import PlainTextResponse
from asgi_requests.staticfiles import NotModifiedResponse, StaticFiles
from asgi_requests.staticfiles._paths import is_safe
from raw_asgi import http_scope, request, run, websocket_scope


@pytest.fixture
def root(tmp_path):
    static = tmp_path / "static"
    for folder in ("css", "docs", ".git", ".well-known/.hidden", "empty", "ab:c"):
        (static / folder).mkdir(parents=True)
    (static / "app.js").write_text("run()")
    (static / "css/site.css").write_text("p {}")
    (static / "docs/index.html").write_text("<p>docs")
    (static / "404.html").write_text("<p>nothing here")
    (static / ".env").write_text("SECRET")
    (static / ".git/config").write_text("SECRET")
    (static / ".well-known/security.txt").write_text("contact")
    (static / ".well-known/.hidden/x").write_text("SECRET")
    for folder in (".well-known-old", ".well-known~"):
        (static / folder).mkdir()
        for name in ("secret", "key.pem"):
            (static / folder / name).write_text("SECRET")
    (static / ".well-knownX").write_text("SECRET")
    (static / "big.bin").write_bytes(b"x" * 300_000)
    (tmp_path / "static1.txt").write_text("SECRET")
    (tmp_path / "static_disallow").mkdir()
    (tmp_path / "static_disallow/index.html").write_text("SECRET")
    (tmp_path / "secret.txt").write_text("SECRET")
    return static


def only(**headers):
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


async def test_a_file_is_served_with_validators(root):
    reply = await request(StaticFiles(directory=root), path="/css/site.css")
    assert (reply.status, reply.body) == (200, b"p {}")
    assert reply.header("content-type") == "text/css; charset=utf-8"
    assert reply.header("x-content-type-options") is None
    assert reply.header("cache-control") is None
    assert reply.header("etag")
    assert reply.header("last-modified")


async def test_a_large_file_is_served(root):
    assert (await request(StaticFiles(directory=root), path="/big.bin")).body == b"x" * 300_000


async def test_head_has_the_headers_of_get(root):
    app = StaticFiles(directory=root)
    get, head = await request(app, path="/app.js"), await request(app, "HEAD", "/app.js")
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


async def test_ranges_are_served(root):
    reply = await request(StaticFiles(directory=root), path="/app.js", headers=only(range="bytes=1-2"))
    assert (reply.status, reply.body, reply.header("content-range")) == (206, b"un", "bytes 1-2/5")
    reply = await request(StaticFiles(directory=root), path="/app.js", headers=only(range="bytes=9-"))
    assert (reply.status, reply.header("content-range")) == (416, "bytes */5")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_304_keeps_validators_and_cache_control(root, method):
    app = StaticFiles(directory=root, cache_control="max-age=60")
    first = await request(app, path="/app.js")
    for headers in (
        only(if_none_match=first.header("etag")),
        only(if_none_match=f'W/"x", W/{first.header("etag")}'),
        only(if_modified_since=first.header("last-modified")),
    ):
        reply = await request(app, method, "/app.js", headers=headers)
        assert (reply.status, reply.body) == (304, b"")
        assert {name for name, _ in reply.headers} == {b"etag", b"last-modified", b"cache-control"}


async def test_changed_files_and_failed_preconditions(root):
    app = StaticFiles(directory=root)
    assert (await request(app, path="/app.js", headers=only(if_none_match='"old"'))).body == b"run()"
    assert (await request(app, path="/app.js", headers=only(if_match='"old"'))).status == 412
    etag = (await request(app, path="/app.js")).header("etag")
    reply = await request(app, path="/app.js", headers=only(if_match='"old"', if_none_match=etag))
    assert reply.status == 412


async def test_cache_control_can_be_a_function_of_the_path(root):
    paths = []

    def cache_control(path):
        paths.append(path)
        return "immutable" if path.endswith(".css") else None

    app = StaticFiles(directory=root, html=True, cache_control=cache_control)
    assert (await request(app, path="/static/css/site.css", root_path="/static")).header("cache-control") == "immutable"
    assert (await request(app, path="/app.js")).header("cache-control") is None
    assert (await request(app, path="/missing.css")).header("cache-control") is None
    assert paths == ["css/site.css", "app.js"]


# What is not there


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/app.js/nope",
        "/",
        "",
        "/docs",
        "/../static1.txt",
        "/../static_disallow/index.html",
        "/css/../../secret.txt",
        "/..",
        "/..\\secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "//etc/passwd",
        "/./../secret.txt",
        "\\\\host\\share",
        "/\\\\host\\share\\x",
        "/C:/Windows/win.ini",
        "/c:x",
        "/app.js\0",
        "/\0",
        "/" + "a" * 300,
        "/" + "a/" * 3000,
        "/\ud800",
        "/app.js\n",
        "/.env",
        "/.git/config",
        "/css/.hidden",
        "/.well-known/.hidden/x",
        "/.well-knownx/.x",
        "/.well-known-old/secret",
        "/.well-known~/key.pem",
        "/.well-knownX",
        "/app.js/",
        "/css/site.css//",
        "/empty",
    ],
)
async def test_what_is_not_served_is_404(root, path):
    reply = await run(StaticFiles(directory=root), http_scope(path="/") | {"path": path})
    assert (reply.status, reply.body) == (404, b"Not Found")


@pytest.mark.parametrize("path", ["./app.js", "css/../app.js", "css/./../app.js", ".//app.js"])
def test_a_path_that_a_subclass_joined_is_looked_up_all_the_same(root, path):
    files = StaticFiles(directory=root)
    assert files.lookup_path(path) == files.lookup_path("app.js") != ("", None)
    assert files.lookup_path(os.path.join(".", "..", "static1.txt")) == ("", None)


async def test_absolute_and_unc_paths_are_refused_before_the_system_is_asked(root, monkeypatch):
    app = StaticFiles(directory=root)
    monkeypatch.setattr(os, "stat", None)
    monkeypatch.setattr(os, "lstat", None)
    for path in (str(root / "app.js"), "\\\\host\\share", "C:\\x", "..", "../x", "a/../../x"):
        assert app.lookup_path(path) == ("", None)


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("a/b.css", True),
        ("con", False),
        ("a/NUL.txt", False),
        ("com1", False),
        ("console.js", True),
        ("file.txt::$DATA", False),
        ("a./b", False),
        ("a /b", False),
        ("name.", False),
    ],
)
def test_windows_has_more_names_that_are_not_files(path, safe):
    assert is_safe(path, dotfiles=True, windows=True) is safe
    assert is_safe(path, dotfiles=True, windows=False) is True


async def test_dotfiles_are_served_when_asked_and_well_known_always(root):
    assert (await request(StaticFiles(directory=root, dotfiles=True), path="/.env")).body == b"SECRET"
    assert (await request(StaticFiles(directory=root), path="/.well-known/security.txt")).body == b"contact"


async def test_the_other_methods_are_405_with_allow(root):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        reply = await request(StaticFiles(directory=root), method, "/app.js")
        assert (reply.status, reply.header("allow")) == (405, "GET, HEAD")


async def test_below_what_answers_exceptions_404_and_405_are_raised(root):
    app = StaticFiles(directory=root)
    with pytest.raises(HTTPException) as excinfo:
        await run(app, http_scope(path="/nope") | {"asgi_middleware.exceptions": object()})
    assert excinfo.value.status_code == 404
    with pytest.raises(HTTPException) as excinfo:
        await run(app, http_scope("POST", "/app.js") | {"asgi_middleware.exceptions": object()})
    assert excinfo.value.headers == {"Allow": "GET, HEAD"}


async def test_errors_are_raised_without_a_framework_where_that_is_asked_for(root):
    class Raising(StaticFiles):
        raise_errors = True

    for app in (StaticFiles(directory=root, raise_errors=True), Raising(directory=root)):
        with pytest.raises(HTTPException) as excinfo:
            await request(app, path="/nope")
        assert excinfo.value.status_code == 404
        assert (await run(app, websocket_scope("/nope"), [{"type": "websocket.connect"}])).status == 404
    scope = http_scope(path="/nope")
    assert (await run(Raising(directory=root, raise_errors=False), scope)).status == 404


async def test_static_first_else_the_application(root):
    class StaticFirst:
        def __init__(self, app):
            self.app = app
            self.static = StaticFiles(directory=root, raise_errors=True)

        async def __call__(self, scope, receive, send):
            try:
                return await self.static(scope, receive, send)
            except HTTPException:
                pass
            await self.app(scope, receive, send)

    app = StaticFirst(PlainTextResponse("application"))
    assert (await request(app, path="/app.js")).body == b"run()"
    assert (await request(app, path="/hello")).body == b"application"
    assert (await request(app, "POST", "/app.js")).body == b"application"


async def test_within_another_framework_which_cannot_know_our_exceptions_they_are_answered(root):
    scope = http_scope(path="/nope", app=object())
    assert (await run(StaticFiles(directory=root), scope)).status == 404


# Links and permissions


async def test_links_must_stay_within_the_directory_unless_followed(root):
    (root / "inside.js").symlink_to(root / "app.js")
    (root / "outside.txt").symlink_to(root.parent / "secret.txt")
    (root / "up").symlink_to(root.parent)
    (root / "sibling.txt").symlink_to(root.parent / "static1.txt")
    (root / "loop").symlink_to(root / "loop")
    strict, lax = StaticFiles(directory=root), StaticFiles(directory=root, follow_symlink=True)
    assert (await request(strict, path="/inside.js")).body == b"run()"
    for path in ("/outside.txt", "/up/secret.txt", "/sibling.txt", "/loop", "/up/static1.txt"):
        assert (await request(strict, path=path)).status == 404
    assert (await request(lax, path="/outside.txt")).body == b"SECRET"
    assert (await request(lax, path="/loop")).status == 404
    assert (await request(lax, path="/../secret.txt")).status == 404


async def test_a_directory_behind_a_link_may_move(root, tmp_path):
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "x").write_text(release)
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "one")
    app = StaticFiles(directory=current)
    assert (await request(app, path="/x")).body == b"one"
    current.unlink()
    current.symlink_to(tmp_path / "two")
    assert (await request(app, path="/x")).body == b"two"


async def test_what_may_not_be_looked_at_is_403(root):
    class Forbidden(StaticFiles):
        def lookup_path(self, path):
            raise PermissionError(13, "Permission denied")

    assert (await request(Forbidden(directory=root), path="/app.js")).status == 403


@pytest.mark.parametrize("path", ["/app.js", "/big.bin"])
@pytest.mark.parametrize("headers", [[], only(if_none_match='"old"')])
async def test_what_may_not_be_opened_is_403(root, path, headers, monkeypatch):
    def deny(path, flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)
    assert (await request(StaticFiles(directory=root), path=path, headers=headers)).status == 403


class Swapping(StaticFiles):
    """Replaces a file between its look-up and its opening, as often as there are replacements."""

    def __init__(self, file, replacements, **options):
        super().__init__(directory=file.parent, **options)
        self.file = file
        self.replacements = list(replacements)

    def lookup_path(self, path):
        found = super().lookup_path(path)
        if self.replacements and found[1] is not None:
            replacement = self.replacements.pop(0)
            replacement(self.file.with_name("replacement"))
            self.file.with_name("replacement").replace(self.file)
        return found


def write(content):
    return lambda file: file.write_text(content)


def link_to(target):
    return lambda file: file.symlink_to(target)


@pytest.mark.parametrize("size", [5, 300_000])
@pytest.mark.parametrize("follow_symlink", [False, True])
async def test_a_file_that_is_deployed_while_it_is_looked_up_is_sent_whole(root, size, follow_symlink):
    (root / "app.js").write_text("o" * size)
    app = Swapping(root / "app.js", [write("n" * size)], follow_symlink=follow_symlink)
    reply = await request(app, path="/app.js")
    assert (reply.status, reply.text) == (200, "n" * size)
    again = await request(StaticFiles(directory=root), path="/app.js")
    assert reply.header("etag") == again.header("etag")


@pytest.mark.parametrize("size", [5, 300_000])
@pytest.mark.parametrize("replacement", [link_to("../secret.txt"), link_to("/dev/zero"), os.mkfifo, write("x")])
async def test_what_takes_the_name_of_a_file_again_and_again_is_not_sent_in_its_place(root, size, replacement):
    (root / "app.js").write_text("o" * size)

    def swap_back(file):
        file.write_text("o" * size)

    app = Swapping(root / "app.js", [replacement] + [swap_back, replacement] * 10)
    with anyio.fail_after(5):
        reply = await request(app, path="/app.js")
    assert (reply.status, reply.body) == (404, b"Not Found")


async def test_another_error_of_the_system_is_not_hidden(root, monkeypatch):
    def fail(path):
        raise OSError(5, "Input/output error")

    app = StaticFiles(directory=root)
    await app.check_config()
    app.config_checked = True
    monkeypatch.setattr(os, "lstat", fail)
    with pytest.raises(OSError, match="Input/output error"):
        app.lookup_path("app.js")


async def test_a_file_that_changes_while_it_is_looked_up_is_never_sent_wrong(root):
    class Racing(StaticFiles):
        def lookup_path(self, path):
            found = super().lookup_path(path)
            (root / "app.js").write_text("grown meanwhile")
            return found

    reply = await request(Racing(directory=root), path="/app.js")
    assert (reply.header("content-length"), reply.body) == ("5", b"grown")


# html


async def test_html_serves_the_index_and_redirects_to_the_slash(root):
    app = StaticFiles(directory=root, html=True)
    assert (await request(app, path="/docs/")).body == b"<p>docs"
    reply = await request(app, path="/docs", query=b"a=b&c", headers=only(host="evil.example"))
    assert (reply.status, reply.header("location"), reply.body) == (307, "./docs/?a=b&c", b"")


@pytest.mark.parametrize(
    ("path", "root_path", "location"),
    [
        ("//docs", "", "./docs/"),
        ("/x//docs", "/x", "./docs/"),
        ("//evil.example/..//docs", "//evil.example/..", "./docs/"),
        ("/static/ab:c", "/static", "./ab:c/"),
        ("/static", "/static", "./static/"),
        ("", "", "./"),
    ],
)
async def test_the_redirect_never_leads_elsewhere(root, path, root_path, location):
    for folder in (root, root / "ab:c"):
        (folder / "index.html").write_text("<p>")
    scope = http_scope(path="/") | {"path": path, "root_path": root_path}
    assert (await run(StaticFiles(directory=root, html=True), scope)).header("location") == location


async def test_html_serves_its_own_404(root):
    app = StaticFiles(directory=root, html=True)
    for path in ("/nope", "/empty/", "/.env"):
        reply = await request(app, path=path, headers=only(if_none_match="*", range="bytes=0-1"))
        assert (reply.status, reply.body) == (404, b"<p>nothing here")
    (root / "404.html").unlink()
    assert (await request(app, path="/nope")).body == b"Not Found"


# Other scopes


async def test_a_websocket_is_denied_or_closed(root):
    app = StaticFiles(directory=root)
    connect = [{"type": "websocket.connect"}]
    assert (await run(app, websocket_scope("/app.js"), connect)).status == 404
    assert (
        await run(app, websocket_scope("/app.js") | {"asgi_middleware.exceptions": object()}, connect)
    ).status == 404
    assert (await run(app, websocket_scope("/app.js", extensions={}), connect)).types == ["websocket.close"]


async def test_a_lifespan_is_completed(root):
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    reply = await run(StaticFiles(directory=root), {"type": "lifespan"}, messages)
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_server_that_sends_by_path_is_left_to_it(root):
    reply = await request(StaticFiles(directory=root), path="/app.js", extensions={"http.response.pathsend": {}})
    assert reply.messages[1] == {"type": "http.response.pathsend", "path": str(root / "app.js")}


# Configuration


def test_a_directory_that_does_not_exist_is_refused_at_once(tmp_path):
    with pytest.raises(RuntimeError, match=r"Directory '.*nope' does not exist"):
        StaticFiles(directory=tmp_path / "nope")


async def test_a_directory_is_checked_at_the_first_request_otherwise(tmp_path):
    with pytest.raises(RuntimeError, match=r"StaticFiles directory '.*nope' does not exist\."):
        await request(StaticFiles(directory=tmp_path / "nope", check_dir=False))
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match=r"StaticFiles path '.*file' is not a directory\."):
        await request(StaticFiles(directory=tmp_path / "file", check_dir=False))


async def test_packages_are_searched_after_the_directory(root, tmp_path, monkeypatch):
    for package, folder in (("withstatics", "statics"), ("withassets", "assets")):
        (tmp_path / package / folder).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / folder / f"{package}.txt").write_text(package)
        (tmp_path / package / folder / "app.js").write_text("shadowed")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    app = StaticFiles(directory=root, packages=["withstatics", ("withassets", "assets")])
    assert (await request(app, path="/withstatics.txt")).body == b"withstatics"
    assert (await request(app, path="/withassets.txt")).body == b"withassets"
    assert (await request(app, path="/app.js")).body == b"run()"
    assert (await request(StaticFiles(packages=["withstatics"]), path="/app.js")).body == b"shadowed"
    with pytest.raises(AssertionError, match="Package 'nosuch' could not be found"):
        StaticFiles(packages=["nosuch"])
    with pytest.raises(AssertionError, match="Directory ''assets'' in package 'withstatics' could not be found"):
        StaticFiles(packages=[("withstatics", "assets")])


# Seams


async def test_file_response_may_be_overridden(root):
    class Downloads(StaticFiles):
        def file_response(self, full_path, stat_result, scope, status_code=200):
            response = super().file_response(full_path, stat_result, scope, status_code)
            response.headers["x-served"] = os.path.basename(full_path)
            return response

    app = Downloads(directory=root)
    reply = await request(app, path="/app.js")
    assert (reply.header("x-served"), reply.body) == ("app.js", b"run()")
    assert (await request(app, path="/app.js", headers=only(if_none_match="*"))).header("x-served") == "app.js"


async def test_file_response_may_send_something_else(root):
    class Others(StaticFiles):
        def file_response(self, full_path, stat_result, scope, status_code=200):
            if full_path.endswith(".js"):
                return FileResponse(root / "docs/index.html")
            return PlainTextResponse("other")

    assert (await request(Others(directory=root), path="/app.js")).body == b"<p>docs"
    assert (await request(Others(directory=root), path="/css/site.css")).body == b"other"


async def test_get_response_and_get_path_may_be_overridden(root):
    class Single(StaticFiles):
        def get_path(self, scope):
            return super().get_path(scope).removeprefix("v1/")

        async def get_response(self, path, scope):
            try:
                return await super().get_response(path, scope)
            except HTTPException:
                return await super().get_response("app.js", scope)

    app = Single(directory=root)
    assert (await request(app, path="/v1/css/site.css")).body == b"p {}"
    assert (await request(app, path="/anything/at/all")).body == b"run()"


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/", "/a/b/"])
async def test_the_page_of_an_application_is_served_for_every_path(root, path):
    class Application(StaticFiles):
        async def get_response(self, path, scope):
            try:
                return await super().get_response(path, scope)
            except HTTPException:
                return await super().get_response("docs/index.html", scope)

    assert (await request(Application(directory=root), path=path)).body == b"<p>docs"


async def test_a_response_needs_no_more_of_the_scope_than_the_method(root):
    response = await StaticFiles(directory=root).get_response("app.js", {"type": "http", "method": "GET"})
    assert response.path == str(root / "app.js")
    with pytest.raises(HTTPException):
        await StaticFiles(directory=root).get_response("../secret.txt", {"method": "GET"})


async def test_an_etag_of_your_own_replaces_the_time(root):
    calls = []

    def etag(path, status):
        calls.append(os.path.basename(path))
        with open(path, "rb") as file:
            return f'"{file.read().hex()}"' if path.endswith(".js") else None

    app = StaticFiles(directory=root, etag=etag)
    first = await request(app, path="/app.js")
    assert (first.header("etag"), first.header("last-modified")) == (f'"{b"run()".hex()}"', None)
    assert (await request(app, path="/app.js", headers=only(if_none_match=first.header("etag")))).status == 304
    assert calls == ["app.js"]
    os.utime(root / "app.js", ns=(0, os.stat(root / "app.js").st_mtime_ns))
    (root / "new").write_text("gun()")
    os.utime(root / "new", ns=(0, os.stat(root / "app.js").st_mtime_ns))
    (root / "new").replace(root / "app.js")
    second = await request(app, path="/app.js", headers=only(if_none_match=first.header("etag")))
    assert (second.status, second.body) == (200, b"gun()")
    css = await request(app, path="/css/site.css")
    assert css.header("etag")
    assert css.header("last-modified")


async def test_entity_tags_are_remembered_within_bounds(root, monkeypatch):
    from asgi_requests.staticfiles._representations import Tags

    monkeypatch.setattr(Tags, "MOST", 2)
    app = StaticFiles(directory=root, etag=lambda path, status: '"tag"')
    for path in ("/app.js", "/css/site.css", "/docs/index.html", "/app.js"):
        assert (await request(app, path=path)).header("etag") == '"tag"'
    assert len(app._tags) <= 2


@pytest.mark.parametrize("seconds", [-1, 0, 1])
async def test_the_time_that_build_systems_set_validates_nothing(root, seconds):
    os.utime(root / "app.js", (seconds, seconds))
    app = StaticFiles(directory=root)
    first = await request(app, path="/app.js")
    assert first.header("last-modified") is None
    assert (await request(app, path="/app.js", headers=only(if_none_match=first.header("etag")))).status == 304
    (root / "new").write_text("gun()")
    os.utime(root / "new", (seconds, seconds))
    (root / "new").replace(root / "app.js")
    known = only(if_none_match=first.header("etag"), if_modified_since="Thu, 01 Jan 1970 00:00:01 GMT")
    assert (await request(app, path="/app.js", headers=known)).body == b"gun()"
    known = only(if_modified_since="Thu, 01 Jan 1970 00:00:01 GMT")
    assert (await request(app, path="/app.js", headers=known)).body == b"gun()"


async def test_is_not_modified_may_be_overridden(root):
    class Never(StaticFiles):
        def is_not_modified(self, response_headers, request_headers):
            return "x-fresh" in request_headers

    app = Never(directory=root)
    assert (await request(app, path="/app.js", headers=only(x_fresh="1"))).status == 304
    assert (await request(app, path="/app.js")).body == b"run()"


async def test_an_override_of_is_not_modified_sees_every_header_of_the_answer(root):
    seen = []

    class Curious(StaticFiles):
        def is_not_modified(self, response_headers, request_headers):
            seen.append(response_headers.keys())
            return super().is_not_modified(response_headers, request_headers)

    app = Curious(directory=root, cache_control="no-cache")
    answer = await request(app, path="/app.js")
    assert seen == [[name.decode() for name, _ in answer.headers]]
    assert "content-type" in seen[0]


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/", "", "."),
        ("", "", "."),
        ("/a//b/./c/", "", os.path.join("a", "b", "c")),
        ("/static/a", "/static", "a"),
        ("/static", "/static", "."),
        ("/static/a", "/static/", "a"),
        ("/staticfile", "/static", "staticfile"),
        ("/../x", "", os.path.join("..", "x")),
    ],
)
def test_the_path_below_the_directory(root, path, root_path, expected):
    scope = http_scope() | {"path": path, "root_path": root_path}
    assert StaticFiles(directory=root).get_path(scope) == expected


def test_not_modified_keeps_the_headers_a_cache_may_use():
    full = PlainTextResponse("x", headers={"ETag": '"a"', "Vary": "Accept", "X-A": "1", "Date": "d"})
    assert NotModifiedResponse(full.headers).raw_headers == [(b"etag", b'"a"'), (b"vary", b"Accept"), (b"date", b"d")]


async def test_requests_at_once_do_not_disturb_each_other(root):
    app = StaticFiles(directory=root)
    replies = {}

    async def get(path):
        replies[path] = (await request(app, path=path)).body

    async with anyio.create_task_group() as tasks:
        for path in ("/app.js", "/css/site.css", "/big.bin"):
            tasks.start_soon(get, path)
    assert replies == {"/app.js": b"run()", "/css/site.css": b"p {}", "/big.bin": b"x" * 300_000}


def test_a_subclass_says_which_headers_a_304_keeps():
    class WithServer(NotModifiedResponse):
        NOT_MODIFIED_HEADERS = (*NotModifiedResponse.NOT_MODIFIED_HEADERS, "server")

    full = PlainTextResponse("x", headers={"etag": '"a"', "server": "s", "x-other": "o"})
    assert WithServer(full.headers).raw_headers == [(b"etag", b'"a"'), (b"server", b"s")]


@pytest.mark.parametrize("name", ["cache_control", "dotfiles", "etag", "precompressed", "fallback", "immutable"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_subclass_may_use_the_names_of_our_options_for_its_own(root, name, before):
    class Frontend(StaticFiles):
        def __init__(self) -> None:
            if before:
                setattr(self, name, "index.html")
            super().__init__(directory=root, html=True)
            if not before:
                setattr(self, name, "index.html")

    files = Frontend()
    assert getattr(files, name) == "index.html"
    assert (await request(files, path="/css/site.css")).body == b"p {}"
    assert (await request(files, path="/missing", headers=only(accept="text/html"))).body == b"<p>nothing here"
    assert (await request(files, path="/.env")).status == 404


async def test_directories_and_links_may_be_set_afterwards(root, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "added.css").write_text("b {}")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    files = StaticFiles(directory=root)
    assert (await request(files, path="/added.css")).status == 404
    files.all_directories = [*files.all_directories, more]
    assert (await request(files, path="/added.css")).body == b"b {}"
    assert (await request(files, path="/link.txt")).status == 404
    files.follow_symlink = True
    assert (await request(files, path="/link.txt")).body == b"SECRET"
