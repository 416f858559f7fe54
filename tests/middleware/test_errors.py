from __future__ import annotations

import pytest

from asgi_middleware._accept import prefers_html
from asgi_middleware.errors import ServerErrorMiddleware
from raw_asgi import Reply, garbage_of, http_scope, run, websocket_scope

CONNECT = {"type": "websocket.connect"}
HTML = [(b"accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]


async def boom(scope, receive, send):
    raise ValueError("boom <b>")


async def caught(app, scope=None, messages=(), error=ValueError):
    """The messages that were sent, and the exception that came out all the same."""
    reply = Reply()
    with pytest.raises(error) as raised:
        await run(app, http_scope() if scope is None else scope, messages, reply=reply)
    return reply, raised.value


def text(body):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


async def test_an_exception_is_answered_and_raised_again():
    error = ValueError("x")

    async def app(scope, receive, send):
        raise error

    reply, raised = await caught(ServerErrorMiddleware(app))
    assert (reply.status, reply.text) == (500, "Internal Server Error")
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    assert raised is error
    assert error.__context__ is None


@pytest.mark.parametrize("debug", [False, True])
async def test_head_gets_no_body(debug):
    reply, _ = await caught(ServerErrorMiddleware(boom, debug=debug), http_scope("HEAD", headers=HTML))
    assert reply.body == b""
    assert int(reply.header("content-length")) > 0


async def test_nothing_is_sent_once_a_response_has_started():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    assert (await caught(ServerErrorMiddleware(app, debug=True)))[0].types == ["http.response.start"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_handler_answers_in_place_of_the_default(asynchronous):
    def handler(scope, exc):
        return text(f"{scope['path']}: {exc}".encode())

    async def async_handler(scope, exc):
        return handler(scope, exc)

    reply, _ = await caught(ServerErrorMiddleware(boom, async_handler if asynchronous else handler))
    assert reply.body == b"/: boom <b>"


async def test_a_handler_is_called_although_a_response_has_started_and_nothing_is_sent_twice():
    reported = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("late")

    def report(scope, exc):
        reported.append(str(exc))
        return text(b"sorry")

    reply, _ = await caught(ServerErrorMiddleware(app, report))
    assert reported == ["late"]
    assert reply.types == ["http.response.start"]


async def test_a_handler_that_fails_after_the_response_started_raises_in_its_place():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("late")

    def report(scope, exc):
        raise OSError("no disk")

    reply, raised = await caught(ServerErrorMiddleware(app, report), error=OSError)
    assert isinstance(raised.__context__, ValueError)
    assert reply.types == ["http.response.start"]


class ClientLeft(Exception):
    pass


@pytest.mark.parametrize("scope", [http_scope(), websocket_scope()], ids=["http", "websocket"])
async def test_a_client_that_has_left_is_not_an_error(scope):
    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
        raise ClientLeft

    reported = []
    for handler in (None, lambda scope, exc: reported.append(exc)):
        middleware = ServerErrorMiddleware(app, handler, disconnects=(ClientLeft,))
        assert (await run(middleware, scope, [{"type": "websocket.disconnect"}])).messages == []
    assert len(reported) == (scope["type"] == "http")


async def test_a_client_that_leaves_while_the_answer_is_sent_does_not_hide_the_exception():
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise ClientLeft

    reply, _ = await caught(ServerErrorMiddleware(boom, lambda scope, exc: answer, disconnects=(ClientLeft,)))
    assert reply.types == ["http.response.start"]


async def test_the_debug_page_comes_before_a_handler():
    reply, _ = await caught(ServerErrorMiddleware(boom, lambda scope, exc: text(b"handled"), debug=True))
    assert "Traceback" in reply.text


async def test_a_handler_that_fails_leaves_the_plain_answer_and_both_exceptions():
    def handler(scope, exc):
        raise KeyError("handler")

    reply, raised = await caught(ServerErrorMiddleware(boom, handler), error=KeyError)
    assert (reply.status, reply.text) == (500, "Internal Server Error")
    assert isinstance(raised.__context__, ValueError)


async def test_an_answer_that_fails_before_its_start_leaves_the_plain_answer_and_both_exceptions():
    async def answer(scope, receive, send):
        raise KeyError("template")

    reply, raised = await caught(ServerErrorMiddleware(boom, lambda scope, exc: answer), error=KeyError)
    assert (reply.status, reply.text) == (500, "Internal Server Error")
    assert isinstance(raised.__context__, ValueError)


async def test_a_handler_that_fails_after_its_start_sends_no_second_one():
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise KeyError

    reply, _ = await caught(ServerErrorMiddleware(boom, lambda scope, exc: answer), error=KeyError)
    assert reply.types == ["http.response.start"]


async def test_an_os_error_of_a_handler_is_its_failure():
    def handler(scope, exc):
        raise FileNotFoundError("template")

    reply, _ = await caught(ServerErrorMiddleware(boom, handler), error=FileNotFoundError)
    assert reply.text == "Internal Server Error"


async def test_of_two_around_one_application_the_inner_answers():
    reply, _ = await caught(ServerErrorMiddleware(ServerErrorMiddleware(boom), debug=True))
    assert reply.text == "Internal Server Error"
    reply, _ = await caught(ServerErrorMiddleware(ServerErrorMiddleware(boom)), websocket_scope(), [CONNECT])
    assert len(reply.messages) == 2


@pytest.mark.parametrize("handler", [None, lambda scope, exc: text(b"sorry")])
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_client_that_left_does_not_hide_the_exception(kind, handler):
    sent = []

    async def send(message):
        sent.append(message)
        raise OSError("gone")

    async def receive():
        return CONNECT

    scope = http_scope() if kind == "http" else websocket_scope()
    with pytest.raises(ValueError, match="boom"):
        await ServerErrorMiddleware(boom, handler)(scope, receive, send)
    assert len(sent) == 1


async def test_a_base_exception_passes():
    class Cancelled(BaseException):
        pass

    async def app(scope, receive, send):
        raise Cancelled

    assert (await caught(ServerErrorMiddleware(app), error=Cancelled))[0].messages == []


async def test_a_websocket_is_denied_before_the_accept():
    reply, _ = await caught(ServerErrorMiddleware(boom, debug=True), websocket_scope(), [CONNECT])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (reply.status, reply.text) == (500, "Internal Server Error")


async def test_a_websocket_is_closed_where_no_denial_is_offered():
    reply, _ = await caught(ServerErrorMiddleware(boom), websocket_scope(extensions={}), [CONNECT])
    assert reply.messages == [{"type": "websocket.close", "code": 1011, "reason": ""}]


@pytest.mark.parametrize(
    ("sent", "types"),
    [
        ([{"type": "websocket.accept"}], ["websocket.accept", "websocket.close"]),
        ([{"type": "websocket.close"}], ["websocket.close"]),
        ([{"type": "websocket.http.response.start", "status": 403}], ["websocket.http.response.start"]),
    ],
)
async def test_a_websocket_hears_of_the_error_once(sent, types):
    async def app(scope, receive, send):
        await receive()
        for message in sent:
            await send(message)
        raise ValueError

    reply, _ = await caught(ServerErrorMiddleware(app), websocket_scope(), [CONNECT])
    assert reply.types == types
    assert types[-1] != "websocket.close" or reply.messages[-1].get("code", 1011) == 1011


async def test_a_websocket_that_ends_well_is_left_alone():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})

    assert (await run(ServerErrorMiddleware(app), websocket_scope(), [CONNECT])).types == ["websocket.accept"]


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        (b"", False),
        (b"*/*", False),
        (b"text/*", False),
        (b"application/json", False),
        (b"text/html", True),
        (b"TEXT/HTML; charset=utf-8", True),
        (b"text/html;q=0", False),
        (b"text/html; q=0.5, text/plain", False),
        (b"text/html; q=0.5, text/plain;q=0.5", True),
        (b"text/html;q=x", False),
        (b"text/html;q=7", False),
        (b"text/html;q=nan", False),
        (b"application/xhtml+xml", True),
        (b"x-text/html", False),
    ],
)
def test_accept_decides_on_page_or_text(accept, html):
    assert prefers_html([] if accept is None else [(b"Accept", accept)]) is html


async def test_a_request_leaves_no_cycle_where_the_send_of_a_server_holds_the_scope():
    class Exchange:
        def __init__(self):
            self.scope = http_scope()

        async def send(self, message):
            pass

    async def serve():
        exchange = Exchange()
        await ServerErrorMiddleware(answering)(exchange.scope, None, exchange.send)

    async def answering(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})

    assert await garbage_of(serve) == 0
