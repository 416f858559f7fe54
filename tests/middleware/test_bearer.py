"""Bearer tokens: a valid one lets the request in, none gives a challenge."""

from __future__ import annotations

import base64
import http.server
import json
import sys
import threading
import time

import anyio
import pytest

from asgi_middleware.bearer import BearerAuthMiddleware, JWTVerifier, VerificationUnavailable
from raw_asgi import http_scope, request, run, websocket_scope

RESOURCE = "https://api.example/mcp"
WELL_KNOWN = "/.well-known/oauth-protected-resource/mcp"


class User:
    def __init__(self, *scopes):
        self.scopes = scopes


USERS = {"ada": User("notes:read", "notes:write"), "bob": User("notes:read"), "abc123._~+/-==": User()}


async def verify(token, scope):
    return USERS.get(token)


async def page(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.accept"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    user = scope.get("user")
    return await send({"type": "http.response.body", "body": b"-" if user is None else str(user.scopes).encode()})


def guarded(**options):
    return BearerAuthMiddleware(page, **({"verify": verify, "resource": RESOURCE} | options))


async def ask(app, *values, path="/mcp", method="GET"):
    return await request(app, method, path, headers=[(b"authorization", value.encode()) for value in values])


METADATA = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp"'
CASES = {
    "no token": ([], 401, f"Bearer {METADATA}"),
    "a token": (["Bearer ada"], 200, None),
    "any case of the scheme": (["bEaReR ada"], 200, None),
    "blanks": (["Bearer   ada  "], 200, None),
    "all characters of a token": (["Bearer abc123._~+/-=="], 200, None),
    "a token that is not valid": (["Bearer eve"], 401, f'Bearer {METADATA}, error="invalid_token"'),
    "another scheme": (["Basic YTpi"], 401, f"Bearer {METADATA}"),
    "a scheme that begins alike": (["Bearers ada"], 401, f"Bearer {METADATA}"),
    "nothing behind the scheme": (["Bearer"], 400, f'Bearer {METADATA}, error="invalid_request"'),
    "not a token": (["Bearer a b"], 400, f'Bearer {METADATA}, error="invalid_request"'),
    "too long": (["Bearer " + "x" * 9000], 400, f'Bearer {METADATA}, error="invalid_request"'),
    "twice": (["Bearer ada", "Bearer ada"], 400, f'Bearer {METADATA}, error="invalid_request"'),
}


@pytest.mark.parametrize(("values", "status", "challenge"), CASES.values(), ids=CASES)
async def test_requests_are_judged_by_their_token(values, status, challenge):
    reply = await ask(guarded(), *values)
    assert (reply.status, reply.header("www-authenticate")) == (status, challenge)
    assert status == 200 or reply.header("cache-control") == "no-store"


async def test_the_user_and_the_scopes_are_there_inside():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["user"], scope["auth"].scopes))

    await ask(BearerAuthMiddleware(app, lambda token, scope: USERS[token]), "Bearer ada")
    assert seen == [(USERS["ada"], ["notes:read", "notes:write"])]


async def test_scopes_that_are_missing_are_named():
    app = guarded(scopes=["notes:read", "notes:write"], realm='the "notes"')
    assert (await ask(app, "Bearer ada")).status == 200
    reply = await ask(app, "Bearer bob")
    assert reply.status == 403
    assert reply.header("www-authenticate") == (
        f'Bearer realm="the \\"notes\\"", {METADATA}, error="insufficient_scope", scope="notes:read notes:write"'
    )
    assert 'scope="notes:read notes:write"' in (await ask(app)).header("www-authenticate")


async def test_the_metadata_is_served_before_the_guard():
    app = guarded(scopes="notes:read", authorization_servers=["https://login.example"], metadata={"resource_name": "N"})
    reply = await ask(app, path=WELL_KNOWN)
    assert json.loads(reply.body) == {
        "resource": RESOURCE,
        "bearer_methods_supported": ["header"],
        "authorization_servers": ["https://login.example"],
        "scopes_supported": ["notes:read"],
        "resource_name": "N",
    }
    assert (reply.status, reply.header("content-type")) == (200, "application/json")
    assert reply.header("access-control-allow-origin") == "*"
    assert (await ask(app, path=WELL_KNOWN, method="HEAD")).body == b""
    assert json.loads((await ask(guarded(), path=WELL_KNOWN)).body) == {
        "resource": RESOURCE,
        "bearer_methods_supported": ["header"],
    }


