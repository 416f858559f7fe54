from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from asgi_middleware.errors import ServerErrorMiddleware
from asgi_middleware.errors._failures import describe
from asgi_middleware.errors._redaction import MASK, is_secret, masked, masked_source, shown
from raw_asgi import Reply, http_scope, run

BROWSER = [
    (b"accept", b"text/html"),
    (b"user-agent", b"<i>UA</i>"),
    (b"cookie", b"a=TOPSECRET"),
    (b"x", b"token=TOPSECRET"),
]


async def answer(raiser, *, headers=BROWSER, show_locals=False, **scope):
    async def app(scope, receive, send):
        raiser()

    reply = Reply()
    with pytest.raises(Exception):  # noqa: PT011
        await run(
            ServerErrorMiddleware(app, debug=True, show_locals=show_locals),
            http_scope(headers=headers, **scope),
            reply=reply,
        )
    return reply


async def page(raiser, **options):
    text = (await answer(raiser, **options)).text
    assert_well_formed(text)
    return text


def assert_well_formed(text):
    class Checker(HTMLParser):
        open_tags: list[str] = []

        def handle_starttag(self, tag, attrs):
            assert tag != "script"
            assert not any(name.startswith("on") for name, _ in attrs)
            if tag not in ("meta", "br"):
                self.open_tags = [*self.open_tags, tag]

        def handle_endtag(self, tag):
            assert self.open_tags[-1] == tag
            self.open_tags = self.open_tags[:-1]

    checker = Checker()
    checker.feed(text)
    assert checker.open_tags == []


def fail(message="boom"):
    secret_word = "TOPSECRET"
    visible_value = ["shown", secret_word]
    raise ValueError(message.removesuffix(visible_value[0]))


