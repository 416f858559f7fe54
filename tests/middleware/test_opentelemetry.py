from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from raw_asgi import http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}

pytest.importorskip("opentelemetry")
from asgi_middleware.opentelemetry import OpenTelemetryMiddleware  # noqa: E402
from asgi_middleware.opentelemetry._attributes import query_of, server_of, url_of  # noqa: E402

ITEM = SimpleNamespace(path_format="/items/{id}")


def answering(status=200, *more, route=ITEM):
    async def app(scope, receive, send):
        if route:
            scope["route"] = route
        await send({"type": "http.response.start", "status": status, "headers": []})
        for message in more or [{"type": "http.response.body", "body": b"hi"}]:
            await send(message)

    return app


def failing(exc, *messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        raise exc

    return app


@pytest.fixture
def otel():
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))

    def wrap(app, **options):
        return OpenTelemetryMiddleware(app, tracer_provider=tracers, meter_provider=meters, **options)

    def metrics():
        (resource,) = reader.get_metrics_data().resource_metrics
        (scope,) = resource.scope_metrics
        return {metric.name: metric for metric in scope.metrics}

    return SimpleNamespace(wrap=wrap, spans=exporter.get_finished_spans, metrics=metrics)


async def test_a_request_is_one_span_of_its_route(otel):
    headers = [(b"host", b"example.org:8080"), (b"User-Agent", b"ua")]
    reply = await request(otel.wrap(answering()), path="/items/1", query=b"a=1&sig=x", headers=headers)
    assert (reply.status, reply.body) == (200, b"hi")
    (span,) = otel.spans()
    assert span.name == "GET /items/{id}"
    assert span.kind.name == "SERVER"
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/items/{id}",
        "url.path": "/items/1",
        "url.scheme": "http",
        "url.query": "a=1&sig=REDACTED",
        "server.address": "example.org",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "user_agent.original": "ua",
    }
    assert span.status.status_code.name == "UNSET"


async def test_a_scope_with_little_in_it_is_enough(otel):
    await run(otel.wrap(answering(route=None)), {"type": "http"})
    (span,) = otel.spans()
    assert span.name == "GET"
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
    }


async def test_an_unknown_method_is_other(otel):
    await request(otel.wrap(answering()), "WEIRD")
    (span,) = otel.spans()
    assert span.name == "HTTP /items/{id}"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "WEIRD"
    for metric in otel.metrics().values():
        assert [point.attributes["http.request.method"] for point in metric.data.data_points] == ["_OTHER"]


@pytest.mark.parametrize(("status", "name", "error"), [(404, "UNSET", None), (503, "ERROR", "503")])
async def test_only_a_server_error_is_an_error(otel, status, name, error):
    await request(otel.wrap(answering(status)))
    (span,) = otel.spans()
    assert span.status.status_code.name == name
    assert span.attributes.get("error.type") == error


class Broken(Exception):
    pass


STARTED = {"type": "http.response.start", "status": 201, "headers": []}


@pytest.mark.parametrize(("exc", "name"), [(ValueError("x"), "ValueError"), (Broken("x"), f"{__name__}.Broken")])
@pytest.mark.parametrize(("messages", "status"), [([], 500), ([STARTED], 201)])
async def test_an_exception_is_recorded_and_passes(otel, exc, name, messages, status):
    """If nothing was sent an outer middleware or the server answers 500."""
    with pytest.raises(type(exc)) as caught:
        await request(otel.wrap(failing(exc, *messages)))
    assert caught.value is exc
    (span,) = otel.spans()
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == (name, status)
    (point,) = otel.metrics()["http.server.request.duration"].data.data_points
    assert (point.attributes["error.type"], point.attributes["http.response.status_code"]) == (name, status)
    assert (span.status.status_code.name, span.status.description) == ("ERROR", f"{type(exc).__name__}: x")
    assert [event.name for event in span.events] == ["exception"]


async def test_an_application_that_answers_nothing_has_no_status(otel):
    async def app(scope, receive, send):
        pass

    await request(otel.wrap(app))
    assert "http.response.status_code" not in otel.spans()[0].attributes


