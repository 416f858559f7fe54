"""Answer what nobody else answered with a 500, and let the exception go on to the server's log.

app = ServerErrorMiddleware(app)                        # "Internal Server Error" in plain text
app = ServerErrorMiddleware(app, debug=True)            # the traceback, as a page for browsers: on your machine only

async def sorry(scope, exc):
    return PlainTextResponse("Sorry!", 500)             # any ASGI application

app = ServerErrorMiddleware(app, handler=sorry)
"""

from __future__ import annotations

from ._middleware import ServerErrorMiddleware

__all__ = ["ServerErrorMiddleware"]
