"""Backends: HTTP Basic, and keys in a header."""

from __future__ import annotations

from base64 import b64encode

import pytest

from asgi_middleware.authentication import AuthenticationMiddleware
from asgi_middleware.backends import APIKeyBackend, BasicBackend
from raw_asgi import request


class User:
    def __init__(self, name):
        self.name = name
        self.scopes = ["notes"]


async def whoami(scope, receive, send):
    user, scopes = scope["user"], scope["auth"].scopes
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{getattr(user, 'name', '-')} {scopes}".encode()})


async def by_password(username, password):
    return User(username) if (username, password) == ("ädä", "pass:word") else None


def by_key(key):
    return User("robot") if key == "swordfish" else None


BASIC = AuthenticationMiddleware(whoami, BasicBackend(by_password), challenge='Basic realm="shop", charset="UTF-8"')
KEY = AuthenticationMiddleware(whoami, APIKeyBackend(by_key))


def basic(text):
    return b"Basic " + b64encode(text.encode())


@pytest.mark.parametrize(
    ("values", "status", "text"),
    [
        ([], 200, "- []"),
        ([b"Bearer abc"], 200, "- []"),
        ([basic("ädä:pass:word")], 200, "ädä ['authenticated', 'notes']"),
        ([basic("ädä:pass:word").replace(b"Basic", b"bASIC")], 200, "ädä ['authenticated', 'notes']"),
        ([basic("ada:wrong")], 401, "Invalid credentials"),
        ([basic("no colon")], 401, "Invalid credentials"),
        ([basic("a:b\x00")], 401, "Invalid credentials"),
        ([b"Basic !!!"], 401, "Invalid credentials"),
        ([b"Basic /w=="], 401, "Invalid credentials"),
        ([basic("a:b")] * 2, 401, "Invalid credentials"),
        ([basic("a:" + "b" * 9000)], 401, "Invalid credentials"),
    ],
)
async def test_names_and_passwords(values, status, text):
    reply = await request(BASIC, headers=[(b"authorization", value) for value in values])
    assert (reply.status, reply.text) == (status, text)
    assert (reply.header("www-authenticate") is None) is (status == 200)


@pytest.mark.parametrize(
    ("values", "status", "text"),
    [
        ([], 200, "- []"),
        ([b"swordfish"], 200, "robot ['authenticated', 'notes']"),
        ([b"haddock"], 400, "Invalid credentials"),
        ([b"swordfish"] * 2, 400, "Invalid credentials"),
        ([b"x" * 9000], 400, "Invalid credentials"),
    ],
)
async def test_keys(values, status, text):
    reply = await request(KEY, headers=[(b"x-api-key", value) for value in values])
    assert (reply.status, reply.text) == (status, text)


async def test_the_connection_may_be_an_object_with_a_scope():
    class Connection:
        def __init__(self, scope):
            self.scope = scope

    app = AuthenticationMiddleware(whoami, APIKeyBackend(by_key, header="X-Key"), connection=Connection)
    assert (await request(app, headers=[(b"x-key", b"swordfish")])).text.startswith("robot")
