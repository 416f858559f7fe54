from __future__ import annotations

import base64
import gc
import json
import re
import sys
import time
import warnings
import weakref
from datetime import timedelta

import pytest

from raw_asgi import Reply, http_scope, request, run, websocket_scope

pytest.importorskip("itsdangerous")

from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from asgi_middleware import ConfigurationWarning
from asgi_middleware.sessions import EMPTY, Session, SessionMiddleware, SessionWarning, Store, StoredSession

# Recorded from Starlette 1.10 with itsdangerous 2.2: SessionMiddleware(app, "secret"), {"user": "é", "n": [1, 2]}
BY_STARLETTE = b"session=eyJ1c2VyIjogIlx1MDBlOSIsICJuIjogWzEsIDJdfQ==.awG1-w.Dqlax4E3f-l39t5DT48nGBZudn8"
SIGNED_AT = 1795274235
CONNECT = {"type": "websocket.connect"}


def using(act, headers=()):
    """An application that does something with its session and answers with what it holds then."""

    async def app(scope, receive, send):
        act(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return app


def nothing(session):
    pass


def cookie_of(reply):
    return reply.header("set-cookie").split(";")[0].encode()


def signed(value, key="secret", **options):
    text = value if isinstance(value, bytes) else base64.b64encode(json.dumps(value).encode())
    return b"session=" + TimestampSigner(key, **options).sign(text)


async def read(cookies, key="secret", **options):
    """Return the session of these Cookie headers."""
    found = []
    cookies = cookies if isinstance(cookies, list) else [cookies]
    app = SessionMiddleware(using(lambda session: found.append(dict(session))), key, **options)
    await request(app, headers=[(b"cookie", cookie) for cookie in cookies])
    return found[0]


async def change(act, *, values=None, key="secret", **options):
    headers = [] if values is None else [(b"cookie", signed(values))]
    return await request(SessionMiddleware(using(act), key, **options), headers=headers)


def put(session):
    session["a"] = 1


@pytest.fixture
def at_signing_time(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: SIGNED_AT + 60.5)


async def test_cookies_of_starlette_are_read(at_signing_time):
    assert await read(BY_STARLETTE) == {"user": "é", "n": [1, 2]}


async def test_cookies_are_those_of_starlette_byte_for_byte(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: SIGNED_AT + 0.5)
    reply = await change(lambda session: session.update(user="é", n=[1, 2]))
    assert reply.header("set-cookie") == BY_STARLETTE.decode() + "; path=/; Max-Age=1209600; httponly; samesite=lax"


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "path=/; Max-Age=1209600; httponly; samesite=lax"),
        ({"max_age": None}, "path=/; httponly; samesite=lax"),
        ({"max_age": 0}, "path=/; Max-Age=0; httponly; samesite=lax"),
        ({"path": "/x", "same_site": "strict"}, "path=/x; Max-Age=1209600; httponly; samesite=strict"),
        (
            {"https_only": True, "domain": "example.org", "same_site": "none", "partitioned": True},
            "path=/; Max-Age=1209600; httponly; samesite=none; secure; domain=example.org; partitioned",
        ),
    ],
)
async def test_the_attributes_are_those_of_starlette(options, attributes):
    assert (await change(put, **options)).header("set-cookie").partition("; ")[2] == attributes
    cleared = (await change(lambda session: session.clear(), values={"a": 1}, **options)).header("set-cookie")
    end = "expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly"
    kept = [part for part in attributes.split("; ") if not part.startswith("Max-Age")]
    assert cleared == f"session=null; {'; '.join(kept).replace('httponly', end)}"


@settings(max_examples=50, deadline=None)
@given(
    payload=st.binary(max_size=40), key=st.binary(min_size=1, max_size=100), digest=st.sampled_from(["sha1", "sha512"])
)
def test_signatures_are_those_of_itsdangerous(payload, key, digest):
    import hashlib

    from asgi_middleware.sessions._signer import PreparedSigner

    theirs = TimestampSigner(key, salt=b"salt", digest_method=getattr(hashlib, digest))
    ours = PreparedSigner([b"new", key], b"salt", digest)
    assert ours.payload(theirs.sign(payload), 60) == (payload, pytest.approx(0, abs=2))
    assert (
        TimestampSigner([key, b"new"], salt=b"salt", digest_method=getattr(hashlib, digest)).unsign(
            ours.sign_now(payload), max_age=60
        )
        == payload
    )


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=80))
def test_an_unsigned_payload_is_ignored(value):
    from asgi_middleware.sessions._signer import PreparedSigner

    assert PreparedSigner([b"secret"], b"salt", "sha1").payload(value, 60) is None


