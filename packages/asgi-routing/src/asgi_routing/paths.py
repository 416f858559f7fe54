"""Path templates: from `/users/{id:int}` to a pattern, and back to a path.

pattern, path_format, convertors = compile_path("/users/{id:int}")
assert path_format == "/users/{id}"
assert replace_params(path_format, convertors, {"id": 7}) == ("/users/7", {})
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ._urlpath import URLPath, without_authority
from .convertors import CONVERTOR_TYPES, NOT_CONVERTIBLE, Convertor
from .exceptions import InvalidParameter

__all__ = ["PARAM_REGEX", "compile_path", "replace_params"]

PARAM_REGEX = re.compile("{([a-zA-Z_][a-zA-Z0-9_]*)(:[a-zA-Z_][a-zA-Z0-9_]*)?}")
PARAM_FORMAT_REGEX = re.compile("{([a-zA-Z_][a-zA-Z0-9_]*)}")

_PORT = re.compile(":[0-9]*$")
# All but the characters that RFC 3986 §3.3 allows in a path, and braces, which show a parameter that is missing. A
# percent sign stays where it begins an encoded character: the caller has quoted the value.
_TO_ENCODE = re.compile(r"[^A-Za-z0-9/._~!$&'()*+,;=:@%{}-]+|%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"(?:\.|%2[eE]){1,2}")
_CANNOT_WRITE = (*NOT_CONVERTIBLE, TypeError, AttributeError)


def parse_path(path: str) -> tuple[str, dict[str, Convertor[Any]]]:
    """Return the template without its convertors, and the convertor of every parameter, in order."""
    if "{" not in path:
        return path, {}
    convertors: dict[str, Convertor[Any]] = {}
    duplicates: set[str] = set()
    for name, kind in PARAM_REGEX.findall(path):
        key = kind[1:] or "str"
        assert key in CONVERTOR_TYPES, f"Unknown path convertor '{key}' in {path!r}: there are {_known_convertors()}"
        if name in convertors:
            duplicates.add(name)
        convertors[name] = CONVERTOR_TYPES[key]
    if duplicates:
        plural = "s" if len(duplicates) > 1 else ""
        raise ValueError(f"Duplicated param name{plural} {', '.join(sorted(duplicates))} at path {path}")
    return PARAM_REGEX.sub(r"{\1}", path), convertors


def split_template(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> tuple[list[str], list[str]]:
    """Return the literals of a template, one more than its parameters, and the names of these."""
    first, *rest = PARAM_FORMAT_REGEX.split(path_format)
    literals, names = [first], []
    for name, literal in zip(rest[::2], rest[1::2], strict=True):
        if name in convertors:
            names.append(name)
            literals.append(literal)
        else:
            literals[-1] += f"{{{name}}}{literal}"
    return literals, names


def pattern_source(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> str:
    r"""Return the source of the pattern of a whole path. It ends in `\Z`: `$` would let a last line break pass."""
    literals, names = split_template(path_format, convertors)
    source = re.escape(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        source += f"(?P<{name}>{convertors[name].regex}){re.escape(literal)}"
    return f"^{source}\\Z"


def build_pattern(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> re.Pattern[str]:
    """Return the compiled pattern of a path, or of a host, where case and port do not count."""
    if path_format.startswith("/"):  # as in Starlette, which compiles hosts by the same function
        return re.compile(pattern_source(path_format, convertors))
    return re.compile(pattern_source(without_port(path_format), convertors), re.IGNORECASE)


def without_port(host: str) -> str:
    """Return the host of `host:port`."""
    return _PORT.sub("", host)


def compile_path(path: str) -> tuple[re.Pattern[str], str, dict[str, Convertor[Any]]]:
    """Return the pattern, the format (`/users/{id}`) and the convertors of a path, or of a host.

    Raises ValueError if a parameter occurs twice, AssertionError if a convertor is unknown.
    """
    path_format, convertors = parse_path(path)
    return build_pattern(path_format, convertors), path_format, convertors


def replace_params(
    path: str, param_convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the path with its parameters filled in, percent-encoded, and the parameters it has no place for.

    A parameter that is not given keeps its braces, and what is encoded already (`%20`) stays as it is.
    Raises InvalidParameter for a value that its convertor would not match back.
    """
    remaining = dict(path_params)
    pieces = PARAM_FORMAT_REGEX.split(path)
    for i in range(1, len(pieces), 2):
        name = pieces[i]
        if name in remaining:
            pieces[i] = _fill(path, name, param_convertors[name], remaining.pop(name))
        else:
            pieces[i] = f"{{{name}}}"
    for i in range(0, len(pieces), 2):
        pieces[i] = percent_encode(pieces[i])
    filled = without_authority("".join(pieces))  # an empty first parameter: `//evil.example`
    if _has_dots(filled, path):
        raise InvalidParameter(path, path_params, reason='No parameter may make a segment "." or "..".')
    return filled, remaining


def percent_encode(text: str) -> str:
    """Return a path as it stands in a URL; what is percent-encoded already stays as it is."""
    return _TO_ENCODE.sub(lambda found: quote(found[0], safe="", errors="surrogateescape"), text)


def missing_params(convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]) -> list[str]:
    """Return the parameters of a template that are not given."""
    return [name for name in convertors if name not in path_params]


def _fill(path: str, name: str, convertor: Convertor[Any], value: Any) -> str:
    if isinstance(value, URLPath):
        return str(value)
    try:
        text = convertor.to_string(value)
        # A value that the route would not match back would be a link to a 404.
        matches = re.fullmatch(convertor.regex, text) is not None
        if matches:
            convertor.convert(text)
            return percent_encode(text)
    except _CANNOT_WRITE as exc:
        reason = f'The convertor of "{name}" does not take {value!r}: {str(exc) or type(exc).__name__}.'
        raise InvalidParameter(path, {name: value}, reason=reason) from exc
    reason = f'The convertor of "{name}" would not match {value!r} back.'
    raise InvalidParameter(path, {name: value}, reason=reason)


def _has_dots(filled: str, template: str) -> bool:
    """Return whether a parameter made a segment `.` or `..`, which clients resolve even encoded (RFC 3986 §5.2.4)."""
    kept = template.split("/")
    return any(_DOT_SEGMENT.fullmatch(segment) and segment not in kept for segment in filled.split("/"))


def _known_convertors() -> str:
    return ", ".join(sorted(CONVERTOR_TYPES))
