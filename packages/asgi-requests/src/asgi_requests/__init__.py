"""Request, Response, WebSocket, forms, files, static files and templates for any ASGI application.

    from asgi_requests import PlainTextResponse, request_response

    app = request_response(lambda request: PlainTextResponse("Hello"))

Each name is imported from its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import status
    from .adapters import request_response, websocket_session
    from .background import BackgroundTask, BackgroundTasks
    from .cache_control import CacheControl
    from .concurrency import is_async_callable, iterate_in_threadpool, run_in_threadpool, run_until_first_complete
    from .cookies import cookie_parser
    from .endpoints import HTTPEndpoint, WebSocketEndpoint
    from .exceptions import (
        ClientDisconnect,
        HTTPException,
        MultiPartException,
        RequestsDeprecationWarning,
        WebSocketDisconnect,
        WebSocketDisconnected,
        WebSocketException,
    )
    from .files import FileResponse, MalformedRangeHeader, RangeNotSatisfiable, content_disposition
    from .forms import FormParser, FormTooLarge, MultiPartParser, MultipartPart
    from .headers import Headers, MutableHeaders
    from .jsoncodec import (
        JSONCodec,
        check_codec,
        current_codec,
        msgspec_codec,
        orjson_codec,
        pydantic_codec,
        serve_with_codec,
    )
    from .jsonlines import InvalidJSONLine, JSONLinesResponse, read_json_lines
    from .middleware import BaseHTTPMiddleware, DispatchFunction, RequestResponseEndpoint
    from .multidict import FormData, ImmutableMultiDict, MultiDict, QueryParams
    from .negotiation import NotAcceptable, negotiate, negotiate_language
    from .parts import DiskSink, Part, PartLimits, PartReader, SavedPart, Sink
    from .requests import HTTPConnection, Request
    from .responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
    from .secrets import CommaSeparatedStrings, Secret
    from .sse import Broadcast, EventLog, EventSourceResponse, Replay, ServerSentEvent, Subscription, last_event_id
    from .state import State
    from .staticfiles import NotModifiedResponse, Representation, StaticFiles
    from .templating import Jinja2Templates
    from .typed import UnprocessableContent
    from .uploads import UploadFile
    from .urls import URL, Address
    from .websockets import InvalidFrame, UnexpectedFrame, WebSocket, WebSocketClose, WebSocketState

__version__ = "1.0.0"

_MODULES = {
    "request_response": "adapters",
    "websocket_session": "adapters",
    "BackgroundTask": "background",
    "BackgroundTasks": "background",
    "CacheControl": "cache_control",
    "is_async_callable": "concurrency",
    "iterate_in_threadpool": "concurrency",
    "run_in_threadpool": "concurrency",
    "run_until_first_complete": "concurrency",
    "cookie_parser": "cookies",
    "HTTPEndpoint": "endpoints",
    "WebSocketEndpoint": "endpoints",
    "ClientDisconnect": "exceptions",
    "HTTPException": "exceptions",
    "MultiPartException": "exceptions",
    "RequestsDeprecationWarning": "exceptions",
    "WebSocketDisconnect": "exceptions",
    "WebSocketDisconnected": "exceptions",
    "WebSocketException": "exceptions",
    "FileResponse": "files",
    "MalformedRangeHeader": "files",
    "RangeNotSatisfiable": "files",
    "content_disposition": "files",
    "FormParser": "forms",
    "FormTooLarge": "forms",
    "MultiPartParser": "forms",
    "MultipartPart": "forms",
    "Headers": "headers",
    "MutableHeaders": "headers",
    "JSONCodec": "jsoncodec",
    "check_codec": "jsoncodec",
    "current_codec": "jsoncodec",
    "msgspec_codec": "jsoncodec",
    "orjson_codec": "jsoncodec",
    "pydantic_codec": "jsoncodec",
    "serve_with_codec": "jsoncodec",
    "InvalidJSONLine": "jsonlines",
    "JSONLinesResponse": "jsonlines",
    "read_json_lines": "jsonlines",
    "BaseHTTPMiddleware": "middleware",
    "DispatchFunction": "middleware",
    "RequestResponseEndpoint": "middleware",
    "FormData": "multidict",
    "ImmutableMultiDict": "multidict",
    "MultiDict": "multidict",
    "QueryParams": "multidict",
    "NotAcceptable": "negotiation",
    "negotiate": "negotiation",
    "negotiate_language": "negotiation",
    "DiskSink": "parts",
    "Part": "parts",
    "PartLimits": "parts",
    "PartReader": "parts",
    "SavedPart": "parts",
    "Sink": "parts",
    "HTTPConnection": "requests",
    "Request": "requests",
    "HTMLResponse": "responses",
    "JSONResponse": "responses",
    "PlainTextResponse": "responses",
    "RedirectResponse": "responses",
    "Response": "responses",
    "StreamingResponse": "responses",
    "CommaSeparatedStrings": "secrets",
    "Secret": "secrets",
    "Broadcast": "sse",
    "EventLog": "sse",
    "EventSourceResponse": "sse",
    "Replay": "sse",
    "ServerSentEvent": "sse",
    "Subscription": "sse",
    "last_event_id": "sse",
    "State": "state",
    "NotModifiedResponse": "staticfiles",
    "Representation": "staticfiles",
    "StaticFiles": "staticfiles",
    "Jinja2Templates": "templating",
    "UnprocessableContent": "typed",
    "UploadFile": "uploads",
    "URL": "urls",
    "Address": "urls",
    "InvalidFrame": "websockets",
    "UnexpectedFrame": "websockets",
    "WebSocket": "websockets",
    "WebSocketClose": "websockets",
    "WebSocketState": "websockets",
}

__all__ = [
    "URL",
    "Address",
    "BackgroundTask",
    "BackgroundTasks",
    "BaseHTTPMiddleware",
    "Broadcast",
    "CacheControl",
    "ClientDisconnect",
    "CommaSeparatedStrings",
    "DiskSink",
    "DispatchFunction",
    "EventLog",
    "EventSourceResponse",
    "FileResponse",
    "FormData",
    "FormParser",
    "FormTooLarge",
    "HTMLResponse",
    "HTTPConnection",
    "HTTPEndpoint",
    "HTTPException",
    "Headers",
    "ImmutableMultiDict",
    "InvalidFrame",
    "InvalidJSONLine",
    "JSONCodec",
    "JSONLinesResponse",
    "JSONResponse",
    "Jinja2Templates",
    "MalformedRangeHeader",
    "MultiDict",
    "MultiPartException",
    "MultiPartParser",
    "MultipartPart",
    "MutableHeaders",
    "NotAcceptable",
    "NotModifiedResponse",
    "Part",
    "PartLimits",
    "PartReader",
    "PlainTextResponse",
    "QueryParams",
    "RangeNotSatisfiable",
    "RedirectResponse",
    "Replay",
    "Representation",
    "Request",
    "RequestResponseEndpoint",
    "RequestsDeprecationWarning",
    "Response",
    "SavedPart",
    "Secret",
    "ServerSentEvent",
    "Sink",
    "State",
    "StaticFiles",
    "StreamingResponse",
    "Subscription",
    "UnexpectedFrame",
    "UnprocessableContent",
    "UploadFile",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketEndpoint",
    "WebSocketException",
    "WebSocketState",
    "__version__",
    "check_codec",
    "content_disposition",
    "cookie_parser",
    "current_codec",
    "is_async_callable",
    "iterate_in_threadpool",
    "last_event_id",
    "msgspec_codec",
    "negotiate",
    "negotiate_language",
    "orjson_codec",
    "pydantic_codec",
    "read_json_lines",
    "request_response",
    "run_in_threadpool",
    "run_until_first_complete",
    "serve_with_codec",
    "status",
    "websocket_session",
]


def __getattr__(name: str) -> Any:
    if name == "status":
        return import_module(".status", __name__)
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