@pytest.mark.parametrize(
    "cookie",
    [
        b"session=",
        b"session=null",
        b"session",
        b"other=1; session=x.y.z",
        b"session=" + b"x" * 60_000,
        b"session=" + bytes(range(128, 256)),
        signed({"a": 1})[:-1],
        signed({"a": 1}, key="foreign"),
        signed({"a": 1}, salt=b"another"),
        signed([1, 2]),
        signed("text"),
        signed(None),
        signed(b"\xff\xfe"),
        signed(b"a"),
        signed(base64.b64encode(b"\xff\xfe")),
        signed(base64.b64encode(b'{"a": ')),
        signed(base64.b64encode(b'{"a": 1} x')),
        signed(base64.b64encode(b"[" * 200_000)),
        signed(base64.b64encode(b'{"a":' * 200_000)),
        b"session=" + __import__("itsdangerous").Signer("secret").sign(b"no-timestamp"),
        b"session=" + __import__("itsdangerous").Signer("secret").sign(b"e30=.a"),
        b"session=" + __import__("itsdangerous").Signer("secret").sign(b"e30=." + b"_" * 40),
    ],
    ids=range(22),
)
async def test_a_damaged_or_foreign_cookie_is_an_empty_session(cookie):
    assert await read(cookie) == {}


@pytest.mark.parametrize(("age", "values"), [(99, {"a": 1}), (101, {}), (-60, {"a": 1}), (-61, {})])
async def test_a_cookie_lasts_for_max_age_and_with_none_forever(monkeypatch, age, values):
    """A minute by which another server's clock is ahead does not age a session."""
    cookie = signed({"a": 1})
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now + age + 0.0)
    assert await read(cookie, max_age=100) == values
    assert await read(cookie, max_age=timedelta(seconds=100)) == values
    assert await read(cookie, max_age=None) == {"a": 1}


async def test_json_of_another_program_is_read():
    assert await read(signed(base64.b64encode(b' {"a":1} '))) == {"a": 1}


async def test_a_cookie_is_found_among_others_and_in_several_headers():
    good = signed({"a": 1})
    assert await read([b"a=b;\tsession2=x", b"c=d; " + good + b" ;e=f"]) == {"a": 1}
    assert await read(good.replace(b"session=", b'session="') + b'"') == {"a": 1}


async def test_the_last_good_cookie_of_the_name_counts():
    assert await read(signed({"a": 1}) + b"; " + signed({"a": 2})) == {"a": 2}
    assert await read([signed({"a": 1}) + b"; session=stale", b"session=damaged"]) == {"a": 1}


@pytest.mark.parametrize("blank", [b"\xa0", b"\x85", b"\x1c", b"\x0b"])
async def test_only_spaces_and_tabs_are_trimmed_from_a_name(blank):
    assert await read(signed({"a": 1}) + b"; " + blank + signed({"a": 666})) == {"a": 1}


async def test_the_newest_key_signs_and_the_older_ones_are_read():
    assert await read(signed({"a": 1}, key="old"), key=["new", "old"]) == {"a": 1}
    reply = await change(put, key=["new", "old"])
    assert await read(cookie_of(reply), key="new") == {"a": 1}
    assert await read(cookie_of(reply), key="old") == {}


async def test_a_key_may_be_bytes_or_an_object_that_says_it():
    class Secret:
        def __str__(self):
            return "secret"

    class SecretStr:
        """As pydantic's."""

        def __str__(self):
            return "**********"

        def get_secret_value(self):
            return "secret"

    for key in (Secret(), [b"secret"], SecretStr(), ("secret",)):
        assert await read(signed({"a": 1}), key=key) == {"a": 1}


async def test_another_salt_and_digest_divide_uses_of_one_key():
    options = {"salt": "my-app.session", "digest": "sha256"}
    reply = await change(put, **options)
    assert await read(cookie_of(reply), **options) == {"a": 1}
    assert await read(cookie_of(reply)) == {}
    assert await read(signed({"a": 1}), **options) == {}


