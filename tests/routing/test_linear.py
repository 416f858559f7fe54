"""Lookups are linear in the path whatever the template, and answer as its regular expression would."""

from __future__ import annotations

import itertools
import re
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asgi_routing import CONVERTOR_TYPES, Convertor, Host, Match, Mount, Route, Router, compile_path
from asgi_routing._patterns import compile_extract
from asgi_routing._split import MOST_ATTEMPTS
from asgi_routing.paths import parse_path, pattern_source
from raw_asgi import http_scope, request


async def app(scope, receive, send):
    raise NotImplementedError


def own(expression: str) -> Convertor[str]:
    class Own(Convertor[str]):
        regex = expression

        def convert(self, value):
            return value

        def to_string(self, value):
            return value

    return Own()


OWN = {
    "slug": "[a-z0-9-]+",
    "year": "[0-9]{4}",
    "some": "[a-z]{1,2}",
    "upto": "[^/]{0,}",
    "word": r"\w+",
    "dot": ".",
    "any": ".*",
    "lang": "(en|de)",
    "dash": r"\d-\d",
    "wide": "(?:a|-)+",
    "lazy": "[a-z-]+?",
    "bracket": r"[]\]-]+",
}


@pytest.fixture(autouse=True, scope="module")
def _convertors():
    for name, expression in OWN.items():
        CONVERTOR_TYPES[name] = own(expression)
    yield
    for name in OWN:
        del CONVERTOR_TYPES[name]


def values_of(path: str, text: str, flags: int = 0) -> dict | None:
    path_format, convertors = parse_path(path)
    return compile_extract(path_format, convertors, flags)(text)


def scan(path: str, text: str) -> dict | None:
    """Return the match of a regular expression that tries every combination."""
    pattern, _, convertors = compile_path(path)
    found = pattern.match(text)
    return found and {name: convertor.convert(found[name]) for name, convertor in convertors.items()}


KINDS = ["", ":int", ":float", ":path", ":uuid", *(f":{name}" for name in OWN if name != "lazy")]
LITERALS = ["", "-", ".", "/", "1", "a", "--", "-.", ".j", "/x/"]
UUID = "12345678-1234-5678-1234-567812345678"


@st.composite
def templates(draw):
    count = draw(st.integers(1, 4))
    template = draw(st.sampled_from(["/", "/x", "/-"]))
    for i in range(count):
        template += f"{{p{i}{draw(st.sampled_from(KINDS))}}}" + draw(st.sampled_from(LITERALS))
    return template


TEXTS = st.lists(st.sampled_from([*"-./1a2n\\]", "en", "1.5", "12", "--", UUID, "\n", ".j", "2024"]), max_size=9)


@settings(max_examples=400, deadline=None)
@given(templates(), TEXTS.map(lambda pieces: "/" + "".join(pieces)))
@example("/{a}-{n:int}-{c}", "/x-1-b-c")
@example("/{a:float}{b:float}", "/1.2.34")
@example("/{a:float}.{b:float}", "/1.2.3.4")
@example("/{a:path}/{b}/{c:path}", "/x/y//z")
@example("/{a:lang}{b:path}", "/en")
@example("/{a:uuid}{b}", f"/{UUID}x")
@example("/{a:some}{b:some}", "/abc")
@example("/{a}{b}{c}", "/ab")
def test_a_template_splits_a_path_as_its_regular_expression_does(template, text):
    assert values_of(template, text) == scan(template, text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["-", ".", "--", "a", ".j", ""]), min_size=3, max_size=5),
    st.text(alphabet="-.aj1/\n", max_size=12),
)
@example(["", ".", ""], "archive.tar.gz")
@example(["a", "", "", "a"], "aaaa")
@example(["", "", ""], "a")
@example(["--", "-", "--"], "---")
def test_a_segment_splits_as_its_regular_expression_does(literals, text):
    names = [f"p{i}" for i in range(len(literals) - 1)]
    template = literals[0] + "".join(f"{{{name}}}{literal}" for name, literal in zip(names, literals[1:], strict=True))
    path_format, convertors = parse_path(template)
    found = re.compile(pattern_source(path_format, convertors)).match(text)
    assert compile_extract(path_format, convertors)(text) == (found and found.groupdict())


def test_a_lazy_expression_of_a_program_has_the_end_that_it_prefers():
    assert values_of("/{a:lazy}{b:path}", "/a-b") == {"a": "a", "b": "-b"}
    assert values_of("/{a:lazy}-{b}", "/a-b-c") == scan("/{a:lazy}-{b}", "/a-b-c") == {"a": "a", "b": "b-c"}


def test_a_brace_that_is_not_a_parameter_is_text():
    path_format, convertors = "/{x}/{a}-{b}", dict.fromkeys("ab", CONVERTOR_TYPES["str"])
    assert compile_extract(path_format, convertors)("/{x}/1-2") == {"a": "1", "b": "2"}


def test_case_does_not_count_where_it_is_not_to():
    assert values_of("/{a:some}-{b:slug}", "/AB-C", re.IGNORECASE) == {"a": "AB", "b": "C"}


