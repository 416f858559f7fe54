"""Compressed siblings of static files: which form is sent, and that no client can mix two of them."""

from __future__ import annotations

import gzip
import os

import pytest

from asgi_requests.exceptions import HTTPException
from asgi_requests.files import FileResponse
from asgi_requests.staticfiles import Representation, StaticFiles
from asgi_requests.staticfiles._codings import accepted_codings
from raw_asgi import request

CODE = b"console.log('static files')\n" * 100
# What is in a sibling is not looked at: these cannot be taken for each other.
FORMS = {"br": b"BROTLI" * 50, "zstd": b"ZSTD__" * 60, "gzip": gzip.compress(CODE), "identity": CODE}
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


def write(path, content, mtime=1_700_000_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))


@pytest.fixture
def root(tmp_path):
    static = tmp_path / "static"
    write(static / "app.js", CODE)
    for coding, suffix in SUFFIXES.items():
        write(static / f"app.js{suffix}", FORMS[coding])
    write(static / "plain.txt", b"plain")
    write(tmp_path / "outside.js.br", b"SECRET")
    return static


def accepting(value, **others):
    headers = [] if value is None else [(b"accept-encoding", value.encode())]
    return headers + [(name.replace("_", "-").encode(), text.encode()) for name, text in others.items()]


async def get(app, value, path="/app.js", method="GET", **others):
    return await request(app, method, path, headers=accepting(value, **others))


def form_of(reply):
    return reply.header("content-encoding") or "identity"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ["identity"]),
        ("", ["identity"]),
        ("gzip", ["gzip", "identity"]),
        ("x-gzip", ["gzip", "identity"]),
        ("GZip, Deflate", ["gzip", "identity"]),
        ("gzip, deflate, br, zstd", ["br", "zstd", "gzip", "identity"]),
        ("zstd, gzip, br;q=1.0", ["br", "zstd", "gzip", "identity"]),
        ("br;q=0.5, gzip;q=0.8", ["gzip", "br", "identity"]),
        ("br;q=0.001", ["br", "identity"]),
        ("br;q=0, gzip", ["gzip", "identity"]),
        ("*", ["br", "zstd", "gzip", "identity"]),
        ("*;q=0", []),
        ("*;q=0, gzip", ["gzip"]),
        ("gzip, *;q=0.5", ["gzip", "br", "zstd", "identity"]),
        ("identity;q=1, *;q=0", ["identity"]),
        ("identity;q=0.5, gzip;q=0.4", ["identity", "gzip"]),
        ("identity;q=0", []),
        ("identity;q=0, br", ["br"]),
        ("gzip;q=high, br", ["br", "identity"]),
        ("gzip;q=2", ["identity"]),
        ("gzip ; level=9 ; q=0.3 , br;q=0.2", ["gzip", "br", "identity"]),
        ("br;q=0, br", ["br", "identity"]),
        (", ,gzip,", ["gzip", "identity"]),
        ("deflate, " * 50 + "br", ["br", "identity"]),
        ("br, " + "a" * 1100, ["identity"]),
    ],
)
def test_codings_are_ranked_by_q_value_and_then_by_size(value, expected):
    assert list(accepted_codings({"headers": accepting(value)})) == expected


def test_a_repeated_field_is_one_list():
    headers = [(b"accept-encoding", b"gzip"), (b"accept-encoding", b"br")]
    assert accepted_codings({"headers": headers}) == ("br", "gzip", "identity")


def test_a_scope_without_headers_accepts_the_file_itself():
    assert accepted_codings({}) == ("identity",)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coding", FORMS)
