"""Restrict endpoints to authenticated users by the decorator `requires`.

    from asgi_framework import PlainTextResponse, Request, requires

    @requires("admin", redirect="login")
    async def dashboard(request: Request) -> PlainTextResponse:
        return PlainTextResponse("for admins")

`AuthenticationMiddleware` authenticates the user; its classes can be imported from here, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, ParamSpec
from urllib.parse import urlencode

from asgi_middleware.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
)
from asgi_requests.concurrency import is_async_callable
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import HTTPConnection, Request
from asgi_requests.responses import RedirectResponse
from asgi_requests.websockets import WebSocket

__all__ = [
    "AuthCredentials",
    "AuthenticationBackend",
    "AuthenticationError",
    "BaseUser",
    "SimpleUser",
    "UnauthenticatedUser",
    "has_required_scope",
    "requires",
]

P = ParamSpec("P")

Find = Callable[[tuple[Any, ...], dict[str, Any]], Any]
Refuse = Callable[[Request[Any]], RedirectResponse]


def has_required_scope(conn: HTTPConnection[Any], scopes: Sequence[str]) -> bool:
    """Return whether the credentials of a connection have all of these scopes."""
    return set(scopes) <= set(conn.auth.scopes)


def requires(
    scopes: str | Sequence[str], status_code: int = 403, redirect: str | None = None
) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Let only connections with all of these scopes reach the decorated endpoint.

    Others get `status_code`, or are redirected (303) to the route named `redirect`, with the requested URL in `next`;
    a WebSocket is closed. The endpoint must have a parameter `request` or `websocket`; TypeError names a function
    without one.
    """
    needed = [scopes] if isinstance(scopes, str) else list(scopes)
    refuse = partial(_refuse, status_code=status_code, redirect=redirect)

    def decorate(func: Callable[P, Any]) -> Callable[P, Any]:
        kind, find = _connection_of(func)
        if kind == "websocket":
            return _guarded_websocket(func, find, needed)
        guarded = _guarded_async if is_async_callable(func) else _guarded_sync
        return guarded(func, find, needed, refuse)

    return decorate


def _connection_of(func: Callable[..., Any]) -> tuple[str, Find]:
    """Return the name of a function's connection parameter, and a function that finds it among the arguments."""
    names = list(inspect.signature(func).parameters)
    kind = next((name for name in names if name in ("request", "websocket")), None)
    if kind is None:
        raise TypeError(f'No "request" or "websocket" argument on function "{func}"')
    index = names.index(kind)
    # FastAPI passes the request by keyword, routing by position; a method has `self` before it.
    return kind, lambda args, kwargs: kwargs[kind] if kind in kwargs else args[index]


def _guarded_websocket(func: Callable[P, Any], find: Find, needed: Sequence[str]) -> Callable[P, Any]:
    @wraps(func)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        websocket: WebSocket[Any] = find(args, kwargs)
        if has_required_scope(websocket, needed):
            await func(*args, **kwargs)
        else:
            # Before the accept, which the endpoint would do: servers answer 403 (ASGI, websocket.close).
            await websocket.close()

    return guarded


def _guarded_async(func: Callable[P, Any], find: Find, needed: Sequence[str], refuse: Refuse) -> Callable[P, Any]:
    @wraps(func)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        request = find(args, kwargs)
        return await func(*args, **kwargs) if has_required_scope(request, needed) else refuse(request)

    return guarded


# A sync endpoint stays sync, so that it still runs in the thread pool.
def _guarded_sync(func: Callable[P, Any], find: Find, needed: Sequence[str], refuse: Refuse) -> Callable[P, Any]:
    @wraps(func)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        request = find(args, kwargs)
        return func(*args, **kwargs) if has_required_scope(request, needed) else refuse(request)

    return guarded


def _refuse(request: Request[Any], *, status_code: int, redirect: str | None) -> RedirectResponse:
    """Return the redirect to the login page; raises HTTPException if there is none.

    `next` is the whole URL, as in Starlette, so that a login page on another host can lead back, and can check the
    host. A request without a host has only a path; it must begin with a single slash, because browsers read `//` as the
    beginning of a host, which would make the login page an open redirect (CWE-601).
    """
    if redirect is None:
        raise HTTPException(status_code)
    url = str(request.url)
    if url.startswith("/"):
        url = "/" + url.lstrip("/\\")
    # 303: the page is requested by GET, whatever the method was (RFC 9110 §15.4.4).
    return RedirectResponse(f"{request.url_for(redirect)}?{urlencode({'next': url})}", status_code=303)