async def test_a_browser_gets_a_page_that_stays_private_and_runs_nothing():
    reply = await answer(fail)
    assert reply.status == 500
    assert reply.header("content-type") == "text/html; charset=utf-8"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("referrer-policy") == "no-referrer"
    assert reply.header("content-length") == str(len(reply.body))
    style = re.search("<style>(.*)</style>", reply.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert reply.header("content-security-policy").startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "style=" not in reply.text


async def test_other_clients_get_the_traceback_as_text():
    reply = await answer(fail, headers=[])
    assert reply.status == 500
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    assert reply.header("cache-control") == "no-store"
    assert reply.text.startswith("Traceback (most recent call last):")
    assert reply.text.endswith("ValueError: boom\n")


async def test_the_page_shows_the_exception_its_frames_and_their_source():
    text = await page(fail)
    assert '<h1 class="name">ValueError</h1>' in text
    assert '<pre class="message">boom</pre>' in text
    assert "<b>fail</b>" in text
    assert "test_errors_page.py:" in text
    assert "visible_value = [" in text
    assert '<li class="failed">' in text


async def test_the_failing_expression_is_marked_in_characters():
    def act():
        values = {}
        return ["éß", values["x"]]

    assert "<mark>values[&quot;x&quot;]</mark>" in await page(act)


async def test_an_expression_of_several_lines_is_marked_on_its_first():
    def act():
        value = int(
            "x",
        )
        return value

    assert "<mark>int(</mark>" in await page(act)


async def test_everything_from_outside_is_escaped():
    text = await page(lambda: fail("<script>alert(1)</script>"), path="/<script>", query=b"<script>&\xff")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;i&gt;UA&lt;/i&gt;" in text


async def test_secrets_of_the_request_are_masked():
    text = await page(fail, query=b"page=2&access_token=TOPSECRET2")
    assert "TOPSECRET2" not in text
    assert "page=2&amp;access_token=********" in text
    assert f"<th>cookie</th><td>{MASK}</td>" in text
    assert f"<td>token={MASK}</td>" in text


async def test_locals_are_shown_only_on_request_and_secrets_never():
    assert "<th>visible_value</th>" not in await page(fail)
    text = await page(fail, show_locals=True)
    assert "<th>visible_value</th>" in text
    assert f"<th>secret_word</th><td>{MASK}</td>" in text


async def test_causes_contexts_and_notes_are_distinguished():
    def cause():
        try:
            raise KeyError("first")
        except KeyError as exc:
            error = RuntimeError("second")
            error.add_note("look at <the> shelf")
            raise error from exc

    def context():
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second")

    def suppressed():
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second") from None

    text = await page(cause)
    assert ">Caused by<" in text
    assert "look at &lt;the&gt; shelf" in text
    assert ">Raised while this was being handled<" in await page(context)
    assert '<h2 class="name">' not in await page(suppressed)


async def test_the_members_of_a_group_are_shown_with_their_origins():
    def act():
        inner = ValueError("leaf")
        inner.__cause__ = KeyError("root")
        raise ExceptionGroup("several", [inner, ExceptionGroup("deeper", [TypeError("other")])])

    text = await page(act)
    assert "Exception 1 of the group: <b>ValueError</b>" in text
    assert "Exception 2 of the group: <b>ExceptionGroup</b>" in text
    assert ">Caused by<" in text
    assert '<pre class="message">other</pre>' in text


async def test_library_calls_are_folded_away():
    import json

    text = await page(lambda: json.loads("{"))
    folded = re.search(r'<details class="library"><summary>(.*?)</summary>', text)[1]
    assert folded == "3 library calls <i>json</i>"
    folded = text[text.index('<details class="library">') : text.index("<b>test_library")]
    assert "<b>loads</b>" in folded
    assert folded.count(" open") == 1


async def test_calls_without_end_are_cut_in_the_middle():
    def recurse(n):
        return recurse(n + 1)

    text = await page(lambda: recurse(0), show_locals=True)
    assert re.search(r'<p class="omitted">\d{3} more calls</p>', text)
    assert text.count("<b>test_calls_without_end_are_cut_in_the_middle") < 70


async def test_an_error_of_syntax_shows_its_line():
    assert "def f(:" in await page(lambda: compile("def f(:\n  pass", "config.py", "exec"))


async def test_code_without_source_is_still_named():
    text = await page(lambda: exec(compile("\n\nraise ValueError('x')", "<generated>", "exec"), {}))
    assert "&lt;generated&gt;" in text or "<em>&lt;generated&gt;:3</em>" in text


async def test_an_exception_that_cannot_say_what_it_is_is_shown_all_the_same():
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    def act():
        raise Silent

    def empty():
        raise ValueError

    assert "Silent" in await page(act)
    assert '<pre class="message">' not in await page(empty)


async def test_a_scope_with_little_in_it_is_enough():
    async def app(scope, receive, send):
        raise ValueError("x")

    reply, scope = Reply(), {"type": "http", "headers": [(b"accept", b"text/html")]}
    with pytest.raises(ValueError, match="x"):
        await run(ServerErrorMiddleware(app, debug=True), scope, reply=reply)
    assert_well_formed(reply.text)


async def test_text_that_is_not_unicode_is_replaced():
    assert "a?b" in await page(lambda: fail("a\ud800b"))
    assert "a?b" in (await answer(lambda: fail("a\ud800b"), headers=[])).text


def test_a_cycle_of_causes_ends():
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert describe(first, show_locals=False).origin.origin is None


def test_a_chain_without_end_is_cut():
    error = ValueError(0)
    for number in range(100):
        previous, error = error, ValueError(number)
        error.__cause__ = previous
    failure, depth = describe(error, show_locals=False), 0
    while failure.origin is not None:
        failure, depth = failure.origin, depth + 1
    assert depth == 12


def test_notes_that_are_not_a_list_are_left_out():
    error = ValueError("x")
    error.__notes__ = "text"
    assert describe(error, show_locals=False).notes == []


def test_an_exceptions_module_is_part_of_its_name():
    assert describe(subclass("app.errors")("x"), show_locals=False).name.startswith("app.errors.")
    assert describe(subclass("app.errors")("x"), show_locals=False).message == "x"


def subclass(module):
    return type("Missing", (LookupError,), {"__module__": module})


def test_a_python_that_keeps_no_columns_marks_nothing(tmp_path):
    code = """
from asgi_middleware.errors._failures import describe
try:
    x = 1 / 0
except ZeroDivisionError as exc:
    print([frame.marked for frame in describe(exc, show_locals=False).frames])
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    command = [sys.executable, "-X", "no_debug_ranges", str(script)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[None]\n"


@dataclass
class Settings:
    user: str
    password: str


class Broken:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("x", 1, "1"),
        ("password", "x", MASK),
        ("api_key", "x", MASK),
        ("X_AUTH_TOKEN", "x", MASK),
        ("key", b"x", MASK),
        (1, "x", "'x'"),
        ("x", {"password": "p", "a": {"token": 1}}, f"{{'password': {MASK}, 'a': {{'token': {MASK}}}}}"),
        ("x", {(b"authorization", b"Bearer x"): 1}, f"{{(b'authorization', {MASK}): 1}}"),
        (
            "x",
            [[b"Cookie", b"a"], ("set-cookie", "b"), (1, 2)],
            f"[[b'Cookie', {MASK}], ('set-cookie', {MASK}), (1, 2)]",
        ),
        ("x", Settings("u", "p"), f"Settings(user='u', password={MASK})"),
        ("x", "postgres://u:p@host/db", f"'postgres://u:{MASK}@host/db'"),
        ("x", b"token=abc&a=1", f"b'token={MASK}"),
        ("x", bytearray(b"a"), "bytearray(b'a')"),
        ("x", b"a" * 500, "b'" + "a" * 400 + "'..."),
        ("x", {i: i for i in range(50)}, "{" + ", ".join(f"{i}: {i}" for i in range(40)) + ", ...}"),
        ("x", [[[[[[{"a": 1}]]]]]], "[[[[[[...]]]]]]"),
        ("x", [[[[[{"a": 1}]]]]], "[[[[[{...}]]]]]"),
    ],
    ids=range(17),
)
def test_values_are_short_and_keep_secrets(name, value, text):
    assert shown(name, value).startswith(text)


def test_a_repr_that_fails_is_named():
    assert shown("x", Broken()).startswith("<Broken instance at ")


def test_a_value_that_fails_in_another_way_is_named():
    class Mapping(dict):
        items = None

    # reprlib chooses its method by the name of the class, and by its module since Python 3.14.
    Mapping.__name__, Mapping.__module__ = "dict", "builtins"
    assert shown("x", Mapping(a=1)) == "<repr raised TypeError>"


@pytest.mark.parametrize("name", ["Authorization", b"x-api-key", "client_secret", "PASSWORD", "sessionid", "csrftoken"])
def test_names_of_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["author", "keyboard", "monkey", "session", 5, None])
def test_names_that_hide_nothing(name):
    assert not is_secret(name)


@pytest.mark.parametrize("piece", ["a", "token", "password=", "://", "://a:", "token ", "token'"])
def test_masking_takes_time_in_proportion(piece):
    assert masked(piece * 20_000)


def test_an_exception_that_is_in_several_places_is_shown_once():
    leaf = ValueError("leaf")
    inner = ExceptionGroup("inner", [leaf, leaf])
    failure = describe(ExceptionGroup("outer", [inner, inner, leaf]), show_locals=False)
    assert [child.name for child in failure.children] == ["ExceptionGroup"]
    assert [child.message for child in failure.children[0].children] == ["leaf"]


def imported(file):
    """A module with a loader: traceback warns of one that has none from Python 3.15 on."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LEAKS = {
    "message": """raise ValueError("cannot connect with password='TOP' to postgres://ada:TOP@db.example/shop")""",
    "source": """dict(user="ada", api_key="TOP")["missing"]""",
    "dictionary": """{"password": "TOP"}["missing"]""",
    "note": """
error = ValueError("x")
error.add_note("Authorization: Bearer TOPTOPTOP")
raise error
""",
    "cause": """raise RuntimeError("x") from ValueError("token=TOP")""",
    "group": """raise ExceptionGroup("several", [ValueError("Bearer TOPTOPTOP")])""",
}