READS = {
    "getitem": lambda session: session["a"],
    "get": lambda session: session.get("a"),
    "in": lambda session: "a" in session,
    "iter": lambda session: list(session),
    "reversed": lambda session: list(reversed(session)),
    "len": len,
    "bool": bool,
    "keys": lambda session: session.keys(),
    "values": lambda session: session.values(),
    "items": lambda session: session.items(),
    "eq": lambda session: session == {},
    "ne": lambda session: session != {},
    "repr": repr,
    "copy": lambda session: session.copy(),
    "dict": dict,
    "unpack": lambda session: {**session},
    "or": lambda session: session | {},
    "ror": lambda session: {} | session,
    "json": json.dumps,
    "pickle": lambda session: session.__reduce_ex__(4),
    "mark": lambda session: session.mark_accessed(),
    "attribute": lambda session: setattr(session, "accessed", True),
    "pop nothing": lambda session: session.pop("z", None),
    "setdefault old": lambda session: session.setdefault("a", 2),
}


@pytest.mark.parametrize("act", READS.values(), ids=READS)
async def test_every_look_varies_by_cookie_and_sets_nothing(act):
    reply = await change(act, values={"a": 1})
    assert reply.header("vary") == "Cookie"
    assert reply.header("set-cookie") is None


async def test_vary_is_merged():
    app = SessionMiddleware(using(len, [(b"Vary", b"Accept, cookie")]), "secret")
    assert (await request(app)).header("vary") == "Accept, cookie"


async def test_a_session_that_is_not_accessed_is_not_decoded_and_changes_nothing():
    start = {"type": "http.response.start", "status": 200, "headers": []}

    async def app(scope, receive, send):
        assert not scope["session"].accessed
        await send(start)

    reply = await request(SessionMiddleware(app, "secret"), headers=[(b"cookie", signed({"a": 1}))])
    assert reply.messages[0] is start


LOOKS = {
    "json": (json.dumps, '{"a": [1]}'),
    "dict": (dict, {"a": [1]}),
    "unpack": (lambda session: {**session}, {"a": [1]}),
    "or": (lambda session: session | {"b": 2}, {"a": [1], "b": 2}),
    "ror": (lambda session: {"b": 2} | session, {"a": [1], "b": 2}),
    "copy": (lambda session: session.copy(), {"a": [1]}),
    "repr": (repr, "{'a': [1]}"),
    "reduce": (lambda session: session.__reduce_ex__(4), (Session, ({"a": [1]},))),
    "eq": (lambda session: session == {"a": [1]}, True),
    "len": (len, 1),
    "keys": (lambda session: list(session.keys()), ["a"]),
    "items": (lambda session: list(session.items()), [("a", [1])]),
    "values": (lambda session: list(session.values()), [[1]]),
}


@pytest.mark.parametrize(("act", "result"), LOOKS.values(), ids=LOOKS)
async def test_the_first_look_sees_everything(act, result):
    found = []
    await change(lambda session: found.append(act(session)), values={"a": [1]})
    assert found == [result]


def ior(session):
    session |= {"b": 1}
    assert isinstance(session, Session)


CHANGES = {
    "set": (lambda session: session.__setitem__("b", 1), {"a": [1], "b": 1}),
    "same": (lambda session: session.__setitem__("a", [1]), {"a": [1]}),
    "del": (lambda session: session.__delitem__("a"), {}),
    "pop": (lambda session: session.pop("a"), {}),
    "popitem": (lambda session: session.popitem(), {}),
    "setdefault": (lambda session: session.setdefault("b", 1), {"a": [1], "b": 1}),
    "update": (lambda session: session.update(b=1), {"a": [1], "b": 1}),
    "ior": (ior, {"a": [1], "b": 1}),
    "clear": (lambda session: session.clear(), {}),
    "nested": (lambda session: session["a"].append(2), {"a": [1, 2]}),
    "marked": (lambda session: session.mark_modified(), {"a": [1]}),
}


@pytest.mark.parametrize(("act", "values"), CHANGES.values(), ids=CHANGES)
async def test_every_change_is_saved(act, values):
    reply = await change(act, values={"a": [1]})
    assert reply.header("vary") == "Cookie"
    if values:
        assert await read(cookie_of(reply)) == values
    else:
        assert cookie_of(reply) == b"session=null"


