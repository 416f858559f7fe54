"""Answer a repeated request with the response to the first one (draft-ietf-httpapi-idempotency-key-header).

    from asgi_middleware.idempotency import IdempotencyMiddleware
    from asgi_middleware.stores import SQLiteStore

    app = IdempotencyMiddleware(app, store=SQLiteStore("state.db"))

A POST or PATCH with an `Idempotency-Key` runs once for each user, method and path. Put it inside authentication: the
key belongs to the user, or else to the client's address and Authorization. If your own cookie identifies the user,
return that user: `principal=lambda scope: str(scope["session"].get("user"))`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from ._cancel import current_time, protected_scope, sleep
from ._configuration import application, check_function, check_numbers, check_seconds, check_store
from ._headers import all_values, first_value
from ._in_time import in_time
from ._replies import reject
from ._scope import request_headers, unread
from .stores import Store
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["IdempotencyMiddleware", "user_or_client"]

Result = TypeVar("Result")

_log = logging.getLogger("asgi_middleware.idempotency")
# A string of RFC 9651 §3.3.3 in quotes, as the draft requires, or bare, as most clients send it.
_KEY = re.compile(rb'"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}')
# With these the client is to send the request again: after a login, or later (RFC 9110 §15.5, RFC 6585 §4, RFC 8470).
_ASKS_AGAIN = frozenset({401, 408, 421, 425, 429})
_NOT_REPLAYED = (b"set-cookie",)  # by now the session may be newer, and the cookie would bring the old one back


def user_or_client(scope: Scope) -> str:
    """Return the identity of an authenticated user; otherwise the client's address and a digest of Authorization.

    Without an AuthenticationMiddleware the header distinguishes users who share a proxy.
    """
    user = scope.get("user")
    if getattr(user, "is_authenticated", False):
        return f"user:{getattr(user, 'identity', '')}"
    client = scope.get("client")
    name = f"client:{client[0]}" if client else "local"
    credentials = first_value(request_headers(scope), b"authorization")
    return name if credentials is None else f"{name}:{hashlib.sha256(credentials).hexdigest()}"


class IdempotencyMiddleware:
    """Middleware that stores the first response to a key for `ttl` seconds, and replays it to repeated requests.

    `principal(scope)` returns the owner of the key, async or not. A repeated request waits up to `wait` seconds for the
    first to finish, then gets 409; one with another body gets 422. Responses with a status of 5xx or one that asks for
    the request again (401, 408, 421, 425, 429), streams, and those over `max_response` bytes are not stored; Set-Cookie
    is not replayed. The key is free again if the first request fails or is cancelled, and after `lease` seconds if its
    worker died or its response could not be stored. A body over `max_body` bytes gets 413. `required` rejects requests
    without a key. If the store fails, or takes more than `store_timeout` seconds, the answer is 503, or with
    `on_store_error="open"` the application runs; the failure is logged once until the store works again.
    """

    def __init__(
        self,
        app: ASGIApp,
        store: Store,
        *,
        principal: Callable[[Scope], str | Awaitable[str]] = user_or_client,
        ttl: float = 24 * 60 * 60,
        wait: float = 5.0,
        lease: float = 300.0,
        max_body: int = 1_000_000,
        max_response: int = 1_000_000,
        required: bool = False,
        on_store_error: Literal["open", "closed"] = "closed",
        store_timeout: float = 2.0,
    ) -> None:
        if on_store_error not in ("open", "closed"):
            raise ValueError(f"on_store_error={on_store_error!r} must be 'open' or 'closed'")
        for name, seconds in (("ttl", ttl), ("lease", lease), ("store_timeout", store_timeout)):
            check_seconds(name, seconds)
        check_numbers(wait=wait, max_body=max_body, max_response=max_response)
        check_function("principal", principal)
        check_store(store, "put")
        self.app = application(app, self)
        self.store = store
        self.store_timeout = store_timeout
        self._failing = False
        self.principal = principal
        self.ttl = ttl
        self.wait = wait
        self.lease = lease
        self.max_body = max_body
        self.max_response = max_response
        self.required = required
        self.on_store_error = on_store_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PATCH"):
            return await self.app(scope, receive, send)
        keys = all_values(request_headers(scope), b"idempotency-key")
        if not keys and not self.required:
            return await self.app(scope, receive, send)
        if len(keys) != 1 or not _KEY.fullmatch(keys[0].strip(b" \t")):
            return await reject(scope, receive, send, 400, "One Idempotency-Key of 1 to 255 characters is needed")
        receive = unread(scope, receive)
        body = await _read(receive, self.max_body)
        if body is None:  # the client has left in the middle of the body, so its request is not known
            return None
        if len(body) > self.max_body:
            return await reject(scope, receive, send, 413, "Content Too Large")
        name = await self._name(scope, keys[0])
        # The body is part of the fingerprint, so that a key used twice by mistake is noticed (draft, §2.7).
        query = scope.get("query_string", b"")
        fingerprint = hashlib.sha256(b"%d:%b%b" % (len(query), query, body)).hexdigest()
        # The claim is unique, so that `release` frees only the claim of this very request.
        claim = json.dumps([fingerprint, secrets.token_hex(8)]).encode()
        recorder = _Recorder(self, name, claim, send)
        try:
            answer = await self._claim(name, claim, fingerprint)
        except OSError:
            if self.on_store_error == "closed":
                await reject(scope, receive, send, 503, "Service Unavailable", [(b"retry-after", b"1")])
            else:
                await self.app(scope, _replaying(body, receive), send)
            # The store may have taken the claim, and only its reply was lost.
            return await recorder.release()
        if answer is not None:
            return await _repeat(answer, scope, receive, send)
        try:
            return await self.app(scope, _replaying(body, receive), recorder.send)
        finally:
            await recorder.release()

    async def _name(self, scope: Scope, key: bytes) -> str:
        """Return the name of a key in the store: another user, method or path makes it another key."""
        owner: Any = self.principal(scope)
        if hasattr(owner, "__await__"):
            owner = await owner
        # As JSON, since a separator could be part of a user's name.
        parts = [str(owner), scope["method"], scope["path"], key.strip(b' \t"').decode()]
        return "idempotency:" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    async def _claim(self, name: str, claim: bytes, fingerprint: str) -> Any:
        """Return None if this request is the first, otherwise the stored response or the status of a refusal."""
        end, pause = current_time() + self.wait, 0.01
        while True:
            if await self.put(name, claim, self.lease, expected=None):
                return None
            value: bytes | None = await self._asked(lambda: self.store.get(name))
            found = json.loads(value or b"[]")
            if found and found[0] != fingerprint:
                return 422
            if len(found) > 2:
                return found[2:]
            if current_time() >= end:
                return 409
            await sleep(pause)
            pause = min(pause * 2, 0.25)

    async def put(self, name: str, value: bytes, ttl: float, *, expected: bytes | None) -> bool:
        """Put a value into the store, within `store_timeout`."""
        return await self._asked(lambda: self.store.put(name, value, ttl, expected=expected))

    async def _asked(self, call: Callable[[], Awaitable[Result]]) -> Result:
        try:
            result = await in_time(self.store_timeout, call)
        except OSError as exc:
            if not self._failing:
                self._failing = True
                _log.error("the store of the idempotency keys fails: %s", exc)
            raise
        self._failing = False
        return result


async def _repeat(answer: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a repeated request with a stored response, or with the status of a refusal."""
    if isinstance(answer, int):
        text = {409: "The first request with this key is at work", 422: "This key was used with another body"}
        fields = [(b"retry-after", b"1")] if answer == 409 else []
        return await reject(scope, receive, send, answer, text[answer], fields)
    status, headers, content = answer
    pairs = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    return await send({"type": "http.response.body", "body": b64decode(content)})


