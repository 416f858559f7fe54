"""Path templates: `/users/{id:int}` to a pattern, and back to a URL.

pattern, path_format, convertors = compile_path("/users/{id:int}")
assert path_format == "/users/{id}"
assert replace_params(path_format, convertors, {"id": 7}) == ("/users/7", {})
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .convertors import CONVERTOR_TYPES, NOT_CONVERTIBLE, Convertor
from .exceptions import NoMatchFound
from .types import Scope

PARAM_REGEX = re.compile("{([a-zA-Z_][a-zA-Z0-9_]*)(:[a-zA-Z_][a-zA-Z0-9_]*)?}")
PARAM_FORMAT_REGEX = re.compile("{([a-zA-Z_][a-zA-Z0-9_]*)}")

_PORT = re.compile(":[0-9]*$")
_SAFE = "/!$&'()*+,;=:@"  # what RFC 3986 §3.3 lets stand in a path


def parse_path(path: str) -> tuple[str, dict[str, Convertor[Any]]]:
    """The template without its convertors, and the convertor of every parameter, in order."""
    if "{" not in path:
        return path, {}
    convertors: dict[str, Convertor[Any]] = {}
    twice: set[str] = set()
    for name, kind in PARAM_REGEX.findall(path):
        key = kind[1:] or "str"
        assert key in CONVERTOR_TYPES, f"Unknown path convertor '{key}'"
        if name in convertors:
            twice.add(name)
        convertors[name] = CONVERTOR_TYPES[key]
    if twice:
        plural = "s" if len(twice) > 1 else ""
        raise ValueError(f"Duplicated param name{plural} {', '.join(sorted(twice))} at path {path}")
    return PARAM_REGEX.sub(r"{\1}", path), convertors


def pattern_source(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> str:
    r"""The source of the pattern of a whole path. It ends in `\Z`: `$` would let a last line break pass."""
    pieces = PARAM_FORMAT_REGEX.split(path_format)
    for i, piece in enumerate(pieces):
        if i % 2 and piece in convertors:
            pieces[i] = f"(?P<{piece}>{convertors[piece].regex})"
        else:
            pieces[i] = re.escape(f"{{{piece}}}" if i % 2 else piece)
    return f"^{''.join(pieces)}\\Z"


def build_pattern(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> re.Pattern[str]:
    """The compiled pattern of a path, or of a host, where case and port do not count."""
    if path_format.startswith("/"):
        return re.compile(pattern_source(path_format, convertors))
    return re.compile(pattern_source(without_port(path_format), convertors), re.IGNORECASE)


def without_port(host: str) -> str:
    """The host of `host:port`."""
    return _PORT.sub("", host)


def compile_path(path: str) -> tuple[re.Pattern[str], str, dict[str, Convertor[Any]]]:
    """The pattern, the format (`/users/{id}`) and the convertors of a path, or of a host.

    Raises ValueError where a parameter occurs twice, AssertionError where a convertor is unknown.
    """
    path_format, convertors = parse_path(path)
    return build_pattern(path_format, convertors), path_format, convertors


def read_params(found: re.Match[str], convertors: Mapping[str, Convertor[Any]]) -> dict[str, Any] | None:
    """The converted parameters of a match, or None where a convertor refuses its text."""
    params: dict[str, Any] = found.groupdict()
    try:
        for name, convertor in convertors.items():
            params[name] = convertor.convert(params[name])
    except NOT_CONVERTIBLE:
        return None
    if len(params) > len(convertors):  # a convertor's pattern has named groups of its own
        return {name: params[name] for name in convertors}
    return params


def replace_params(
    path: str, param_convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The path with its parameters filled in, percent-encoded, and the parameters it has no place for.

    A parameter that is not given keeps its braces. A URLPath is encoded already and stays as it is.
    Raises NoMatchFound for a value that its convertor would not match back.
    """
    remaining = dict(path_params)
    pieces = PARAM_FORMAT_REGEX.split(path)
    for i in range(1, len(pieces), 2):
        name = pieces[i]
        if name in remaining:
            pieces[i] = _fill(path, name, param_convertors[name], remaining.pop(name))
        else:
            pieces[i] = f"{{{name}}}"
    filled = without_authority("".join(pieces))
    if _has_dots(filled, path):
        raise NoMatchFound(path, path_params, reason='No parameter may make a segment "." or "..".')
    return filled, remaining


def without_authority(path: str) -> str:
    """The path, so written that no client reads a host in its first segments (RFC 3986 §4.2)."""
    return f"/%2F{path[2:]}" if path.startswith("//") else path


def missing_params(convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]) -> list[str]:
    """The parameters of a template that are not given."""
    return [name for name in convertors if name not in path_params]


def _fill(path: str, name: str, convertor: Convertor[Any], value: Any) -> str:
    if isinstance(value, URLPath):
        return str(value)
    text = convertor.to_string(value)
    if re.fullmatch(convertor.regex, text) is None:
        raise _refusal(path, name, value)
    try:
        convertor.convert(text)
    except NOT_CONVERTIBLE as exc:
        raise _refusal(path, name, value) from exc
    from urllib.parse import quote

    return quote(text, safe=_SAFE)


def _refusal(path: str, name: str, value: object) -> NoMatchFound:
    return NoMatchFound(path, {name: value}, reason=f'The convertor of "{name}" would not match {value!r} back.')


def _has_dots(filled: str, template: str) -> bool:
    """Whether a parameter made a segment `.` or `..`, which clients resolve, encoded or not (RFC 3986 §5.2.4)."""
    if "." not in filled:
        return False
    kept = template.split("/")
    return any(segment in (".", "..") and segment not in kept for segment in filled.split("/"))


class URLPath(str):
    """The path of a URL, percent-encoded, with the kind of connection and the host it is for, where known."""

    __slots__ = ("host", "protocol")

    protocol: str
    host: str

    def __new__(cls, path: str, protocol: str = "", host: str = "") -> URLPath:
        assert protocol in ("http", "websocket", "")
        self = super().__new__(cls, path)
        self.protocol = protocol
        self.host = host
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return URLPath, (str(self), self.protocol, self.host)

    def make_absolute_url(self, base_url: object) -> str:
        """The whole URL, at the scheme, host and root path of `base_url` (a str, or what str() makes one of)."""
        from urllib.parse import urlsplit

        base = urlsplit(str(base_url))
        scheme = base.scheme
        if self.protocol:
            secure = scheme in ("https", "wss")
            scheme = ("http" if self.protocol == "http" else "ws") + ("s" if secure else "")
        return f"{scheme}://{self.host or base.netloc}{base.path.rstrip('/')}{self}"


def get_route_path(scope: Scope) -> str:
    """The part of the path below `root_path`; all of it where the server left the root path out."""
    path: str = scope["path"]
    root_path: str = scope.get("root_path", "")
    if root_path.endswith("/"):
        root_path = root_path.rstrip("/")
    if not root_path or not path.startswith(root_path):
        return path
    below = path[len(root_path) :]
    return below if not below or below[0] == "/" else path


def get_full_path(scope: Scope) -> str:
    """The whole path, root path included even where the server left it out."""
    root_path: str = scope.get("root_path", "").rstrip("/")
    return root_path + get_route_path(scope)
