"""The middleware: it counts the messages of each exchange, and logs it when it has ended."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Literal

from .._configuration import application, check_function, check_numbers, names
from .._headers import reader_of
from .._route import route_of
from .._scope import request_headers, unread
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._formats import Entry, combined, json_lines, logfmt
from ._writer import Writer

_FORMATS: dict[str, Callable[[Entry], str]] = {"combined": combined, "json": json_lines, "logfmt": logfmt}
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key", "x-csrf-token"})
_REDACTED = ("access_token", "api_key", "apikey", "code", "key", "password", "secret", "sig", "signature", "token")
_STARTS = ("http.response.start", "websocket.http.response.start")
_BODIES = ("http.response.body", "websocket.http.response.body")
_MOST_CHARACTERS = 2048  # of a target, a referer or a user agent, which a client may send as long as the server allows


class AccessLogMiddleware:
    """Middleware that logs one record for each exchange, when it has ended.

    `style` is `combined`, `json`, `logfmt` or a function of an `Entry`. `headers` are request headers to log;
    credentials are refused. `redact` are the query parameters whose values are hidden. Requests for which
    `exclude(scope)` is true are not logged, nor are the probes of HealthMiddleware. `sample` is the share of the
    exchanges that are logged; those with a status of 500 or above always are. `route(scope)` returns the template of
    the route. Raises ValueError for a sample outside 0 to 1 and for headers that hold credentials.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        style: Literal["combined", "json", "logfmt"] | Callable[[Entry], str] = "combined",
        logger: str | logging.Logger = "asgi_middleware.access",
        level: int = logging.INFO,
        headers: Sequence[str] = (),
        redact: Sequence[str] = _REDACTED,
        exclude: Callable[[Scope], bool] | None = None,
        sample: float = 1.0,
        route: Callable[[Scope], str | None] = route_of,
        request_id_key: str = "asgi_middleware.request_id",
        background: bool = True,
    ) -> None:
        check_numbers(sample=sample)
        if not 0 <= sample <= 1:
            raise ValueError(f"sample={sample!r} must be the share of the requests to log, from 0 to 1")
        if not callable(style) and style not in _FORMATS:
            raise ValueError(f"style={style!r} must be 'combined', 'json', 'logfmt' or a function of an Entry")
        if exclude is not None:
            check_function("exclude", exclude)
        check_function("route", route)
        if not isinstance(level, int):
            raise TypeError(f"level={level!r} must be a number, such as logging.INFO")
        headers, redact = names(headers), names(redact)
        secret = [name for name in headers if name.lower() in _SECRET]
        if secret:
            raise ValueError(f"headers={secret!r}: credentials do not belong in a log")
        self.app = application(app, self)
        self.style = _FORMATS[style] if isinstance(style, str) else style
        self.exclude = exclude
        self.sample = sample
        self.route = route
        self.request_id_key = request_id_key
        log = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._writer = Writer(log, level, self.style, background=background)
        self._headers = [(name.lower(), name.lower().encode("latin-1")) for name in headers]
        self._read = reader_of(b"referer", b"user-agent", *(key for _, key in self._headers))
        hidden = "|".join(re.escape(name) for name in redact)
        self._redact = re.compile(rf"(?i)((?:^|&)(?:{hidden})=)[^&]*") if redact else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket") or (self.exclude is not None and self.exclude(scope)):
            return await self.app(scope, receive, send)
        exchange = _Exchange(self, scope, receive, send)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as exc:  # a cancelled request is logged, too
            exchange.fail(exc)
            raise
        return exchange.finish("incomplete")

    def flush(self) -> None:
        """Wait until every record has been written."""
        self._writer.flush()

    def target(self, scope: Scope) -> str:
        """Return path and query as they were requested, with secrets hidden."""
        raw = scope.get("raw_path")
        target: str = raw.decode("latin-1") if raw else scope["path"]
        if query := scope.get("query_string"):
            return self._hidden(f"{target}?{query.decode('latin-1')}")
        return target[:_MOST_CHARACTERS]

    def _hidden(self, url: str) -> str:
        """Return a URL of bounded length without the secrets in its query."""
        path, mark, query = url.partition("?")
        if query and self._redact is not None:
            url = path + mark + self._redact.sub(r"\1***", query)
        return url[:_MOST_CHARACTERS]

    def write(self, entry: Entry, scope: Scope) -> None:
        """Complete an entry with the fields that are known only at the end, and write it."""
        if "asgi_middleware.health" in scope:
            return
        if self.sample < 1 and not _is_failure(entry) and random.random() >= self.sample:  # noqa: S311 - no secret
            return
        entry.route = self.route(scope)
        entry.request_id = scope.get(self.request_id_key)
        user = scope.get("user")
        entry.user = str(name) if (name := getattr(user, "display_name", None)) else None
        sent = self._read(request_headers(scope))
        if b"referer" in sent:
            entry.referer = self._hidden(sent[b"referer"][0].decode("latin-1"))
        if b"user-agent" in sent:
            entry.user_agent = _text(sent[b"user-agent"][0])
        for name, key in self._headers:
            if key in sent:
                entry.headers[name] = _text(sent[key][0])
        self._writer.write(entry)


