"""A path, and the application that serves WebSockets there."""

from __future__ import annotations

from .path import PathRoute


class WebSocketRoute(PathRoute):
    """One path, and the ASGI application that serves WebSockets there.

    A subclass may override `application`, which makes an ASGI application of an endpoint. `when` as for a Route.
    """

    scope_type = "websocket"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocketRoute) and _key(self) == _key(other)

    __hash__ = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r})"


def _key(route: WebSocketRoute) -> tuple[object, ...]:
    return route.path, route.endpoint, route.when