FOREIGN_COOKIE = [(b"cookie", b"session=eyJhIjoxfQ.of-another-framework")]


async def test_clear_removes_a_cookie_that_is_not_a_session_of_ours():
    for act in (lambda session: session.clear(), lambda session: session.mark_modified()):
        reply = await request(SessionMiddleware(using(act), "secret", path="/x"), headers=FOREIGN_COOKIE)
        assert reply.header("set-cookie").startswith("session=null; path=/x; expires=Thu, 01 Jan 1970 00:00:00 GMT; ")
    for act in (nothing, len):
        reply = await request(SessionMiddleware(using(act), "secret"), headers=FOREIGN_COOKIE)
        assert reply.header("set-cookie") is None
    assert (await change(lambda session: session.clear())).header("set-cookie") is None


async def test_encoders_written_in_c_see_the_values_once_the_session_is_marked():
    """As request.session does; C code reads a dict without asking its class."""

    def act(session):
        before = list(dict.items(session))
        session.mark_accessed()
        found.append((before, list(dict.items(session))))

    found = []
    await change(act, values={"a": [1]})
    assert found == [([("", None)], [("a", [1])])]


CONFLICTS = [
    (b"session=theirs; Path=/", True),
    (b" session=theirs", True),
    (b"session=; Max-Age=0", False),
    (b"session=null; expires=Thu, 01 Jan 1970 00:00:00 GMT", False),
    (b"session2=theirs", False),
]


@pytest.mark.parametrize(("cookie", "warns"), CONFLICTS)
@pytest.mark.parametrize("act", [put, nothing])
@pytest.mark.parametrize("container", [list, iter])
async def test_a_cookie_of_the_same_name_by_the_application_is_warned_of(cookie, warns, act, container):
    app = SessionMiddleware(using(act, container([(b"x", b"y"), (b"Set-Cookie", cookie)])), "secret")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reply = await request(app)
    assert reply.all("set-cookie")[0] == cookie.decode()
    messages = [str(warning.message) for warning in caught if warning.category is SessionWarning]
    assert (
        messages
        == [
            "the application inside SessionMiddleware also sets a cookie named 'session', and the browser keeps only one. "
            "Write SessionMiddleware(..., session_cookie='another-name')"
        ]
        * warns
    )


class Shelf:
    """A store on the server, as others may write one: it keeps JSON under the number in a cookie."""

    cookie_name = "number"
    identity = "shelf"
    refreshes = False

    def __init__(self):
        self.kept = {}

    def load(self, headers):
        number = dict(headers).get(b"cookie", b"").removeprefix(b"number=")
        text = self.kept.get(number)
        return EMPTY if text is None else StoredSession(json.loads(text), text)

    def save(self, text, stored, *, modified):
        if not modified and text == stored.text:
            return None
        self.kept[b"1"] = text
        return b"number=1; path=/; httponly; samesite=lax"


async def test_sessions_may_be_kept_in_another_store():
    shelf: Store = Shelf()
    app = SessionMiddleware.with_store(using(put), shelf)
    reply = await request(app)
    assert reply.header("set-cookie") == "number=1; path=/; httponly; samesite=lax"
    assert shelf.kept == {b"1": '{"a": 1}'}
    found = []
    app = SessionMiddleware.with_store(using(lambda session: found.append(session["a"])), shelf)
    assert (await request(app, headers=[(b"cookie", b"number=1")])).header("set-cookie") is None
    assert found == [1]


async def test_a_session_that_was_empty_and_is_again_sets_nothing():
    def act(session):
        put(session)
        session.clear()

    assert (await change(act)).header("set-cookie") is None


@pytest.mark.parametrize("act", [lambda s: s.pop("z"), lambda s: s.__delitem__("z"), lambda s: s["z"]])
async def test_a_missing_key_is_a_key_error_and_no_change(act):
    session = Session(a=1)
    with pytest.raises(KeyError):
        act(session)
    assert not session.modified


def test_a_session_made_by_hand_is_a_dict():
    session = Session({"a": 1})
    assert (session, session.accessed, session.modified) == ({"a": 1}, False, False)
    assert session.accessed
    session.accessed = False
    with pytest.raises(KeyError):
        Session().popitem()
    assert session.setdefault("a", 2) == 1
    assert session.modified is False