@pytest.mark.parametrize("headers", [[(b"accept", b"text/html")], []], ids=["page", "text"])
@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
async def test_secrets_in_messages_and_source_lines_are_masked(leak, headers, tmp_path):
    file = tmp_path / "leaking.py"
    file.write_text(f"def leak():\n{textwrap.indent(leak, '    ')}\n")
    reply = await answer(imported(file).leak, headers=headers)
    assert reply.status == 500
    assert "TOP" not in reply.text
    assert MASK in reply.text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("token = request.headers['x-token']", "token = request.headers['x-token']"),
        ("password = 'hunter2'  # ours", f"password = {MASK}  # ours"),
        ('headers = {"authorization": f"Token {x}"}', f'headers = {{"authorization": {MASK}}}'),
        ("connect(password=os.environ['PW'])", "connect(password=os.environ['PW'])"),
        ("if token == 'x':", "if token == 'x':"),
        ("raise E('password: hunter2')", f"raise E('password: {MASK}')"),
        ("url = 'redis://:pw@cache:6379'", f"url = 'redis://:{MASK}@cache:6379'"),
        ("send('Bearer abcdefgh')", f"send('Bearer {MASK}')"),
    ],
)
def test_source_stays_readable(line, shown):
    assert masked_source(line) == shown


@pytest.mark.parametrize("piece", ["a", "token", "password='", "password = ", "://a:", "bearer ", "basic x"])
def test_masking_source_takes_time_in_proportion(piece):
    assert masked_source(piece * 20_000)
