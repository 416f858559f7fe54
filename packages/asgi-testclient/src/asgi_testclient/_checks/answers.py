"""The part that two kinds of response share: the response to a request, and the denial of a WebSocket."""

from __future__ import annotations

from typing import Any

from .._texts import shown
from ..types import Message
from .base import Checks
from .headers import check_headers

__tracebackhide__ = True  # pytest shows the code of its reader instead

BODILESS = frozenset({204, 304})


class AnswerChecks(Checks):
    """A status, headers, and a body that is as long as its Content-Length says."""

    __slots__ = ("_expected", "_length", "_status")

    def _begin(self, message: Message, *, head: bool) -> None:
        status = message.get("status")
        # 1xx are interim responses, which the server sends (RFC 9110 §15.2).
        if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
            came = shown(status) if "status" in message else "missing"
            self.flag("E08", f"the status of {message['type']} is {came}; an int from 200 to 599 was expected")
        self._status = status
        self._length = 0
        declared = check_headers(self, message)
        # Their Content-Length is that of the content they leave out (RFC 9110 §8.6).
        self._expected = None if head or status in BODILESS else declared

    def _flag_bool(self, message: Message, key: str) -> bool:
        """Return a truth value, and flag one that is not a bool."""
        value = message.get(key, False)
        if type(value) is not bool:
            self.flag("E12", f"{key!r} of {message['type']} is {shown(value)} where True or False was expected")
        return bool(value)

    def _take(self, message: Message) -> bool:
        """Check one piece of the body; return whether more are announced."""
        body = message.get("body", b"")
        if type(body) is bytes:
            size = len(body)
        elif isinstance(body, (bytes, bytearray, memoryview)):
            # len() of a memoryview counts items, which may be of several bytes.
            size = memoryview(body).nbytes
        else:
            self.flag("E12", f"the body is {shown(body)} where bytes were expected")
            size = 0
        more = message.get("more_body", False)
        if more is not False and more is not True:
            more = self._flag_bool(message, "more_body")
        if size and self._status in BODILESS:
            self.flag("W03", f"a body was sent with status {self._status}: {shown(body)}")
        self._count(size, last=not more)
        return more

    def _count(self, size: int | None, *, last: bool) -> None:
        """Compare the length of the body with its Content-Length; None is a piece of unknown length."""
        expected: Any = self._expected
        if expected is None:
            return
        if size is None:
            self._expected = None
            return
        self._length += size
        if self._length > expected or (last and self._length < expected):
            self._expected = None
            self.flag("E13", f"the body has {self._length} bytes; Content-Length said {expected}")
