"""The router's look-up against the plainest one there is: every route in turn, by a regular expression."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from asgi_routing import Mount, Route, Router
from fuzz.harness import fuzz, some
from raw_asgi import http_scope, run

REGEXES = {
    "str": r"[^/]+",
    "path": r"(?s:.*)",
    "int": r"[0-9]+",
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}
CONVERT = {"str": str, "path": str, "int": int, "float": float, "uuid": UUID}
WORDS = [
    "a",
    "b",
    "users",
    "1",
    "22",
    "1.5",
    "x.y",
    "a-b",
    "-",
    ".",
    "me",
    "ü",
    "%41",
    "12345678123456781234567812345678",
]
METHODS = [["GET"], ["POST"], ["GET", "PUT"], ["DELETE"]]


@dataclass
class Node:
    """A route, or a mount with nodes below it."""

    template: str
    number: int
    methods: list[str] = field(default_factory=list)
    below: list[Node] | None = None

    def __post_init__(self) -> None:
        self.convertors: dict[str, str] = {}
        template = self.template if self.below is None else self.template.rstrip("/") + "/{path:path}"
        source = "".join(
            self._piece(piece) if piece[:1] == "{" else re.escape(piece) for piece in re.split(r"(\{.*?\})", template)
        )
        self.pattern = re.compile(source)

    def _piece(self, piece: str) -> str:
        name, _, kind = piece[1:-1].partition(":")
        self.convertors[name] = kind or "str"
        return f"(?P<{name}>{REGEXES[kind or 'str']})"

    def match(self, path: str) -> dict[str, Any] | None:
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        return {name: CONVERT[kind](found[name]) for name, kind in self.convertors.items()}  # type: ignore[operator]


def random_template(random: Random, names: list[str]) -> str:
    segments = []
    for _ in range(random.randint(1, 3)):
        parts = []
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            if names and random.random() < 0.5:
                kind = random.choice(["", "", ":int", ":float", ":uuid", ":path"])
                parts.append(f"{{{names.pop()}{kind}}}")
            else:
                parts.append(random.choice(WORDS[:11]))
        segments.append(random.choice(["", "", ".", "-"]).join(parts))
    return "/" + "/".join(segments) + random.choice(["", "", "", "/"])


def random_nodes(random: Random, depth: int, names: list[str]) -> list[Node]:
    nodes = []
    for _ in range(random.randint(1, 6)):
        own = [*names]
        number = random.getrandbits(30)
        if depth and random.random() < 0.25:
            template = random_template(random, own).rstrip("/")
            nodes.append(Node(template, number, below=random_nodes(random, depth - 1, own)))
        else:
            nodes.append(Node(random_template(random, own), number, random.choice(METHODS)))
    return nodes


def routes_of(nodes: list[Node], found: list[Any]) -> list[Any]:
    def endpoint(number: int) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            found.append((number, scope["path_params"]))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        return app

    return [
        Route(node.template, endpoint(node.number), methods=node.methods)
        if node.below is None
        else Mount(node.template, routes=routes_of(node.below, found))
        for node in nodes
    ]


def looked_up(nodes: list[Node], path: str, method: str, params: dict[str, Any]) -> tuple[int, Any]:
    """The status, and the route and its parameters where it is 200."""
    allowed = False
    for node in nodes:
        own = node.match(path)
        if own is None:
            continue
        if node.below is not None:
            rest = own.pop("path")
            return looked_up(node.below, f"/{rest}", method, {**params, **own})
        if method in node.methods or (method == "HEAD" and "GET" in node.methods):
            return 200, (node.number, {**params, **own})
        allowed = True
    if allowed:
        return 405, None
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    if path != "/" and any(node.match(other) is not None for node in nodes):
        return 307, None
    return 404, None


def filled(random: Random, node: Node) -> str:
    """A path that this node could match, or nearly."""
    path = re.sub(r"\{.*?\}", lambda _: "/".join(some(random, WORDS, 2)), node.template)
    return path + filled(random, random.choice(node.below)) if node.below else path


@fuzz(700)
async def test_a_look_up_finds_what_a_scan_finds(random: Random) -> None:
    nodes = random_nodes(random, 2, ["a", "b", "c", "d", "e", "f"])
    found: list[Any] = []
    router = Router(routes_of(nodes, found))
    for _ in range(12):
        path = filled(random, random.choice(nodes))
        if random.random() < 0.4:
            place = random.randint(0, len(path))
            path = (
                path[:place]
                + random.choice(["/", ".", "-", "1", "", "\n", "%2F"])
                + path[place + random.randint(0, 1) :]
            )
        path = "/" + path.lstrip("/")
        method = random.choice(["GET", "HEAD", "POST", "PUT", "OPTIONS", "get"])
        found.clear()
        reply = await run(router, http_scope(method, path))
        status, expected = looked_up(nodes, path, method, {})
        assert (reply.status, found) == (status, [expected] if expected else []), (path, method)