async def test_without_a_resource_there_is_no_metadata():
    app = guarded(resource=None)
    reply = await ask(app)
    assert reply.header("www-authenticate") == "Bearer"
    assert (await ask(app, path=WELL_KNOWN)).status == 401


async def test_a_token_may_be_optional_and_some_paths_exempt():
    app = guarded(optional=True)
    assert (await ask(app)).text == "-"
    assert (await ask(app, "Bearer eve")).status == 401
    assert (await ask(guarded(exempt_paths=["/livez"]), path="/livez")).status == 200


async def test_websockets_are_guarded_too():
    connect = [{"type": "websocket.connect"}]
    reply = await run(guarded(), websocket_scope("/mcp", headers=[(b"authorization", b"Bearer ada")]), connect)
    assert reply.types == ["websocket.accept"]
    assert (await run(guarded(), websocket_scope("/mcp"), connect)).status == 401
    reply = await run(guarded(), websocket_scope("/mcp", extensions={}), connect)
    assert reply.types == ["websocket.close"]


async def test_lifespans_pass():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await run(BearerAuthMiddleware(app, verify), {"type": "lifespan"})
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    "options",
    [
        {"resource": "/mcp"},
        {"resource": "https://api.example/#a"},
        {"resource": "ftp://api.example"},
        {"resource": "https://api.example/é"},
        {"scopes": ['a"b']},
        {"scopes": ["a b"]},
        {"realm": "a\nb"},
        {"realm": "é"},
    ],
)
def test_what_could_not_stand_in_a_challenge_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        guarded(**options)


# JSON Web Tokens

jwt = pytest.importorskip("jwt", reason="pip install 'pyjwt[crypto]'")
ISSUER, AUDIENCE = "https://login.example", RESOURCE


def jwt_of(header):
    """A token with this header, without a signature."""
    text = header if isinstance(header, str) else json.dumps({"alg": "RS256"} | header)
    return f"{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.e30.AAAA"


class Keys:
    """A key set of an issuer, and how often it was fetched."""

    def __init__(self):
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        self.private = {
            "one": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "two": ec.generate_private_key(ec.SECP256R1()),
        }
        self.published = ["one"]
        self.fetches = 0
        self.more = []
        self.fails = False

    async def fetch(self):
        self.fetches += 1
        await anyio.sleep(0.01)
        if self.fails:
            raise OSError("the issuer is down")
        return {"keys": [*(self.public(kid) for kid in self.published), *self.more]}

    def public(self, kid):
        algorithm = jwt.algorithms.RSAAlgorithm if kid == "one" else jwt.algorithms.ECAlgorithm
        return json.loads(algorithm.to_jwk(self.private[kid].public_key())) | {"kid": kid, "use": "sig"}

    def claims(self):
        now = int(time.time())
        return {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "client_id": "c", "jti": "1", "iat": now, "exp": now + 60,
            "scope": "notes:read notes:write",
        }  # fmt: skip

    def token(self, kid="one", *, typ="at+jwt", algorithm=None, **claims):
        claims = {name: value for name, value in (self.claims() | claims).items() if value is not None}
        algorithm = algorithm or ("RS256" if kid == "one" else "ES256")
        return jwt.encode(claims, self.private[kid], algorithm, headers={"kid": kid, "typ": typ})


@pytest.fixture(scope="module")
def pair():
    return Keys()


@pytest.fixture
def keys(pair):
    pair.published, pair.fetches, pair.more, pair.fails = ["one"], 0, [], False
    return pair


def verifier(keys, **options):
    return JWTVerifier(issuer=ISSUER, audience=AUDIENCE, fetch=keys.fetch, **options)


async def test_a_token_of_the_issuer_names_its_user(keys):
    user = await verifier(keys)(keys.token(), {})
    assert (user.identity, user.display_name, user.is_authenticated) == ("ada", "ada", True)
    assert (user.scopes, user.claims["client_id"]) == (["notes:read", "notes:write"], "c")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example"},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"client_id": None},
        {"nbf": 9999999999},
        {"typ": "JWT"},
        {"typ": "id_token"},
        {"sub": 7},
        {"sub": ""},
        {"aud": ["https://other.example"]},
        {"aud": []},
        {"iat": 9999999999},
        {"exp": float("inf")},
        {"exp": "soon"},
        {"nbf": "soon"},
        {"algorithm": "PS256"},
    ],
    ids=str,
)
async def test_any_other_token_is_not_valid(keys, changes):
    assert await verifier(keys)(keys.token(**changes), {}) is None