async def test_json_spaced_by_another_program_is_not_written_again():
    headers = [(b"cookie", signed(base64.b64encode(b'{"a":[1]}')))]
    assert (await request(SessionMiddleware(using(len), "secret"), headers=headers)).header("set-cookie") is None
    app = SessionMiddleware(using(lambda session: session["a"].append(2)), "secret")
    assert await read(cookie_of(await request(app, headers=headers))) == {"a": [1, 2]}


@pytest.mark.parametrize("value", [0, 2])
async def test_a_change_inside_of_a_value_is_written_whichever_way_it_goes(value):
    headers = [(b"cookie", signed({"a": [1]}))]
    app = SessionMiddleware(using(lambda session: session["a"].__setitem__(0, value)), "secret")
    assert await read(cookie_of(await request(app, headers=headers))) == {"a": [value]}


def replacing(value):
    async def app(scope, receive, send):
        if value is KeyError:
            del scope["session"]
        else:
            scope["session"] = value
        await send({"type": "http.response.start", "status": 200, "headers": []})

    return app


@pytest.mark.parametrize(
    ("value", "cookie"),
    [({"b": 2}, {"b": 2}), (Session(b=2), {"b": 2}), ({}, None), (None, None), (KeyError, None)],
    ids=["dict", "session", "empty", "none", "deleted"],
)
async def test_a_whole_session_may_be_replaced(value, cookie):
    reply = await request(SessionMiddleware(replacing(value), "secret"), headers=[(b"cookie", signed({"a": 1}))])
    assert reply.header("vary") == "Cookie"
    assert (await read(cookie_of(reply)) == cookie) if cookie else cookie_of(reply) == b"session=null"


@pytest.mark.parametrize("value", [object(), {1, 2}])
async def test_what_json_cannot_hold_is_a_type_error(value):
    with pytest.raises(TypeError):
        await change(lambda session: session.update(a=value))


async def test_a_cookie_too_large_for_browsers_is_sent_with_a_warning():
    with pytest.warns(SessionWarning, match="session cookie has 5.* bytes and browsers drop"):
        reply = await change(lambda session: session.update(a="x" * 4000))
    assert await read(cookie_of(reply)) == {"a": "x" * 4000}


async def test_a_cookie_too_large_is_refused_where_asked():
    with pytest.raises(ValueError, match="browsers drop"):
        await change(lambda session: session.update(a="x" * 4000), oversize="raise")


async def test_the_size_counts_name_value_and_attributes():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len((await change(lambda session: session.update(a="x" * 2960))).header("set-cookie")) <= 4096
        with pytest.raises(SessionWarning):
            await change(lambda session: session.update(a="x" * 3050))


async def test_a_session_in_use_is_refreshed_where_asked(monkeypatch):
    cookie = signed({"a": 1})
    now = int(time.time())
    app = SessionMiddleware(using(nothing), "secret", refresh_after=100)
    fresh = await request(app, headers=[(b"cookie", cookie)])
    assert (fresh.header("set-cookie"), fresh.header("vary")) == (None, "Cookie")
    monkeypatch.setattr(time, "time", lambda: now + 101.0)
    reply = await request(app, headers=[(b"cookie", cookie)])
    assert await read(cookie_of(reply)) == {"a": 1}
    assert cookie_of(reply) != cookie
    assert (await request(app)).header("set-cookie") is None


UNSAFE = [
    ({"session_cookie": ""}, "invalid cookie name"),
    ({"session_cookie": "a=b"}, "invalid cookie name"),
    ({"session_cookie": "a;b"}, "invalid cookie name"),
    ({"session_cookie": "a\r\nx: y"}, "invalid cookie name"),
    ({"session_cookie": "\u20ac"}, "invalid cookie name"),
    ({"path": "/; domain=evil.com"}, "invalid path of a cookie"),
    ({"path": "/\r\nx: y"}, "invalid path of a cookie"),
    ({"domain": "a.com; secure"}, "invalid domain of a cookie"),
    ({"domain": "\u00e4" * 70 + ".com"}, "invalid domain of a cookie"),
    ({"same_site": "maybe"}, "same_site must be"),
    ({"same_site": None}, "same_site must be"),
    ({"oversize": "ignore"}, "oversize must be"),
    ({"digest": "md5"}, "digest must be"),
    ({"secret_key": ""}, "secret_key is empty"),
    ({"secret_key": []}, "secret_key is empty"),
    ({"secret_key": ["new", b""]}, "secret_key is empty"),
    ({"secret_key": None}, "secret_key is None"),
    ({"secret_key": ["new", None]}, "secret_key is None"),
    ({"secret_key": "*" * 10}, "secret_key is masked"),
]


