"""Rate limits: exactly the quota, reported in the fields of the standard, and a store that may fail."""

from __future__ import annotations

import logging

import anyio
import pytest

from asgi_middleware.rate_limit import Limit, RateLimitMiddleware, _network, by_client, by_header, by_user
from asgi_middleware.stores import MemoryStore, Spent, SQLiteStore
from raw_asgi import http_scope, request, run, websocket_scope


async def page(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.accept"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
    return await send({"type": "http.response.body", "body": b"ok"})


def frozen():
    """A store whose time stands still."""
    return MemoryStore(clock=lambda: 1000.1)


async def test_exactly_the_quota_of_many_at_once_is_let_through():
    limited = RateLimitMiddleware(page, "10/hour")
    replies = []

    async def ask():
        replies.append(await request(limited))

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(ask)
    assert [reply.status for reply in replies].count(200) == 10


async def test_the_limit_is_reported_and_retry_after_only_when_refused():
    limited = RateLimitMiddleware(page, "2/hour", store=frozen())
    first, second, third = [await request(limited) for _ in range(3)]
    assert (first.status, first.header("x-a"), first.header("retry-after")) == (200, "1", None)
    assert first.header("ratelimit-policy") == '"default";q=2;w=3600'
    assert first.header("ratelimit") == '"default";r=1;t=1800'
    assert second.header("ratelimit") == '"default";r=0;t=3600'
    assert (third.status, third.text) == (429, "Too Many Requests")
    assert third.header("ratelimit").startswith('"default";r=0;t=')
    assert third.header("retry-after") == "1800"


async def test_of_several_limits_the_strictest_is_reported():
    limited = RateLimitMiddleware(page, [Limit(100, 60, "minute"), Limit(3, 86400, "day")], store=frozen())
    reply = await request(limited)
    assert reply.header("ratelimit-policy") == '"minute";q=100;w=60, "day";q=3;w=86400'
    assert reply.header("ratelimit") == '"day";r=2;t=28800'
    alike = RateLimitMiddleware(page, ["100/minute", "3/day"])
    assert (await request(alike)).header("ratelimit").startswith('"default-86400s";r=2')


async def test_a_request_may_cost_more():
    limited = RateLimitMiddleware(page, "10/hour", cost=lambda scope: 6 if scope["method"] == "POST" else 1)
    assert (await request(limited, "POST")).status == 200
    assert (await request(limited, "POST")).status == 429
    assert (await request(limited)).header("ratelimit").startswith('"default";r=3')


@pytest.mark.parametrize("key", ["\udcff", "ä", "\x00"])
async def test_a_key_may_be_any_text(key, tmp_path):
    limited = RateLimitMiddleware(page, "1/hour", key=lambda scope: key, store=SQLiteStore(tmp_path / "db"))
    assert [(await request(limited)).status for _ in range(2)] == [200, 429]


async def test_what_costs_nothing_passes_and_nothing_gives_quota_back():
    limited = RateLimitMiddleware(page, "1/hour", cost=lambda scope: int(scope["path"][1:]))
    assert [(await request(limited, path=path)).status for path in ("/0", "/1", "/0", "/1")] == [200, 200, 200, 429]
    with pytest.raises(ValueError, match="cost"):
        await request(limited, path="/-1")
    assert (await request(limited, path="/1")).status == 429


@pytest.mark.parametrize(
    ("client", "key"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1), "192.0.2.1"),
        (("2001:db8::1", 1), "2001:db8::/64"),
        (("2001:db8::ffff:1", 1), "2001:db8::/64"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (("testclient", 1), "testclient"),
        (None, "local"),
    ],
)
def test_a_client_is_its_address_or_its_network(client, key):
    assert by_client({"client": client}) == key


def test_an_address_of_any_length_is_cut_and_not_kept():
    kept = _network.cache_info().currsize
    assert by_client({"client": ("x" * 65_000, 1)}) == "x" * 64
    assert by_client({"client": ("fe80::1%" + "x" * 65_000, 1)}) == "fe80::/64"
    assert _network.cache_info().currsize == kept


