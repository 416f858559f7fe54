"""Content negotiation: the offer of a program that a client prefers (RFC 9110 §12.5.1, §12.5.4).

    from asgi_requests import HTMLResponse, JSONResponse
    from asgi_requests.negotiation import negotiate, negotiate_language

    async def report(request):
        render = negotiate(request, {"application/json": JSONResponse, "text/html": HTMLResponse})
        language = negotiate_language(request, ["en", "de-CH"])
        return render(f"in {language}").with_vary("Accept", "Accept-Language")

Offers are a list, of which one is returned, or a dictionary, of which a value is; the order is the program's own
preference. Both functions take a request, a WebSocket or a scope. A cache must know what the choice depends on:
`Response.with_vary` names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar, overload

from ._accept import Parameters, elements
from ._fields import TOKEN, find_all, scope_headers
from ._quoted import unquote
from .exceptions import HTTPException

__all__ = ["NotAcceptable", "negotiate", "negotiate_language"]

_Offer = TypeVar("_Offer", bound=str)
_Value = TypeVar("_Value")
_Default = TypeVar("_Default")

# In bytes: browsers send some hundred. A longer field is ignored, as if the client had no preference.
_LONGEST = 4096
# Browsers and libraries send the same few values again and again, and a program has few lists of offers.
_MOST_REMEMBERED = 256
_NOT_GIVEN: Any = object()

_LANGUAGE_RANGE = re.compile(r"\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*", re.IGNORECASE | re.ASCII).fullmatch
"""Match a basic language range (RFC 4647 §2.1)."""

_MediaType = tuple[str, str, frozenset[tuple[str, str]]]


class NotAcceptable(HTTPException):
    """None of the offers is acceptable: the ASGI application that answers 406, with `Vary: Accept`.

    `offers` are the media types that there are, which the answer names (RFC 9110 §15.5.7).
    """

    def __init__(self, offers: Iterable[str]) -> None:
        self.offers = tuple(offers)
        super().__init__(406, f"Not Acceptable: there is {', '.join(self.offers)}", {"Vary": "Accept"})


@overload
def negotiate(request: Mapping[str, Any], offers: Mapping[str, _Value]) -> _Value: ...
@overload
def negotiate(request: Mapping[str, Any], offers: Mapping[str, _Value], *, default: _Default) -> _Value | _Default: ...
@overload
def negotiate(request: Mapping[str, Any], offers: Sequence[_Offer]) -> _Offer: ...
@overload
def negotiate(request: Mapping[str, Any], offers: Sequence[_Offer], *, default: _Default) -> _Offer | _Default: ...
def negotiate(request: Mapping[str, Any], offers: Any, *, default: Any = _NOT_GIVEN) -> Any:
    """Return the offered media type that Accept prefers, or the value it stands for in a dictionary.

    The most specific range that matches an offer gives its weight: `text/html;level=1`, `text/html`, `text/*`, `*/*`;
    0 excludes it. The first of equals is returned, as is the first of all where there is no Accept, or nothing valid in
    it. Where none is acceptable, returns `default` if it is given, and raises NotAcceptable if not. Raises ValueError
    for an offer that is not a media type.
    """
    names = _checked(offers, "media types")
    value = _field(request, b"accept")
    index = (_choose if len(value) <= _MOST_REMEMBERED else _choose.__wrapped__)(value, names)
    if index is not None:
        return _taken(offers, names[index])
    if default is _NOT_GIVEN:
        raise NotAcceptable(names)
    return default


@overload
def negotiate_language(request: Mapping[str, Any], offers: Mapping[str, _Value]) -> _Value: ...
@overload
def negotiate_language(
    request: Mapping[str, Any], offers: Mapping[str, _Value], *, default: _Default
) -> _Value | _Default: ...
@overload
def negotiate_language(request: Mapping[str, Any], offers: Sequence[_Offer]) -> _Offer: ...
@overload
def negotiate_language(
    request: Mapping[str, Any], offers: Sequence[_Offer], *, default: _Default
) -> _Offer | _Default: ...
def negotiate_language(request: Mapping[str, Any], offers: Any, *, default: Any = _NOT_GIVEN) -> Any:
    """Return the offered language that Accept-Language prefers, or the value it stands for in a dictionary.

    Ranges are tried by weight, those of equal weight in the client's order: the language itself, then shorter forms of
    it (`de` for `de-CH`: lookup, RFC 4647 §3.4), then the first offer that begins with it (`de-AT` for `de`: basic
    filtering, §3.3.1). Without a match returns `default`, or the first offer where there is none: a 406 would keep
    people from what they might read all the same (RFC 9110 §12.5.4). Raises ValueError for an invalid tag.
    """
    names = _checked(offers, "languages")
    value = _field(request, b"accept-language")
    index = (_choose_language if len(value) <= _MOST_REMEMBERED else _choose_language.__wrapped__)(value, names)
    if index is None:
        return _taken(offers, names[0]) if default is _NOT_GIVEN else default
    return _taken(offers, names[index])


def _checked(offers: Any, kind: str) -> tuple[str, ...]:
    if isinstance(offers, str):
        raise TypeError(f"offers is a list or a dictionary of {kind}, not one str: {offers!r}")
    names = tuple(offers)
    if not names:
        raise ValueError(f"offers is empty: give at least one of the {kind}")
    return names


def _taken(offers: Any, name: str) -> Any:
    return offers[name] if isinstance(offers, Mapping) else name


def _field(request: Any, name: bytes) -> str:
    """Return the values of a field as one list, an empty one where it is too long to be read."""
    scope = getattr(request, "scope", request)
    value = b",".join(find_all(scope_headers(scope), name))
    return value.decode("latin-1") if len(value) <= _LONGEST else ""


# Media types


@lru_cache(maxsize=128)
def _choose(value: str, names: tuple[Any, ...]) -> int | None:
    """Return the index of the offer that Accept prefers, None where none is acceptable."""
    kinds = [_offered(name) for name in names]
    ranges = _ranges(value)
    if not ranges:
        return 0
    best, most = None, 0.0
    for index, kind in enumerate(kinds):
        weight = _weight(ranges, kind)
        if weight > most:
            best, most = index, weight
    return best


def _offered(name: Any) -> _MediaType:
    parsed = list(elements(name)) if isinstance(name, str) else []
    kind = _media_type(parsed[0][0], parsed[0][1]) if len(parsed) == 1 else None
    if kind is None or "*" in kind:
        raise ValueError(f"Invalid media type among the offers: {name!r}; write it as 'application/json'")
    return kind


def _ranges(value: str) -> list[tuple[_MediaType, float]]:
    """Return the valid ranges of Accept with their weights, the most specific first."""
    found: dict[_MediaType, float] = {}
    for name, parameters, weight in elements(value):
        kind = _media_type(name, parameters)
        if kind is not None and weight is not None:
            found[kind] = max(weight, found.get(kind, 0.0))
    return sorted(found.items(), key=lambda item: (item[0][0] == "*", item[0][1] == "*", -len(item[0][2])))


def _media_type(name: str, parameters: Parameters) -> _MediaType | None:
    """Return a media type or range in parts, None for a malformed one."""
    kind, _, subtype = name.partition("/")
    if not (TOKEN(kind) and TOKEN(subtype)) or (kind == "*" and subtype != "*"):
        return None
    pairs: set[tuple[str, str]] = set()
    for key, given in parameters:
        text = unquote(given)
        if text is None:
            return None
        # This package always sends UTF-8, even if an offer does not name it, and many clients ask for it.
        if (key, text.lower()) != ("charset", "utf-8"):
            pairs.add((key, text.lower()))
    return kind, subtype, frozenset(pairs)


def _weight(ranges: list[tuple[_MediaType, float]], offer: _MediaType) -> float:
    """Return the weight of the most specific range that matches an offer, 0 where none does."""
    kind, subtype, parameters = offer
    for (range_kind, range_subtype, wanted), weight in ranges:
        if range_kind in (kind, "*") and range_subtype in (subtype, "*") and wanted <= parameters:
            return weight
    return 0.0


# Languages


@lru_cache(maxsize=128)
def _choose_language(value: str, names: tuple[Any, ...]) -> int | None:
    """Return the index of the language that Accept-Language prefers, None where none of them matches."""
    tags: dict[str, int] = {}
    for index, name in enumerate(names):
        tags.setdefault(_checked_tag(name), index)
    wanted: dict[str, float] = {}
    for name, _, weight in elements(value):
        if weight is not None and _is_range(name):
            wanted[name] = max(weight, wanted.get(name, 0.0))
    found = _best_language(wanted, tags)
    return None if found is None else tags[found]


def _is_range(name: str) -> bool:
    # No tag that is in use is longer, and shortening a longer one would take quadratic time.
    return len(name) <= 64 and _LANGUAGE_RANGE(name) is not None


def _checked_tag(name: Any) -> str:
    if not isinstance(name, str) or name == "*" or not _is_range(name):
        raise ValueError(f"Invalid language among the offers: {name!r}; write it as 'en' or 'de-CH'")
    return name.lower()


def _best_language(wanted: dict[str, float], tags: Iterable[str]) -> str | None:
    """Return the lower-case tag that ranges prefer, None where none of them matches."""
    decided = {tag: _deciding(wanted, tag) for tag in tags}
    acceptable = [tag for tag, decider in decided.items() if decider is None or wanted[decider] > 0]
    for name in sorted((name for name in wanted if wanted[name] > 0), key=lambda name: -wanted[name]):
        for shorter in _shortened(name):
            if shorter in acceptable:
                return shorter
        for tag in acceptable:
            # `*` is for languages that no other range names (RFC 9110 §12.5.4).
            if tag.startswith(f"{name}-") or (name == "*" and decided[tag] == "*"):
                return tag
    return None


def _deciding(wanted: dict[str, float], tag: str) -> str | None:
    """Return the longest range that matches a tag by basic filtering, None where none does."""
    parts = tag.split("-")
    prefixes = ("-".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in wanted), "*" if "*" in wanted else None)


def _shortened(name: str) -> Iterable[str]:
    """Iterate over a range and its shorter forms: a single letter announces what is behind it, and goes with it."""
    parts = name.split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        while parts and len(parts[-1]) == 1:
            parts.pop()
