"""Encrypted cookie sessions: unreadable, unforgeable, of one cookie and of one time."""

from __future__ import annotations

import base64
import json
import sys
import time

import pytest

from raw_asgi import request

pytest.importorskip("cryptography", reason="pip install asgi-middleware[encrypted]")

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_middleware.sessions import SessionMiddleware, SessionWarning
from asgi_middleware.sessions._encryption import Encryption
from asgi_middleware.stores import MemoryStore


def using(act):
    async def app(scope, receive, send):
        act(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def ask(act, cookie=None, key="secret", **options):
    headers = [] if cookie is None else [(b"cookie", cookie)]
    options.setdefault("encrypted", True)
    return await request(SessionMiddleware(using(act), key, **options), headers=headers)


async def made(values, **options):
    reply = await ask(lambda session: session.update(values), **options)
    return reply.header("set-cookie").split(";")[0].encode()


async def read(cookie, **options):
    found = []
    await ask(lambda session: found.append(dict(session)), cookie, **options)
    return found[0]


def bytes_of(cookie):
    value = cookie.partition(b"=")[2]
    return base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))


def cookie_of(sealed, name=b"session"):
    return name + b"=" + base64.urlsafe_b64encode(sealed).rstrip(b"=")


async def test_a_session_is_kept_and_its_client_cannot_read_it():
    cookie = await made({"user": "alice", "cart": ["é"]})
    assert await read(cookie) == {"user": "alice", "cart": ["é"]}
    assert b"alice" not in bytes_of(cookie)
    assert b"alice" not in cookie
    reply = await ask(lambda session: session["cart"].append(1), cookie)
    assert await read(reply.header("set-cookie").split(";")[0].encode()) == {"user": "alice", "cart": ["é", 1]}
    assert (await ask(lambda session: session["cart"], cookie)).header("set-cookie") is None, "nothing has changed"
    assert (await ask(lambda session: session.clear(), cookie)).header("set-cookie").startswith("session=null")


async def test_two_cookies_of_one_session_have_nothing_in_common():
    first, second = [bytes_of(await made({"a": 1})) for _ in range(2)]
    assert first[1:13] != second[1:13], "a nonce is used once"
    assert first[13:] != second[13:]


async def test_the_format_is_the_documented_one():
    """AES-256-GCM by the library's own HKDF: another program can read it."""
    sealed = bytes_of(await made({"a": 1}, salt="pepper", session_cookie="mine"))
    purpose = b"asgi_middleware.sessions encrypted cookie 1"
    key = HKDF(algorithm=SHA256(), length=32, salt=b"pepper", info=purpose).derive(b"secret")
    text = AESGCM(key).decrypt(sealed[1:13], sealed[13:], b"\x01mine")
    assert sealed[0] == 1
    assert abs(int.from_bytes(text[:8], "big") - time.time()) < 60
    assert json.loads(text[8:]) == {"a": 1}


async def test_every_changed_bit_is_an_empty_session():
    sealed = bytes_of(await made({"a": 1}))
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << (place % 8)
        assert await read(cookie_of(bytes(changed))) == {}
    for end in range(len(sealed)):
        assert await read(cookie_of(sealed[:end])) == {}
    assert await read(cookie_of(sealed + b"\0")) == {}


@pytest.mark.parametrize("value", [b"", b"null", b"A", b"\xff\xfe", b"=" * 9, b"x" * 60_000, b"AQ" + b"A" * 200])
async def test_a_cookie_of_another_program_is_an_empty_session(value):
    assert await read(b"session=" + value) == {}


async def test_a_foreign_key_salt_or_cookie_name_opens_nothing():
    cookie = await made({"a": 1})
    assert await read(cookie, key="foreign") == {}
    assert await read(cookie, salt="another") == {}
    assert await read(cookie.replace(b"session=", b"other="), session_cookie="other") == {}
    assert await read(cookie) == {"a": 1}


async def test_json_that_is_not_an_object_is_an_empty_session():
    seal = Encryption([b"secret"], b"itsdangerous.Signer", "session")
    for text in (b"[1]", b"null", b"{", b"\xff"):
        assert await read(b"session=" + seal.seal(text)) == {}


async def test_a_removal_is_sent_for_what_cannot_be_read():
    reply = await ask(lambda session: session.clear(), b"session=foreign")
    assert "1970" in reply.header("set-cookie")


async def test_keys_are_rotated():
    old = await made({"a": 1}, key="old")
    assert await read(old, key=["new", "old"]) == {"a": 1}
    reply = await ask(lambda session: session.update(b=2), old, key=["new", "old"])
    new = reply.header("set-cookie").split(";")[0].encode()
    assert await read(new, key="new") == {"a": 1, "b": 2}
    assert await read(new, key="old") == {}


@pytest.mark.parametrize(("age", "values"), [(99, {"a": 1}), (101, {}), (-60, {"a": 1}), (-61, {})])
async def test_a_cookie_is_over_after_max_age_whatever_the_browser_keeps(monkeypatch, age, values):
    cookie = await made({"a": 1})
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now + age + 0.0)
    assert await read(cookie, max_age=100) == values
    assert await read(cookie, max_age=None) == {"a": 1}


async def test_a_cookie_in_use_is_refreshed(monkeypatch):
    cookie = await made({"a": 1})
    assert (await ask(lambda session: None, cookie, refresh_after=50)).header("set-cookie") is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    reply = await ask(lambda session: None, cookie, refresh_after=50, max_age=100)
    assert await read(reply.header("set-cookie").split(";")[0].encode()) == {"a": 1}


async def test_a_signed_cookie_is_never_read_as_an_encrypted_one_nor_the_other_way():
    pytest.importorskip("itsdangerous")
    signed = await made({"user": "alice"}, encrypted=False)
    assert await read(signed) == {}
    assert await read(await made({"a": 1}), encrypted=False) == {}
    assert await read(signed + b"; " + await made({"a": 1})) == {"a": 1}


async def test_a_cookie_too_large_for_browsers_warns_and_names_the_way_out():
    with pytest.warns(SessionWarning, match=r"has \d+ bytes and browsers drop those over 4096: .*store="):
        await made({"a": "x" * 4000})
    with pytest.raises(ValueError, match=r"browsers drop those over 4096: keep less in the session, or keep it on the"):
        await made({"a": "x" * 4000}, oversize="raise")
    await made({"a": "x" * 2900}, oversize="raise")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=100))
def test_random_bytes_are_not_a_session(value):
    seal = Encryption([b"secret"], b"salt", "session")
    assert seal.unseal(base64.urlsafe_b64encode(b"\x01" + value).rstrip(b"="), None) is None


@settings(max_examples=50, deadline=None)
@given(text=st.binary(max_size=100), key=st.binary(min_size=1, max_size=100), salt=st.binary(max_size=100))
def test_what_was_sealed_comes_back(text, key, salt):
    seal = Encryption([b"new", key], salt, "session")
    assert Encryption([key, b"new"], salt, "session").unseal(seal.seal(text), 60) == (text, pytest.approx(0, abs=2))


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ImportError, match=r"pip install asgi-middleware\[encrypted\]"):
        SessionMiddleware(using(len), "secret", encrypted=True)


def test_an_unsafe_key_is_refused_as_for_signatures():
    for key in ("", [], None, "****"):
        with pytest.raises(ValueError, match="secret_key"):
            SessionMiddleware(using(len), key, encrypted=True)
    with pytest.raises(ValueError, match="encrypted"):
        SessionMiddleware(using(len), store=MemoryStore(), encrypted=True)