BODY = "http.response.body"


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        ([{"type": BODY, "body": b"a", "more_body": True}, {"type": BODY}], 2),
        ([{"type": BODY}, {"type": "http.response.x"}], 1),
        ([{"type": "http.response.pathsend", "path": "/"}], 1),
        ([{"type": "http.response.zerocopysend", "more_body": True}, {"type": "http.response.zerocopysend"}], 2),
    ],
)
async def test_the_span_ends_with_the_answer_not_with_the_work_after_it(otel, monkeypatch, messages, last):
    await check_end(otel, monkeypatch, answering(200, *messages), last + 1)


async def test_promised_trailers_are_part_of_the_answer(otel, monkeypatch):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": BODY})
        await send({"type": "http.response.trailers", "headers": [], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": []})
        await send({"type": "http.response.x"})

    await check_end(otel, monkeypatch, app, 4)


async def check_end(otel, monkeypatch, app, messages):
    """The clock is the count of messages that reached the server; background work fails, and is not the response's."""
    import time

    reply, under_way = [], []

    async def send(message):
        reply.append(message)

    def active():
        return otel.metrics()["http.server.active_requests"].data.data_points[0].value

    async def work(scope, receive, send):
        under_way.append(active())
        await app(scope, receive, send)
        under_way.append(active())
        assert len(otel.spans()) == 1
        raise LookupError

    wrapped = otel.wrap(work)
    monkeypatch.setattr(time, "perf_counter", lambda: float(len(reply)))
    with pytest.raises(LookupError):
        await wrapped(http_scope(), None, send)
    monkeypatch.undo()
    (span,) = otel.spans()
    assert span.status.status_code.name == "UNSET"
    assert under_way == [1, 0]
    (point,) = otel.metrics()["http.server.request.duration"].data.data_points
    assert point.sum == messages
    assert active() == 0


async def test_the_duration_has_the_advised_buckets_and_few_attributes(otel):
    await request(otel.wrap(answering()), path="/items/1")
    metric = otel.metrics()["http.server.request.duration"]
    (point,) = metric.data.data_points
    assert metric.unit == "s"
    assert point.explicit_bounds == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    assert dict(point.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/items/{id}",
        "network.protocol.version": "1.1",
        "url.scheme": "http",
    }


async def test_requests_under_way_are_counted(otel):
    counts = []

    async def app(scope, receive, send):
        (point,) = otel.metrics()["http.server.active_requests"].data.data_points
        counts.append((point.value, dict(point.attributes)))

    await request(otel.wrap(app))
    assert counts == [(1, {"http.request.method": "GET", "url.scheme": "http"})]
    assert otel.metrics()["http.server.active_requests"].data.data_points[0].value == 0


async def test_a_trace_is_continued_and_current_inside(otel):
    from opentelemetry import trace

    current = []

    async def app(scope, receive, send):
        current.append(trace.get_current_span().get_span_context().span_id)

    headers = [(b"Traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    await run(otel.wrap(app), http_scope() | {"headers": iter(headers)})
    (span,) = otel.spans()
    assert span.parent.span_id == 0xB7AD6B7169203331
    assert current == [span.context.span_id]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_the_outermost_traces_and_learns_the_route_of_the_innermost(otel):
    scope = http_scope()
    before = dict(scope)
    await run(otel.wrap(otel.wrap(answering())), scope)
    assert [span.name for span in otel.spans()] == ["GET /items/{id}"]
    assert scope == before | {"route": ITEM}


async def test_what_the_outermost_excludes_no_inner_instance_traces(otel):
    app = otel.wrap(otel.wrap(answering()), excluded_urls="healthz")
    scope = http_scope(path="/healthz")
    before = dict(scope)
    await run(app, scope)
    assert otel.spans() == ()
    assert scope == before | {"route": ITEM}
    await request(app)
    assert len(otel.spans()) == 1


async def test_two_applications_may_be_tried_in_turn_with_one_scope(otel):
    async def missing(scope, receive, send):
        raise LookupError

    scope = http_scope()
    with pytest.raises(LookupError):
        await run(otel.wrap(missing), scope)
    await run(otel.wrap(answering()), scope)
    assert [span.attributes["http.response.status_code"] for span in otel.spans()] == [500, 200]


async def test_a_provider_may_be_configured_after_the_application_was_built(monkeypatch):
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    app = OpenTelemetryMiddleware(answering())
    exporter, tracers = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: tracers)
    await request(app)
    assert len(exporter.get_finished_spans()) == 1


def ours(template, **more):
    """A route of asgi-routing, or a mount: `full_path_format` is the whole template."""
    return SimpleNamespace(path_format=template, full_path_format=template, **more)


def theirs(template, **more):
    """A route of Starlette or FastAPI, or a mount: `path_format` is that of the innermost router."""
    return SimpleNamespace(path_format=template, **more)


ACME = {"root_path": "/srv/t/acme", "app_root_path": "/srv", "path_params": {"tenant": "acme", "id": "acme"}}
MOUNTED = {"root_path": "/v2", "app_root_path": "", "path_params": {"id": "v2"}}
ROUTES = [
    ({"route": ours("/items/{id}")}, "/items/{id}"),
    ({"route": ours("/items/{id}"), "root_path": "/srv/"}, "/srv/items/{id}"),
    ({"route": ours("/v2/items/{id}"), **MOUNTED}, "/v2/items/{id}"),
    ({"route": ours("/t/{tenant}/items/{id}"), **ACME}, "/srv/t/{tenant}/items/{id}"),
    (
        {"route": ours("/n/{n}/items"), "root_path": "/n/007", "app_root_path": "", "path_params": {"n": 7}},
        "/n/{n}/items",
    ),
    ({"route": ours("/static", routes=[])}, "/static"),
    ({"route": ours("/api/raw", routes=[]), "root_path": "/api/raw", "app_root_path": ""}, "/api/raw"),
    ({"route": ours("", routes=[])}, "/"),
    # below a mount of Starlette's
    ({"route": ours("/items/{id}"), **ACME}, "/srv/t/{tenant}/items/{id}"),
    ({"route": theirs("/items/{id}")}, "/items/{id}"),
    ({"route": theirs("/items/{id}"), "root_path": "/srv"}, "/srv/items/{id}"),
    ({"route": theirs("/items/{id}"), **MOUNTED}, "/v2/items/{id}"),
    ({"route": theirs("/items/{id}"), **ACME}, "/srv/t/{tenant}/items/{id}"),
    (
        {
            "route": theirs("/items/{id}"),
            "root_path": "/v7/a/b",
            "app_root_path": "",
            "path_params": {"version": 7, "id": 1, "rest": "", "deep": "a/b"},
        },
        "/v{version}/{deep}/items/{id}",
    ),
    # mounts whose application names no route
    ({"route": theirs("/static/{path}", routes=[])}, "/static"),
    ({"route": theirs("/raw/{path}", routes=[]), "root_path": "/api/raw", "app_root_path": ""}, "/api/raw"),
    ({"route": theirs("/{path}", routes=[])}, "/"),
    # Litestar, alone and below a mount
    ({"path_template": "/li/{name}"}, "/li/{name}"),
    (
        {
            "route": theirs("/m/{path}", routes=[]),
            "path_template": "/li/{name}",
            "root_path": "/m",
            "app_root_path": "",
            "path_params": {"name": "m"},
        },
        "/m/li/{name}",
    ),
    # no route, or that of a Host
    ({"route": object()}, None),
    ({"path_template": ""}, None),
    ({}, None),
]


@pytest.mark.parametrize(("found", "template"), ROUTES, ids=range(len(ROUTES)))
async def test_the_route_is_the_whole_template(otel, found, template):
    async def app(scope, receive, send):
        scope |= found
        await answering(route=None)(scope, receive, send)

    await request(otel.wrap(app))
    (span,) = otel.spans()
    assert span.attributes.get("http.route") == template
    assert span.name == ("GET" if template is None else f"GET {template}")


EXCLUDED = ["example.org", "healthz, items", "a=1", "/items/1", [r"/items/\d"], ["x", "items"], "http://example"]


@pytest.mark.parametrize("excluded", EXCLUDED)
async def test_excluded_urls_are_not_traced(otel, excluded):
    app = otel.wrap(answering(), excluded_urls=excluded)
    await request(app, path="/items/1", query=b"a=1", headers=[(b"host", b"example.org")])
    assert otel.spans() == ()


@pytest.mark.parametrize("included", ["", [], "^/items", "items/1$", "ITEMS", ["", " "]])
async def test_other_urls_are_traced(otel, included):
    app = otel.wrap(answering(), excluded_urls=included)
    await request(app, path="/items/1", query=b"a=1", headers=[(b"host", b"example.org")])
    assert len(otel.spans()) == 1


@pytest.mark.parametrize("kind", ["lifespan", "websocket", "x-custom"])
async def test_other_scopes_pass_with_the_same_three_objects(kind):
    seen = []

    async def app(*arguments):
        seen.extend(arguments)

    given = ({"type": kind}, object(), object())
    await OpenTelemetryMiddleware(app)(*given)
    assert all(a is b for a, b in zip(seen, given, strict=True))


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.close"}], 101),
        ([{"type": "websocket.close"}], 403),
        ([{"type": "websocket.http.response.start", "status": 401, "headers": []}], 401),
    ],
)
async def test_a_websocket_is_one_span_where_asked_and_not_measured(otel, messages, status):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    await run(otel.wrap(app, websockets=True), websocket_scope(), [CONNECT])
    (span,) = otel.spans()
    assert (span.name, span.attributes["http.response.status_code"]) == ("GET", status)
    await request(otel.wrap(answering()))
    assert otel.metrics()["http.server.request.duration"].data.data_points[0].count == 1


async def test_without_providers_the_answer_is_the_same():
    assert (await request(OpenTelemetryMiddleware(answering()))).body == b"hi"


@pytest.mark.parametrize(
    ("host", "server", "found"),
    [
        (b"example.org", None, ("example.org", 80)),
        (b"Example.org.:", ("10.0.0.1", 8000), ("example.org", 80)),
        (b"[::1]:8000", None, ("::1", 8000)),
        (b"example.org:99999", None, ("example.org", None)),
        (b"a b/?", ("127.0.0.1", 80), ("127.0.0.1", 80)),
        (None, ("127.0.0.1", 80), ("127.0.0.1", 80)),
        (None, None, (None, None)),
    ],
)
def test_the_servers_address_is_a_host_of_the_right_form(host, server, found):
    assert server_of({"headers": [(b"host", host)] if host else [], "server": server}) == found


def test_the_port_that_a_host_leaves_out_is_that_of_the_scheme():
    scope = {"headers": [(b"host", b"example.org")], "server": ("10.0.0.1", 8000)}
    assert server_of(scope | {"scheme": "https"}) == server_of(scope | {"scheme": "wss"}) == ("example.org", 443)
    assert server_of(scope | {"scheme": "x"}) == ("example.org", None)


@pytest.mark.parametrize(
    ("scope", "url"),
    [
        ({"path": "/a", "query_string": b"b=c", "scheme": "https", "headers": [(b"host", b"x")]}, "https://x/a?b=c"),
        ({"path": "/a", "server": ("x", 8000)}, "http://x:8000/a"),
        ({"path": "/a", "server": ("/run/unix.sock", None)}, "http:///run/unix.sock/a"),
        ({}, "http://"),
    ],
)
def test_excluded_urls_see_the_whole_url(scope, url):
    assert url_of(scope) == url


def test_keys_of_signed_links_are_redacted():
    query = b"a=1&X-Goog-Signature=s&design=ok&AWSAccessKeyId=k"
    assert query_of({"query_string": query}) == "a=1&X-Goog-Signature=REDACTED&design=ok&AWSAccessKeyId=REDACTED"


def test_a_propagator_may_ask_for_the_names_of_headers():
    from asgi_middleware.opentelemetry._telemetry import _GETTER

    assert _GETTER.keys([(b"Host", b"x")]) == ["host"]
    assert _GETTER.get([(b"Host", b"x")], "HOST") == ["x"]
    assert _GETTER.get([], "host") is None


def test_without_opentelemetry_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"^tracing needs opentelemetry-api: pip install asgi-middleware\[opentel"):
        OpenTelemetryMiddleware(answering())
