"""One body, many readers at once: Requests over one `receive`, read, parsed, streamed, polled and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from json import loads
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import anyio
from anyio.lowlevel import checkpoint

from asgi_requests import ClientDisconnect, FormData, Request
from fuzz.harness import chunked, fuzz
from raw_asgi import body_messages, http_scope


class Client:
    """A `receive` that takes its time, knows when it is called twice at once, and may leave."""

    def __init__(self, random: Random, body: bytes, leaves: bool) -> None:
        self.random = random
        self.messages = body_messages(chunked(random, body))
        if leaves:
            self.messages[random.randint(0, len(self.messages)) :] = [{"type": "http.disconnect"}]
        self.complete = any(message.get("more_body") is False for message in self.messages)
        self.waiting = False

    async def receive(self) -> Any:
        assert not self.waiting, "called while an earlier call is pending"
        self.waiting = True
        try:
            await pause(self.random)
            if not self.messages:
                await anyio.sleep_forever()
        finally:
            self.waiting = False
        if self.messages[0]["type"] == "http.disconnect":
            return self.messages[0]
        return self.messages.pop(0)


async def pause(random: Random) -> None:
    for _ in range(random.choice([0, 0, 1, 2, 5])):
        await checkpoint()


async def at_once(random: Random, requests: list[Request[Any]], kinds: list[str], note: Callable[..., None]) -> None:
    """Some operations side by side, each perhaps cancelled on its way."""

    async def one(request: Request[Any], kind: str, patience: int) -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def cancel() -> None:
                    for _ in range(patience):
                        await checkpoint()
                    scope.cancel()

                if patience:
                    group.start_soon(cancel)
                note(kind, await outcome(request, kind))
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for _ in range(random.randint(1, 5)):
            patience = random.choice([0, 0, 0, 1, 3, 10])
            tasks.start_soon(one, random.choice(requests), random.choice(kinds), patience)
            await pause(random)


async def outcome(request: Request[Any], kind: str) -> Any:
    try:
        if kind == "body":
            return await request.body()
        if kind == "json":
            return await request.json()
        if kind == "form":
            return await request.form()
        if kind == "poll":
            return await request.is_disconnected()
        return b"".join([chunk async for chunk in request.stream()])
    except (ClientDisconnect, RuntimeError) as exc:
        return exc


def requests_of(client: Client, content_type: bytes) -> list[Request[Any]]:
    """Two Requests over one scope, and one over a copy of it that some middleware has made in between."""
    scope = http_scope("POST", headers=[(b"content-type", content_type)])
    first: Request[Any] = Request(scope, client.receive)
    return [first, Request(scope, client.receive), Request(first.scope, first.receive)]


@fuzz(1500)
async def test_every_reader_gets_the_whole_body(random: Random) -> None:
    text = random.choice(["1", '"' + "a" * random.randint(0, 100) + '"', "[1, 2]"])
    client = Client(random, text.encode(), leaves=random.random() < 0.2)
    requests = requests_of(client, b"application/json")
    for _ in range(random.randint(1, 3)):

        def note(kind: str, result: Any) -> None:
            if isinstance(result, ClientDisconnect):
                assert not client.complete
            elif kind == "body":
                assert result == text.encode()
            elif kind == "json":
                assert result == loads(text)
            else:
                assert result in (False, True)

        await at_once(random, requests, ["body", "body", "json", "poll"], note)
        if random.random() < 0.5:
            requests.append(Request(requests[0].scope, random.choice(requests).receive))


@fuzz(1500)
async def test_a_body_taken_in_pieces_is_never_taken_for_another(random: Random) -> None:
    body = b"&".join(b"a%d=%d" % (i, random.randrange(100)) for i in range(random.randint(0, 20)))
    rests = {body, b""}  # and what body() has made of the rest of a stream that was left
    client = Client(random, body, leaves=False)
    requests = requests_of(client, b"application/x-www-form-urlencoded")
    for _ in range(random.randint(1, 3)):

        def note(kind: str, result: Any) -> None:
            if isinstance(result, RuntimeError):
                assert "Stream consumed" in str(result)
            elif kind == "form":
                assert isinstance(result, FormData)
                assert result.multi_items() in [parse_qsl(rest.decode(), keep_blank_values=True) for rest in rests]
            elif kind == "poll":
                assert result is False
            else:
                assert body.endswith(result)
                rests.add(result)

        await at_once(random, requests, ["body", "form", "stream", "poll"], note)