class _Exchange:
    """One call of the application: it counts the bytes that pass, and notes the end."""

    __slots__ = ("_clock", "_middleware", "_receive", "_scope", "_send", "_trailers", "entry", "left", "written")

    def __init__(self, middleware: AccessLogMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._middleware = middleware
        self._scope = scope
        self._receive = unread(scope, receive)
        self._send = send
        self._clock = time.perf_counter()
        self._trailers = self.left = self.written = False
        client = scope.get("client")
        self.entry = Entry(
            time.time(),
            scope["type"],
            client[0] if client else None,
            scope.get("method", "GET"),
            middleware.target(scope),
            scope.get("http_version", "1.1"),
        )

    async def receive(self) -> Message:
        message = await self._receive()
        kind = message["type"]
        if kind == "http.request":
            self.entry.bytes_in += len(message.get("body", b""))
        elif kind == "websocket.receive":
            self.entry.bytes_in += len(message.get("bytes") or (message.get("text") or "").encode())
        elif kind == "http.disconnect":
            self.left = True
        elif kind == "websocket.disconnect":
            self.left = True
            self.entry.close_code = message.get("code", 1005)  # the client sent no code (RFC 6455 §7.4.1)
        return message

    async def send(self, message: Message) -> None:
        entry = self.entry
        kind = message["type"]
        is_body, is_last = kind in _BODIES, False
        if is_body:
            entry.bytes_out += len(message.get("body", b""))
            is_last = not message.get("more_body", False) and not self._trailers
        elif kind in _STARTS:
            entry.status = message["status"]
            self._trailers = bool(message.get("trailers", False))
        else:
            is_last = self._note(kind, message)
        try:
            await self._send(message)
        except OSError:  # servers raise it if the client has left (ASGI, "Disconnected Client")
            self.left = True
            raise
        if entry.first_byte is None and (is_body or kind == "websocket.accept"):
            entry.first_byte = time.perf_counter() - self._clock
        if is_last:
            self.finish("complete")

    def _note(self, kind: str, message: Message) -> bool:
        """Note a message of a WebSocket or of an extension; return whether it is the last."""
        entry = self.entry
        if kind == "websocket.accept":
            entry.status = 101
        elif kind == "websocket.close":
            entry.close_code = message.get("code", 1000)
            entry.status = entry.status or 403  # servers answer so to a close before the accept
        elif kind == "websocket.send":
            entry.bytes_out += len(message.get("bytes") or (message.get("text") or "").encode())
        elif kind == "http.response.zerocopysend":
            return not message.get("more_body", False) and not self._trailers
        elif kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return kind in ("websocket.close", "http.response.pathsend")

    def fail(self, exc: BaseException) -> None:
        """End the exchange with an exception of the application."""
        if not self.left:
            self.entry.error = type(exc).__qualname__
        self.finish("failed")

    def finish(self, outcome: str) -> None:
        """Write the entry, once."""
        if self.written:
            return
        self.written = True
        entry = self.entry
        if self.left and outcome != "complete":
            outcome = "complete" if entry.kind == "websocket" and entry.status == 101 else "disconnected"
            entry.status = entry.status or 499
        elif outcome == "failed":
            entry.status = entry.status or 500
        entry.outcome = outcome
        if entry.method == "HEAD":  # servers drop its body
            entry.bytes_out = 0
        entry.duration = time.perf_counter() - self._clock
        self._middleware.write(entry, self._scope)


def _is_failure(entry: Entry) -> bool:
    return entry.outcome == "failed" or (entry.status or 0) >= 500


def _text(value: bytes) -> str:
    return value.decode("latin-1")[:_MOST_CHARACTERS]
