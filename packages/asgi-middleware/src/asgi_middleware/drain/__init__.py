"""End open streams and WebSockets when the server stops, and let everything else finish.

    from asgi_middleware.drain import DrainMiddleware

    app = DrainMiddleware(app, grace=25.0)

At SIGTERM servers wait for open responses, so an event stream or a WebSocket keeps a deploy hanging. This middleware
chains the signal handler that the server has set. At the signal `receive` returns `http.disconnect` to an endless
response while its `send` still works, so that it can say goodbye, and the response is then ended properly; a WebSocket
is closed with 1012 (service restart; RFC 6455 §7.4.1 and its registry). Requests that will end are left alone; those
still running after `grace` seconds are cancelled.

If a server sets no signal handler in the process of the application (hypercorn, daphne, a loop of your own), call
`begin()`:

    from asgi_middleware.drain import Drain, DrainMiddleware

    drain = Drain(grace=25.0)
    app = DrainMiddleware(app, drain=drain)
    drain.begin()
"""

from __future__ import annotations

from .._endless import is_endless
from ._middleware import DrainMiddleware
from ._state import Drain, Drained

__all__ = ["Drain", "DrainMiddleware", "Drained", "is_endless"]