async def test_one_of_several_audiences_is_enough_and_scopes_are_a_string(keys):
    user = await verifier(keys)(keys.token(aud=["https://other.example", AUDIENCE], scope=["notes:read"]), {})
    assert (user.identity, user.scopes) == ("ada", [])


async def test_a_key_that_a_token_brings_along_is_not_used(keys):
    headers = {"jwk": keys.public("two"), "typ": "at+jwt", "kid": "one"}
    token = jwt.encode(keys.claims(), keys.private["two"], "ES256", headers=headers)
    assert await verifier(keys)(token, {}) is None


async def test_without_strictness_tokens_of_older_issuers_are_valid(keys):
    token = keys.token(typ="JWT", jti=None, client_id=None)
    assert (await verifier(keys, strict=False)(token, {})).identity == "ada"


async def test_forged_tokens_are_not_valid(keys):
    verify = verifier(keys)
    header = {"kid": "one", "typ": "at+jwt"}
    public = keys.private["one"].public_key()
    good = keys.token()
    forged = [
        jwt.encode({"sub": "eve"}, None, "none", headers=header),
        jwt.encode({"sub": "eve"}, "a secret that is long enough for it", "HS256", headers=header),
        jwt.encode({"sub": "eve"}, keys.private["one"], "RS256"),
        jwt.encode({"sub": "eve"}, keys.private["one"], "RS256", headers={"typ": "at+jwt"}),
        good[:-4] + "AAAA",
        good.rpartition(".")[0] + ".",
        "not.a.token",
        "",
    ]
    assert public is not None
    for token in forged:
        assert await verify(token, {}) is None


async def test_keys_are_fetched_once_for_all_who_wait(keys):
    verify = verifier(keys)
    users = []

    async def check():
        users.append(await verify(keys.token(), {}))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(check)
    assert (len(users), None in users, keys.fetches) == (20, False, 1)


async def test_an_unknown_key_is_looked_for_but_not_again_and_again(keys):
    verify = verifier(keys, min_interval=60)
    assert await verify(keys.token(), {}) is not None
    keys.published.append("two")
    for _ in range(5):
        assert await verify(keys.token("two"), {}) is None
    assert keys.fetches == 1
    verify.min_interval = 0
    assert await verify(keys.token("two"), {}) is not None
    assert keys.fetches == 2


async def test_keys_grow_old_and_survive_an_issuer_that_is_down(keys):
    verify = verifier(keys, lifetime=0, min_interval=0)
    assert await verify(keys.token(), {}) is not None
    keys.fails = True
    assert await verify(keys.token(), {}) is not None
    assert keys.fetches == 2


async def test_without_keys_no_client_learns_that_the_token_is_invalid(keys):
    keys.fails = True
    verify = verifier(keys)
    for _ in range(2):  # the second does not ask again
        with pytest.raises(VerificationUnavailable, match="the keys of the issuer"):
            await verify(keys.token(), {})
    assert keys.fetches == 1
    app = BearerAuthMiddleware(page, verify)
    reply = await ask(app, f"Bearer {keys.token()}")
    assert (reply.status, reply.header("retry-after"), reply.header("www-authenticate")) == (503, "10", None)
    scope = websocket_scope(headers=[(b"authorization", f"Bearer {keys.token()}".encode())])
    reply = await run(app, scope, [{"type": "websocket.connect"}])
    assert reply.messages[0]["status"] == 503


async def test_fetching_the_keys_may_be_cancelled(keys):
    began, go_on = anyio.Event(), anyio.Event()
    users = []

    async def fetch():
        if not began.is_set():
            began.set()
            await go_on.wait()
        return await keys.fetch()

    verify = JWTVerifier(issuer=ISSUER, audience=AUDIENCE, fetch=fetch, min_interval=60)

    async def check():
        users.append(await verify(keys.token(), {}))

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as inner:
                inner.start_soon(check)
                await began.wait()
                for _ in range(5):
                    tasks.start_soon(check)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
    assert ([user.identity for user in users], keys.fetches) == (["ada"] * 5, 1)