@pytest.mark.parametrize("stat_max_age", [0, 60])
async def test_each_form_has_its_own_tag_and_the_type_of_the_file(root, coding, method, stat_max_age):
    app = StaticFiles(directory=root, precompressed=True, stat_max_age=stat_max_age)
    for _ in range(2):
        replies = {each: await get(app, each, method=method) for each in FORMS}
        reply = replies[coding]
        assert (reply.status, form_of(reply)) == (200, coding)
        assert reply.body == (FORMS[coding] if method == "GET" else b"")
        assert reply.header("content-length") == str(len(FORMS[coding]))
        assert reply.header("content-type") == "text/javascript; charset=utf-8"
        assert reply.header("vary") == "Accept-Encoding"
        assert reply.header("accept-ranges") == "bytes"
        tags = {each.header("etag") for each in replies.values()}
        assert len(tags) == 4
        assert not any(tag.startswith("W/") for tag in tags)


@pytest.mark.parametrize("coding", FORMS)
@pytest.mark.parametrize("stat_max_age", [0, 60])
async def test_304_and_412_are_decided_for_each_form(root, coding, stat_max_age):
    app = StaticFiles(directory=root, precompressed=True, stat_max_age=stat_max_age, cache_control="max-age=60")
    tag = (await get(app, coding)).header("etag")
    for other in FORMS:
        reply = await get(app, other, if_none_match=tag)
        assert reply.status == (304 if other == coding else 200)
        assert reply.header("vary") == "Accept-Encoding"
        assert reply.header("cache-control") == "max-age=60"
        assert (await get(app, other, if_match=tag)).status == (200 if other == coding else 412)
    reply = await get(app, coding, if_none_match=tag)
    assert {name for name, _ in reply.headers} == {b"etag", b"last-modified", b"cache-control", b"vary"}


@pytest.mark.parametrize("coding", FORMS)
@pytest.mark.parametrize("stat_max_age", [0, 60])
async def test_a_resumed_download_is_byte_exact_in_every_form(root, coding, stat_max_age):
    app = StaticFiles(directory=root, precompressed=True, stat_max_age=stat_max_age)
    first = await get(app, coding)
    tag, part = first.header("etag"), first.body[:40]
    # The client has a part of one form, and asks for the rest while it accepts others.
    for accepted in (coding, f"{coding}, identity;q=0.1", "br, zstd, gzip", "identity", "gzip;q=0.5, br"):
        rest = await get(app, accepted, range="bytes=40-", if_range=tag)
        if rest.status == 206:
            assert form_of(rest) == coding
            assert rest.header("content-range") == f"bytes 40-{len(FORMS[coding]) - 1}/{len(FORMS[coding])}"
            assert part + rest.body == FORMS[coding]
        else:
            assert (rest.status, rest.body) == (200, FORMS[form_of(rest)])
    assert (await get(app, coding, range="bytes=40-", if_range=tag)).status == 206
    assert (await get(app, "br, zstd, gzip", range="bytes=40-", if_range=tag)).status == 206
    assert (await get(app, coding, range="bytes=40-")).body == FORMS[coding][40:]


async def test_a_date_does_not_tell_the_forms_apart(root):
    app = StaticFiles(directory=root, precompressed=True)
    date = (await get(app, "identity")).header("last-modified")
    assert (await get(app, "br", range="bytes=40-", if_range=date)).body == FORMS["br"]
    # A file in one form alone is what it was on that date.
    plain = await get(app, "br", "/plain.txt")
    rest = await get(app, "br", "/plain.txt", range="bytes=1-", if_range=plain.header("last-modified"))
    assert (rest.status, rest.body) == (206, b"lain")


async def test_a_client_that_accepts_no_form_is_refused(root):
    app = StaticFiles(directory=root, precompressed=True)
    reply = await get(app, "identity;q=0")
    assert (reply.status, reply.header("vary")) == (406, "Accept-Encoding")
    assert (await get(app, "identity;q=0, gzip")).body == FORMS["gzip"]
    assert (await get(app, "identity;q=0, br", "/plain.txt")).status == 406
    assert (await get(app, "identity;q=0", "/none")).status == 404
    with pytest.raises(HTTPException):
        await get(StaticFiles(directory=root, precompressed=True, raise_errors=True), "*;q=0")


