"""Probes: alive, and ready for requests."""

from __future__ import annotations

import json
import logging

import anyio
import pytest

from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.health import HealthMiddleware, ProbeFilter, health_app
from raw_asgi import http_scope, run, websocket_scope


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


async def probe(health, path="/readyz", method="GET"):
    reply = await run(health, http_scope(method, path))
    return reply.status, json.loads(reply.body or b"{}")


async def test_a_process_that_answers_is_alive_and_one_that_has_no_checks_ready():
    for path in ("/livez", "/readyz"):
        reply = await run(HealthMiddleware(app), http_scope(path=path))
        assert reply.headers == [
            (b"cache-control", b"no-store"),
            (b"content-length", b"18"),
            (b"content-type", b"application/health+json"),
        ]
        assert (reply.status, reply.body) == (200, b'{"status": "pass"}')


@pytest.mark.parametrize("path", ["/livez", "/api/livez"])
async def test_a_probe_may_be_below_the_root_path_of_the_server(path):
    for live in ("/livez", path):
        reply = await run(HealthMiddleware(app, live_path=live), http_scope(path=path, root_path="/api"))
        assert reply.body == b'{"status": "pass"}'
    assert (await run(HealthMiddleware(app), http_scope(path="/other", root_path="/api"))).body == b"/other"


async def test_head_gets_the_head_alone():
    reply = await run(HealthMiddleware(app), http_scope("HEAD", "/readyz"))
    assert (reply.status, reply.header("content-length"), reply.body) == (200, "18", b"")


async def test_everything_else_is_the_applications():
    health = HealthMiddleware(app, live_path="/alive", ready_path="/ready")
    for path in ("/livez", "/readyz", "/alive/", "/"):
        assert (await run(health, http_scope(path=path))).body == path.encode()
    assert (await run(health, websocket_scope("/alive"))).messages == []


async def test_a_check_passes_fails_or_is_late(caplog):
    def broken():
        raise ValueError("the password is swordfish")

    async def fine():
        return None

    checks = {
        "fine": fine,
        "plain": lambda: 1,
        "false": lambda: False,
        "broken": broken,
        "late": anyio.sleep_forever,
    }
    status, document = await probe(HealthMiddleware(app, checks=checks, timeout=0.01))
    assert status == 503
    assert document["status"] == "fail"
    assert {name: results[0]["status"] for name, results in document["checks"].items()} == {
        "fine": "pass",
        "plain": "pass",
        "false": "fail",
        "broken": "fail",
        "late": "fail",
    }
    assert "swordfish" not in json.dumps(document)
    assert [record.getMessage() for record in caplog.records] == [
        "the health check 'broken' failed",
        "the health check 'late' took more than 0.01 s",
    ]


async def test_checks_that_pass_are_ready():
    status, document = await probe(HealthMiddleware(app, checks={"database": lambda: None}))
    assert (status, document) == (200, {"status": "pass", "checks": {"database": [{"status": "pass"}]}})


async def test_it_is_ready_once_it_has_started_and_not_while_it_drains():
    health = HealthMiddleware(app)
    drained = DrainMiddleware(health, signals=[])
    seen = []

    async def receive():
        seen.append(await probe(drained))
        return {"type": "lifespan.startup" if len(seen) == 1 else "lifespan.shutdown"}

    async def send(message):
        pass

    await drained({"type": "lifespan"}, receive, send)
    seen.append(await probe(drained))
    assert seen == [
        (503, {"status": "fail", "output": "starting"}),
        (200, {"status": "pass"}),
        (503, {"status": "fail", "output": "starting"}),
    ]
    assert (await probe(drained, "/livez"))[0] == 200


async def test_it_is_not_ready_while_it_drains():
    health = HealthMiddleware(app, checks={"never asked": anyio.sleep_forever})
    drained = DrainMiddleware(health)
    drained.drain.begin()
    assert await probe(drained) == (503, {"status": "fail", "output": "draining"})


async def test_an_application_without_a_lifespan_is_ready():
    async def no_lifespan(scope, receive, send):
        raise RuntimeError("no lifespan here")

    health = HealthMiddleware(no_lifespan)
    with pytest.raises(RuntimeError, match="no lifespan here"):
        await run(health, {"type": "lifespan"})
    assert (await probe(health))[0] == 200


async def test_a_start_that_failed_is_not_ready():
    async def failing(scope, receive, send):
        await send({"type": "lifespan.startup.failed", "message": ""})

    health = HealthMiddleware(failing)
    await run(health, {"type": "lifespan"})
    assert (await probe(health))[0] == 503


async def test_readiness_may_be_mounted():
    mounted = health_app({"database": lambda: False})
    assert (await probe(mounted, "/anywhere"))[0] == 503
    assert (await run(mounted, websocket_scope())).messages == []


async def test_probes_are_marked_for_access_logs():
    scope = http_scope(path="/livez")
    await run(HealthMiddleware(app), scope)
    assert scope["asgi_middleware.health"] is True


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("127.0.0.1:1", "GET", "/livez", "1.1", 200), False),
        (("127.0.0.1:1", "GET", "/readyz?verbose", "1.1", 200), False),
        (("127.0.0.1:1", "GET", "/", "1.1", 200), True),
        ({"path": "/livez"}, True),
    ],
)
def test_the_access_log_may_pass_over_probes(arguments, kept):
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 1, "", None, None)
    record.args = arguments
    assert ProbeFilter().filter(record) is kept


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"live_path": "/a", "ready_path": "/a"}, ValueError),
        ({"live_path": "livez"}, ValueError),
        ({"ready_path": "readyz"}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"checks": {"database": 1}}, TypeError),
    ],
)
def test_options_without_a_meaning_are_refused(options, error):
    with pytest.raises(error):
        HealthMiddleware(app, **options)
