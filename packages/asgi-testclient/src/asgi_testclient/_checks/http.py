"""One HTTP request: http.response.start, bodies, trailers, and the messages of extensions; or their order alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from .._texts import shown
from ..types import Message
from .answers import BODILESS, AnswerChecks
from .base import Checks
from .headers import check_headers, has_header

__tracebackhide__ = True  # pytest shows the code of its reader instead

NOTHING, STARTED, BODY_SENT, COMPLETE = range(4)


class HTTPChecks(AnswerChecks):
    """The messages of an http scope, from the first to the last."""

    __slots__ = ("_disconnected", "_head", "_pieces", "_sent_path", "_state", "_trailers")

    protocol = "http"

    def _prepare(self) -> None:
        self._state = NOTHING
        self._head = self._scope.get("method") == "HEAD"
        self._disconnected = False
        self._trailers = False
        self._sent_path = False
        self._pieces = 0
        self._status = None
        self._expected = None
        self._length = 0

    def received(self, message: Message) -> None:
        if not self._disconnected and message.get("type") == "http.disconnect":
            self._disconnected = True

    def _start(self, message: Message) -> None:
        if self._state:
            code = "E05" if self._state == STARTED else "E06"
            self.flag(code, "http.response.start was sent after the response had started")
            return
        self._begin(message, head=self._head)
        self._state = STARTED
        if "trailers" in message:
            self._trailers = self._flag_bool(message, "trailers") and "http.response.trailers" in self._offered
        if self._scope.get("http_version") == "1.0" and self._status not in BODILESS and not self._head:
            self._old_client(message)

    def _old_client(self, message: Message) -> None:
        # HTTP/1.0 has no chunks, and takes a body that is cut off by a closed connection as complete (RFC 9112 §8).
        if not has_header(message, b"content-length"):
            self.flag("W07", "the client speaks HTTP/1.0, and the response has no Content-Length")

    def _body(self, message: Message) -> None:
        if self._state != STARTED:
            self._out_of_place(message["type"])
            return
        self._pieces += 1
        if not self._take(message):
            self._complete()

    def _complete(self) -> None:
        self._state = BODY_SENT if self._trailers else COMPLETE

    def _out_of_place(self, kind: str) -> None:
        if self._state == NOTHING:
            self.flag("E04", f"{kind} was sent before http.response.start")
        elif self._sent_path and kind in BODIES:
            self.flag("E15", f"{kind} was sent after http.response.pathsend, which is a whole body")
        else:
            self.flag("E06", f"{kind} was sent after the last body")

    def _send_trailers(self, message: Message) -> None:
        self._offers("http.response.trailers", message["type"])
        if self._state == NOTHING:
            self._out_of_place(message["type"])
            return
        if not self._trailers:
            self.flag("E14", "trailers were sent that http.response.start did not announce")
            return
        if self._state != BODY_SENT:
            when = "before the last body" if self._state == STARTED else "after the last trailers"
            self.flag("E14", f"trailers were sent {when}")
            return
        check_headers(self, message)
        if not self._flag_bool(message, "more_trailers"):
            self._state = COMPLETE

    def _debug(self, message: Message) -> None:
        self._offers("http.response.debug", message["type"])
        if self._state:
            self.flag("E04", "http.response.debug was sent after http.response.start")
        if not isinstance(message.get("info"), dict):
            self.flag("E30", f"'info' of http.response.debug is {shown(message.get('info'))} where a dict was expected")

    def _early_hint(self, message: Message) -> None:
        self._offers("http.response.early_hint", message["type"])
        if self._state >= BODY_SENT:
            self._out_of_place(message["type"])
            return
        links = message.get("links", ())
        if isinstance(links, (str, bytes)) or not hasattr(type(links), "__iter__"):
            self.flag("E30", f"'links' of http.response.early_hint is {shown(links)}, not an iterable of bytes")
            return
        if hasattr(links, "__next__"):
            # Read here, so it is replaced: the server reads the message after the checks.
            message["links"] = links = list(links)
        for link in links:
            if not isinstance(link, bytes):
                self.flag("E30", f"a link of http.response.early_hint is {shown(link)} where bytes were expected")
            elif b"\r" in link or b"\n" in link or b"\0" in link:
                self.flag("E11", f"a link of http.response.early_hint has a CR, LF or NUL: {shown(link)}")

    def _push(self, message: Message) -> None:
        self._offers("http.response.push", message["type"])
        if self._state != STARTED:
            self._out_of_place(message["type"])
            return
        if not isinstance(message.get("path"), str):
            self.flag("E30", f"'path' of http.response.push is {shown(message.get('path'))} where a str was expected")
        check_headers(self, message)

    def _pathsend(self, message: Message) -> None:
        self._offers("http.response.pathsend", message["type"])
        if self._state != STARTED:
            self._out_of_place(message["type"])
            return
        # One message has the whole body: pathsend goes with no http.response.body (ASGI, path send).
        if self._pieces:
            self.flag("E15", "http.response.pathsend was sent after another body")
            return
        path = message.get("path")
        size = None
        if not isinstance(path, str) or not os.path.isabs(path):
            self.flag("E15", f"'path' of http.response.pathsend is {shown(path)} where an absolute path was expected")
        # The server opens the file after the start has been sent, too late for another status.
        elif not os.path.isfile(path):
            self.flag("E15", f"'path' of http.response.pathsend is {shown(path)}, and there is no such file")
        else:
            size = os.path.getsize(path)
        self._sent_path = True
        self._complete()
        self._count(size, last=True)

    def _zerocopysend(self, message: Message) -> None:
        self._offers("http.response.zerocopysend", message["type"])
        if self._state != STARTED:
            self._out_of_place(message["type"])
            return
        self._pieces += 1
        file = message.get("file")
        if not (hasattr(file, "fileno") or _natural(file)):
            self.flag("E30", f"'file' of http.response.zerocopysend is {shown(file)} where an open file was expected")
        for key in ("offset", "count"):
            if message.get(key) is not None and not _natural(message[key]):
                self.flag("E30", f"{key!r} of http.response.zerocopysend is {shown(message[key])}, not an int from 0")
        more = self._flag_bool(message, "more_body")
        if not more:
            self._complete()
        count = message.get("count")
        self._count(count if _natural(count) else None, last=not more)

    def _end(self) -> None:
        if self._disconnected or self._state == COMPLETE:
            return
        if self._state == NOTHING:
            self.flag_end("E07", "the application returned without sending http.response.start")
        elif self._state == STARTED:
            came = f"{self._pieces} bodies, each with more_body True" if self._pieces else "no body"
            self.flag_end("E07", f"the application returned without ending the response: it sent {came}")
        else:
            self.flag_end("E07", "the application returned without sending the trailers that it had announced")

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "http.response.start": _start,
        "http.response.body": _body,
        "http.response.trailers": _send_trailers,
        "http.response.debug": _debug,
        "http.response.early_hint": _early_hint,
        "http.response.push": _push,
        "http.response.pathsend": _pathsend,
        "http.response.zerocopysend": _zerocopysend,
    }


class OrderChecks(Checks):
    """The messages of an http scope. A message out of order is an AssertionError, raised out of `send()` alone."""

    __slots__ = ("_body_ended", "_complete", "_expects_trailers", "_started")

    protocol = "http"

    def _prepare(self) -> None:
        self._started = False
        self._body_ended = False
        self._complete = False
        self._expects_trailers: Any = False

    def sent(self, message: Message) -> None:
        step = self._steps.get(message["type"])
        if step is not None:
            step(self, message)

    def _start(self, message: Message) -> None:
        # The words are those of Starlette's client, which tests of its users compare.
        _expect(not self._started, 'Received multiple "http.response.start" messages.')
        self._started = True
        self._expects_trailers = message.get("trailers", False)

    def _body(self, message: Message) -> None:
        _expect(self._started, 'Received "http.response.body" without "http.response.start".')
        _expect(not self._complete, 'Received "http.response.body" after response completed.')
        _expect(not self._body_ended, 'Received "http.response.body" after body completed.')
        self._body_ended = not message.get("more_body", False)
        self._complete = self._body_ended and not self._expects_trailers

    def _trailers(self, message: Message) -> None:
        _expect(self._expects_trailers, 'Received "http.response.trailers" without declaring trailers.')
        _expect(self._body_ended, 'Received "http.response.trailers" before body completed.')
        _expect(not self._complete, 'Received "http.response.trailers" after response completed.')
        self._complete = not message.get("more_trailers", False)

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "http.response.start": _start,
        "http.response.body": _body,
        "http.response.trailers": _trailers,
    }


def _expect(condition: object, text: str) -> None:
    """Raise AssertionError; not by `assert`, whose texts pytest changes in modules of plugins."""
    if not condition:
        raise AssertionError(text)


BODIES = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})


def _natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
