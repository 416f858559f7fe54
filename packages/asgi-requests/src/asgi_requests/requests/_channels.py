"""Stand-ins for the `receive` and `send` of a server: of a request that was given none, of a body that was read."""

from __future__ import annotations

from typing import NoReturn

from ..types import Message, Receive


async def empty_receive() -> NoReturn:
    """Raise RuntimeError: the `receive` of a request that was given none."""
    raise RuntimeError("Receive channel has not been made available")


async def empty_send(message: Message) -> NoReturn:
    """Raise RuntimeError: the `send` of a request that was given none."""
    raise RuntimeError("Send channel has not been made available")


def replay_receive(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` in one message and then is `receive`; it invents no disconnect."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
