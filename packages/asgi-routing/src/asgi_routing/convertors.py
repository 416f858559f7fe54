"""Convertors: the text that a parameter such as `{id:int}` may have, and the value made of it.

    from asgi_routing.convertors import Convertor, register_url_convertor

    class YearConvertor(Convertor[int]):
        regex = "[0-9]{4}"
        openapi = {"type": "string", "pattern": "^[0-9]{4}$"}

        def convert(self, value: str) -> int:
            return int(value)

        def to_string(self, value: int) -> str:
            return f"{value:04}"

    register_url_convertor("year", YearConvertor())

Clients choose the text that `regex` is run on: write one that does not backtrack much. One character class that is
repeated, such as `[a-z0-9-]+`, is matched in linear time whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal
    from uuid import UUID

# They cost a tenth of the import of an application, and few have such a parameter: the methods import them.

__all__ = [
    "CONVERTOR_TYPES",
    "Convertor",
    "DateConvertor",
    "DatetimeConvertor",
    "DecimalConvertor",
    "FloatConvertor",
    "IntegerConvertor",
    "PathConvertor",
    "StringConvertor",
    "UUIDConvertor",
    "register_url_convertor",
]

T = TypeVar("T")
Schema = Mapping[str, Any]

NOT_CONVERTIBLE = (ValueError, LookupError, ArithmeticError, AssertionError)


class Convertor(Generic[T]):
    """A kind of path parameter: `regex` is the text it matches, whole.

    A ValueError, LookupError, ArithmeticError or AssertionError from `convert` means that the path does not match.
    `openapi` is the schema of the parameter in OpenAPI: without one of its own, a class with a `regex` has a string's.
    """

    regex: ClassVar[str] = ""
    openapi: ClassVar[Schema] = {"type": "string"}

    def convert(self, value: str) -> T:
        """Return the value of a text that `regex` matches."""
        raise NotImplementedError

    def to_string(self, value: T) -> str:
        """Return the text of a value, not yet percent-encoded; raise for a value that has none."""
        raise NotImplementedError


class StringConvertor(Convertor[str]):
    """Text within one segment, at least one character."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        value = str(value)
        assert "/" not in value, "May not contain path separators"
        assert value, "Must not be empty"
        return value


class PathConvertor(Convertor[str]):
    """The rest of the path, possibly empty: slashes and line breaks included."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return str(value)

    def to_string(self, value: str) -> str:
        return str(value)


class IntegerConvertor(Convertor[int]):
    """ASCII digits; more of them than `sys.get_int_max_str_digits()` allows do not match."""

    # Not `\d`, which matches the digits of every script.
    regex = "[0-9]+"
    openapi: ClassVar[Schema] = {"type": "integer", "format": "int64", "minimum": 0}

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        value = int(value)
        assert value >= 0, "Negative integers are not supported"
        return str(value)


class FloatConvertor(Convertor[float]):
    """ASCII digits, optionally a point and more digits; no sign, no exponent."""

    regex = r"[0-9]+(\.[0-9]+)?"
    openapi: ClassVar[Schema] = {"type": "number", "minimum": 0}

    def convert(self, value: str) -> float:
        return float(value)

    def to_string(self, value: float) -> str:
        value = float(value)
        assert not value < 0.0, "Negative floats are not supported"
        assert value == value, "NaN values are not supported"  # noqa: PLR0124 - only NaN differs from itself
        assert value != float("inf"), "Infinite values are not supported"
        text = repr(value)  # the shortest text that leads back to the same float
        if "e" in text:
            from decimal import Decimal

            text = f"{Decimal(text):f}"
        return text.removesuffix(".0")


class UUIDConvertor(Convertor["UUID"]):
    """A UUID in hexadecimal, with or without its hyphens, in either case."""

    regex = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
    openapi: ClassVar[Schema] = {"type": "string", "format": "uuid"}

    def convert(self, value: str) -> UUID:
        from uuid import UUID

        return UUID(value)

    def to_string(self, value: UUID) -> str:
        return str(value)


class DateConvertor(Convertor["date"]):
    """A day such as `2026-02-28` (ISO 8601); one that the calendar does not have does not match."""

    # fromisoformat() reads more: weeks, and days without hyphens.
    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    openapi: ClassVar[Schema] = {"type": "string", "format": "date"}

    def convert(self, value: str) -> date:
        from datetime import date

        return date.fromisoformat(value)

    def to_string(self, value: date | str) -> str:
        from datetime import date, datetime

        # A datetime is a date: its time would be lost without a word.
        assert not isinstance(value, datetime), "A datetime has a time too: give its date()"
        return value.isoformat() if isinstance(value, date) else date.fromisoformat(value).isoformat()


class DatetimeConvertor(Convertor["datetime"]):
    """A moment such as `2026-02-28T12:30:00Z` or `...:00.25+01:00` (RFC 3339): its offset is required.

    The value is aware. A leap second does not match, nor does 24:00, or more than six digits of a second.
    """

    # fromisoformat() reads more: weeks, forms without separators, any character in place of the T.
    regex = (
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
        r"(?:\.[0-9]{1,6})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    )
    openapi: ClassVar[Schema] = {"type": "string", "format": "date-time"}

    def convert(self, value: str) -> datetime:
        from datetime import datetime

        return datetime.fromisoformat(value.upper())  # RFC 3339 allows `z`, which Python does not read

    def to_string(self, value: datetime | str) -> str:
        from datetime import datetime

        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        assert moment.utcoffset() is not None, "A naive datetime names no moment: give it a tzinfo"
        text = moment.isoformat()
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


class DecimalConvertor(Convertor["Decimal"]):
    """An exact number such as `-12.50`: up to 64 digits before a point and 64 after it; no exponent, no NaN."""

    regex = r"-?[0-9]{1,64}(?:\.[0-9]{1,64})?"
    openapi: ClassVar[Schema] = {"type": "string", "format": "decimal", "pattern": f"^{regex}$"}

    def convert(self, value: str) -> Decimal:
        from decimal import Decimal

        return Decimal(value)

    def to_string(self, value: Decimal | float | str) -> str:
        from decimal import Decimal

        number = value if isinstance(value, Decimal) else Decimal(str(value))
        assert number.is_finite(), "Only finite numbers are supported"
        _, digits, exponent = number.as_tuple()
        # An exponent in a few characters may stand for a gigabyte of zeros.
        assert isinstance(exponent, int)
        assert exponent >= -64, "At most 64 digits may follow the point"
        assert len(digits) + exponent <= 64, "At most 64 digits may precede the point"
        return f"{number:f}"


CONVERTOR_TYPES: dict[str, Convertor[Any]] = {
    "str": StringConvertor(),
    "path": PathConvertor(),
    "int": IntegerConvertor(),
    "float": FloatConvertor(),
    "uuid": UUIDConvertor(),
    "date": DateConvertor(),
    "datetime": DatetimeConvertor(),
    "decimal": DecimalConvertor(),
}


BUILT_IN: frozenset[type[Convertor[Any]]] = frozenset(map(type, CONVERTOR_TYPES.values()))
"""The kinds whose answer depends on the text alone, and whose values cannot be changed."""


def register_url_convertor(key: str, convertor: Convertor[Any]) -> None:
    """Make `{name:key}` available to paths compiled from now on."""
    CONVERTOR_TYPES[key] = convertor