class Counter:
    """Counts the instructions of Python that run, and none of the machine."""

    def __enter__(self):
        self.count = 0
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *exc):
        sys.settrace(self.before)

    def trace(self, frame, event, arg):
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self.opcode

    def opcode(self, frame, event, arg):
        self.count += 1
        return self.opcode


ATTACKS = [
    ("/f/{name}.{ext}", "/f/", ".", "/"),
    ("/g/{a}-{b}-{c}", "/g/", "-", "/"),
    ("/g/{a}-{b}-{c}", "/g/", "-", ""),
    ("/x/{a}-{b}.json", "/x/", "-", ""),
    ("/{a}{b}{c}{d}", "/", "x", "/"),
    ("/{a:int}{b:int}{c:int}", "/", "1", "x"),
    ("/{a:float}{b:float}{c:float}", "/", "1", "x"),
    ("/{a:float}{b:float}", "/", "1.", ""),
    ("/{a:path}/x/{b:path}/y/{c:path}", "/", "/x/y", "/z"),
    ("/{a:path}-{b}-{c:path}/x", "/", "-", "/y"),
    ("/{a:path}/{b}/{c:path}", "", "/", ""),
    ("/{a}-{b:slug}", "/", "-", "!"),
    ("/{a}-{b:slug}-{c:word}", "/", "-", "!"),
    ("/{a:uuid}{b:uuid}", "/", UUID, "x"),
    ("/{a}{b:uuid}{c}", "/", UUID.replace("-", ""), "/"),
    ("/{a:lang}/{b:path}/{c}", "/en", "/", ""),
    ("/{a}-{b:wide}-{c}", "/", "-a", "/"),
    ("/{a}{b:dash}", "/", "1-", "x"),
]


@pytest.mark.parametrize(("template", "before", "repeated", "after"), ATTACKS)
def test_a_lookup_takes_steps_in_proportion_to_the_path(template, before, repeated, after):
    router = Router([Route(template, app), Mount(template, app)], redirect_slashes=False)
    lookup = router._routes.compile("http")
    steps = []
    # The first is not counted: CPython 3.12 reports no instructions of a function that has not been traced before.
    for n in (100, 100, 200, 400, 800):
        path = before + repeated * n + after
        with Counter() as counter:
            lookup.find(path, "GET", http_scope("GET", path))
        steps.append(counter.count)
    for fewer, more in itertools.pairwise(steps[1:]):
        assert more <= 2.4 * fewer + 2000, steps


@pytest.mark.parametrize(("template", "before", "repeated", "after"), ATTACKS)
@pytest.mark.timeout(60)
def test_a_lookup_ends_for_paths_that_a_regular_expression_would_never_be_done_with(template, before, repeated, after):
    """The square of this length would be hours; what counts is that it ends."""
    path = before + repeated * (60_000 // len(repeated)) + after
    route, mount, scope = Route(template, app), Mount(template, app), http_scope("GET", path)
    matched = [alone.matches(scope)[0] is Match.FULL for alone in (route, mount)]
    assert Router([route, mount], redirect_slashes=False).is_match(scope) is any(matched)


async def nothing(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.mark.timeout(60)
@pytest.mark.parametrize("host", [b"-" * 60_000 + b"!", b"a." * 30_000, b"1-" * 30_000 + b"~"])
async def test_a_host_is_matched_in_linear_time(host):
    for template in ("{a}-{b}-{c}.org", "{a}.{b}.{c}.org", "{a}{b:int}{c}x"):
        router = Router([Host(template, app)])
        assert (await request(router, "GET", "/", headers=[(b"host", host)])).status == 404


def test_the_expression_of_a_program_is_tried_so_often_and_no_more():
    template = "/{a}-{b:wide}-{c}x"
    short, long = ("/" + "-a" * n + "-1x" for n in (20, 2 * MOST_ATTEMPTS))
    assert values_of(template, short) == scan(template, short)
    assert values_of("/{a}-{b:wide}y{c}x", long.replace("1", "y1")) is not None
    assert values_of("/{a}{b:wide}-{c}y", long.replace("x", "y").replace("a", "b")) is None


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/{name}.{ext}", "/archive.tar.gz", {"name": "archive.tar", "ext": "gz"}),
        ("/{a}-{b}-{c}", "/1-2-3-4", {"a": "1-2", "b": "3", "c": "4"}),
        ("/x/{a}-{b}.json", "/x/a-b-c.json", {"a": "a-b", "b": "c"}),
        ("/{a:path}/{b}/z", "/1/2/3/z", {"a": "1/2", "b": "3"}),
        ("/{a}.{n:int}", "/a.b.7", {"a": "a.b", "n": 7}),
        ("/{a}.{n:int}", "/a." + "7" * 5000, None),
        ("/{a}.{b}", "/a.", None),
        ("/{a}.{b}", "/.b", None),
        ("/{a}x{b}", "/ab", None),
    ],
)
async def test_routes_match_by_the_lookup_and_alone_alike(template, path, values):
    route = Route(template, nothing)
    match, child_scope = route.matches(http_scope("GET", path))
    assert match is (Match.NONE if values is None else Match.FULL)
    assert child_scope.get("path_params") == values
    reply = await request(Router([route], redirect_slashes=False), "GET", path)
    assert reply.status == (404 if values is None else 204)