class _Recorder:
    """A `send` that passes the first response through, and stores it before its last message.

    Stored after the last message, a client could repeat the request before the response is there.
    """

    def __init__(self, settings: IdempotencyMiddleware, name: str, claim: bytes, send: Send) -> None:
        self._settings = settings
        self._name = name
        self._claim = claim
        self._send = send
        self._start: Message | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._stored = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._start = {**message, "headers": list(message.get("headers", ()))}
            message = self._start
            if message["status"] >= 500 or message["status"] in _ASKS_AGAIN or message.get("trailers"):
                self._start = None
        elif kind == "http.response.body" and self._start is not None:
            await self._record(self._start, message)
        elif kind.startswith("http.response."):
            self._start = None  # extensions (a file by its path, a push) cannot be replayed
        await self._send(message)

    async def _record(self, start: Message, message: Message) -> None:
        chunk = bytes(message.get("body", b""))
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
        is_stream = len(self._chunks) > 1 and first_value(start["headers"], b"content-length") is None
        if is_stream or self._size > self._settings.max_response:
            self._start = None
            self._chunks.clear()
        elif not message.get("more_body", False):
            self._start = None
            await self._store(start)

    async def _store(self, start: Message) -> None:
        headers = [
            (bytes(key).decode("latin-1"), bytes(value).decode("latin-1"))
            for key, value in start["headers"]
            if key.lower() not in _NOT_REPLAYED
        ]
        content = b64encode(b"".join(self._chunks)).decode()
        value = json.dumps([json.loads(self._claim)[0], "", start["status"], headers, content]).encode()
        try:
            # Only while the claim is ours: after the lease another request may hold the key, and its response counts.
            self._stored = await self._settings.put(self._name, value, self._settings.ttl, expected=self._claim)
        except OSError:
            # The key stays claimed until the lease ends: the work is done, and with a free key it would be done twice.
            self._stored = True

    async def release(self) -> None:
        """Free the key unless a response is stored, even while the request is being cancelled."""
        if self._stored:
            return
        store = self._settings.store
        with (limit := protected_scope()):
            limit.deadline = current_time() + self._settings.store_timeout
            try:
                # Replaced first, because stores can compare and set, but not compare and delete.
                if await store.put(self._name, b"[]", 1, expected=self._claim):
                    await store.delete(self._name)
            except OSError:  # the lease expires anyway
                return


async def _read(receive: Receive, most: int) -> bytes | None:
    """Return the body, cut off somewhere beyond `most` bytes; None if the client has left."""
    body = bytearray()  # compact: the client may send its body byte by byte
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most or not message.get("more_body", False):
            return bytes(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