@pytest.mark.parametrize(("options", "message"), UNSAFE, ids=range(len(UNSAFE)))
def test_an_unsafe_or_meaningless_configuration_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        SessionMiddleware(using(nothing), **{"secret_key": "secret"} | options)


@pytest.mark.parametrize("key", [123, 1.5, True, {"a": 1}, object(), [123]])
def test_a_key_that_is_not_text_is_a_type_error(key):
    with pytest.raises(TypeError, match="secret_key must be a str, bytes or a list of them, not [a-z]+$"):
        SessionMiddleware(using(nothing), key)


@pytest.mark.parametrize("option", ["max_age", "refresh_after"])
def test_a_duration_that_is_none_is_a_type_error(option):
    with pytest.raises(TypeError, match=f"{option} must be a number of seconds or a timedelta, not '1 day'"):
        SessionMiddleware(using(nothing), "secret", **{option: "1 day"})


REFUSED = [
    ({"session_cookie": "a b"}, "session_cookie: browsers refuse 'a b': use letters", "a b"),
    ({"session_cookie": " a "}, "session_cookie: ' a ' is read as 'a'", "a"),
    ({"session_cookie": "\xe9"}, "session_cookie: browsers refuse '\xe9': use letters", "\xe9"),
    ({"path": "app"}, "path: browsers refuse 'app': begin it with '/'", "session"),
    ({"path": "/\xe9"}, "path: '/\xe9' is read as '/%C3%A9'", "session"),
    ({"domain": "\xe4.com"}, "domain: '\xe4.com' is read as 'xn--4ca.com'", "session"),
    ({"domain": "https://a.com"}, "write the host alone", "session"),
    ({"domain": "localhost:8000"}, "domain: browsers refuse 'localhost:8000': write the host alone", "session"),
    ({"same_site": "none"}, "same_site: browsers refuse 'none': set https_only=True", "session"),
    ({"partitioned": True}, "partitioned: browsers refuse True: set https_only=True", "session"),
    ({"session_cookie": "__Host-s"}, "session_cookie: browsers refuse '__Host-s': set https_only=True", "__Host-s"),
    ({"session_cookie": "__secure-s"}, "set https_only=True", "__secure-s"),
    ({"session_cookie": "__Http-s"}, "set https_only=True", "__Http-s"),
    ({"session_cookie": "__Host-s", "https_only": True, "path": "/x"}, "leave path at '/'", "__Host-s"),
    ({"session_cookie": "__HOST-s", "https_only": True, "domain": "a.com"}, "leave out domain", "__HOST-s"),
]


@pytest.mark.parametrize(("options", "message", "name"), REFUSED, ids=range(len(REFUSED)))
async def test_what_browsers_would_refuse_is_warned_of_and_sent(options, message, name):
    with pytest.warns(ConfigurationWarning, match=re.escape(message)) as caught:
        app = SessionMiddleware(using(put), "secret", **options)
    assert [warning.filename for warning in caught] == [__file__]
    reply = await request(app)
    cookie = reply.header("set-cookie").encode("latin-1").split(b";")[0]
    assert cookie.startswith(f"{name}=".encode("latin-1"))
    found = []
    again = (
        SessionMiddleware(using(lambda session: found.append(dict(session))), "secret", name) if name == "a" else app
    )
    await request(again, headers=[(b"cookie", cookie)])
    assert found in ([], [{"a": 1}])


async def test_what_was_put_into_ascii_is_what_is_sent():
    with pytest.warns(ConfigurationWarning):
        app = SessionMiddleware(using(put), "secret", path="/caf\xe9 x", domain="\xe4.com")
    assert "; path=/caf%C3%A9%20x; " in (await request(app)).header("set-cookie")
    assert "; domain=xn--4ca.com" in (await request(app)).header("set-cookie")


def test_prefixed_names_are_taken_with_what_they_promise():
    SessionMiddleware(using(nothing), "secret", "__Host-session", https_only=True)
    SessionMiddleware(using(nothing), "secret", "__Secure-session", https_only=True, domain="example.org", path="/x")


