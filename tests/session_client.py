"""A client that keeps the cookie of its session, and the application that it asks."""

from __future__ import annotations

from asgi_middleware.sessions import SessionMiddleware
from raw_asgi import request


def app_of(act):
    async def app(scope, receive, send):
        result = act(scope["session"])
        if hasattr(result, "__await__"):
            await result
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


async def act_of_the_scope(scope, receive, send):
    await app_of(scope["act"])(scope, receive, send)


class Browser:
    """A client that keeps its cookie."""

    def __init__(self, store, **options):
        self.store, self.options, self.cookie, self.made = store, options, None, {}

    def middleware(self):
        """One for all copies of a browser, as a server has one for all requests."""
        key = repr(self.options)
        if key not in self.made:
            self.made[key] = SessionMiddleware(act_of_the_scope, store=self.store, **self.options)
        return self.made[key]

    async def ask(self, act):
        headers = [] if self.cookie is None else [(b"cookie", self.cookie)]
        reply = await request(self.middleware(), headers=headers, act=act)
        sent = reply.header("set-cookie")
        if sent is not None:
            self.cookie = None if "1970" in sent else sent.split(";")[0].encode()
        return reply

    async def read(self):
        found = []
        await self.ask(lambda session: found.append(dict(session)))
        return found[0]

    def copy(self):
        other = Browser(self.store, **self.options)
        other.cookie, other.made = self.cookie, self.made
        return other


def put(**values):
    return lambda session: session.update(values)
