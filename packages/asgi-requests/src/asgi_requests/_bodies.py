"""One body for each `receive`: middleware may pass on a `receive` of its own, which gives other bytes.

Rule: Requests over the same `receive` share what was read; a Request over another one reads from that one.
`scope["asgi_requests.body"]` holds the bodies of a request. Two methods of it are public, for code that wraps a
`receive` (`replay`) and for code that comes after the application (`recall`).
"""

from __future__ import annotations

from ._body import UNKNOWN, SharedBody
from .types import Message, Receive, Scope

BODY_KEY = "asgi_requests.body"


class Bodies(list[SharedBody]):
    """The bodies of one request, in the order in which they were first asked for: mostly one, the outermost first."""

    def replay(self, receive: Receive) -> Receive:
        """Return a `receive` that gives first what has been read or read ahead through this one, then the rest.

        For middleware that wraps a `receive`, or passes it to an application that knows no Request. Where nothing was
        read it is `receive` itself; where the body was streamed to its end, the body is empty.
        """
        shared = self.find(receive)
        return receive if shared is None or shared.is_untouched else Replay(shared, receive)

    def recall(self, receive: Receive) -> Receive:
        """Return a `receive` for code that runs after the application has returned or raised: an exception handler.

        It gives the body that a Request over `receive` has read, or else one over another `receive` that an inner
        middleware has made. It raises RuntimeError where the body was streamed, and never waits for what was taken.
        """
        own = self.find(receive)
        chain = self if own is None else [own, *(shared for shared in self if shared is not own)]
        found = _first_read(chain) or next((shared for shared in chain if shared.taker is not None), None)
        return receive if found is None else Recall(found, receive)

    def find(self, receive: Receive) -> SharedBody | None:
        """Return what was read through this `receive`, or None."""
        if isinstance(receive, Delivery):
            return receive.shared
        for shared in self:
            if shared.is_over(receive):
                return shared
        return None

    def read_inside(self, outer: SharedBody) -> SharedBody | None:
        """Return the first body that an inner reader has read after this one was passed on, or None."""
        return _first_read(self[self.index(outer) + 1 :])


def shared_body(scope: Scope, receive: Receive) -> SharedBody:
    """Return what is read through this `receive`, made when it is first asked for."""
    bodies: Bodies | None = scope.get(BODY_KEY)
    if bodies is None:
        bodies = scope[BODY_KEY] = Bodies()
        found = receive.shared if isinstance(receive, Delivery) else None
    else:
        found = bodies.find(receive)
    if found is None:
        found = SharedBody(receive)
        bodies.append(found)
    return found


def _first_read(bodies: list[SharedBody]) -> SharedBody | None:
    """Return the first body that is whole or parsed; else, where no Request has streamed one, one to be read on."""
    for shared in bodies:
        if shared.body is not None or shared.form is not None:
            return shared
    if any(shared.taker not in (None, UNKNOWN) for shared in bodies):
        return None
    return next((shared for shared in bodies if shared.is_kept), None)


class Delivery:
    """The `receive` of a Request: what was read ahead, then the rest."""

    def __init__(self, shared: SharedBody, receive: Receive) -> None:
        self.shared = shared
        # Held here, since the shared body holds it weakly.
        self._receive = receive

    async def __call__(self) -> Message:
        return await self.shared.take()


class Replay(Delivery):
    """A `receive` that gives first what was read, then the rest."""

    _begun = False

    async def __call__(self) -> Message:
        shared = self.shared
        if not self._begun:
            while shared.exclusive:
                await shared.change()
            if shared.body is not None or shared.consumed:
                self._begun = True
                return {"type": "http.request", "body": shared.body or b"", "more_body": False}
        message = await shared.pass_on()
        # After the wait: a call that is cancelled has given nothing.
        self._begun = True
        return message


class Recall(Replay):
    """A `receive` that gives what was read, or raises RuntimeError where it was streamed."""

    async def __call__(self) -> Message:
        if not self._begun and self.shared.body is None:
            self.shared.has_rest_for(self, late=True)
        return await super().__call__()
