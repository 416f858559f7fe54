"""The rows of the checklist: each test is run for every middleware, or expected to fail for a reason that is written.

@row("C05")
async def test_an_application_may_reuse_its_messages(subject): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .subjects import SUBJECTS, Subject

# Rows that no test of this battery runs.
ELSEWHERE = {
    "C31": "tests/foreign/test_middleware_uvicorn.py, and tests/servers for the other servers",
    "C32": "tests/benchmarks measures it; tests assert no speed",
}

HELD = "compression holds the head until the first piece of body says how to encode it (ARCHITECTURE, rule 4)"
OWN_TASK = "it runs the application in a task of its own, as Starlette's does: around_http does not"
BETWEEN = "dispatch stands between the application and the head of its response"
NO_RESPONSE = "call_next promises a response: RuntimeError, in Starlette's words"
SHUTDOWN = "it is told of the shutdown by the lifespan"
BASE = "asgi_requests.middleware.BaseHTTPMiddleware"
# (test, middleware): why it cannot do that. Strict: a pair that passes after all fails, so that this list stays true.
EXEMPT = {
    ("test_the_start_of_a_page_is_not_held_back", "gzip.GZipMiddleware"): HELD,
    ("test_the_start_of_a_page_is_not_held_back", "gzip.GZipMiddleware+threads"): HELD,
    ("test_the_application_runs_in_the_callers_task", BASE): OWN_TASK,
    ("test_a_lifespan_reaches_the_application_as_it_is", "drain.DrainMiddleware"): SHUTDOWN,
    ("test_a_lifespan_reaches_the_application_as_it_is", "health.HealthMiddleware"): SHUTDOWN,
    ("test_what_is_no_error_is_not_answered", BASE): OWN_TASK,
    ("test_an_application_is_told_at_the_start_that_the_client_has_left", BASE): BETWEEN,
    ("test_nothing_is_invented_for_an_application_that_sends_nothing", BASE): NO_RESPONSE,
}


def row(code: str, *, only: Callable[[Subject], bool] = lambda subject: True) -> Any:
    """Parametrise a test over the middlewares; `only` are those that have what the test is about at all."""

    def parametrise(test: Any) -> Any:
        cases = []
        for subject in filter(only, SUBJECTS):
            reason = EXEMPT.get((test.__name__, subject.id))
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            cases.append(pytest.param(subject, id=f"{code}-{subject.id}", marks=marks))
        return pytest.mark.parametrize("subject", cases)(test)

    return parametrise
