"""Answer unhandled exceptions with a 500, and raise them again for the server's log.

    from asgi_middleware.errors import ServerErrorMiddleware
    from asgi_requests import PlainTextResponse

    app = ServerErrorMiddleware(app)                    # "Internal Server Error" in plain text
    app = ServerErrorMiddleware(app, debug=True)        # the traceback, a page for browsers: on your machine only

    async def sorry(scope, exc):
        return PlainTextResponse("Sorry!", 500)         # any ASGI application

    app = ServerErrorMiddleware(app, handler=sorry)

It belongs outside every middleware whose exceptions it should answer.
"""

from __future__ import annotations

from .._watch import ERRORS_KEY, ResponseWatcher, WebSocketWatcher
from ._debug import DebugAnswer, debug_answer
from ._middleware import ServerErrorMiddleware

__all__ = [
    "ERRORS_KEY",
    "DebugAnswer",
    "ResponseWatcher",
    "ServerErrorMiddleware",
    "WebSocketWatcher",
    "debug_answer",
]
