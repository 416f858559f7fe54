"""Mistakes that type checkers find: mypy with this code, others on this line. This file is never run."""

from __future__ import annotations

from asgi_framework import (
    App,
    AuthenticationBackend,
    AuthenticationMiddleware,
    CacheControl,
    CORSMiddleware,
    Middleware,
    Mount,
    PlainTextResponse,
    QueryParams,
    Request,
    Route,
    negotiate,
)

Middleware(AuthenticationMiddleware, backend=AuthenticationBackend(), chalenge="Basic")  # call-arg
Middleware(AuthenticationMiddleware)  # call-arg
Middleware(CORSMiddleware, origins=["*"])  # call-arg
App().add_middleware(AuthenticationMiddleware)  # call-arg
CORSMiddleware(42)  # arg-type
Mount("/", "an application")  # arg-type
App(middleware=[CORSMiddleware])  # list-item
App(max_body_size="1MB")  # arg-type
App([Route("/", PlainTextResponse(""))])  # arg-type
number: int = QueryParams("x=1").as_type(str)  # assignment
answer: int = negotiate({}, ["text/html"])  # assignment
CacheControl(max_age="60")  # arg-type
PlainTextResponse("").with_trailers({"A": 5})  # dict-item
Request({"type": "http"}).headers.structured("priority", "dict")  # call-overload