async def test_every_client_has_a_quota_of_its_own():
    limited = RateLimitMiddleware(page, "1/hour")
    statuses = [(await request(limited, client=(host, 1))).status for host in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert statuses == [200, 200, 429]


async def test_no_header_is_believed():
    limited = RateLimitMiddleware(page, "1/hour")
    for forwarded, status in ((b"1.1.1.1", 200), (b"2.2.2.2", 429)):
        assert (await request(limited, headers=[(b"x-forwarded-for", forwarded)])).status == status


async def test_users_headers_and_whatever_you_like_are_keys():
    class User:
        is_authenticated = True
        identity = "ada"

    assert by_user({"user": User(), "client": None}) == "user:ada"
    assert by_user({"user": None, "client": None}) == by_user({"client": None}) == "local"
    key = by_header("X-API-Key")
    assert key(http_scope(headers=[(b"x-api-key", b"secret")])).startswith("header:")
    assert "secret" not in key(http_scope(headers=[(b"x-api-key", b"secret")]))
    assert key(http_scope(client=None)) == "local"

    async def own(scope):
        return None if scope["path"] == "/free" else "everybody"

    limited = RateLimitMiddleware(page, "1/hour", key=own)
    assert [(await request(limited, path=path)).status for path in ("/", "/", "/free")] == [200, 429, 200]


async def test_exempt_paths_and_other_scopes_pass():
    limited = RateLimitMiddleware(page, "1/hour", exempt_paths=["/livez"])
    for _ in range(3):
        assert (await request(limited, path="/livez")).header("ratelimit") is None
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await run(RateLimitMiddleware(app, "1/hour"), {"type": "lifespan"})
    assert seen == ["lifespan"]


async def test_websockets_are_limited_at_the_handshake():
    limited = RateLimitMiddleware(page, "1/hour", store=frozen())
    connect = [{"type": "websocket.connect"}]
    accepted = await run(limited, websocket_scope(), connect)
    assert accepted.messages[0]["headers"][1] == (b"ratelimit", b'"default";r=0;t=3600')
    assert (await run(limited, websocket_scope(), connect)).status == 429
    refused = await run(limited, websocket_scope(extensions={}), connect)
    assert refused.messages == [{"type": "websocket.close", "code": 1013, "reason": ""}]


async def test_limiters_that_share_a_store_count_apart():
    store = MemoryStore()
    one, two = (RateLimitMiddleware(page, "1/hour", store=store, name=name) for name in ("one", "two"))
    assert [(await request(app)).status for app in (one, two, one)] == [200, 200, 429]


async def test_the_limit_of_a_route_is_reported_before_that_of_the_whole():
    route = RateLimitMiddleware(page, "5/hour", name="route")
    reply = await request(RateLimitMiddleware(route, "100/hour"))
    assert reply.header("ratelimit-policy") == '"default";q=5;w=3600'


class Failing(MemoryStore):
    """A store that fails as configured."""

    how = "down"

    async def spend(self, key, limits, cost):
        if self.how == "down":
            raise OSError("no route to host")
        if self.how == "slow":
            await anyio.sleep_forever()
        if self.how == "broken":
            raise ValueError("a mistake")
        return Spent(True, (await super().spend(key, limits, cost)).states)


@pytest.mark.parametrize(("how", "reason"), [("down", "no route to host"), ("slow", "no answer in 0.01 s")])
@pytest.mark.parametrize(("choice", "status", "effect"), [("open", 200, "not limited"), ("closed", 503, "refused")])
async def test_a_store_that_fails_is_logged_once_and_the_choice_holds(how, reason, choice, status, effect, caplog):
    caplog.set_level(logging.WARNING)
    store = Failing()
    store.how = how
    limited = RateLimitMiddleware(page, "1/hour", store=store, on_store_error=choice, store_timeout=0.01)
    for _ in range(3):
        assert (await request(limited)).status == status
    assert [record.getMessage() for record in caplog.records] == [
        f"the store of the rate limit fails, requests are {effect}: {reason}"
    ]
    store.how = "up"
    for _ in range(2):
        assert (await request(limited)).header("ratelimit") is not None
    assert caplog.records[1].getMessage() == "the store of the rate limit works again"
    assert len(caplog.records) == 2


@pytest.mark.parametrize(("choice", "waiting"), [("open", 1), ("closed", 50)])
async def test_a_store_that_hangs_holds_up_one_request_at_a_time_where_it_fails_open(choice, waiting):
    inside = most = 0

    class Hanging(MemoryStore):
        async def spend(self, key, limits, cost):
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            try:
                await anyio.sleep_forever()
            finally:
                inside -= 1

    limited = RateLimitMiddleware(page, "1/hour", store=Hanging(), on_store_error=choice, store_timeout=0.01)
    await request(limited)
    most = 0
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(request, limited)
    assert most == waiting


async def test_a_mistake_in_a_store_is_raised():
    store = Failing()
    store.how = "broken"
    with pytest.raises(ValueError, match="^a mistake$"):
        await request(RateLimitMiddleware(page, "1/hour", store=store))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"limits": []}, "at least one"),
        ({"limits": "often"}, "100/minute"),
        ({"on_store_error": "maybe"}, "'open' or 'closed'"),
        ({"store_timeout": 0}, "above 0"),
        ({"cost": -1}, "0 or more"),
    ],
)
def test_options_without_a_meaning_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        RateLimitMiddleware(page, **({"limits": "1/hour"} | options))
