"""Proxies are believed about the client as far as they are trusted, and no further."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network

import pytest

from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from raw_asgi import http_scope, run, websocket_scope

PEER = ("10.0.0.1", 50000)


async def forwarded(headers, *, client=PEER, scope=http_scope, **options):
    """The scope that the application gets."""
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    options = {"trusted": ["10.0.0.0/8"]} | options
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    given = scope(headers=[(b"host", b"inner:8000"), *pairs], client=client)
    before = {**given, "headers": list(given["headers"])}
    await run(ProxyHeadersMiddleware(app, **options), given)
    assert given == before, "the scope of the server was changed"
    return seen[0]


def for_(*values):
    return [("x-forwarded-for", value) for value in values]


CLIENTS = {
    "one proxy": (for_("203.0.113.7"), {}, ("203.0.113.7", 0)),
    "a port": (for_("203.0.113.7:4711"), {}, ("203.0.113.7", 4711)),
    "an IPv6 address": (for_("2001:db8::7"), {}, ("2001:db8::7", 0)),
    "in brackets": (for_("[2001:DB8::7]"), {}, ("2001:db8::7", 0)),
    "in brackets with a port": (for_("[2001:db8::7]:443"), {}, ("2001:db8::7", 443)),
    "with a zone": (for_("fe80::1%eth0"), {}, ("fe80::1", 0)),
    "mapped": (for_("::ffff:203.0.113.7"), {}, ("203.0.113.7", 0)),
    "the first that is not trusted, from the right": (for_("6.6.6.6, 203.0.113.7, 10.1.1.1"), {}, ("203.0.113.7", 0)),
    "over several lines": (for_("6.6.6.6", "203.0.113.7", "10.1.1.1"), {}, ("203.0.113.7", 0)),
    "all trusted": (for_("10.2.2.2, 10.1.1.1"), {}, ("10.2.2.2", 0)),
    "white space": (for_("  203.0.113.7\t"), {}, ("203.0.113.7", 0)),
    "an unreadable entry ends it": (for_('203.0.113.7, "><script>, 10.1.1.1'), {}, ("10.1.1.1", 0)),
    "an unreadable entry alone": (for_('"><script>'), {}, PEER),
    "unknown": (for_("unknown"), {}, PEER),
    "obfuscated": (for_("_hidden"), {}, PEER),
    "empty": (for_(""), {}, PEER),
    "an empty entry": (for_("203.0.113.7,"), {}, PEER),
    "a port that cannot exist": (for_("203.0.113.7:65536"), {}, PEER),
    "a port of other digits": (for_("203.0.113.7:\xb2"), {}, PEER),
    "no port": (for_("203.0.113.7:"), {}, PEER),
    "brackets that do not close": (for_("[::1"), {}, PEER),
    "brackets around IPv4": (for_("[203.0.113.7]"), {}, PEER),
    "more after the brackets": (for_("[::1]x"), {}, PEER),
    "no port after the brackets": (for_("[::1]:"), {}, PEER),
    "too long": (for_("2" * 65), {}, PEER),
    "a long list of the client's own": (for_("6.6.6.6," * 70 + "203.0.113.7"), {}, ("203.0.113.7", 0)),
    "too many": (for_("203.0.113.7," + ",".join(["10.1.1.1"] * 64)), {}, ("10.1.1.1", 0)),
    "one hop, whoever": (for_("6.6.6.6, 198.51.100.7"), {"trusted": "*", "hops": 1}, ("198.51.100.7", 0)),
    "two hops": (for_("6.6.6.6, 198.51.100.7, 203.0.113.9"), {"trusted": ["*"], "hops": 2}, ("198.51.100.7", 0)),
    "fewer than the hops": (for_("198.51.100.7"), {"trusted": ["*"], "hops": 2}, PEER),
    "trust before hops": (for_("6.6.6.6, 198.51.100.7"), {"hops": 2}, ("198.51.100.7", 0)),
}


@pytest.mark.parametrize(("headers", "options", "client"), CLIENTS.values(), ids=CLIENTS)
async def test_the_client_is_the_first_that_no_trusted_proxy_stands_for(headers, options, client):
    assert (await forwarded(headers, **options))["client"] == client


@pytest.mark.parametrize(
    ("client", "trusted", "believed"),
    [
        (("10.0.0.1", 1), ["10.0.0.1"], True),
        (("::ffff:10.0.0.1", 1), ["10.0.0.0/8"], True),
        (("::1", 1), ["127.0.0.1", "::1"], True),
        (("fe80::1%eth0", 1), ["fe80::/10"], True),
        (("10.0.0.1", 1), ["::ffff:10.0.0.0/104"], True),
        (("::ffff:10.0.0.1", 1), ["::ffff:10.0.0.1"], True),
        (("11.0.0.1", 1), ["::ffff:10.0.0.0/104"], False),
        (("10.0.0.1", 1), ["::/0"], False),
        (("11.0.0.1", 1), ["10.0.0.0/8"], False),
        (None, ["unix"], True),
        (("", 0), ["unix"], True),
        (("/run/app.sock", 0), ["unix"], True),
        (None, ["10.0.0.0/8"], False),
        (("testclient", 1), ["10.0.0.0/8"], False),
    ],
)
async def test_the_peer_itself_has_to_be_trusted(client, trusted, believed):
    scope = await forwarded(for_("203.0.113.7"), client=client, trusted=trusted)
    assert scope["client"] == (("203.0.113.7", 0) if believed else client)


def names(scope):
    return [name.decode() for name, _ in scope["headers"]]


async def test_an_untrusted_peer_cannot_mislead():
    headers = [*for_("6.6.6.6"), ("x-forwarded-proto", "https"), ("forwarded", "for=6.6.6.6"), ("x-other", "kept")]
    scope = await forwarded(headers, client=("11.0.0.1", 1))
    assert names(scope) == ["host", "x-other"]
    assert scope["scheme"] == "http"


async def test_a_server_that_keeps_the_case_of_header_names_opens_no_hole():
    headers = [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")]
    assert names(await forwarded(headers, client=("11.0.0.1", 1))) == ["host"]
    assert (await forwarded(headers))["client"] == ("6.6.6.6", 0)


async def test_an_entry_of_any_length_is_not_kept():
    middleware = ProxyHeadersMiddleware(print, trusted=["10.0.0.0/8"])
    assert middleware._walk(["x" * 65, "10.1.1.1"]) == [("10.1.1.1", 0)]
    assert middleware._node.cache_info().currsize == 1


async def test_a_chain_of_any_length_is_not_kept():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["client"], scope["scheme"]))

    middleware = ProxyHeadersMiddleware(app, trusted=["10.0.0.0/8"])
    for clients, proto in ((b"203.0.113.7" + b", 10.1.1.1" * 20, b"https"), (b"203.0.113.7", b"https" + b" " * 200)):
        for _ in range(2):
            headers = [(b"x-forwarded-for", clients), (b"x-forwarded-proto", proto)]
            await run(middleware, http_scope(client=("10.1.1.1", 1), headers=headers))
    assert seen == [(("203.0.113.7", 0), "https")] * 4
    assert middleware._chain.cache_info().currsize == 0
    await run(middleware, http_scope(client=("10.1.1.1", 1), headers=[(b"x-forwarded-for", b"203.0.113.7")]))
    assert middleware._chain.cache_info().currsize == 1


async def test_a_peer_of_any_length_is_not_kept():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"])

    middleware = ProxyHeadersMiddleware(app, trusted=["10.0.0.0/8"])
    headers = [(b"x-forwarded-for", b"203.0.113.7")]
    for host in ("x" * 65, "10.1.1.1%" + "x" * 65, "10.1.1.1"):
        await run(middleware, http_scope(client=(host, 1), headers=headers))
    assert seen == [("x" * 65, 1), ("203.0.113.7", 0), ("203.0.113.7", 0)]
    assert middleware._peer.cache_info().currsize == 1


async def test_the_other_family_is_removed():
    headers = [*for_("203.0.113.7"), ("forwarded", "for=6.6.6.6")]
    scope = await forwarded(headers)
    assert (names(scope), scope["client"]) == (["host", "x-forwarded-for"], ("203.0.113.7", 0))
    scope = await forwarded(headers, family="forwarded")
    assert (names(scope), scope["client"]) == (["host", "forwarded"], ("6.6.6.6", 0))


async def test_the_originals_are_kept():
    scope = await forwarded([*for_("203.0.113.7"), ("x-forwarded-proto", "https")])
    originals = scope["asgi_middleware.proxy_headers"]
    assert (originals["client"], originals["scheme"]) == (PEER, "http")
    assert (b"x-forwarded-for", b"203.0.113.7") in originals["headers"]


@pytest.mark.parametrize(
    ("value", "scheme", "socket"),
    [
        ("https", "https", "wss"),
        ("HTTPS", "https", "wss"),
        ("https, http", "https", "wss"),
        ("http", "http", "ws"),
        ("wss", "http", "wss"),
        ("ws", "http", "ws"),
        ("javascript", "http", "ws"),
        ("", "http", "ws"),
    ],
)
async def test_the_scheme_is_one_of_its_kind(value, scheme, socket):
    headers = [("x-forwarded-proto", value)]
    assert (await forwarded(headers))["scheme"] == scheme
    assert (await forwarded(headers, scope=websocket_scope))["scheme"] == socket


async def test_the_scheme_is_that_of_the_proxy_that_names_the_client():
    headers = [*for_("6.6.6.6, 203.0.113.7"), ("x-forwarded-proto", "https, http")]
    assert (await forwarded(headers))["scheme"] == "http"
    headers = [*for_("203.0.113.7, 10.1.1.1"), ("x-forwarded-proto", "https, http")]
    assert (await forwarded(headers))["scheme"] == "https"


async def test_a_chain_that_is_too_short_says_nothing_at_all():
    headers = [*for_("6.6.6.6"), ("x-forwarded-proto", "https")]
    scope = await forwarded(headers, trusted=["*"], hops=2)
    assert (scope["client"], scope["scheme"]) == (PEER, "http")


HOSTS = [
    ([("x-forwarded-host", "shop.example")], "shop.example", ("shop.example", 80)),
    ([("x-forwarded-host", "shop.example:8443")], "shop.example:8443", ("shop.example", 8443)),
    ([("x-forwarded-host", "shop.example:80")], "shop.example", ("shop.example", 80)),
    ([("x-forwarded-host", "[::1]:81")], "[::1]:81", ("::1", 81)),
    ([("x-forwarded-host", "a b")], "inner:8000", ("testserver", 80)),
    ([("x-forwarded-host", "shop.example:65536")], "inner:8000", ("testserver", 80)),
    ([("x-forwarded-host", "shop.example"), ("x-forwarded-port", "8443")], "shop.example:8443", ("shop.example", 8443)),
    ([("x-forwarded-port", "443"), ("x-forwarded-proto", "https")], "inner", ("inner", 443)),
    ([("x-forwarded-port", "9000")], "inner:9000", ("inner", 9000)),
    ([("x-forwarded-port", "0")], "inner:8000", ("testserver", 80)),
    ([("x-forwarded-port", "many")], "inner:8000", ("testserver", 80)),
]


@pytest.mark.parametrize(("headers", "host", "server"), HOSTS)
async def test_host_and_port_are_taken_where_that_is_asked_for(headers, host, server):
    scope = await forwarded(headers, host=True, port=True)
    assert dict(scope["headers"])[b"host"] == host.encode()
    assert scope["server"] == server
    untouched = await forwarded(headers)
    assert dict(untouched["headers"])[b"host"] == b"inner:8000"


async def test_a_host_that_is_missing_is_added():
    async def app(scope, receive, send):
        assert scope["headers"][0] == (b"host", b"shop.example")

    scope = http_scope(headers=[(b"x-forwarded-host", b"shop.example")], client=PEER)
    await run(ProxyHeadersMiddleware(app, trusted="10.0.0.1", host=True), scope)


@pytest.mark.parametrize(
    ("prefix", "root"),
    [
        ("/shop", "/shop"),
        ("/shop/", "/shop"),
        ("/a/b-c", "/a/b-c"),
        ("", ""),
        ("/", ""),
        ("shop", ""),
        ("//evil.example", ""),
        ("/a/../b", ""),
        ("/a/./b", ""),
        ("/a%2fb", ""),
        ("/a b", ""),
        ("/a\\b", ""),
    ],
)
async def test_a_prefix_becomes_the_root_path(prefix, root):
    headers = [("x-forwarded-prefix", prefix)]
    scope = await forwarded(headers, prefix=True)
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == (root, f"{root}/", f"{root}/".encode())
    assert (await forwarded(headers))["root_path"] == ""


async def test_a_prefix_needs_no_raw_path():
    async def app(scope, receive, send):
        assert (scope["path"], scope.get("raw_path")) == ("/shop/", None)

    scope = http_scope(headers=[(b"x-forwarded-prefix", b"/shop")], client=PEER)
    del scope["raw_path"]
    await run(ProxyHeadersMiddleware(app, trusted="10.0.0.1", prefix=True), scope)


FORWARDED = {
    "an address": (["for=203.0.113.7"], ("203.0.113.7", 0), "http"),
    "quoted, with a port": (['for="203.0.113.7:47"'], ("203.0.113.7", 47), "http"),
    "IPv6": (['For="[2001:db8::7]:47";Proto=HTTPS'], ("2001:db8::7", 47), "https"),
    "escaped": (['for="203.0.113.\\7"'], ("203.0.113.7", 0), "http"),
    "a chain": (["for=6.6.6.6, for=203.0.113.7;proto=https, for=10.1.1.1;proto=http"], ("203.0.113.7", 0), "https"),
    "lines": (["for=6.6.6.6", "for=203.0.113.7;proto=https", "for=10.1.1.1"], ("203.0.113.7", 0), "https"),
    "unknown": (["for=203.0.113.7, for=unknown"], PEER, "http"),
    "obfuscated": (["for=_secret"], PEER, "http"),
    "no for": (["proto=https;by=10.0.0.1"], PEER, "http"),
    "a comma in quotes": (['for=203.0.113.7;host="a,b", for=10.1.1.1'], ("203.0.113.7", 0), "http"),
    "a semicolon in quotes": (['for=203.0.113.7;host="a;for=6.6.6.6"'], ("203.0.113.7", 0), "http"),
    "white space": (["for=203.0.113.7 ; proto=https"], ("203.0.113.7", 0), "https"),
    "twice": (["for=203.0.113.7;for=6.6.6.6"], PEER, "http"),
    "an open quote": (['for="203.0.113.7'], PEER, "http"),
    "an open quote on the left": (['for="6.6.6.6, for=203.0.113.7;proto=https'], ("203.0.113.7", 0), "https"),
    "an open quote in a line before": (['for="', 'for="203.0.113.7:1"'], ("203.0.113.7", 1), "http"),
    "more than is read": (["," * 60_000 + '"', "for=203.0.113.7;proto=https"], ("203.0.113.7", 0), "https"),
    "cut in the middle": (
        ['for=203.0.113.7;host="' + "x" * 9000 + '"', "for=10.1.1.1"],
        ("10.1.1.1", 0),
        "http",
    ),
    "an escaped quote": (['for=203.0.113.7;host="a\\",b\\\\", for=10.1.1.1'], ("203.0.113.7", 0), "http"),
    "backslashes on the left": (["\\\\\\, for=203.0.113.7"], ("203.0.113.7", 0), "http"),
    "a malformed element ends the chain": (
        ["for=203.0.113.7, for, for=10.1.1.1;proto=https"],
        ("10.1.1.1", 0),
        "https",
    ),
    "an empty element": (["for=203.0.113.7,"], PEER, "http"),
    "an end without a pair": (["for=203.0.113.7;"], PEER, "http"),
    "more than quotes": (['for="203.0.113.7"x'], PEER, "http"),
    "too many": ([",".join(["for=10.1.1.1"] * 80)], ("10.1.1.1", 0), "http"),
}


@pytest.mark.parametrize(("values", "client", "scheme"), FORWARDED.values(), ids=FORWARDED)
async def test_forwarded_is_read_as_rfc_7239_has_it(values, client, scheme):
    scope = await forwarded([("forwarded", value) for value in values], family="forwarded")
    assert (scope["client"], scope["scheme"]) == (client, scheme)


async def test_forwarded_names_the_host_where_that_is_asked_for():
    headers = [("forwarded", 'for=203.0.113.7;host="shop.example:444";proto=https')]
    scope = await forwarded(headers, family="forwarded", host=True)
    assert (scope["headers"][0], scope["server"]) == ((b"host", b"shop.example:444"), ("shop.example", 444))
    assert (await forwarded(headers, family="forwarded"))["server"] == ("testserver", 80)


async def test_a_scope_without_such_headers_is_the_same_object():
    async def app(scope, receive, send):
        seen.append(scope)

    seen = []
    for scope in (http_scope(headers=[(b"host", b"a")]), {"type": "http"}, {"type": "lifespan"}):
        await run(ProxyHeadersMiddleware(app), scope)
        assert seen.pop() is scope


async def test_headers_may_be_a_generator():
    async def app(scope, receive, send):
        assert scope["client"] == ("203.0.113.7", 0)
        assert scope["headers"] == [(b"x-forwarded-for", b"203.0.113.7")]

    headers = (pair for pair in [(b"x-forwarded-for", b"203.0.113.7")])
    await run(ProxyHeadersMiddleware(app, trusted=["10.0.0.1"]), http_scope() | {"headers": headers, "client": PEER})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"trusted": ["*"]}, "hops="),
        ({"trusted": "*"}, "hops="),
        ({"hops": 0}, "at least 1"),
        ({"family": "x"}, "'x-forwarded' or 'forwarded'"),
        ({"family": "forwarded", "port": True}, "RFC 7239"),
        ({"family": "forwarded", "prefix": True}, "RFC 7239"),
        ({"trusted": ["proxy.example"]}, "'proxy.example'"),
        ({"trusted": ["10.0.0.1/8"]}, "'10.0.0.1/8'"),
    ],
)
def test_options_that_are_unsafe_or_have_no_meaning_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        ProxyHeadersMiddleware(print, **options)


def plainly(values, peer, networks, hops):
    """The client by a plain reading: every entry parsed with the standard library, from right to left."""
    client = peer
    entries = [entry.strip(" \t") for entry in ",".join(values).split(",")] if ",".join(values).strip(" \t") else []
    if not trusts(peer[0], networks) or (hops is not None and len(entries) < hops):
        return client
    for walked, entry in enumerate(reversed(entries), 1):
        host, port = entry, "0"
        if entry.startswith("[") and "]" in entry:
            host, _, rest = entry[1:].partition("]")
            if ":" not in host or (rest and not rest.startswith(":")):
                return client
            port = rest[1:] if rest else "0"
        elif entry.count(":") == 1:
            host, port = entry.split(":")
        if not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535:
            return client
        try:
            address = ip_address(host.split("%")[0])
        except ValueError:
            return client
        mapped = getattr(address, "ipv4_mapped", None)
        client = (str(mapped or address), int(port))
        if not trusts(client[0], networks) or walked == hops:
            return client
    return client


def trusts(host, networks):
    return any(ip_address(host) in ip_network(network) for network in networks)


PIECES = [
    "10.0.0.1",
    "10.9.9.9",
    "192.0.2.1",
    "203.0.113.7",
    "::1",
    "2001:db8::1",
    "::ffff:10.0.0.2",
    "unknown",
    "_x",
    "",
]
PIECES += [
    "10.0.0.1:80",
    "[::1]",
    "[2001:db8::1]:443",
    "[::1",
    "203.0.113.7:99999",
    "fe80::1%en0",
    "1.2.3",
    "256.1.1.1",
    "[]",
]


@pytest.mark.parametrize("sets", [6_000, pytest.param(100_000, marks=pytest.mark.whole)])
async def test_made_up_chains_are_read_as_a_plain_reading_has_them(sets):
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    clients = []

    async def app(scope, receive, send):
        clients.append(scope["client"])

    for networks in (["10.0.0.0/8"], ["10.0.0.0/8", "::1", "2001:db8::/32"]):
        for hops in (None, 1, 2):
            middleware = ProxyHeadersMiddleware(app, trusted=networks, hops=hops)
            for _ in range(sets // 6 + 1):
                peer = (dice.choice(["10.0.0.1", "192.0.2.9", "::1", "2001:db8::5"]), 1)
                lines = [", ".join(dice.choices(PIECES, k=dice.randrange(4))) for _ in range(dice.randrange(1, 3))]
                headers = [(b"x-forwarded-for", line.encode()) for line in lines]
                await middleware({"type": "http", "headers": headers, "client": peer}, None, None)
                expected = plainly(lines, peer, networks, hops)
                assert clients.pop() == expected, (seed, networks, hops, peer, lines)


HOSTS_OF_CLIENTS = ["a.example", "a,b", '";for=6.6.6.6', "x, for=6.6.6.6;y=", '\\",for=6.6.6.6;y="']


@pytest.mark.parametrize("sets", [3_000, pytest.param(100_000, marks=pytest.mark.whole)])
async def test_nothing_that_a_client_writes_hides_what_the_proxies_add(sets):
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["client"], scope["scheme"]))

    def written(value):
        """A value as a token, or quoted, with escapes that mean nothing."""
        if dice.random() < 0.3 and value.replace(".", "").isalnum():
            return value
        return '"' + "".join("\\" + c if c in '\\"' or dice.random() < 0.1 else c for c in value) + '"'

    middleware = ProxyHeadersMiddleware(app, trusted=["10.0.0.0/8"], family="forwarded")
    for _ in range(sets):
        address, scheme = dice.choice(["203.0.113.7", "198.51.100.9"]), dice.choice(["http", "https"])
        nodes = [(address, scheme), *[(f"10.0.0.{i}", "http") for i in range(dice.randrange(4))]]
        parts = ["".join(dice.choices('for=1.,;"\\ x', k=dice.randrange(12)))]
        for node, proto in nodes:
            pairs = [f"for={written(node)}", f"Proto={written(proto)}"]
            pairs.append("host=" + written(dice.choice(HOSTS_OF_CLIENTS)))
            parts.append(";".join(dice.sample(pairs, 3)))
        cut = dice.randrange(1, len(parts))
        lines = [", ".join(parts[:cut]), ",".join(parts[cut:])] if dice.random() < 0.5 else [" , ".join(parts)]
        headers = [(b"forwarded", line.encode()) for line in lines]
        scope = {"type": "http", "scheme": "http", "headers": headers, "client": PEER}
        await middleware(scope, None, None)
        assert seen.pop() == ((address, 0), scheme), (seed, lines)
