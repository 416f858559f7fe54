"""Each advisory against Starlette or python-multipart that concerns this package, on its exact trigger."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from asgi_requests import forms
from asgi_requests.adapters import request_response
from asgi_requests.endpoints import HTTPEndpoint
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import Request
from asgi_requests.responses import FileResponse, PlainTextResponse, RedirectResponse
from asgi_requests.staticfiles import StaticFiles
from raw_asgi import body_messages, http_scope, request, run

MULTIPART = [(b"content-type", b"multipart/form-data; boundary=B")]
URLENCODED = [(b"content-type", b"application/x-www-form-urlencoded")]


async def show_form(request):
    async with request.form() as form:
        return PlainTextResponse(repr([(name, getattr(v, "filename", v)) for name, v in form.multi_items()])[:1000])


form_app = request_response(show_form)


def part(disposition, content=b""):
    return b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"


def chunks_of(body, size=65536):
    return [body[i : i + size] for i in range(0, len(body), size)]


async def answer(app, path):
    try:
        return await request(app, path=path)
    except HTTPException as exc:
        return await request(exc)


def url_of(**scope):
    return Request(http_scope(**scope)).url


@pytest.mark.parametrize(
    ("disposition", "detail"),
    [
        (b'name="a"', "Too many fields. Maximum number of fields is 1000."),
        (b'name="a"; filename="f"', "Too many files. Maximum number of files is 1000."),
    ],
)
async def test_cve_2023_30798_parts_without_number(disposition, detail):
    reply = await request(form_app, "POST", body=chunks_of(part(disposition) * 1001), headers=MULTIPART)
    assert (reply.status, reply.text) == (413, detail)


@pytest.fixture
def static(tmp_path):
    for name in ("static/index.html", "static_disallow/index.html"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("page")
    (tmp_path / "static1.txt").write_text("secret")
    return StaticFiles(directory=tmp_path / "static")


@pytest.mark.parametrize(
    "path",
    [
        "/../static1.txt",
        "/../static_disallow/index.html",
        "/./../static1.txt",
        "/index.html/../../static1.txt",
        "//etc/passwd",
        "/..\\static1.txt",
        "\\\\host\\share\\file",
        "/\\\\host\\share\\file",
        "/C:\\windows\\win.ini",
        "/index.html\0",
    ],
)
async def test_cve_2023_29159_and_cve_2026_48818_files_beside_the_directory(static, path):
    reply = await answer(static, path)
    assert reply.status == 404
    assert reply.text != "secret"


@pytest.mark.parametrize("path", ["\\\\host\\share", "/etc/passwd", os.path.abspath(__file__), "../static1.txt"])
def test_cve_2026_48818_no_path_leaves_the_directory(static, path):
    assert static.lookup_path(path) == ("", None)


@pytest.mark.parametrize("size", [100_000])
async def test_cve_2024_24762_backslashes_in_a_content_type(size):
    value = b'application/x-www-form-urlencoded; !="' + b"\\" * size
    reply = await request(form_app, "POST", body=b"a=1", headers=[(b"content-type", value)])
    assert reply.text == "[('a', '1')]"
    value = b'multipart/form-data; !="' + b"\\" * size
    reply = await request(form_app, "POST", body=b"a=1", headers=[(b"content-type", value)])
    assert reply.status == 400


async def test_cve_2024_47874_a_part_without_end():
    taken = 0

    async def receive():
        nonlocal taken
        taken += 1
        first = part(b'name="big"').removesuffix(b"\r\n") if taken == 1 else b""
        return {"type": "http.request", "body": first + b"x" * 65536, "more_body": True}

    sent = []

    async def send(message):
        sent.append(message)

    await form_app(http_scope("POST", headers=MULTIPART), receive, send)
    assert (sent[0]["status"], sent[1]["body"]) == (413, b"Part exceeded maximum size of 1024KB.")
    assert taken <= 17


async def test_cve_2025_54121_the_write_that_reaches_the_disk_is_not_the_loops(monkeypatch):
    threads = []

    class Watched(forms.SpooledTemporaryFile):
        def rollover(self):
            threads.append(threading.current_thread())
            super().rollover()

    monkeypatch.setattr(forms, "SpooledTemporaryFile", Watched)
    body = part(b'name="f"; filename="f"', b"x" * (1024 * 1024 + 1)) + b"--B--\r\n"
    assert (await request(form_app, "POST", body=chunks_of(body), headers=MULTIPART)).status == 200
    assert threads
    assert threading.current_thread() not in threads


@pytest.mark.parametrize(
    "ranges",
    [b"0" * 200_000, b"1-" * 100_000, b"-," * 100_000, b",".join(b"%d-%d" % (i, i) for i in range(0, 20_000, 2))],
)
async def test_cve_2025_62727_ranges_are_read_in_one_go(tmp_path, ranges):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 30_000)
    reply = await request(FileResponse(path), headers=[(b"range", b"bytes=" + ranges)])
    assert reply.status in (200, 400, 416)


@pytest.mark.parametrize(
    "host", ["example.com/?", "example.com/", "example.com?x", "example.com#", "a@b", "example.com\\"]
)
def test_cve_2026_48710_a_host_that_swallows_the_path(host):
    assert url_of(path="/admin/x", headers=[(b"host", host.encode())]).path == "/admin/x"


@pytest.mark.parametrize("method", ["_DO_DELETE", "_do_delete"])
async def test_cve_2026_48817_a_method_of_the_class_is_not_a_method_of_http(method):
    class Page(HTTPEndpoint):
        def get(self, request):
            return PlainTextResponse("page")

        def _do_delete(self, request):
            raise AssertionError("called")

    assert (await request(Page, method)).status == 405


@pytest.mark.parametrize("path", ["@google.com", "google.com", "?x", "#x", "\\\\google.com", "//google.com"])
def test_cve_2026_54282_a_path_that_becomes_the_host(path):
    assert url_of(path=path, headers=[(b"host", b"example.com")]).hostname == "example.com"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"a=1&" * 1_000_000, "Too many fields. Maximum number of fields is 1000."),
        (b"a=" + b"x" * 50_000_000, "Field exceeded maximum size of 1024KB."),
    ],
    ids=["fields", "size"],
)
@pytest.mark.parametrize("size", [65536, 10**9], ids=["chunks", "at once"])
async def test_cve_2026_54283_an_urlencoded_body_without_end(body, detail, size):
    messages = body_messages(chunks_of(body, size))
    left = iter(messages)
    reply = await run(form_app, http_scope("POST", headers=URLENCODED), left)
    assert (reply.status, reply.text) == (413, detail)
    assert len(messages) == 1 or len(list(left)) > len(messages) - 20


# python-multipart


@pytest.mark.parametrize("where", ["before", "after"])
async def test_cve_2024_53981_and_cve_2026_40347_what_surrounds_the_parts_is_cheap(where, caplog):
    filler = b"\r\n" * 200_000
    body = part(b'name="a"', b"1") + b"--B--\r\n"
    with caplog.at_level(logging.DEBUG):
        body = filler + body if where == "before" else body + filler
        reply = await request(form_app, "POST", body=chunks_of(body), headers=MULTIPART)
    assert reply.status in (200, 400)
    assert len(caplog.records) < 1000


@pytest.mark.parametrize("filename", [b"../../etc/passwd", b"/etc/passwd", b"..\\\\..\\\\boot.ini"])
async def test_cve_2026_24486_a_file_name_is_not_a_path(filename):
    async def save(request):
        async with request.form() as form:
            return PlainTextResponse(form["f"].safe_filename)

    body = part(b'name="f"; filename="' + filename + b'"', b"x") + b"--B--\r\n"
    reply = await request(request_response(save), "POST", body=body, headers=MULTIPART)
    assert reply.text in ("passwd", "boot.ini")


@pytest.mark.parametrize(
    "headers", [b"X: y\r\n" * 10_000, b"X: " + b"y" * 100_000 + b"\r\n", b"Y" * 100_000 + b": 1\r\n"]
)
async def test_cve_2026_42561_headers_of_a_part_have_limits(headers):
    body = b'--B\r\nContent-Disposition: form-data; name="a"\r\n' + headers + b"\r\n1\r\n--B--\r\n"
    reply = await request(form_app, "POST", body=chunks_of(body), headers=MULTIPART)
    assert (reply.status, reply.text) == (400, "Invalid multipart data.")


async def test_a_boundary_has_a_limit():
    headers = [(b"content-type", b"multipart/form-data; boundary=" + b"B" * 257)]
    reply = await request(form_app, "POST", body=b"--" + b"B" * 257 + b"--\r\n", headers=headers)
    assert reply.status == 400


@pytest.mark.parametrize(
    ("disposition", "fields"),
    [
        (b"name=\"comment\"; name*=utf-8''role", "[('comment', 'x')]"),
        (b'name="f"; filename="a.txt"; filename*=utf-8\'\'evil.exe', "[('f', 'a.txt')]"),
    ],
)
async def test_cve_2026_53537_an_extended_parameter_takes_no_ones_place(disposition, fields):
    body = part(disposition, b"x") + b"--B--\r\n"
    assert (await request(form_app, "POST", body=body, headers=MULTIPART)).text == fields


async def test_cve_2026_53538_a_semicolon_separates_nothing():
    reply = await request(form_app, "POST", body=b"role=user&x=;role=admin", headers=URLENCODED)
    assert reply.text == "[('role', 'user'), ('x', ';role=admin')]"


async def test_cve_2026_53539_semicolons_are_cheap():
    reply = await request(form_app, "POST", body=chunks_of(b";" * 1_000_000, 1024), headers=URLENCODED)
    assert reply.status == 200


@pytest.mark.parametrize("length", [b"-1", b"nonsense", b"99999999999999999999"])
async def test_cve_2026_53540_a_content_length_is_not_believed(length):
    headers = [*MULTIPART, (b"content-length", length)]
    body = part(b'name="a"', b"1") + b"--B--\r\n"
    assert (await request(form_app, "POST", body=body, headers=headers)).text == "[('a', '1')]"


# Measured gaps for which there is no advisory


async def test_a_truncated_multipart_body_is_refused():
    body = part(b'name="a"', b"1")
    reply = await request(form_app, "POST", body=body, headers=MULTIPART)
    assert (reply.status, reply.text) == (400, "Multipart data ended before its closing boundary.")


def test_a_query_that_is_not_utf_8_has_a_url():
    assert url_of(path="/x", query=b"a=\xff").path == "/x"


def test_query_parameters_have_a_limit():
    with pytest.raises(HTTPException) as caught:
        _ = Request(http_scope(query=b"a=1&" * 100_000)).query_params
    assert caught.value.status_code == 400


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b=c", "a\nb", "a\0b"])
def test_a_header_cannot_be_split(value):
    with pytest.raises(ValueError, match=r"(?i)header|cookie|character|domain|path|invalid"):
        PlainTextResponse("x", headers={"X": value})
    for attribute in ("path", "domain"):
        with pytest.raises(ValueError, match=r"(?i)cookie|invalid|character|attribute"):
            PlainTextResponse("x").set_cookie("a", "b", **{attribute: value})
    with pytest.raises(ValueError, match=r"(?i)cookie|illegal|invalid"):
        PlainTextResponse("x").set_cookie("a\r\n" + value, "b")


async def test_a_redirect_cannot_be_split():
    reply = await request(RedirectResponse("/a\r\nSet-Cookie: b=c"))
    assert b"\r" not in reply.header("location").encode()


async def test_dotfiles_are_not_served(tmp_path):
    (tmp_path / ".env").write_text("SECRET=1")
    assert (await answer(StaticFiles(directory=tmp_path), "/.env")).status == 404
