"""A web framework assembled from asgi-requests, asgi-routing and asgi-middleware.

    from asgi_framework import App, JSONResponse, Request, Route

    async def hello(request: Request) -> JSONResponse:
        return JSONResponse({"hello": request.path_params["name"]})

    app = App(routes=[Route("/hello/{name}", hello)])

A name is imported when it is first used, and is the same object as in the package that defines it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgi_middleware import Middleware
    from asgi_middleware.around import Stack, When, around_http
    from asgi_middleware.body_limit import RequestBodyLimitMiddleware
    from asgi_middleware.cors import CORSMiddleware
    from asgi_middleware.gzip import GZipMiddleware
    from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware
    from asgi_middleware.opentelemetry import OpenTelemetryMiddleware
    from asgi_middleware.sessions import SessionMiddleware
    from asgi_middleware.trustedhost import TrustedHostMiddleware
    from asgi_middleware.wsgi import WSGIMiddleware
    from asgi_requests import (
        URL,
        Address,
        BackgroundTask,
        BackgroundTasks,
        BaseHTTPMiddleware,
        Broadcast,
        CacheControl,
        ClientDisconnect,
        CommaSeparatedStrings,
        DiskSink,
        DispatchFunction,
        EventLog,
        EventSourceResponse,
        FileResponse,
        FormData,
        Headers,
        HTMLResponse,
        HTTPConnection,
        HTTPEndpoint,
        HTTPException,
        ImmutableMultiDict,
        JSONCodec,
        JSONLinesResponse,
        JSONResponse,
        MultiDict,
        MutableHeaders,
        NotAcceptable,
        Part,
        PartLimits,
        PlainTextResponse,
        QueryParams,
        RedirectResponse,
        Request,
        RequestResponseEndpoint,
        Response,
        Secret,
        ServerSentEvent,
        State,
        StaticFiles,
        StreamingResponse,
        UnprocessableContent,
        UploadFile,
        WebSocket,
        WebSocketDisconnect,
        WebSocketEndpoint,
        WebSocketException,
        WebSocketState,
        iterate_in_threadpool,
        last_event_id,
        msgspec_codec,
        negotiate,
        negotiate_language,
        orjson_codec,
        pydantic_codec,
        run_in_threadpool,
        status,
    )
    from asgi_requests.templating import Jinja2Templates
    from asgi_routing import Convertor, NoMatchFound, register_url_convertor
    from asgi_routing.schemas import SchemaGenerator

    from .applications import App
    from .authentication import (
        AuthCredentials,
        AuthenticationBackend,
        AuthenticationError,
        BaseUser,
        SimpleUser,
        UnauthenticatedUser,
        requires,
    )
    from .config import Config, Environ
    from .middleware import AuthenticationMiddleware, ExceptionMiddleware, ServerErrorMiddleware
    from .routing import Host, Match, Mount, Route, Router, URLPath, WebSocketRoute
    from .testclient import AsyncTestClient, TestClient

__version__ = "1.0.0"

__all__ = [
    "URL",
    "Address",
    "App",
    "AsyncTestClient",
    "AuthCredentials",
    "AuthenticationBackend",
    "AuthenticationError",
    "AuthenticationMiddleware",
    "BackgroundTask",
    "BackgroundTasks",
    "BaseHTTPMiddleware",
    "BaseUser",
    "Broadcast",
    "CORSMiddleware",
    "CacheControl",
    "ClientDisconnect",
    "CommaSeparatedStrings",
    "Config",
    "Convertor",
    "DiskSink",
    "DispatchFunction",
    "Environ",
    "EventLog",
    "EventSourceResponse",
    "ExceptionMiddleware",
    "FileResponse",
    "FormData",
    "GZipMiddleware",
    "HTMLResponse",
    "HTTPConnection",
    "HTTPEndpoint",
    "HTTPException",
    "HTTPSRedirectMiddleware",
    "Headers",
    "Host",
    "ImmutableMultiDict",
    "JSONCodec",
    "JSONLinesResponse",
    "JSONResponse",
    "Jinja2Templates",
    "Match",
    "Middleware",
    "Mount",
    "MultiDict",
    "MutableHeaders",
    "NoMatchFound",
    "NotAcceptable",
    "OpenTelemetryMiddleware",
    "Part",
    "PartLimits",
    "PlainTextResponse",
    "QueryParams",
    "RedirectResponse",
    "Request",
    "RequestBodyLimitMiddleware",
    "RequestResponseEndpoint",
    "Response",
    "Route",
    "Router",
    "SchemaGenerator",
    "Secret",
    "ServerErrorMiddleware",
    "ServerSentEvent",
    "SessionMiddleware",
    "SimpleUser",
    "Stack",
    "State",
    "StaticFiles",
    "StreamingResponse",
    "TestClient",
    "TrustedHostMiddleware",
    "URLPath",
    "UnauthenticatedUser",
    "UnprocessableContent",
    "UploadFile",
    "WSGIMiddleware",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketEndpoint",
    "WebSocketException",
    "WebSocketRoute",
    "WebSocketState",
    "When",
    "__version__",
    "around_http",
    "iterate_in_threadpool",
    "last_event_id",
    "msgspec_codec",
    "negotiate",
    "negotiate_language",
    "orjson_codec",
    "pydantic_codec",
    "register_url_convertor",
    "requires",
    "run_in_threadpool",
    "status",
]

_MODULES = {
    "asgi_middleware": "Middleware",
    "asgi_middleware.around": "Stack When around_http",
    "asgi_middleware.body_limit": "RequestBodyLimitMiddleware",
    "asgi_middleware.cors": "CORSMiddleware",
    "asgi_middleware.gzip": "GZipMiddleware",
    "asgi_middleware.httpsredirect": "HTTPSRedirectMiddleware",
    "asgi_middleware.opentelemetry": "OpenTelemetryMiddleware",
    "asgi_middleware.sessions": "SessionMiddleware",
    "asgi_middleware.trustedhost": "TrustedHostMiddleware",
    "asgi_middleware.wsgi": "WSGIMiddleware",
    "asgi_requests": (
        "Address BackgroundTask BackgroundTasks BaseHTTPMiddleware Broadcast CacheControl ClientDisconnect "
        "CommaSeparatedStrings DiskSink DispatchFunction EventLog EventSourceResponse FileResponse FormData "
        "HTMLResponse HTTPConnection HTTPEndpoint HTTPException Headers ImmutableMultiDict JSONCodec "
        "JSONLinesResponse JSONResponse MultiDict MutableHeaders NotAcceptable Part PartLimits PlainTextResponse "
        "QueryParams RedirectResponse Request RequestResponseEndpoint Response Secret ServerSentEvent State "
        "StaticFiles StreamingResponse URL UnprocessableContent UploadFile WebSocket WebSocketDisconnect "
        "WebSocketEndpoint WebSocketException WebSocketState iterate_in_threadpool last_event_id msgspec_codec "
        "negotiate negotiate_language orjson_codec pydantic_codec run_in_threadpool status "
    ),
    "asgi_requests.templating": "Jinja2Templates",
    "asgi_routing": "Convertor NoMatchFound register_url_convertor",
    "asgi_routing.schemas": "SchemaGenerator",
    ".applications": "App",
    ".authentication": (
        "AuthCredentials AuthenticationBackend AuthenticationError BaseUser SimpleUser UnauthenticatedUser requires "
    ),
    ".config": "Config Environ",
    ".middleware": "AuthenticationMiddleware ExceptionMiddleware ServerErrorMiddleware",
    ".routing": "Host Match Mount Route Router URLPath WebSocketRoute",
    ".testclient": "AsyncTestClient TestClient",
}
_ORIGINS = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _ORIGINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_ORIGINS[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