async def test_the_session_is_in_the_callers_scope_and_the_applications_messages_stay_as_they_were():
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")], "trailers": True}

    async def app(scope, receive, send):
        put(scope["session"])
        scope["path_params"] = {"id": 1}
        await send(start)

    scope = http_scope()
    before = dict(scope)
    reply = await run(SessionMiddleware(app, "secret"), scope)
    assert scope == before | {"path_params": {"id": 1}, "session": {"a": 1}}
    assert start["headers"] == [(b"x", b"y")]
    assert reply.start["trailers"] is True


async def test_outer_code_reads_the_session_at_the_head_and_afterwards():
    seen = []

    async def app(scope, receive, send):
        scope["session"]["user"] = "ada"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    scope = http_scope()

    async def send(message):
        seen.append(dict(scope["session"]))

    with pytest.raises(LookupError):
        await SessionMiddleware(app, "secret")(scope, None, send)
    assert seen == [{"user": "ada"}]
    assert scope["session"] == {"user": "ada"}


async def test_a_change_after_the_middleware_has_returned_is_warned_of():
    async def app(scope, receive, send):
        raise LookupError

    scope = http_scope(headers=[(b"cookie", signed({"a": 1}))])
    with pytest.raises(LookupError):
        await run(SessionMiddleware(app, "secret"), scope)
    assert scope["session"] == {"a": 1}
    with pytest.warns(SessionWarning, match="or SessionMiddleware had returned: it is not saved"):
        scope["session"]["a"] = 2


async def test_two_applications_may_be_tried_in_turn_with_one_scope():
    async def missing(scope, receive, send):
        put(scope["session"])

    scope = http_scope(headers=[(b"cookie", signed({"b": 2}))])
    assert (await run(SessionMiddleware(missing, "secret"), scope)).messages == []
    reply = await run(SessionMiddleware(using(lambda session: session.update(c=3)), "secret"), scope)
    assert await read(cookie_of(reply)) == {"b": 2, "c": 3}


async def test_headers_that_can_be_read_once_are_read_by_both():
    found = []

    async def app(scope, receive, send):
        found.extend([dict(scope["session"]), list(scope["headers"])])

    headers = [(b"cookie", signed({"a": 1}))]
    scope = http_scope() | {"headers": iter(headers)}
    await run(SessionMiddleware(app, "secret"), scope)
    assert found == [{"a": 1}, headers]


async def test_two_of_one_name_read_and_set_one_cookie():
    inner = SessionMiddleware(using(put), "inner key")
    reply = await request(SessionMiddleware(inner, "secret"), headers=[(b"cookie", signed({"b": 2}))])
    assert await read(cookie_of(reply)) == {"b": 2, "a": 1}


async def test_two_names_are_two_sessions():
    async def between(scope, receive, send):
        scope["session"]["outer"] = 1
        await SessionMiddleware(using(put), "secret", "inner")(scope, receive, send)

    reply = await request(SessionMiddleware(between, "secret"))
    inner, outer = (value.encode().split(b";")[0] for value in reply.all("set-cookie"))
    assert await read(inner.replace(b"inner=", b"session=")) == {"a": 1}
    assert await read(outer) == {"outer": 1}
    assert reply.header("vary") == "Cookie"


@pytest.mark.parametrize("value", [{"b": 2}, Session(b=2)])
async def test_an_inner_session_may_be_replaced_without_the_outer_one(value):
    between = []

    async def middle(scope, receive, send):
        outer = scope["session"]
        await SessionMiddleware(replacing(value), "secret", "inner")(scope, receive, send)
        between.append(scope["session"] is outer)

    reply = await request(SessionMiddleware(middle, "secret"), headers=[(b"cookie", signed({"a": 1}))])
    (inner,) = reply.all("set-cookie")
    assert await read(inner.encode().split(b";")[0].replace(b"inner=", b"session=")) == {"b": 2}
    assert between == [True]


async def test_a_websocket_keeps_its_session_from_the_accept():
    async def app(scope, receive, send):
        put(scope["session"])
        await send({"type": "websocket.accept", "headers": [(b"x", b"y")]})

    reply = await run(SessionMiddleware(app, "secret"), websocket_scope(), [CONNECT])
    (accept,) = reply.messages
    assert accept["headers"][:2] == [(b"x", b"y"), (b"vary", b"Cookie")]
    assert await read(accept["headers"][2][1].split(b";")[0]) == {"a": 1}


