"""Schemathesis with Lint between it and the application, as the recipe says."""

from __future__ import annotations

import pytest

pytest.importorskip("schemathesis", reason="pip install schemathesis")
pytest_plugins = ["pytester"]

SITE = """
import json
import schemathesis
from asgi_testclient import Lint

SCHEMA = {
    "openapi": "3.1.0",
    "info": {"title": "greetings", "version": "1"},
    "paths": {"/greet": {"get": {
        "parameters": [{"name": "name", "in": "query", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "a greeting", "content": {"application/json": {}}}},
    }}},
}

async def app(scope, receive, send):
    body = json.dumps(SCHEMA if scope["path"] == "/openapi.json" else {"hello": "x"}).encode()
    length = len(body) + (scope["path"] == "/greet") * WRONG
    headers = [(b"content-type", b"application/json"), (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

schema = schemathesis.openapi.from_asgi("/openapi.json", Lint(app, both_sides=False))
schema.config.generation.update(max_examples=3)

@schema.parametrize()
def test_api(case):
    case.call()
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


@pytest.mark.parametrize("wrong", [0, 1])
def test_generated_requests_find_a_wrong_content_length(project: pytest.Pytester, wrong: int) -> None:
    project.makepyfile(f"WRONG = {wrong}\n{SITE}")
    result = project.runpytest_subprocess("-q", "-p", "schemathesis.pytest.plugin")
    result.assert_outcomes(passed=1 - wrong, failed=wrong)
    if wrong:
        result.stdout.fnmatch_lines(["*E13*Content-Length*"])
