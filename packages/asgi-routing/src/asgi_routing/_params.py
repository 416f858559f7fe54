"""From the segments of a path to the parameters of a route: one function for each route, made when it is compiled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ._patterns import Extract, Params, compile_extract
from .convertors import NOT_CONVERTIBLE, Convertor, IntegerConvertor, StringConvertor

ExtractParams = Callable[[str, list[str]], "Params | None"]
"""`extract(path, segments)` returns the parameters, or None if the path is not the route's after all."""

Convert = Callable[[str], Any]

_REFUSED: Final = object()


def extract_nothing(path: str, segments: list[str]) -> Params:
    """Return the parameters of a static path."""
    return {}


def extract_from_path(extract: Extract) -> ExtractParams:
    """Return the function for a path whose parameters may span segments."""

    def from_path(path: str, segments: list[str]) -> Params | None:
        return extract(path)

    return from_path


def extract_from_segments(places: Mapping[int, str], convertors: Mapping[str, Convertor[Any]]) -> ExtractParams:
    """Return the function for a path by the segments that vary: `{"{id}"}` at a place, or `{name}.{ext}`."""
    params = []
    partial = []
    for place, segment in places.items():
        name = segment[1:-1]  # the name of a segment that is one parameter; for `{a}.{b}` a text that is never found
        if name in convertors:
            params.append((place, name, _converter(convertors[name])))
        else:
            own = {name: convertor for name, convertor in convertors.items() if f"{{{name}}}" in segment}
            partial.append((place, compile_extract(segment, own)))
    if len(params) == 1 and not partial:
        return _extract_one(*params[0])

    def from_segments(path: str, segments: list[str]) -> Params | None:
        values = {}
        for place, name, convert in params:
            value = convert(segments[place])
            if value is _REFUSED:
                return None
            values[name] = value
        for place, extract in partial:
            more = extract(segments[place])
            if more is None:
                return None
            values |= more
        return values

    return from_segments


def _extract_one(place: int, name: str, convert: Convert) -> ExtractParams:
    def extract_str(path: str, segments: list[str]) -> Params | None:
        text = segments[place]
        return {name: text} if text else None

    def extract_int(path: str, segments: list[str]) -> Params | None:
        text = segments[place]
        if text.isdigit() and text.isascii():  # isdigit alone takes Arabic and superscript digits
            try:
                return {name: int(text)}
            except ValueError:  # more digits than int() takes
                return None
        return None

    def extract_other(path: str, segments: list[str]) -> Params | None:
        value = convert(segments[place])
        return None if value is _REFUSED else {name: value}

    if convert is _convert_str:
        return extract_str
    return extract_int if convert is _convert_int else extract_other


def _converter(convertor: Convertor[Any]) -> Convert:
    """Return a function from the text of a segment to its value, or to `_REFUSED`."""
    # The very classes: a subclass may have a `convert` of its own.
    if type(convertor) is StringConvertor:
        return _convert_str
    if type(convertor) is IntegerConvertor:
        return _convert_int
    fullmatch, convert = re.compile(convertor.regex).fullmatch, convertor.convert

    def convert_matching(text: str) -> Any:
        try:
            return _REFUSED if fullmatch(text) is None else convert(text)
        except NOT_CONVERTIBLE:
            return _REFUSED

    return convert_matching


def _convert_str(text: str) -> Any:
    return text or _REFUSED


def _convert_int(text: str) -> Any:
    if not (text.isdigit() and text.isascii()):
        return _REFUSED
    try:
        return int(text)
    except ValueError:  # more digits than int() takes
        return _REFUSED
