"""The debug answer: a page for browsers, the traceback in plain text for other clients."""

from __future__ import annotations

from ..types import Receive, Scope, Send

_PRIVATE = [
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
]


class DebugAnswer:
    """The body, media type and headers of a debug answer, and the ASGI application that sends it with status 500."""

    def __init__(self, body: bytes, media_type: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.body = body
        self.media_type = media_type
        self.headers = [*_PRIVATE] if headers is None else headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            *self.headers,
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", f"{self.media_type}; charset=utf-8".encode("latin-1")),
        ]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else self.body})


def debug_answer(exc: Exception, scope: Scope, *, show_locals: bool = False) -> DebugAnswer:
    """Return the answer that shows an exception, in the form that the client prefers (RFC 9110 §12.5.1)."""
    # Imported here: production never needs these, nor the rest of this folder.
    from .._accept import prefers_html

    if not prefers_html(scope.get("headers", ())):
        from traceback import format_exception

        from ._redaction import masked_traceback

        text = masked_traceback("".join(format_exception(exc)))
        return DebugAnswer(text.encode(errors="replace"), "text/plain")
    from ._page import CONTENT_SECURITY_POLICY, render_page

    answer = DebugAnswer(render_page(exc, scope, show_locals=show_locals).encode(errors="replace"), "text/html")
    answer.headers += [
        (b"content-security-policy", CONTENT_SECURITY_POLICY),
        (b"referrer-policy", b"no-referrer"),
    ]
    return answer
