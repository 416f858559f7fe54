"""Middleware in the wrong order is named, with the reason."""

from __future__ import annotations

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from asgi_middleware import Middleware
from asgi_middleware.authentication import AuthenticationMiddleware
from asgi_middleware.bearer import BearerAuthMiddleware
from asgi_middleware.compression import CompressionMiddleware
from asgi_middleware.conditional import ConditionalMiddleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.gzip import GZipMiddleware
from asgi_middleware.health import HealthMiddleware
from asgi_middleware.idempotency import IdempotencyMiddleware
from asgi_middleware.metrics import PrometheusMiddleware
from asgi_middleware.order import Finding, findings, stack_of
from asgi_middleware.order import _findings as rules
from asgi_middleware.order.__main__ import main
from asgi_middleware.problems import ProblemDetailsMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_middleware.trustedhost import TrustedHostMiddleware


async def app(scope, receive, send):
    pass


RIGHT = [
    DrainMiddleware,
    HealthMiddleware,
    ProxyHeadersMiddleware,
    TrustedHostMiddleware,
    Middleware(CORSMiddleware, allow_origins=["*"]),
    GZipMiddleware,
    Middleware(SessionMiddleware, secret_key="secret"),
    CSRFMiddleware,
]


def pairs(stack):
    return {(finding.outer, finding.inner) for finding in findings(stack)}


def test_a_stack_in_order_has_no_findings():
    assert findings(RIGHT) == []


def test_each_that_is_wrong_is_named():
    assert pairs([RIGHT[-1], *RIGHT[:-1]]) >= {
        ("DrainMiddleware", "CSRFMiddleware"),
        ("ProxyHeadersMiddleware", "CSRFMiddleware"),
        ("CORSMiddleware", "CSRFMiddleware"),
        ("HealthMiddleware", "CSRFMiddleware"),
    }
    wrong = [AuthenticationMiddleware, Middleware(SessionMiddleware, secret_key="secret")]
    assert [str(finding) for finding in findings(wrong)] == [
        "SessionMiddleware belongs outside AuthenticationMiddleware: a backend that reads the session finds none"
    ]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (AuthenticationMiddleware, IdempotencyMiddleware),
        (BearerAuthMiddleware, IdempotencyMiddleware),
        (ProxyHeadersMiddleware, IdempotencyMiddleware),
        (ProblemDetailsMiddleware, RateLimitMiddleware),
        (GZipMiddleware, ProblemDetailsMiddleware),
        (CompressionMiddleware, ProblemDetailsMiddleware),
        (RequestIDMiddleware, PrometheusMiddleware),
    ],
)
def test_the_order_of_two(outer, inner):
    assert pairs([outer, inner]) == set()
    assert pairs([inner, outer]) == {(outer.__name__, inner.__name__)}


RULES = [(outer, inner, reason) for outer, inners, reason in rules._RULES for inner in inners if inner != "*"]
SOURCES = Path(rules.__file__).parents[1].rglob("*.py")
CLASSES = {name for path in SOURCES for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)}


def named(name):
    return type(name, (), {})


def test_all_that_have_a_place_can_stand_in_one_stack():
    places = TopologicalSorter({"DrainMiddleware": ()})
    for outer, inner, _ in RULES:
        places.add(inner, outer, "DrainMiddleware")
        places.add(outer, *{"DrainMiddleware"} - {outer})
    stack = list(places.static_order())  # raises CycleError for rules that no stack could satisfy
    assert findings([named(name) for name in stack]) == []


@pytest.mark.parametrize(("outer", "inner", "reason"), RULES)
def test_each_rule_is_kept_and_broken_by_middleware_that_exists(outer, inner, reason):
    assert {outer, inner} <= CLASSES
    assert findings([named(outer), named(inner)]) == []
    assert findings([named(inner), named(outer)]) == [Finding(outer, inner, reason)]


