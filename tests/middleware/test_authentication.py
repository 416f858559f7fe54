from __future__ import annotations

import pytest

from asgi_middleware.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    AuthenticationMiddleware,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
)
from raw_asgi import http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}


class Header(AuthenticationBackend):
    async def authenticate(self, conn):
        name = dict(conn["headers"]).get(b"x-user")
        if name == b"eve":
            raise AuthenticationError("no way")
        return name and (AuthCredentials(["read"]), SimpleUser(name.decode()))


async def whoami(scope, receive, send):
    scope["route"] = "the route"
    text = f"{scope['user'].display_name} {scope['user'].is_authenticated} {scope['auth'].scopes}"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


@pytest.mark.parametrize(
    ("headers", "text"), [([], " False []"), ([(b"x-user", b"ann")], "ann True ['read']")], ids=["anonymous", "ann"]
)
async def test_the_user_and_the_credentials_are_in_the_scope(headers, text):
    assert (await request(AuthenticationMiddleware(whoami, Header()), headers=headers)).text == text


async def test_outer_middleware_reads_the_user_at_the_head_and_after_a_failure():
    seen = []

    async def failing(scope, receive, send):
        await whoami(scope, receive, send)
        raise LookupError

    scope = http_scope(headers=[(b"x-user", b"ann")])
    before = dict(scope)

    async def send(message):
        seen.append((scope["user"].display_name, scope["auth"].scopes, scope["route"]))

    with pytest.raises(LookupError):
        await AuthenticationMiddleware(failing, Header())(scope, None, send)
    assert seen[0] == ("ann", ["read"], "the route")
    assert scope == before | {"route": "the route", "user": scope["user"], "auth": scope["auth"]}


async def test_two_applications_may_be_tried_in_turn_with_one_scope():
    async def missing(scope, receive, send):
        pass

    scope = http_scope(headers=[(b"x-user", b"ann")])
    await run(AuthenticationMiddleware(missing, Header()), scope)
    assert (await run(AuthenticationMiddleware(whoami, Header()), scope)).text == "ann True ['read']"


EVE = [(b"x-user", b"eve")]


async def test_wrong_credentials_are_400_with_the_errors_text():
    reply = await request(AuthenticationMiddleware(whoami, Header()), headers=EVE)
    assert (reply.status, reply.text, reply.header("content-type")) == (400, "no way", "text/plain; charset=utf-8")
    assert reply.header("www-authenticate") is None


@pytest.mark.parametrize("challenge", ['Basic realm="x"', ['Basic realm="x"', "Bearer"]])
async def test_a_challenge_makes_it_401(challenge):
    reply = await request(AuthenticationMiddleware(whoami, Header(), challenge=challenge), headers=EVE)
    assert (reply.status, reply.text) == (401, "no way")
    assert reply.all("www-authenticate") == ([challenge] if isinstance(challenge, str) else challenge)


@pytest.mark.parametrize("challenge", ["", " ", "Basic\r\nx: y", "Basic \0"])
def test_a_challenge_that_is_not_a_header_value_is_refused(challenge):
    with pytest.raises(
        ValueError, match="empty challenge|the value of header 'www-authenticate' has a control character"
    ):
        AuthenticationMiddleware(whoami, Header(), challenge=challenge)


async def test_head_gets_no_body():
    assert (await request(AuthenticationMiddleware(whoami, Header()), "HEAD", headers=EVE)).body == b""


def teapot(conn, exc):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": f"{conn} {exc}".encode()})

    return app


async def async_teapot(conn, exc):
    return teapot(conn, exc)


@pytest.mark.parametrize("on_error", [teapot, async_teapot])
async def test_on_error_answers_and_receives_the_connection(on_error):
    class Strict:
        async def authenticate(self, conn):
            raise AuthenticationError(f"not {conn}")

    app = AuthenticationMiddleware(whoami, Strict(), on_error, connection=lambda scope: scope["path"])
    reply = await request(app, path="/p")
    assert (reply.status, reply.text) == (418, "/p not /p")


async def test_a_websocket_hears_the_same_answer_as_a_denial():
    app = AuthenticationMiddleware(whoami, Header(), teapot, connection=lambda scope: scope)
    reply = await run(app, websocket_scope(headers=EVE), [CONNECT])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert reply.status == 418


async def test_a_websocket_is_closed_where_no_denial_is_offered():
    app = AuthenticationMiddleware(whoami, Header())
    reply = await run(app, websocket_scope(headers=EVE, extensions=None), [CONNECT])
    assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_other_scopes_are_not_asked_about():
    seen = []

    async def app(*arguments):
        seen.extend(arguments)

    given = ({"type": "lifespan"}, object(), object())
    await AuthenticationMiddleware(app, Header())(*given)
    assert all(a is b for a, b in zip(seen, given, strict=True))


async def test_any_other_error_of_a_backend_is_its_own():
    class Broken(AuthenticationBackend):
        pass

    with pytest.raises(NotImplementedError):
        await request(AuthenticationMiddleware(whoami, Broken()))


def test_users_say_who_they_are():
    user, anonymous = SimpleUser("bob"), UnauthenticatedUser()
    assert (user.identity, user.display_name, user.username, user.is_authenticated) == ("bob", "bob", "bob", True)
    assert (anonymous.identity, anonymous.display_name, anonymous.is_authenticated) == ("", "", False)
    assert isinstance(anonymous, BaseUser)
    assert AuthCredentials().scopes == []
    assert AuthCredentials("ab").scopes == ["a", "b"]


@pytest.mark.parametrize("name", ["identity", "display_name", "is_authenticated"])
def test_a_base_user_leaves_everything_open(name):
    with pytest.raises(NotImplementedError):
        getattr(BaseUser(), name)


async def test_headers_that_can_be_read_once_are_there_for_the_application_too():
    async def app(scope, receive, send):
        assert list(scope["headers"]) == [(b"x-user", b"ann")]
        await whoami(scope, receive, send)

    scope = http_scope() | {"headers": iter([(b"x-user", b"ann")])}
    assert (await run(AuthenticationMiddleware(app, Header()), scope)).text == "ann True ['read']"
    assert scope["route"] == "the route"
