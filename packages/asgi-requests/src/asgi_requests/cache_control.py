"""Cache-Control of a response, written and read (RFC 9111 §5.2.2, RFC 5861, RFC 8246).

    from datetime import timedelta

    from asgi_requests import CacheControl, JSONResponse

    FOR_AN_HOUR = CacheControl(public=True, max_age=timedelta(hours=1), stale_while_revalidate=60)
    assert str(FOR_AN_HOUR) == "public, max-age=3600, stale-while-revalidate=60"

    async def prices(request):
        return JSONResponse([1, 2], headers={"Cache-Control": str(FOR_AN_HOUR)})

Ages are seconds or timedeltas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ._fields import TOKEN, encode_value
from ._quoted import quote, split_outside_quotes, unquote

__all__ = ["CacheControl"]

_FLAGS = ("no_store", "no_transform", "must_revalidate", "proxy_revalidate", "must_understand", "immutable")
_WITH_NAMES = ("private", "no_cache")
_AGES = ("max_age", "s_maxage", "stale_while_revalidate", "stale_if_error")
# The customary order: which caches may store, what they must not do, for how long, and immutable last.
_ORDER = ("public", *_WITH_NAMES, *_FLAGS[:-1], *_AGES, "immutable")
_DIRECTIVES = {name.replace("_", "-"): name for name in _ORDER}
_LONGEST_AGE = 2**31
"""What a cache takes for any longer time (RFC 9111 §1.2.2)."""

Age = int | timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheControl:
    """The directives of Cache-Control in a response; `str()` is the value of the header.

    Ages are seconds or a timedelta. `private` and `no_cache` are True, or the names of the headers that they hold for.
    Directives of other documents stand in `extensions`, with None where they have no argument. Raises ValueError for an
    age that is negative or not a whole number, for a name or value that no header can hold, and for directives that
    contradict each other. `no_store` beside an age needs `must_understand`, which says when the age holds (§5.2.2.3).
    """

    public: bool = False
    private: bool | Iterable[str] = False
    no_cache: bool | Iterable[str] = False
    no_store: bool = False
    no_transform: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    max_age: Age = None
    s_maxage: Age = None
    stale_while_revalidate: Age = None
    stale_if_error: Age = None
    extensions: Mapping[str, str | None] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in _AGES:
            _set(self, name, _seconds(name, getattr(self, name)))
        for name in _WITH_NAMES:
            _set(self, name, _names(name, getattr(self, name)))
        _set(self, "extensions", {_extension(name): value for name, value in self.extensions.items()})
        encode_value("".join(quote(value) for value in self.extensions.values() if value is not None))
        for first, second, why in _CONTRADICTIONS:
            if _is_set(self, first) and _is_set(self, second) and not (first == "no_store" and self.must_understand):
                raise ValueError(f"{first} contradicts {second}: {why}")

    def __str__(self) -> str:
        parts: list[str] = []
        for directive, name in _DIRECTIVES.items():
            value: Any = getattr(self, name)
            if isinstance(value, tuple):
                parts.append(f'{directive}="{", ".join(value)}"')
            elif value is True:
                parts.append(directive)
            elif value is not None and value is not False:
                parts.append(f"{directive}={value}")
        for directive, text in self.extensions.items():
            parts.append(directive if text is None else f"{directive}={quote(text)}")
        return ", ".join(parts)

    @classmethod
    def parse(cls, value: str) -> CacheControl:
        """Return the directives of a header, contradictions among them included; raises nothing.

        Of a directive that is there twice the first counts, an age that is not a number is 0 (RFC 9111 §4.2.1), and a
        directive with invalid names of headers holds for the whole response. Unknown directives, and those of requests,
        are among the `extensions`.
        """
        found: dict[str, Any] = {}
        extensions: dict[str, str | None] = {}
        for part in split_outside_quotes(value, ","):
            directive, equals, given = (piece.strip(" \t") for piece in part.strip(" \t").partition("="))
            directive = directive.lower()
            argument = unquote(given) if equals else None
            if directive in _DIRECTIVES:
                found.setdefault(_DIRECTIVES[directive], argument)
            elif TOKEN(directive) is not None:
                extensions.setdefault(directive, argument)
        parsed = cls()
        for name, argument in found.items():
            _set(parsed, name, _parsed(name, argument))
        _set(parsed, "extensions", extensions)
        return parsed


# The class is frozen: its own methods are all that sets attributes.
_set = object.__setattr__

_SHARED = "it is about shared caches, which do not store a private response"
_NOT_STORED = "what is not stored is not used again, unless must_understand lets a cache ignore no_store"
_FRESH_ONLY = "the one forbids what the other allows, a stale response (RFC 9111 §4.2.4)"
_CONTRADICTIONS = (
    ("private", "public", "a shared cache may store the response, or may not (RFC 9111 §5.2.2.7, §5.2.2.9)"),
    ("private", "s_maxage", _SHARED),
    ("private", "proxy_revalidate", _SHARED),
    *(("no_store", name, _NOT_STORED) for name in ("public", "immutable", *_AGES)),
    ("no_cache", "immutable", "a cache asks again each time, or never (RFC 8246 §2)"),
    *((name, stale, _FRESH_ONLY) for name in ("no_cache", "must_revalidate") for stale in _AGES[2:]),
)


def _is_set(control: CacheControl, name: str) -> bool:
    """Return whether a directive holds for a whole response: an age of 0 and one for a few headers do not."""
    value: Any = getattr(control, name)
    return value is True or (isinstance(value, int) and value > 0)


def _seconds(name: str, age: Any) -> int | None:
    whole = age
    if isinstance(age, timedelta):
        whole = age // timedelta(seconds=1)
        if timedelta(seconds=whole) != age:
            whole = None
    elif age is None:
        return None
    if not isinstance(whole, int) or isinstance(whole, bool) or whole < 0:
        raise ValueError(f"{name} is a whole number of seconds, 0 or more, or such a timedelta, not {age!r}")
    return whole


def _names(name: str, given: Any) -> bool | tuple[str, ...]:
    if isinstance(given, bool):
        return given
    names = tuple(given.split(",") if isinstance(given, str) else given)
    names = tuple(each.strip(" \t").lower() if isinstance(each, str) else each for each in names)
    if not names or not all(isinstance(each, str) and TOKEN(each) for each in names):
        raise ValueError(f"{name} is True, or names of headers, not {given!r}")
    return names


def _extension(name: str) -> str:
    if TOKEN(name) is None:
        raise ValueError(f"Invalid directive: {name!r}")
    known = _DIRECTIVES.get(name.lower())
    if known is not None:
        raise ValueError(f"Write {known}=... instead of {name!r} among the extensions")
    return name.lower()


def _parsed(name: str, argument: str | None) -> Any:
    if name in _AGES:
        digits = argument or ""
        # Not int() of them all: Python refuses some thousand digits.
        return min(int(digits.lstrip("0")[:11] or 0), _LONGEST_AGE) if digits.isascii() and digits.isdigit() else 0
    if name in _WITH_NAMES and argument:
        names = [each.strip(" \t").lower() for each in argument.split(",")]
        return tuple(each for each in names if TOKEN(each)) or True
    return True