async def test_a_denial_sets_the_cookie_too():
    async def app(scope, receive, send):
        put(scope["session"])
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})

    reply = await run(SessionMiddleware(app, "secret"), websocket_scope(), [CONNECT])
    assert cookie_of(reply).startswith(b"session=")


def late(act, scope_act=lambda scope: None):
    async def app(scope, receive, send):
        scope["session"].setdefault("cart", [])
        await send({"type": "websocket.accept"})
        act(scope["session"])
        scope_act(scope)

    return SessionMiddleware(app, "secret")


@pytest.mark.parametrize(
    "app",
    [
        late(put),
        late(lambda session: session.mark_modified()),
        late(lambda session: session["cart"].append(1)),
        late(lambda session: None, lambda scope: scope.update(session={})),
    ],
    ids=["set", "marked", "nested", "replaced"],
)
async def test_a_change_that_comes_too_late_is_warned_of_once(app):
    with pytest.warns(SessionWarning, match="is not saved") as caught:
        await run(app, websocket_scope(), [CONNECT])
    assert len(caught) == 1


async def test_the_warning_names_the_line_that_came_too_late():
    with pytest.warns(SessionWarning) as caught:
        await run(late(put), websocket_scope(), [CONNECT])
    assert caught[0].filename == __file__
    with pytest.warns(SessionWarning) as caught:
        await run(late(lambda session: session.mark_modified()), websocket_scope(), [CONNECT])
    assert caught[0].filename == __file__


async def test_a_late_access_does_no_harm():
    await run(late(lambda session: session.get("cart")), websocket_scope(), [CONNECT])


async def test_exceptions_pass_and_nothing_is_sent():
    error = ValueError("x")

    async def app(scope, receive, send):
        put(scope["session"])
        raise error

    reply = Reply()
    with pytest.raises(ValueError, match="x") as caught:
        await run(SessionMiddleware(app, "secret"), http_scope(), reply=reply)
    assert caught.value is error
    assert reply.messages == []


async def test_other_scopes_pass_with_the_same_three_objects():
    seen = []

    async def app(*arguments):
        seen.extend(arguments)

    given = ({"type": "lifespan"}, object(), object())
    await SessionMiddleware(app, "secret")(*given)
    assert all(a is b for a, b in zip(seen, given, strict=True))


async def test_no_cycle_is_left_by_a_request():
    sessions = []

    def act(session):
        put(session)
        sessions.append(weakref.ref(session))

    gc.disable()
    try:
        await change(act, values={"b": 2})
        assert sessions[0]() is None
    finally:
        gc.enable()


def test_without_itsdangerous_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    with pytest.raises(ImportError, match=r"^sessions need itsdangerous: pip install asgi-middleware\[sessions\]$"):
        SessionMiddleware(using(nothing), "secret")


def test_a_python_without_the_c_encoder_writes_the_same(monkeypatch):
    from asgi_middleware.sessions import _json

    value = {"é": [1.5, None, True], "b": {"c": "\ud800"}}
    assert _json.encode(value) == json.dumps(value)
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert _json._prepared_encoder()(value) == json.dumps(value)


@pytest.mark.parametrize("container", [list, tuple, iter, lambda pairs: [list(pair) for pair in pairs]])
async def test_headers_may_come_in_any_container(container):
    pairs = [(b"Set-Cookie", b"a=\xff"), (b"Set-Cookie", b"b="), (b"X", b"")]
    reply = await change_with_headers(container(pairs))
    assert [tuple(pair) for pair in reply.headers[:3]] == pairs
    assert len(reply.all("set-cookie")) == 3


async def change_with_headers(headers):
    return await request(SessionMiddleware(using(put, headers), "secret"))


async def test_a_start_without_headers_is_whole():
    async def app(scope, receive, send):
        put(scope["session"])
        await send({"type": "http.response.early_hint", "links": []})
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.x-future", "y": 1})

    reply = await request(SessionMiddleware(app, "secret"))
    assert reply.types == ["http.response.early_hint", "http.response.start", "http.response.x-future"]
    assert cookie_of(reply)
