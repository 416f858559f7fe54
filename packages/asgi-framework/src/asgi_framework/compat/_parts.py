"""Small parts of Starlette's modules without a counterpart in the packages."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from enum import Enum, EnumMeta
from typing import Any, TypeVar

import asgi_middleware.wsgi
import asgi_routing.schemas
from asgi_requests.exceptions import RequestsDeprecationWarning
from asgi_requests.requests import Request
from asgi_requests.responses import Response

from ..types import Receive, Scope, Send

_T = TypeVar("_T")


class EndOfIteration(Exception):
    """Raised at the end of an iterator that is read in a thread, since a coroutine cannot raise StopIteration."""


def next_item(iterator: Iterator[_T]) -> _T:
    """Return the next item; raises EndOfIteration if there is none."""
    try:
        return next(iterator)
    except StopIteration:
        raise EndOfIteration from None


class _DeprecatedEnumMeta(EnumMeta):
    """The class of an enumeration that warns when a member is looked up by its value."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        message = f"`{cls.__name__}` is deprecated and will be removed in a future version."
        warnings.warn(message, RequestsDeprecationWarning, stacklevel=2)
        return super().__call__(*args, **kwargs)


class FormMessage(Enum, metaclass=_DeprecatedEnumMeta):
    """The steps of a parser of urlencoded forms."""

    FIELD_START = 1
    FIELD_NAME = 2
    FIELD_DATA = 3
    FIELD_END = 4
    END = 5


def user_safe_decode(src: bytes | bytearray, codec: str) -> str:
    """Return decoded bytes; latin-1 is used if the codec is unknown or the bytes are invalid."""
    try:
        return src.decode(codec)
    # The codec comes from a client's header: `utf-99` must not be a 500.
    except (UnicodeDecodeError, LookupError):
        return src.decode("latin-1")


class WSGIResponder:
    """A WSGI application for one request."""

    def __init__(self, app: Callable[..., Any], scope: Scope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        await asgi_middleware.wsgi.WSGIMiddleware(self.app)(self.scope, receive, send)


def build_environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return the environ of a request with this body (PEP 3333)."""
    return asgi_middleware.wsgi.build_environ(scope, io.BytesIO(body))


remove_converter_pattern = re.compile(r":\w+}")  # `{id:int}` in a path, which OpenAPI writes as `{id}`


class OpenAPIResponse(Response):
    """A schema as YAML; raises ImportError without pyyaml."""

    media_type = "application/vnd.oai.openapi"

    def render(self, content: Any) -> bytes:
        return asgi_routing.schemas.OpenAPIResponse(content).body


class BaseSchemaGenerator(asgi_routing.schemas.BaseSchemaGenerator):
    """The base class of schema generators that return responses."""

    def OpenAPIResponse(self, request: Request) -> Response:  # type: ignore[override]
        """Return the schema of `request.app`."""
        return OpenAPIResponse(content=self.get_schema(request.app.routes))


class SchemaGenerator(BaseSchemaGenerator, asgi_routing.schemas.SchemaGenerator):
    """A generator of an OpenAPI description from a base and only the docstrings of the endpoints.

    Existing programs compare whole schemas, so path parameters are left out unless `path_parameters=True`.
    """

    path_parameters = False