async def test_a_file_without_siblings_does_not_vary(root):
    reply = await get(StaticFiles(directory=root, precompressed=True), "br", "/plain.txt")
    assert (reply.body, reply.header("vary"), form_of(reply)) == (b"plain", None, "identity")


async def test_nothing_is_negotiated_unless_asked_for(root):
    reply = await get(StaticFiles(directory=root), "br")
    assert (reply.body, reply.header("vary"), form_of(reply)) == (CODE, None, "identity")
    assert reply.header("etag") == (await get(StaticFiles(directory=root, precompressed=True), "")).header("etag")


async def test_only_the_codings_that_are_asked_for_are_looked_for(root):
    assert form_of(await get(StaticFiles(directory=root, precompressed=["gzip"]), "br, gzip")) == "gzip"
    assert form_of(await get(StaticFiles(directory=root, precompressed="zstd"), "br, zstd")) == "zstd"
    with pytest.raises(ValueError, match=r"Unknown coding 'brotli': precompressed takes 'br', 'zstd', 'gzip'"):
        StaticFiles(directory=root, precompressed=["brotli"])


async def test_a_sibling_that_is_older_than_its_file_is_not_served(root):
    app = StaticFiles(directory=root, precompressed=True)
    os.utime(root / "app.js", (1_700_000_001, 1_700_000_001))
    reply = await get(app, "br, zstd, gzip")
    assert (reply.body, reply.header("vary")) == (CODE, None)
    os.utime(root / "app.js.gz", (1_700_000_002, 1_700_000_002))
    assert form_of(await get(app, "br, zstd, gzip")) == "gzip"


async def test_a_sibling_without_its_file_is_not_served_in_its_place(root):
    os.unlink(root / "app.js")
    app = StaticFiles(directory=root, precompressed=True)
    assert (await get(app, "br")).status == 404
    assert (await get(app, "br", "/app.js.br")).header("content-type") == "application/x-brotli"


async def test_a_sibling_is_a_file_and_no_link_out_of_the_directory(root, tmp_path):
    app = StaticFiles(directory=root, precompressed=["br"])
    os.unlink(root / "app.js.br")
    (root / "app.js.br").symlink_to(tmp_path / "outside.js.br")
    assert (await get(app, "br")).body == CODE
    os.unlink(root / "app.js.br")
    (root / "app.js.br").mkdir()
    assert (await get(app, "br")).body == CODE
    (root / "app.js.br").rmdir()
    os.mkfifo(root / "app.js.br")
    assert (await get(app, "br")).body == CODE


async def test_a_link_and_the_link_to_its_sibling_are_served(root):
    (root / "latest.js").symlink_to("app.js")
    (root / "latest.js.br").symlink_to("app.js.br")
    app = StaticFiles(directory=root, precompressed=["br"])
    assert (await get(app, "br", "/latest.js")).body == FORMS["br"]
    # Beside what is a link to elsewhere, a file of that name may belong to anything.
    (root / "other.js").symlink_to("app.js")
    write(root / "other.js.br", b"other")
    assert (await get(app, "br", "/other.js")).body == CODE
    followed = StaticFiles(directory=root, precompressed=["br"], follow_symlink=True)
    assert (await get(followed, "br", "/latest.js")).body == FORMS["br"]


async def test_a_link_that_takes_the_place_of_a_sibling_is_not_followed(root, tmp_path):
    class Replacing(StaticFiles):
        def file_response(self, full_path, *args, **options):
            os.unlink(full_path)
            os.symlink(tmp_path / "outside.js.br", full_path)
            return super().file_response(full_path, *args, **options)

    # More than is read at once: it is opened when it is sent.
    write(root / "app.js.br", b"B" * 300_000)
    reply = await get(Replacing(directory=root, precompressed=["br"]), "br;q=1, identity;q=0.5")
    assert b"SECRET" not in reply.body


