"""The rows of the checklist: each test runs for every middleware, or is expected to fail for a written reason.

    @row("C05")
    async def test_an_application_may_reuse_its_messages(subject): ...

The rules behind them are "Rules of every middleware" in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .subjects import SUBJECTS, Subject

CHECKLIST = {
    "C01": "A lifespan reaches the application with the very scope, receive and send, and goes round.",
    "C02": "So does a scope of an unknown type; the exception of an application that knows none is its own.",
    "C03": "A WebSocket is relayed in order; it is refused in words that its server knows, and only before its accept.",
    "C04": "One scope: added keys are seen outside at once, the server's keys are never overwritten, nothing private is "
    "left, and another application may be tried with it.",
    "C05": "An application may reuse one message and one header list without end.",
    "C06": "Headers of requests and responses are lists, tuples, iterators, of lists or tuples, or missing.",
    "C07": "Title-Case names (Django's) are the same names.",
    "C08": "Repeated Set-Cookie, bytes over 0x7f and empty values survive byte for byte.",
    "C09": "A body comes without `body` or `more_body`, in empty, many or large pieces, as memoryview or bytearray.",
    "C10": "Messages of extensions pass in order and whole, those of the future among them.",
    "C11": "The start is sent on before the application makes its first piece of body.",
    "C12": "Each piece arrives before the next is made.",
    "C13": "A client that reads slowly slows the application.",
    "C14": "An exception is the same object outside, before, during and after the response, with nothing added.",
    "C15": "send raises in the application when the client has left, and so does a receive that raises.",
    "C16": "Cancellation reaches the application, and leaves no task behind.",
    "C17": "The application runs in the caller's task; context variables flow both ways.",
    "C18": "A receive that is cancelled while it waits, and called again, loses no message.",
    "C19": "The disconnect is the server's own, and never invented.",
    "C20": "The last message is sent before the application returns, not after its background work.",
    "C21": "Requests at a time share nothing; one instance serves many event loops.",
    "C22": "Twice around an application is as good as once.",
    "C23": "HEAD, 204, 304 and 1xx have no body, and nothing is invented for them.",
    "C24": "The bytes of the body are as many as Content-Length says.",
    "C25": "Vary is merged into one line without duplicates; `*` stays alone.",
    "C26": "Names that are added are in lower case, and hostile requests put no line break into an answer.",
    "C27": "HTTP/1.0, HTTP/2 and missing optional keys of the scope are served.",
    "C28": "Nothing is invented for an application that returns without an answer, or stops in the middle of one.",
    "C29": "A response never starts twice, whatever fails.",
    "C30": "A module imports nothing that is not installed, and no other middleware.",
    "C31": "Behind real servers, in front of Django, Quart, FastAPI, Litestar and Falcon.",
    "C32": "What a pass-through costs.",
    "C33": "mypy --strict accepts a middleware where a framework takes one, and compares the arguments of a record.",
    "C34": "Construction copies nothing, and no repr shows a secret.",
    "C35": "A request leaves no reference cycle, whether it is answered, refused or fails.",
    "C36": "The application gets a body that an outer Request has read, or begun to read.",
}
# Rows that no test of this suite runs.
ELSEWHERE = {
    "C31": "tests/integrations/test_middleware_uvicorn.py, and tests/servers for the other servers",
    "C32": "tests/benchmarks measures it; tests assert no speed",
}

HELD = "compression holds the head until the first piece of body says how to encode it"
OWN_TASK = "it runs the application in a task of its own, as Starlette's does: around_http does not"
BETWEEN = "dispatch stands between the application and the head of its response"
NO_RESPONSE = "call_next promises a response: RuntimeError, in Starlette's words"
SHUTDOWN = "the lifespan notifies it of the shutdown"
BASE = "asgi_requests.middleware.BaseHTTPMiddleware"
# (test, middleware): why it cannot do that. Strict: a pair that passes after all fails, so that this list stays true.
EXEMPT = {
    ("test_the_start_of_a_page_is_not_held_back", "gzip.GZipMiddleware"): HELD,
    ("test_the_start_of_a_page_is_not_held_back", "gzip.GZipMiddleware+threads"): HELD,
    ("test_the_start_of_a_page_is_not_held_back", "compression.CompressionMiddleware"): HELD,
    ("test_the_application_runs_in_the_callers_task", BASE): OWN_TASK,
    ("test_a_lifespan_reaches_the_application_as_it_is", "drain.DrainMiddleware"): SHUTDOWN,
    ("test_a_lifespan_reaches_the_application_as_it_is", "health.HealthMiddleware"): SHUTDOWN,
    ("test_an_exception_that_is_not_an_error_is_not_answered", BASE): OWN_TASK,
    ("test_an_application_learns_at_the_start_that_the_client_has_left", BASE): BETWEEN,
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
