"""Idempotency keys: a request that is sent again runs once, for its owner alone."""

from __future__ import annotations

import itertools
import sys
import tracemalloc

import anyio
import pytest

from asgi_middleware._cancel import protected_scope
from asgi_middleware.idempotency import IdempotencyMiddleware, user_or_client
from asgi_middleware.stores import MemoryStore
from raw_asgi import body_messages, http_scope, request, run

KEY = [(b"idempotency-key", b'"a-1"')]


class App:
    def __init__(self, *messages, status=201, headers=()):
        self.runs, self.bodies = 0, []
        self.start = {"type": "http.response.start", "status": status, "headers": [(b"x-a", b"1"), *headers]}
        self.messages = messages or ({"type": "http.response.body", "body": b"made"},)
        self.entered, self.go = anyio.Event(), None

    async def __call__(self, scope, receive, send):
        self.runs += 1
        self.bodies.append((await receive())["body"])
        self.entered.set()
        if self.go is not None:
            await self.go.wait()
        await send(self.start)
        for message in self.messages:
            await send(message)


async def ask(app, body=b"x", headers=KEY, **extra):
    return await request(app, "POST", body=body, headers=headers, **extra)


async def test_the_first_answer_is_given_again_without_its_cookie(store):
    inner = App(headers=[(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-a", b"\xff")])
    app = IdempotencyMiddleware(inner, store)
    first, second = await ask(app, [b"x", b"y"]), await ask(app, b"xy")
    assert (inner.runs, inner.bodies) == (1, [b"xy"])
    assert len(first.all("set-cookie")) == 2
    assert (second.status, second.body) == (201, b"made")
    assert second.headers == [(b"x-a", b"1"), (b"x-a", b"\xff")]


async def test_bob_with_the_key_of_alice_gets_his_own_answer(store):
    inner = App()

    async def principal(scope):
        return scope["who"]

    app = IdempotencyMiddleware(inner, store, principal=principal)
    for who in ("alice", "bob", "alice"):
        await ask(app, who=who)
    assert inner.runs == 2
    await request(app, "PATCH", body=b"x", headers=KEY, who="bob")
    await request(app, "POST", "/other", body=b"x", headers=KEY, who="bob")
    assert inner.runs == 4


async def test_another_body_is_a_422(store):
    app = IdempotencyMiddleware(App(), store)
    await ask(app)
    assert (await ask(app, b"y")).status == 422
    assert (await ask(app, query=b"a=1")).status == 422


async def test_a_truncated_body_does_not_run_the_application():
    inner = App()
    messages = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    await run(IdempotencyMiddleware(inner, MemoryStore()), http_scope("POST", headers=KEY), messages)
    assert inner.runs == 0


async def test_a_second_at_the_same_time_waits_or_gets_409(store):
    inner = App()
    inner.go = anyio.Event()
    app, impatient = IdempotencyMiddleware(inner, store, wait=60), IdempotencyMiddleware(inner, store, wait=0)
    replies = []

    async def keep():
        replies.append(await ask(app))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep)
        await inner.entered.wait()
        refused = await ask(impatient)
        tasks.start_soon(keep)
        await anyio.sleep(0.05)
        inner.go.set()
    assert (refused.status, refused.header("retry-after")) == (409, "1")
    assert [reply.status for reply in replies] == [201, 201]
    assert inner.runs == 1


async def test_the_key_is_free_after_a_cancel(store):
    inner = App()
    inner.go = anyio.Event()
    app = IdempotencyMiddleware(inner, store)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, app)
        await inner.entered.wait()
        tasks.cancel_scope.cancel()
    inner.go.set()
    assert (await ask(app)).status == 201
    assert inner.runs == 2


async def test_the_key_is_free_after_a_failure():
    async def fail(scope, receive, send):
        raise KeyError("mine")

    store = MemoryStore()
    with pytest.raises(KeyError, match="mine"):
        await ask(IdempotencyMiddleware(fail, store))
    assert (await ask(IdempotencyMiddleware(App(), store))).status == 201


BODY = "http.response.body"


@pytest.mark.parametrize(
    "inner",
    [
        App(status=503),
        App(status=401),
        App(status=429, headers=[(b"retry-after", b"1")]),
        App({"type": BODY, "body": b"a", "more_body": True}, {"type": BODY, "body": b"b"}),
        App({"type": BODY, "body": b"x" * 101}),
        App({"type": "http.response.pathsend", "path": "/x"}),
    ],
    ids=["5xx", "login", "later", "stream", "large", "file"],
)
async def test_what_is_not_stored_runs_again(inner):
    inner.runs, inner.entered = 0, anyio.Event()
    app = IdempotencyMiddleware(inner, MemoryStore(), max_response=100)
    first, second = await ask(app), await ask(app)
    assert inner.runs == 2
    assert first.messages == second.messages


async def test_an_answer_in_pieces_of_a_known_length_is_stored():
    pieces = [{"type": BODY, "body": b"a", "more_body": True}, {"type": BODY, "body": b"b"}]
    inner = App(*pieces, headers=[(b"content-length", b"2")])
    app = IdempotencyMiddleware(inner, MemoryStore())
    assert [(await ask(app)).body for _ in range(2)] == [b"ab", b"ab"]
    assert inner.runs == 1


async def test_other_methods_and_requests_without_a_key_pass():
    inner = App()
    app = IdempotencyMiddleware(inner, MemoryStore())
    for _ in range(2):
        await request(app, "PUT", headers=KEY)
        await ask(app, headers=[])
    assert inner.runs == 4
    required = IdempotencyMiddleware(inner, MemoryStore(), required=True)
    for headers in ([], KEY * 2, [(b"idempotency-key", b"")], [(b"idempotency-key", b"x" * 256)]):
        assert (await ask(required, headers=headers)).status == 400
    assert (await ask(IdempotencyMiddleware(inner, MemoryStore(), max_body=2), b"xyz")).status == 413
    with pytest.raises(ValueError, match="on_store_error"):
        IdempotencyMiddleware(inner, MemoryStore(), on_store_error="maybe")


class Failing(MemoryStore):
    after = 0

    async def put(self, *arguments, **options):
        self.after -= 1
        if self.after < 0:
            raise OSError("down")
        return await super().put(*arguments, **options)


async def test_a_store_that_fails_is_a_503_or_ignored():
    store = Failing()
    assert (await ask(IdempotencyMiddleware(App(), store))).status == 503
    assert (await ask(IdempotencyMiddleware(App(), store, on_store_error="open"))).status == 201
    store.after = 1
    assert (await ask(IdempotencyMiddleware(App(), store))).status == 201, "the answer is there, if not stored"
    store.after = 9
    again = App()
    assert (await ask(IdempotencyMiddleware(again, store, wait=0))).status == 409, "what was done is not done twice"
    assert again.runs == 0


async def test_a_store_that_does_not_answer_holds_up_no_request_and_is_logged_once(caplog):
    class Hanging(MemoryStore):
        hangs = True

        async def get(self, key):
            return await self.hang() or await super().get(key)

        async def put(self, key, value, ttl, **options):
            if options.get("expected") is not None or self.hangs:
                await self.hang()
            return await super().put(key, value, ttl, **options)

        async def hang(self):
            if self.hangs is not False:
                await anyio.sleep_forever()

    store = Hanging()
    app = IdempotencyMiddleware(App(), store, store_timeout=0.01)
    for _ in range(2):
        reply = await ask(app)
        assert (reply.status, reply.header("retry-after")) == (503, "1")
    assert (await ask(IdempotencyMiddleware(App(), store, on_store_error="open", store_timeout=0.01))).status == 201
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["the store of the idempotency keys fails: no answer in 0.01 s"] * 2, "once for each middleware"
    store.hangs = None  # to claim a key works, and to store the answer does not
    assert (await ask(app)).status == 201
    with pytest.raises(ValueError, match="store_timeout"):
        IdempotencyMiddleware(App(), store, store_timeout=0)


@pytest.mark.parametrize(("choice", "status"), [("closed", 503), ("open", 201)])
async def test_the_key_is_free_where_only_the_answer_of_the_store_was_lost(choice, status):
    class Losing(MemoryStore):
        loses = True

        async def put(self, *arguments, **options):
            done = await super().put(*arguments, **options)
            if self.loses:
                self.loses = False
                raise OSError("reset by peer")
            return done

    app = IdempotencyMiddleware(App(), Losing(), on_store_error=choice, wait=0)
    assert (await ask(app)).status == status
    assert (await ask(app)).status == 201, "and not 409"


async def test_a_body_that_was_read_outside_is_there():
    class Holder:
        def replay(self, receive):
            messages = iter(body_messages(b"early"))

            async def replayed():
                return next(messages)

            return replayed

    inner = App()
    await ask(IdempotencyMiddleware(inner, MemoryStore()), **{"asgi_requests.body": Holder()})
    assert inner.bodies == [b"early"]


async def test_empty_pieces_are_not_kept():
    inner, pieces = App(), itertools.chain(itertools.repeat(b"", 100_000), [b"x"])

    async def receive():
        piece = next(pieces)
        return {"type": "http.request", "body": piece, "more_body": not piece}

    async def send(message):
        pass

    tracemalloc.start()
    try:
        await IdempotencyMiddleware(inner, MemoryStore())(http_scope("POST", headers=KEY), receive, send)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert inner.bodies == [b"x"]
    assert peak < 100_000


async def test_work_is_finished_without_anyio_too(monkeypatch):
    monkeypatch.delitem(sys.modules, "anyio")
    with protected_scope() as scope:
        assert scope is not None
    assert (await ask(IdempotencyMiddleware(App(), MemoryStore()))).status == 201


async def test_after_the_body_the_client_is_heard():
    async def app(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    messages = [*body_messages(b"x"), {"type": "http.disconnect"}]
    await run(IdempotencyMiddleware(app, MemoryStore()), http_scope("POST", headers=KEY), messages)


async def test_a_key_whose_lease_is_over_belongs_to_the_next():
    store = MemoryStore()

    class Taken(MemoryStore):
        async def put(self, key, value, ttl, *, expected=None):
            return expected is None

    assert (await ask(IdempotencyMiddleware(App(), Taken()))).status == 201
    assert store._entries == {}


async def test_an_empty_answer_and_messages_of_other_kinds_pass():
    app = IdempotencyMiddleware(App({"type": "x-other"}, {"type": BODY}, status=204), MemoryStore())
    first, second = await ask(app), await ask(app)
    assert first.types == ["http.response.start", "x-other", BODY]
    assert (second.status, second.body) == (204, b"")


def test_a_key_belongs_to_the_user_or_else_to_the_client():
    class User:
        is_authenticated, identity = True, "alice"

    assert user_or_client({"user": User(), "client": ("192.0.2.1", 1)}) == "user:alice"
    assert user_or_client({"user": None, "client": ("192.0.2.1", 1), "headers": []}) == "client:192.0.2.1"
    assert user_or_client({"headers": []}) == "local"
    tokens = [b"Bearer alice", b"Bearer bob", b"Bearer alice"]
    owners = [user_or_client({"headers": [(b"authorization", token)]}) for token in tokens]
    assert owners[0] == owners[2] != owners[1]
    assert "alice" not in owners[0]