async def test_siblings_of_several_directories_are_not_mixed(root, tmp_path):
    first = tmp_path / "first"
    write(first / "app.js", b"another")
    app = StaticFiles(directory=first, packages=None, precompressed=["br"])
    app.all_directories.append(root)
    assert (await get(app, "br")).body == b"another"


async def test_the_index_of_a_directory_has_siblings_and_the_page_for_404_is_sent_as_it_is(root):
    for name in ("docs/index.html", "404.html"):
        write(root / name, b"<p>" * 100)
        write(root / f"{name}.br", b"B")
    app = StaticFiles(directory=root, html=True, precompressed=True)
    reply = await get(app, "br", "/docs/")
    assert (reply.body, reply.header("content-type")) == (b"B", "text/html; charset=utf-8")
    missing = await get(app, "br", "/missing")
    assert (missing.status, missing.body, missing.header("vary")) == (404, b"<p>" * 100, None)


async def test_an_etag_of_the_application_is_marked_with_the_coding(root):
    app = StaticFiles(directory=root, precompressed=True, etag=lambda path, status: '"build-7"')
    tags = {coding: (await get(app, coding)).header("etag") for coding in FORMS}
    assert tags == {"br": '"build-7-br"', "zstd": '"build-7-zstd"', "gzip": '"build-7-gzip"', "identity": '"build-7"'}
    assert (await get(app, "br", if_none_match='"build-7-br"')).status == 304
    assert (await get(app, "br", if_none_match='"build-7"')).status == 200
    unmarked = StaticFiles(directory=root, precompressed=True, etag=lambda path, status: None)
    assert (await get(unmarked, "br")).header("etag").endswith('-br"')


async def test_an_override_of_file_response_gets_the_representation(root):
    seen = []

    class Marking(StaticFiles):
        def file_response(self, *args, **options):
            seen.append(options["representation"])
            response = super().file_response(*args, **options)
            response.headers["x-marked"] = "yes"
            return response

    reply = await get(Marking(directory=root, precompressed=True), "br")
    assert (reply.body, reply.header("x-marked")) == (FORMS["br"], "yes")
    [form] = seen
    assert isinstance(form, Representation)
    assert (form.path, form.coding, form.full_path) == ("app.js", "br", str(root / "app.js.br"))


async def test_an_override_with_the_signature_of_starlette_serves_files_as_they_are(root):
    class Old(StaticFiles):
        def file_response(self, full_path, stat_result, scope, status_code=200):
            return FileResponse(full_path, status_code=status_code, stat_result=stat_result)

    with pytest.warns(UserWarning, match=r"Old.file_response takes no 'representation': add \*\*options") as warned:
        app = Old(directory=root, precompressed=True)
    assert warned[0].filename == __file__
    reply = await get(app, "br")
    assert (reply.body, form_of(reply)) == (CODE, "identity")
    assert (await get(Old(directory=root, immutable=True), "br")).body == CODE


async def test_an_override_of_is_not_modified_sees_the_form(root):
    class Never(StaticFiles):
        def is_not_modified(self, response_headers, request_headers):
            assert response_headers["content-encoding"] == "br"
            return False

    app = Never(directory=root, precompressed=True)
    tag = (await get(app, "br")).header("etag")
    assert (await get(app, "br", if_match=tag)).body == FORMS["br"]


async def test_a_server_that_sends_by_path_gets_the_path_of_the_form(root):
    for stat_max_age in (0, 60):
        app = StaticFiles(directory=root, precompressed=True, stat_max_age=stat_max_age)
        for _ in range(2):
            extensions = {"http.response.pathsend": {}}
            reply = await request(app, path="/app.js", headers=accepting("br"), extensions=extensions)
            assert reply.messages[-1] == {"type": "http.response.pathsend", "path": str(root / "app.js.br")}
            assert reply.header("content-length") == str(len(FORMS["br"]))
