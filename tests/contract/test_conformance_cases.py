"""The conformance suite is whole: every middleware is in it, every row of the checklist runs, and no exemption is left over."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asgi_middleware import Middleware
from contract.conformance.cases import CHECKLIST, ELSEWHERE, EXEMPT, row
from contract.conformance.subjects import NOT_HERE, SECRET, SUBJECTS, Subject, found

HERE = Path(__file__).parent
TESTS = "".join(path.read_text() for path in sorted(HERE.glob("test_conformance*.py")))


@pytest.mark.parametrize("path", found())
def test_every_middleware_is_in_the_suite(path: str) -> None:
    assert path in {subject.path for subject in SUBJECTS} | {*NOT_HERE}, (
        f"{path} is a middleware that the suite does not know: add Subject({path!r}, lambda: {{...}}) with its "
        "arguments to SUBJECTS in tests/contract/conformance/subjects.py, or say in NOT_HERE why it does not belong there"
    )


def test_the_suite_knows_no_middleware_that_is_gone() -> None:
    assert {subject.path for subject in SUBJECTS} | {*NOT_HERE} == {*found()}


@pytest.mark.parametrize("code", CHECKLIST)
def test_every_row_of_the_checklist_has_a_test(code: str) -> None:
    assert (f'@row("{code}"' in TESTS) != (code in ELSEWHERE)


def test_every_row_of_a_test_is_in_the_checklist() -> None:
    assert {*re.findall(r'@row\("(C\d+)"', TESTS)} | {*ELSEWHERE} == {*CHECKLIST}


def test_every_exemption_is_of_a_test_and_a_middleware_that_exist() -> None:
    tests = set(re.findall(r"^(?:async )?def (test_\w+)", TESTS, re.MULTILINE))
    assert {test for test, _ in EXEMPT} <= tests
    assert {subject for _, subject in EXEMPT} <= {subject.id for subject in SUBJECTS}


@pytest.mark.parametrize(
    "subject", [one for one in SUBJECTS if one.path.startswith("asgi_middleware.")], ids=lambda one: one.id
)
def test_a_middleware_refuses_anything_but_an_application_at_once(subject: Subject) -> None:
    with pytest.raises(TypeError, match="needs an ASGI application, not None"):
        subject.make(None)


IMPORTING = """
import json, sys
before = set(sys.modules)
__import__({module!r})
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """The modules that each public module of asgi-middleware brings into a fresh interpreter that has nothing else installed."""
    source = str(Path(importlib.import_module("asgi_middleware").__file__ or "").parents[1])
    modules = {path.rpartition(".")[0] for path in found() if path.startswith("asgi_middleware.")}
    running = {
        module: subprocess.Popen(
            [sys.executable, "-S", "-c", IMPORTING.format(module=module)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": source},
        )
        for module in sorted({"asgi_middleware", *modules})
    }
    return {module: json.loads(process.communicate(timeout=60)[0]) for module, process in running.items()}


@row("C30", only=lambda subject: subject.path.startswith("asgi_middleware.") and not subject.variant)
def test_a_module_needs_nothing_and_brings_no_other_middleware(subject: Subject, imported: dict) -> None:
    module = subject.path.rpartition(".")[0]
    brought = imported[module]
    assert module in brought
    strangers = {name.partition(".")[0] for name in brought} - {*sys.stdlib_module_names, "asgi_middleware"}
    assert strangers == set()
    siblings = {name.split(".")[1] for name in brought if name.startswith("asgi_middleware.")}
    public = {name for name in siblings if not name.startswith("_")} - {"types", "stores"}
    assert public == {module.split(".")[1]}


def test_the_package_itself_imports_no_middleware(imported: dict) -> None:
    names = {name for name in imported["asgi_middleware"] if name.startswith("asgi_middleware.")}
    assert names == {"asgi_middleware._configuration", "asgi_middleware._record", "asgi_middleware.types"}


TYPED = """
from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from asgi_middleware import Middleware, MiddlewareFactory
from asgi_middleware.access_log import AccessLogMiddleware
from asgi_middleware.around import Around, Stack, When, around_http
from asgi_middleware.authentication import AuthenticationBackend, AuthenticationMiddleware
from asgi_middleware.bearer import BearerAuthMiddleware
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.compression import CompressionMiddleware
from asgi_middleware.conditional import ConditionalMiddleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.concurrency import ConcurrencyLimitMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.decompression import DecompressionMiddleware
from asgi_middleware.disconnect import CancelOnDisconnectMiddleware
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.errors import ServerErrorMiddleware
from asgi_middleware.exceptions import ExceptionMiddleware
from asgi_middleware.gzip import GZipMiddleware
from asgi_middleware.health import HealthMiddleware
from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware
from asgi_middleware.metrics import PrometheusMiddleware
from asgi_middleware.idempotency import IdempotencyMiddleware
from asgi_middleware.opentelemetry import OpenTelemetryMiddleware
from asgi_middleware.problems import ProblemDetailsMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from asgi_middleware.security_headers import SecurityHeadersMiddleware
from asgi_middleware.server_timing import ServerTimingMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_middleware.stores import MemoryStore
from asgi_middleware.timeout import TimeoutMiddleware
from asgi_middleware.trustedhost import TrustedHostMiddleware
from asgi_middleware.wsgi import WSGIMiddleware

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]]


async def app(scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200})


@around_http
async def tagging(scope: Scope, value: str, *, name: str = "x-tag") -> Around:
    start = yield
    start.headers[name] = value


class Theirs(Protocol):
    def __call__(self, app: Application, /, *args: Any, **kwargs: Any) -> Application: ...


theirs: list[Theirs] = [CORSMiddleware, GZipMiddleware, HTTPSRedirectMiddleware, TrustedHostMiddleware, tagging]
theirs += [SessionMiddleware, AuthenticationMiddleware, ServerErrorMiddleware, ExceptionMiddleware]
theirs += [RequestBodyLimitMiddleware, OpenTelemetryMiddleware, DrainMiddleware, HealthMiddleware]
theirs += [TimeoutMiddleware, CancelOnDisconnectMiddleware]
ours: list[MiddlewareFactory[...]] = [*theirs]
records = [
    Middleware(CORSMiddleware, allow_origins=["*"]),
    Middleware(GZipMiddleware, 1000, compresslevel=6),
    Middleware(CompressionMiddleware, codings=("br", "gzip"), brotli_quality=5),
    Middleware(HTTPSRedirectMiddleware),
    Middleware(TrustedHostMiddleware, allowed_hosts=["*.example.com"]),
    Middleware(SessionMiddleware, "secret", https_only=True),
    Middleware(SessionMiddleware, "secret", encrypted=True),
    Middleware(AuthenticationMiddleware, AuthenticationBackend()),
    Middleware(ServerErrorMiddleware, debug=True),
    Middleware(ExceptionMiddleware, {KeyError: lambda scope, exc: app}),
    Middleware(RequestBodyLimitMiddleware, max_body_size=1),
    Middleware(OpenTelemetryMiddleware, excluded_urls="/healthz"),
    Middleware(tagging, "a", name="x-b"),
    Middleware(DrainMiddleware, grace=5.0),
    Middleware(HealthMiddleware, checks={"database": lambda: None}),
    Middleware(TimeoutMiddleware, 5.0, body_idle=None),
    Middleware(ConcurrencyLimitMiddleware, 100, queue=10),
    Middleware(CancelOnDisconnectMiddleware),
    Middleware(ConditionalMiddleware, max_size=1000),
    Middleware(DecompressionMiddleware, max_size=None, codings=["gzip"]),
    Middleware(RateLimitMiddleware, ["100/minute"], on_store_error="closed"),
    Middleware(IdempotencyMiddleware, MemoryStore(), required=True),
    Middleware(ProblemDetailsMiddleware, extend=lambda scope: {"a": 1}),
    Middleware(BearerAuthMiddleware, lambda token, scope: None, scopes=["a"]),
    Middleware(AccessLogMiddleware, style="json"),
    Middleware(PrometheusMiddleware, buckets=[1.0]),
    Middleware(RequestIDMiddleware, header="x-rid"),
    Middleware(ServerTimingMiddleware, visible=lambda scope: True),
    Middleware(SecurityHeadersMiddleware, content_security_policy={"default-src": "'self'"}),
    Middleware(ProxyHeadersMiddleware, trusted=["10.0.0.0/8"], hops=2),
    Middleware(CSRFMiddleware, trusted_origins=["https://a.example"], secret_key="secret"),
]
stacked: Application = Stack(*records, When(lambda scope: scope["path"] != "/", GZipMiddleware))(app)
wrapped: list[Application] = [CORSMiddleware(app), GZipMiddleware(app), tagging(app, "a"), stacked]


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return [b""]


served: Application = WSGIMiddleware(wsgi)
"""
MISTAKES = {
    'Middleware(CORSMiddleware, allow_origin=["*"])': "call-arg",
    "Middleware(SessionMiddleware, store=1)": "arg-type",
    'Middleware(GZipMiddleware, "1000")': "arg-type",
    "Middleware(tagging)": "call-arg",
    "tagging(app, 1)": "arg-type",
}


BEFORE_THE_EXAMPLE = """
from asgi_middleware.gzip import GZipMiddleware
from asgi_middleware.types import ASGIApp

async def server(scope: object, receive: object, send: object) -> None: ...

application: ASGIApp = server
"""


def own_middleware_of_the_readme() -> str:
    """The example of `around_http` in the package's README."""
    readme = (HERE.parents[1] / "packages" / "asgi-middleware" / "README.md").read_text()
    (block,) = re.findall(r"```python\n((?:(?!```).)*def maintenance.*?)```", readme, re.DOTALL)
    return str(block)


def test_the_typed_file_names_every_middleware() -> None:
    """C33, before mypy: nothing is left out."""
    assert [
        path for path in found() if path.startswith("asgi_middleware.") and path.rpartition(".")[2] not in TYPED
    ] == []


def test_records_and_wrapping_are_checked_by_types(tmp_path: Path, request: Any) -> None:
    """C33."""
    pytest.importorskip("mypy", reason="needs mypy: pip install mypy")
    checked = tmp_path / "checked.py"
    mistakes = "".join(f"{mistake}  # type: ignore[{code}]\n" for mistake, code in MISTAKES.items())
    checked.write_text(TYPED + mistakes)
    example = tmp_path / "example.py"
    example.write_text(BEFORE_THE_EXAMPLE + own_middleware_of_the_readme())
    cache = request.config.cache.mkdir("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}"]
    command += [str(checked), str(example)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=110, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@row("C34")
def test_construction_copies_nothing_and_shows_no_secret(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    arguments = subject.arguments()
    before = repr(arguments)
    if subject.build is None:
        wrapped = subject.factory(app, **arguments)
        record = Middleware(subject.factory, **arguments)
        assert subject.path.rpartition(".")[2] in repr(record)
        assert SECRET not in repr(record)
        assert repr(arguments) == before
    else:
        wrapped = subject.make(app)
    assert SECRET not in repr(wrapped)
    assert SECRET not in str(vars(wrapped) if hasattr(wrapped, "__dict__") else "")


@row("C33")
def test_a_middleware_takes_its_application_first_and_options_by_name(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    assert callable(subject.make(app))