def test_what_does_its_work_twice_is_named():
    assert findings([CORSMiddleware, CORSMiddleware, app]) == [
        Finding("CORSMiddleware", "CORSMiddleware", "the second does the work of the first again")
    ]
    assert "occurs twice" in str(findings([GZipMiddleware] * 2)[0])


def test_compression_belongs_outside_of_gzip_and_of_validators():
    assert pairs([ConditionalMiddleware, GZipMiddleware, CompressionMiddleware]) == {
        ("CompressionMiddleware", "GZipMiddleware"),
        ("CompressionMiddleware", "ConditionalMiddleware"),
        ("GZipMiddleware", "ConditionalMiddleware"),
    }
    assert findings([CompressionMiddleware, GZipMiddleware, ConditionalMiddleware]) == []


def test_an_application_is_unwrapped():
    wrapped = SessionMiddleware(CORSMiddleware(DrainMiddleware(app)), secret_key="secret")
    assert [type(one).__name__ for one in stack_of(wrapped)] == [
        "SessionMiddleware",
        "CORSMiddleware",
        "DrainMiddleware",
    ]
    assert pairs(wrapped) == {
        ("DrainMiddleware", "SessionMiddleware"),
        ("DrainMiddleware", "CORSMiddleware"),
    }


def test_a_framework_lists_its_own():
    class Framework:
        user_middleware = (Middleware(CSRFMiddleware), Middleware(CORSMiddleware))

        async def __call__(self, scope, receive, send):
            pass

    assert pairs(Framework()) == {("CORSMiddleware", "CSRFMiddleware")}
    assert pairs(ProxyHeadersMiddleware(Framework())) == {("CORSMiddleware", "CSRFMiddleware")}


def test_an_application_that_is_wrapped_from_within_shows_its_middleware():
    class Quart:
        def __init__(self):
            self.asgi_app = self.answer

        async def answer(self, scope, receive, send):
            pass

        async def __call__(self, scope, receive, send):
            await self.asgi_app(scope, receive, send)

    site = Quart()
    assert stack_of(site) == []
    site.asgi_app = CSRFMiddleware(CORSMiddleware(site.asgi_app))
    assert pairs(DrainMiddleware(site)) == {("CORSMiddleware", "CSRFMiddleware")}


def test_an_application_that_wraps_itself_ends():
    class Loop:
        async def __call__(self, scope, receive, send):
            pass

    loop = Loop()
    loop.app = loop
    assert stack_of(loop) == [loop]
    assert stack_of(None) == []


def test_the_outermost_of_a_framework_is_not_a_finding():
    class ServerErrorMiddleware:
        pass

    assert findings([ServerErrorMiddleware, DrainMiddleware]) == []


SITE = """
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.csrf import CSRFMiddleware

async def app(scope, receive, send): ...

wrong = CSRFMiddleware(CORSMiddleware(app))
right = CORSMiddleware(CSRFMiddleware(app))
"""


def test_the_command_prints_the_stack_and_the_findings(tmp_path):
    (tmp_path / "site.py").unlink(missing_ok=True)
    (tmp_path / "stacked.py").write_text(SITE)

    def run(target):
        command = [sys.executable, "-m", "asgi_middleware.order", target]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (run("stacked:right").returncode, run("stacked:right").stdout) == (0, "CORSMiddleware\nCSRFMiddleware\n")
    assert run("stacked:app").stdout == "stacked:app has no middleware that can be seen from outside\n"
    wrong = run("stacked:wrong")
    assert wrong.returncode == 1
    assert wrong.stdout.splitlines()[2].startswith("order: CORSMiddleware belongs outside CSRFMiddleware: ")


@pytest.mark.parametrize("target", ["nothing", "nothing:", "no_such_module:app", "json:nothing"])
def test_the_command_says_what_it_could_not_find(target, capsys):
    with pytest.raises(SystemExit) as caught:
        main([target])
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err
