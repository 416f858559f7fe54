"""From a text to the parameters of a template: one function for each template, made when it is first needed.

Rule: no function made here takes more than linear time, but for what a program's own convertors take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .convertors import NOT_CONVERTIBLE, Convertor, StringConvertor
from .paths import build_pattern, pattern_source, split_template

Params = dict[str, Any]
Extract = Callable[[str], "Params | None"]
"""`extract(text)` returns the parameters, converted, or None if the text does not match; a caller copies them."""


def compile_extract(path_format: str, convertors: Mapping[str, Convertor[Any]], flags: int = 0) -> Extract:
    """Return the function for a template.

    A regular expression backtracks over one parameter at most if every other has one end only, such as `[^/]+`
    before a slash. Elsewhere it would try all combinations: there the text is split.
    """
    literals, names = split_template(path_format, convertors)
    if not names and not flags:
        nothing: Params = {}
        return {literals[0]: nothing}.get  # a method in C
    from ._split import SegmentSplitter, Splitter, span_of

    spans = [span_of(convertors[name].regex, flags) for name in names]
    # The last parameter needs no end of its own: the end of the text is.
    if all(span.stops_before(literal) for span, literal in zip(spans[:-1], literals[1:], strict=False)):
        return by_pattern(re.compile(pattern_source(path_format, convertors), flags), convertors)
    is_segment = not any("/" in literal for literal in literals)
    if is_segment and all(convertors[name].regex == StringConvertor.regex for name in names):
        split = SegmentSplitter(literals).split
    else:
        split = Splitter(literals, spans).split

    def extract(text: str) -> Params | None:
        texts = split(text)
        return None if texts is None else _convert(dict(zip(names, texts, strict=True)), convertors)

    return extract


def by_pattern(pattern: re.Pattern[str], convertors: Mapping[str, Convertor[Any]]) -> Extract:
    """Return the function for a regular expression."""
    match = pattern.match

    def extract(text: str) -> Params | None:
        found = match(text)
        return None if found is None else _convert(found.groupdict(), convertors)

    return extract


def _convert(texts: Mapping[str, str], convertors: Mapping[str, Convertor[Any]]) -> Params | None:
    """Return the values of the texts, or None if a convertor refuses one; named groups of convertors are dropped."""
    try:
        return {name: convertor.convert(texts[name]) for name, convertor in convertors.items()}
    except NOT_CONVERTIBLE:
        return None


class PathPattern:
    """The `path_regex` of a route: compiled when it is first read, as routing itself rarely needs it.

    A program may set another: the route then matches by it.
    """

    def __get__(self, route: Any, owner: type | None = None) -> Any:
        if route is None:
            return self
        own = vars(route)
        if "path_regex" not in own:
            own["path_regex"] = build_pattern(route.path_format, route.param_convertors)
        return own["path_regex"]

    def __set__(self, route: Any, pattern: re.Pattern[str]) -> None:
        vars(route).update(path_regex=pattern, _extract=None)

    def __delete__(self, route: Any) -> None:
        del vars(route)["path_regex"]
        vars(route)["_extract"] = None


def extract_of(route: Any) -> Extract:
    """Return the function of a route with a path: by its `path_regex` where a program has set another."""
    noted: Extract | None = route._extract
    if noted is not None:
        return noted
    if is_own_pattern(route):
        extract = compile_extract(route.path_format, route.param_convertors)
    else:
        extract = by_pattern(route.path_regex, route.param_convertors)
    if has_path_pattern(route):  # any other `path_regex` changes without notice
        route._extract = extract
    return extract


def has_path_pattern(route: Any) -> bool:
    """Return whether the class of a route has left `path_regex` as it is here."""
    return isinstance(getattr(type(route), "path_regex", None), PathPattern)


def is_own_pattern(route: Any) -> bool:
    """Return whether `path_regex` is the pattern of the route's template, and not another or with other flags."""
    if not route.path_format.startswith("/") or not has_path_pattern(route):
        return False
    pattern = vars(route).get("path_regex")
    # A pattern that a program compiled from the same text, with the same flags, may be split in linear time as well.
    return pattern is None or (
        pattern.flags == re.UNICODE and pattern.pattern == pattern_source(route.path_format, route.param_convertors)
    )
