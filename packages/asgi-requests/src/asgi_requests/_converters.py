"""Converters from plain values to types, made by pydantic or msgspec.

Rule: only this file knows either of them; both are optional, and imported when a type is first asked for.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

Path = tuple[str | int, ...]

MOST_ERRORS = 100
"""Of so many mistakes details are kept: a small body can have a million."""
_MOST_READ = 1000
"""Of more mistakes their number alone is kept: pydantic makes the details of all or none, 600 bytes for each."""


class Mismatch(Exception):
    """A value that does not fit its type: the details, and the path of each into the value."""

    def __init__(self, errors: list[tuple[str, Path]]) -> None:
        self.errors = errors


UNREAD: Any = object()
"""What a converter returns for text that must be read as plain JSON first."""


class Converter(Protocol):
    """A reader of one type; raises Mismatch."""

    def from_text(self, text: bytes) -> Any:
        """Return the text of JSON as the type where that takes one step, and UNREAD where it does not, or fails."""
        ...

    def from_json(self, value: Any, text: bytes | None) -> Any:
        """Return the value of JSON as the type."""
        ...

    def from_strings(self, given: dict[str, Any]) -> Any:
        """Return fields, whose values are strings, lists of them or uploads, as the type."""
        ...

    def is_list(self, name: str) -> bool:
        """Return whether a field of the type takes several values."""
        ...


def converter_for(kind: Any) -> Converter:
    """Return the converter of a type.

    Raises RuntimeError where what it needs is not installed, TypeError for what neither library reads.
    """
    try:
        hash(kind)
    except TypeError:  # Annotated with something that has no hash
        return _make(kind)
    # Unions are equal in any order, and the first of their parts that fits is read.
    return _made(kind, "" if isinstance(kind, type) else repr(kind))


def _make(kind: Any) -> Converter:
    library = _library_of(kind, set())
    if library is None:
        library = next((name for name in _FIRST_WITH if _is_installed(name)), None)
    if library is None:
        raise RuntimeError(f"reading {kind!r} needs pydantic 2 or msgspec: pip install pydantic, or msgspec")
    return _Pydantic.of(kind) if library == "pydantic" else _Msgspec(kind)


@lru_cache(maxsize=256)
def _made(kind: Any, order: str) -> Converter:
    return _make(kind)


_FIRST_WITH = {"pydantic": "TypeAdapter", "msgspec": "convert"}
"""What each library has had since the first version that is of use here."""


def _is_installed(name: str) -> bool:
    try:
        return hasattr(import_module(name), _FIRST_WITH[name])
    except ImportError:
        return False


def _library_of(kind: Any, seen: set[int]) -> str | None:
    """Return the library whose class stands in a type, or None for a type of the standard library alone."""
    if id(kind) in seen:
        return None
    seen.add(id(kind))
    pydantic, msgspec = sys.modules.get("pydantic"), sys.modules.get("msgspec")
    adapters = getattr(pydantic, "TypeAdapter", ())
    if isinstance(kind, adapters) or hasattr(kind, "__pydantic_core_schema__"):
        return "pydantic"
    if msgspec is not None and (isinstance(kind, msgspec.Meta) or hasattr(kind, "__struct_fields__")):
        return "msgspec"
    if pydantic is not None and type(kind).__module__.partition(".")[0] in ("pydantic", "annotated_types"):
        return "pydantic"
    inner = [typing.get_origin(kind), *typing.get_args(kind), *getattr(kind, "__metadata__", ())]
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        inner += _hints(kind).values()
    return next((found for part in inner if (found := _library_of(part, seen))), None)


class _Pydantic:
    def __init__(self, kind: Any) -> None:
        import pydantic

        self._adapter = kind if isinstance(kind, pydantic.TypeAdapter) else pydantic.TypeAdapter(kind)
        self._error = pydantic.ValidationError
        # Names that were not defined yet are looked up now, or named.
        if not self._adapter.pydantic_complete:
            self._adapter.rebuild(raise_errors=True)
        self.is_list = _lists_of(getattr(kind, "_type", kind))

    @classmethod
    def of(cls, kind: Any) -> Converter:
        """Return the converter of a type, that of msgspec for a typing.TypedDict, which pydantic has from 3.12 on."""
        import pydantic

        if any(base.__module__.startswith("pydantic.v1") for base in getattr(kind, "__mro__", ())):
            raise TypeError(f"pydantic 2 does not read {kind!r}, a model of pydantic.v1: make it one of pydantic")
        try:
            return cls(kind)
        except (pydantic.errors.PydanticUserError, pydantic.errors.PydanticUndefinedAnnotation) as exc:
            if exc.code == "typed-dict-version" and _is_installed("msgspec"):  # pragma: no cover - on Python 3.11 alone
                return _Msgspec(kind)
            raise TypeError(f"pydantic does not read {kind!r}: {exc.message}") from exc

    def from_text(self, text: bytes) -> Any:
        # It would read NaN and 1e400 as numbers, and looking for these takes as long as reading all of it.
        return UNREAD

    def from_json(self, value: Any, text: bytes | None) -> Any:
        if text is not None:
            try:
                # In strict models JSON has dates and sets that are strings and lists, and plain values do not.
                return self._adapter.validate_json(text)
            except self._error as exc:
                # Codings other than UTF-8, and numbers that pydantic reads in its own way: the value tells.
                if exc.error_count() > 1 or exc.errors(include_url=False)[0]["type"] != "json_invalid":
                    raise self._mismatch(exc, value) from exc
        return self._convert(self._adapter.validate_python, value)

    def from_strings(self, given: dict[str, Any]) -> Any:
        return self._convert(lambda value: self._adapter.validate_python(value, strict=False), given)

    def _convert(self, convert: Callable[[Any], Any], value: Any) -> Any:
        try:
            return convert(value)
        except self._error as exc:
            raise self._mismatch(exc, value) from exc

    def _mismatch(self, exc: Any, value: Any) -> Mismatch:
        count = exc.error_count()
        if count > _MOST_READ:
            return Mismatch([(f"Input has {count} mistakes", ())])
        return Mismatch(
            [
                # This one message quotes the value.
                ("Input has an unknown tag" if kind == "union_tag_invalid" else error["msg"], _within(value, error))
                for error in exc.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]
                for kind in [error["type"]]
            ]
        )


def _within(value: Any, error: Any) -> Path:
    """Return the path of an error without the names of unions and validators, which the value does not have."""
    path: list[str | int] = []
    for part in error["loc"]:
        in_list = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if in_list or (isinstance(value, dict) and part in value):
            value = value[part]
        elif error["type"] != "missing" or part != error["loc"][-1]:
            continue
        path.append(part)
    return tuple(path)


# It quotes an unknown name, which may be a megabyte long.
_LONGEST_DETAIL = 500
_PART = re.compile(r"\.([^.\[]+)|\[(\d+)\]").match


class _Msgspec:
    def __init__(self, kind: Any) -> None:
        import msgspec

        try:
            known = msgspec.inspect.type_info(kind)
        except (TypeError, NameError) as exc:
            raise TypeError(f"msgspec does not read {kind!r}: {exc}") from exc
        if isinstance(known, msgspec.inspect.CustomType):
            raise TypeError(f"msgspec does not read {kind!r}: make it a msgspec.Struct, a dataclass or a TypedDict")
        self._decode = msgspec.json.Decoder(kind).decode
        self._undecodable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
        self._convert = msgspec.convert
        self._error = msgspec.ValidationError
        self._kind = kind
        self.is_list = _lists_of(kind)

    def from_text(self, text: bytes) -> Any:
        try:
            text.decode()  # of members that the type does not have it looks at the grammar alone
            return self._decode(text)
        except self._undecodable:
            # What does not fit may not be JSON further on, which is another answer; and JSON may be UTF-16.
            return UNREAD

    def from_json(self, value: Any, text: bytes | None) -> Any:
        return self._converted(value, strict=True)

    def from_strings(self, given: dict[str, Any]) -> Any:
        return self._converted(given, strict=False)

    def _converted(self, value: Any, *, strict: bool) -> Any:
        try:
            return self._convert(value, self._kind, strict=strict, str_keys=True)
        except self._error as exc:
            raise Mismatch([_placed(str(exc))]) from exc
        except UnicodeEncodeError as exc:  # in a name, or in text that a Literal is compared with
            raise Mismatch([("Input contains a lone surrogate", ())]) from exc


def _placed(message: str) -> tuple[str, Path]:
    """Return a message of msgspec without its path, and the path as far as it names what it goes through."""
    detail, _, place = message.rpartition(" - at ")
    place = place.removeprefix("`key` in ")
    if not (detail and place.startswith("`$") and place.endswith("`")):
        detail, place = message, ""
    path: list[str | int] = []
    at = 2  # after `$
    while part := _PART(place, at, len(place) - 1):
        path.append(part[1] or int(part[2]))
        at = part.end()
    # These two quote the value.
    for quoting in ("Invalid enum value", "Invalid value"):
        if detail.startswith(quoting + " "):
            detail = quoting
    return detail[:_LONGEST_DETAIL], tuple(path)


_SEVERAL = (
    list,
    set,
    frozenset,
    tuple,
    collections.deque,
    collections.abc.Collection,
    collections.abc.Iterable,
    collections.abc.MutableSequence,
    collections.abc.MutableSet,
    collections.abc.Sequence,
    collections.abc.Set,
)


def _lists_of(kind: Any) -> Callable[[str], bool]:
    """Return a function that says whether a field of a type takes several values."""
    if typing.get_origin(kind) in (dict, collections.abc.Mapping):
        several = _takes_several(typing.get_args(kind)[1])
        return lambda _: several
    return frozenset(name for name, hint in _fields(kind) if _takes_several(hint)).__contains__


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the names by which a field may be given, and its annotation."""
    origin = typing.get_origin(kind)
    if origin in (typing.Annotated, typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from _fields(part)
        return
    kind = origin or kind
    models = getattr(kind, "__pydantic_fields__", None)
    if models is not None:
        for name, field in models.items():
            aliases = getattr(field.validation_alias, "choices", [field.validation_alias])
            for given in {name, field.alias, *(alias for alias in aliases if isinstance(alias, str))} - {None}:
                yield given, field.annotation
        return
    hints = _hints(kind)
    renamed = zip(getattr(kind, "__struct_fields__", ()), getattr(kind, "__struct_encode_fields__", ()), strict=True)
    for name, given in (dict.fromkeys(hints) | dict(renamed)).items():
        yield given or name, hints[name]


def _hints(kind: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):  # a name that only type checkers see, or no class
        return {}


def _takes_several(hint: Any) -> bool:
    hint = getattr(hint, "__value__", hint)  # type X = list[int]
    origin = typing.get_origin(hint)
    if origin is typing.Annotated or origin in (typing.Required, typing.NotRequired):
        return _takes_several(typing.get_args(hint)[0])
    if origin is typing.Union or origin is types.UnionType:
        return any(_takes_several(part) for part in typing.get_args(hint))
    return (origin or hint) in _SEVERAL
