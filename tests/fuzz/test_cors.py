"""CORSMiddleware as a browser sees it: a small model of Fetch decides what a page may do, and asks both."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from asgi_middleware.cors import CORSMiddleware
from fuzz.harness import fuzz, some
from raw_asgi import Reply, http_scope, request, run, websocket_scope

ORIGINS = [
    "https://a.example",
    "http://a.example",
    "https://b.a.example",
    "https://a.example:8443",
    "http://localhost:3000",
]
OTHERS = [
    "null",
    "https://a.example.evil",
    "https://evila.example",
    "https://x.b.a.example",
    "http://localhost",
    "https://A.example",
]
PATTERNS = ["*", "https://*.a.example", "http://localhost:*", "null"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "patch", "DELETE", "X"]
NAMES = ["accept", "content-type", "authorization", "x-a", "X-A", "x-b"]
SAFELISTED = {"accept", "accept-language", "content-language", "content-type"}


@dataclass
class Policy:
    """A configuration, and by Fetch what it lets a page do."""

    origins: list[str]
    methods: list[str]
    headers: list[str]
    credentials: bool
    regex: str | None

    def allows(self, origin: str) -> bool:
        return any(self._matches(pattern, origin) for pattern in self.origins) or (
            self.regex is not None and origin in ("https://r.example", "https://rr.example")
        )

    @staticmethod
    def _matches(pattern: str, origin: str) -> bool:
        if pattern in ("*", origin):
            return True
        scheme, _, host = pattern.partition("://")
        if host.startswith("*."):
            below = origin.removeprefix(f"{scheme}://").removesuffix(host[1:])
            return origin == f"{scheme}://{below}{host[1:]}" and below != "" and below == below.lower()
        if host.endswith(":*"):
            name, _, port = origin.removeprefix(f"{scheme}://").partition(":")
            return origin.startswith(f"{scheme}://") and name == host[:-2] and (port.isdigit() or ":" not in origin[8:])
        return False


@dataclass
class Page:
    """A page and a request of its script: what a browser sends for it, and whether the script may see the response."""

    origin: str
    method: str
    headers: list[str]
    credentials: bool

    @property
    def needs_preflight(self) -> bool:
        return self.method not in ("GET", "HEAD", "POST") or not {name.lower() for name in self.headers} <= SAFELISTED

    def reads(self, reply: Reply) -> bool:
        """Fetch, CORS check."""
        allowed = reply.header("access-control-allow-origin")
        if allowed == "*" and not self.credentials:
            return True
        if allowed != self.origin:
            return False
        return not self.credentials or reply.header("access-control-allow-credentials") == "true"

    def proceeds(self, reply: Reply) -> bool:
        """Fetch, CORS-preflight fetch, from the CORS check on."""
        if not self.reads(reply) or not 200 <= reply.status < 300:
            return False
        methods = listed(reply.header("access-control-allow-methods"))
        names = {name.lower() for name in listed(reply.header("access-control-allow-headers"))}
        if self.method not in ("GET", "HEAD", "POST", *methods) and (self.credentials or "*" not in methods):
            return False
        unsafe = {name.lower() for name in self.headers} - SAFELISTED
        if "authorization" in unsafe and "authorization" not in names:
            return False
        return unsafe <= names or ("*" in names and not self.credentials)


def listed(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(",")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"vary", b"Accept")]})
    await send({"type": "http.response.body", "body": b"secret"})


def random_policy(random: Random) -> Policy:
    return Policy(
        origins=some(random, [*ORIGINS, *ORIGINS, *PATTERNS], 3),
        methods=random.choice([["*"], ["GET"], some(random, METHODS[:5], 4)]),
        headers=random.choice([["*"], [], some(random, NAMES, 3)]),
        credentials=random.random() < 0.5,
        regex=random.choice([None, None, "https://r{1,2}.example"]),
    )


def middleware(policy: Policy, **options: Any) -> CORSMiddleware:
    return CORSMiddleware(
        app,
        policy.origins,
        policy.methods,
        policy.headers,
        policy.credentials,
        policy.regex,
        **options,
    )


@fuzz(2500)
async def test_a_page_may_do_what_the_configuration_says(random: Random) -> None:
    policy = random_policy(random)
    origin = random.choice([*ORIGINS, *OTHERS, "https://r.example", "https://rr.example", "https://rrr.example"])
    page = Page(origin, random.choice(METHODS), some(random, NAMES, 3), random.random() < 0.5)
    cors = middleware(policy, preflight_status=random.choice([200, 204]))
    sent = [(b"origin", origin.encode())]
    reply = await request(cors, page.method, headers=sent)
    may_read = policy.allows(origin) and (policy.credentials or not page.credentials)
    assert page.reads(reply) is may_read
    assert reply.body == b"secret"
    assert "origin" in [part.lower() for part in listed(reply.header("vary"))]
    sent.append((b"access-control-request-method", page.method.encode()))
    if page.headers:
        asked = random.choice([",", ", ", " ,"]).join(sorted({name.lower() for name in page.headers}))
        sent.append((b"access-control-request-headers", asked.encode()))
    answer = await request(cors, "OPTIONS", headers=sent)
    methods = METHODS if "*" in policy.methods else policy.methods
    names = {name.lower() for name in policy.headers} | SAFELISTED
    method_allowed = page.method in methods and page.method not in ("patch", "X")
    headers_allowed = "*" in policy.headers or {name.lower() for name in page.headers} <= names
    if page.needs_preflight:
        assert page.proceeds(answer) is (may_read and method_allowed and headers_allowed)
    assert (answer.status < 300) is (policy.allows(origin) and method_allowed and headers_allowed)
    assert len(listed(answer.header("access-control-allow-origin"))) == 1


@fuzz(1500)
async def test_a_websocket_is_for_its_own_pages_and_the_allowed(random: Random) -> None:
    policy = random_policy(random)
    origin, own = random.choice([*ORIGINS, *OTHERS]), random.choice(["a.example", "a.example:8443", "localhost:3000"])
    scheme = random.choice(["ws", "wss"])

    async def accept(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    cors = CORSMiddleware(accept, policy.origins, allow_origin_regex=policy.regex, check_websocket_origin=True)
    scope = websocket_scope(headers=[(b"host", own.encode()), (b"origin", origin.encode())], scheme=scheme)
    reply = await run(cors, scope, [{"type": "websocket.connect"}])
    from_https = origin.lower() == f"https://{own}"
    from_http = origin.lower() == f"http://{own}" and scheme == "ws"
    assert (reply.types == ["websocket.accept"]) is (policy.allows(origin) or from_https or from_http)


@fuzz(2000)
async def test_nothing_a_client_sends_breaks_a_header(random: Random) -> None:
    cors = CORSMiddleware(app, ["*"], ["*"], ["*"], allow_credentials=True)
    alphabet = "abc:/,. \t\r\n\0\x7f\xe9*-"
    origin, names = ("".join(random.choices(alphabet, k=random.randint(0, 9))).encode("latin-1") for _ in range(2))
    sent = [(b"origin", origin), (b"access-control-request-headers", names), (b"access-control-request-method", b"GET")]
    for reply in (await request(cors, headers=sent), await run(cors, http_scope("OPTIONS", headers=sent))):
        for _, value in reply.headers:
            assert not set(value) & set(b"\r\n\0\x7f")
            assert value == value.strip()
