"""From the segments of a path to the parameters of a route: one function for each route, made when it is compiled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from .convertors import BUILT_IN, NOT_CONVERTIBLE, Convertor, IntegerConvertor, StringConvertor
from .paths import read_params

Params = dict[str, Any]
Read = Callable[[str, list[str]], "Params | None"]
"""`read(path, segments)`: the parameters, or None where the path is not the route's after all."""

Convert = Callable[[str], Any]

_NO: Final = object()


class _Patterned(Protocol):
    param_convertors: dict[str, Convertor[Any]]

    @property
    def path_regex(self) -> re.Pattern[str]: ...


def are_constant(convertors: Iterable[Convertor[Any]]) -> bool:
    """Whether what these make of a text may be remembered."""
    return all(type(convertor) in BUILT_IN for convertor in convertors)


def read_nothing(path: str, segments: list[str]) -> Params:
    """The parameters of a static path."""
    return {}


def _converter(convertor: Convertor[Any]) -> Convert:
    """A function from the text of a segment to its value, or to `_NO`."""
    if type(convertor) is StringConvertor:
        return _convert_str
    if type(convertor) is IntegerConvertor:
        return _convert_int
    fullmatch, convert = re.compile(convertor.regex).fullmatch, convertor.convert

    def convert_matching(text: str) -> Any:
        try:
            return _NO if fullmatch(text) is None else convert(text)
        except NOT_CONVERTIBLE:
            return _NO

    return convert_matching


def _convert_str(text: str) -> Any:
    return text or _NO


def _convert_int(text: str) -> Any:
    if not (text.isdigit() and text.isascii()):
        return _NO
    try:
        return int(text)
    except ValueError:  # more digits than int() takes
        return _NO


def segment_reader(places: Mapping[int, str], convertors: Mapping[str, Convertor[Any]]) -> Read:
    """The reader of a path some of whose segments are parameters, by the place of the segment."""
    params = [(place, name, _converter(convertors[name])) for place, name in places.items()]
    if len(params) == 1:
        return _one_reader(*params[0])

    def read_all(path: str, segments: list[str]) -> Params | None:
        values = {}
        for i, name, convert in params:
            value = convert(segments[i])
            if value is _NO:
                return None
            values[name] = value
        return values

    return read_all


def _one_reader(place: int, name: str, convert: Convert) -> Read:
    def read_str(path: str, segments: list[str]) -> Params | None:
        text = segments[place]
        return {name: text} if text else None

    def read_one(path: str, segments: list[str]) -> Params | None:
        value = convert(segments[place])
        return None if value is _NO else {name: value}

    def read_int(path: str, segments: list[str]) -> Params | None:
        text = segments[place]
        if text.isdigit() and text.isascii():
            try:
                return {name: int(text)}
            except ValueError:  # more digits than int() takes
                return None
        return None

    if convert is _convert_int:
        return read_int
    return read_str if convert is _convert_str else read_one


def pattern_reader(route: _Patterned) -> Read:
    """The reader of a path whose parameters are not whole segments: its pattern is asked."""
    convertors = route.param_convertors

    def read_pattern(path: str, segments: list[str]) -> Params | None:
        found = route.path_regex.match(path)
        return None if found is None else read_params(found, convertors)

    return read_pattern