@pytest.mark.parametrize("document", [[], {}, {"keys": None}, {"keys": {"kid": "one"}}, None])
async def test_a_value_that_is_not_a_key_set_is_ignored(document):
    async def fetch():
        return document

    with pytest.raises(VerificationUnavailable):
        await JWTVerifier(issuer=ISSUER, audience=AUDIENCE, fetch=fetch)(jwt_of({"typ": "at+jwt", "kid": "one"}), {})


@pytest.mark.parametrize(
    "header", ['{"typ":' + "[" * 5000, '{"alg":"RS256","typ":"at+jwt","kid":"one","crit":["x"],"x":1}', "[]", "{"]
)
async def test_headers_of_tokens_are_of_any_kind(keys, header):
    assert await verifier(keys)(jwt_of(header), {}) is None


async def test_keys_behind_a_redirect_are_as_private_as_their_url(keys):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            elsewhere = self.headers["host"].replace("127.0.0.1", "127.0.0.2")
            self.send_response(302 if "127.0.0.1" in self.headers["host"] else 200)
            self.send_header("location", f"http://{elsewhere}/keys")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        verify = JWTVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url=url)
        with pytest.raises(VerificationUnavailable):
            await verify(keys.token(), {})
        server.shutdown()


async def test_browsers_may_ask_for_the_metadata_with_a_header_of_theirs():
    app = guarded()
    reply = await request(app, "OPTIONS", WELL_KNOWN, headers=[(b"origin", b"https://a.example")])
    assert (reply.status, reply.header("access-control-allow-headers")) == (204, "*")
    assert (reply.header("access-control-allow-origin"), reply.header("allow")) == ("*", "GET, HEAD, OPTIONS")
    reply = await request(app, "POST", WELL_KNOWN)
    assert (reply.status, reply.header("allow"), reply.body) == (405, "GET, HEAD, OPTIONS", b"")


async def test_the_metadata_is_found_below_the_root_path_of_a_server():
    for path, root, status in [
        (f"/api{WELL_KNOWN}", "/api", 200),
        (f"/api{WELL_KNOWN}", "/api/", 200),
        (WELL_KNOWN, "/api", 200),
        (f"/api{WELL_KNOWN}", "/ap", 401),
        (f"/api{WELL_KNOWN}", "", 401),
    ]:
        assert (await run(guarded(), http_scope(path=path, root_path=root))).status == status


async def test_the_query_of_a_resource_stays_behind_its_metadata():
    reply = await ask(guarded(resource="https://api.example/mcp?tenant=a"))
    assert '/.well-known/oauth-protected-resource/mcp?tenant=a"' in reply.header("www-authenticate")


async def test_keys_that_are_for_something_else_are_left_out(keys):
    keys.more = [
        keys.public("one") | {"kid": "encryption", "use": "enc"},
        keys.public("one") | {"kid": "wrapping", "key_ops": ["wrapKey"]},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {"kty": "RSA", "kid": "broken"},
        {"kty": "RSA", "kid": "broken too", "key_ops": 7},
        {"kty": "EC"},
        "no key",
    ]
    verify = verifier(keys)
    assert await verify(keys.token(), {}) is not None
    assert list(verify._keys) == ["one"]


async def test_keys_come_from_a_url(keys):
    body = json.dumps({"keys": [keys.public("one")]}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        verify = JWTVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url=url)
        assert (await verify(keys.token(), {})).identity == "ada"
        server.shutdown()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "either"),
        ({"jwks_url": "https://a", "fetch": verify}, "either"),
        ({"jwks_url": "http://login.example"}, "https"),
        ({"jwks_url": "http://localhost.login.example"}, "https"),
        ({"jwks_url": "file:///etc/keys"}, "https"),
        ({"fetch": verify, "algorithms": ["HS256"]}, "algorithms"),
        ({"fetch": verify, "algorithms": []}, "algorithms"),
    ],
)
def test_what_is_unsafe_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        JWTVerifier(issuer=ISSUER, audience=AUDIENCE, **options)


def test_without_pyjwt_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ImportError, match=r"pip install asgi-middleware\[jwt\]"):
        JWTVerifier(issuer=ISSUER, audience=AUDIENCE, fetch=verify)
