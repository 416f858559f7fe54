"""The origin of each name of Starlette 1.10: by module of Starlette's, our modules and the names that they define.

A name refers to an attribute of the same name, `name=attribute` to another. If several modules have a name the origin
is the one that uses it, so that setting it under the old name takes effect.
"""

from __future__ import annotations

HOMES: dict[str, dict[str, str]] = {
    "starlette": {},
    "starlette._exception_handler": {
        ".._handlers": "is_async_callable run_in_threadpool",
        "._exceptions": "_lookup_exception_handler=lookup_exception_handler wrap_app_handling_exceptions",
        "..types": "ASGIApp Message Receive Scope Send",
        "._typing": "ExceptionHandler ExceptionHandlers StatusHandlers",
        "asgi_requests.exceptions": "HTTPException",
        "asgi_requests.requests": "Request",
        "asgi_requests.websockets": "WebSocket",
    },
    "starlette._utils": {
        "._awaitables": "AwaitableOrContextManager AwaitableOrContextManagerWrapper create_collapsing_task_group",
        "._hosts": "ParsedHost parse_host_header",
        "..types": "Scope",
        "._typing": "SupportsAsyncClose SupportsAsyncCloseType T T_co",
        "asgi_requests.concurrency": "is_async_callable",
        "asgi_routing": "get_route_path",
    },
    "starlette.applications": {
        "..applications": "ExceptionMiddleware Middleware ServerErrorMiddleware",
        "..routing": "Router URLPath",
        "._starlette": "Starlette",
        "._body_limit": "RequestBodyLimitMiddleware",
        "..types": "ASGIApp Receive Scope Send",
        "._typing": "AppType ExceptionHandler Lifespan P _MiddlewareFactory=MiddlewareFactory",
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "Response",
        "asgi_requests.state": "State",
        "asgi_routing.routes": "BaseRoute",
    },
    "starlette.authentication": {
        "..authentication": "has_required_scope requires",
        "._typing": "_P=P",
        "asgi_middleware.authentication": (
            "AuthCredentials AuthenticationBackend AuthenticationError BaseUser SimpleUser UnauthenticatedUser"
        ),
        "asgi_requests.concurrency": "is_async_callable",
        "asgi_requests.exceptions": "HTTPException",
        "asgi_requests.requests": "HTTPConnection Request",
        "asgi_requests.responses": "RedirectResponse",
        "asgi_requests.websockets": "WebSocket",
    },
    "starlette.background": {
        "._typing": "P",
        "asgi_requests.background": "BackgroundTask BackgroundTasks",
        "asgi_requests.concurrency": "is_async_callable run_in_threadpool",
    },
    "starlette.concurrency": {
        "._parts": "_StopIteration=EndOfIteration _next=next_item",
        "._typing": "P T",
        "asgi_requests.concurrency": "iterate_in_threadpool run_in_threadpool run_until_first_complete",
        "asgi_requests.exceptions": "StarletteDeprecationWarning=RequestsDeprecationWarning",
    },
    "starlette.config": {
        "..config": "Config Environ EnvironError environ undefined",
        "._typing": "T",
    },
    "starlette.convertors": {
        "._typing": "T",
        "asgi_routing.convertors": (
            "Convertor FloatConvertor IntegerConvertor PathConvertor StringConvertor UUIDConvertor "
            "register_url_convertor"
        ),
        "asgi_routing.paths": "CONVERTOR_TYPES",
    },
    "starlette.datastructures": {
        "._hosts": "parse_host_header",
        "..types": "Scope",
        "._typing": "_CovariantValueType=CovariantValueType_co _KeyType=KeyType",
        "asgi_requests.concurrency": "run_in_threadpool",
        "asgi_requests.headers": "Headers MutableHeaders",
        "asgi_requests.multidict": "FormData ImmutableMultiDict MultiDict QueryParams",
        "asgi_requests.secrets": "CommaSeparatedStrings Secret",
        "asgi_requests.state": "State",
        "asgi_requests.uploads": "UploadFile",
        "asgi_requests.urls": "Address URL",
        "..routing": "URLPath",
    },
    "starlette.endpoints": {
        "..types": "Message Receive Scope Send",
        "asgi_requests.adapters": "run_in_threadpool",
        "asgi_requests.endpoints": "HTTPEndpoint WebSocketEndpoint is_async_callable",
        "asgi_requests.exceptions": "HTTPException",
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "PlainTextResponse Response",
        "asgi_requests.websockets": "WebSocket",
    },
    "starlette.exceptions": {
        "asgi_requests.exceptions": (
            "HTTPException StarletteDeprecationWarning=RequestsDeprecationWarning WebSocketException"
        ),
    },
    "starlette.formparsers": {
        "._parts": "FormMessage _user_safe_decode=user_safe_decode",
        "asgi_requests.exceptions": "MultiPartException StarletteDeprecationWarning=RequestsDeprecationWarning",
        "asgi_requests.forms": "FormParser MultiPartParser MultipartPart SpooledTemporaryFile",
        "asgi_requests.headers": "Headers",
        "asgi_requests.multidict": "FormData",
        "asgi_requests.uploads": "UploadFile",
        "python_multipart.exceptions": "FormParserError",
        "python_multipart.multipart": "parse_options_header",
    },
    "starlette.middleware": {
        "._typing": "P _MiddlewareFactory=MiddlewareFactory",
        "asgi_middleware": "Middleware",
    },
    "starlette.middleware.authentication": {
        "..middleware": "AuthenticationMiddleware",
        "..types": "ASGIApp Receive Scope Send",
        "asgi_middleware.authentication": (
            "AuthCredentials AuthenticationBackend AuthenticationError UnauthenticatedUser"
        ),
        "asgi_requests.requests": "HTTPConnection",
        "asgi_requests.responses": "PlainTextResponse Response",
    },
    "starlette.middleware.base": {
        "._awaitables": "create_collapsing_task_group",
        "..types": "ASGIApp Message Receive Scope Send",
        "._typing": "AsyncContentStream T",
        "asgi_requests.exceptions": "ClientDisconnect",
        "asgi_requests.middleware": (
            "BaseHTTPMiddleware DispatchFunction RequestResponseEndpoint _StreamingResponse=ForwardedResponse"
        ),
        "asgi_requests.requests": "Request _CachedRequest=Request",
        "asgi_requests.responses": "Response",
    },
    "starlette.middleware.body_limit": {
        "..routing": "_RequestBodyTooLarge=BodyTooLarge",
        "._body_limit": ("RequestBodyLimitMiddleware RequestBodyLimitResponder _get_content_length=get_content_length"),
        "..types": "ASGIApp Message Receive Scope Send",
        "asgi_middleware.body_limit": (
            "MAX_BODY_SIZE_SCOPE_KEY=LIMIT_SCOPE_KEY _BODY_LIMIT_RESPONDER_SCOPE_KEY=LIMIT_SCOPE_KEY "
            "_RequestBodyLimitResponseSent=ResponseSent"
        ),
        "asgi_requests.exceptions": "HTTPException",
        "asgi_requests.headers": "Headers",
        "asgi_requests.responses": "PlainTextResponse",
    },
    "starlette.middleware.cors": {
        "..types": "ASGIApp Message Receive Scope Send",
        "asgi_middleware.cors": "ALL_METHODS CORSMiddleware SAFELISTED_HEADERS",
        "asgi_requests.headers": "Headers MutableHeaders",
        "asgi_requests.responses": "PlainTextResponse Response",
    },
    "starlette.middleware.errors": {
        "..middleware": "ServerErrorMiddleware",
        "..types": "ASGIApp Message Receive Scope Send",
        "._typing": "ExceptionHandler",
        ".._handlers": "is_async_callable run_in_threadpool",
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "HTMLResponse PlainTextResponse Response",
    },
    "starlette.middleware.exceptions": {
        "..middleware": "ExceptionMiddleware",
        "._exceptions": "wrap_app_handling_exceptions",
        "..types": "ASGIApp Receive Scope Send",
        "._typing": "ExceptionHandler ExceptionHandlers StatusHandlers",
        "asgi_requests.exceptions": "HTTPException WebSocketException",
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "PlainTextResponse Response",
        "asgi_requests.websockets": "WebSocket",
    },
    "starlette.middleware.gzip": {
        "._responders": "GZipResponder IdentityResponder unattached_send",
        "..types": "ASGIApp Message Receive Scope Send",
        "asgi_middleware.gzip": "DEFAULT_EXCLUDED_CONTENT_TYPES GZipMiddleware",
        "asgi_requests.headers": "Headers MutableHeaders",
    },
    "starlette.middleware.httpsredirect": {
        "..types": "ASGIApp Receive Scope Send",
        "asgi_middleware.httpsredirect": "HTTPSRedirectMiddleware",
        "asgi_requests.responses": "PlainTextResponse RedirectResponse",
        "asgi_requests.urls": "URL",
    },
    "starlette.middleware.opentelemetry": {
        "..routing": "Mount",
        "..types": "ASGIApp Message Receive Scope Send",
        "asgi_middleware.opentelemetry": "OpenTelemetryMiddleware",
        "asgi_requests.urls": "URL",
    },
    "starlette.middleware.sessions": {
        "..types": "ASGIApp Message Receive Scope Send",
        "asgi_middleware.sessions": "Session SessionMiddleware",
        "asgi_requests.headers": "MutableHeaders",
        "asgi_requests.requests": "HTTPConnection",
        "asgi_requests.secrets": "Secret",
        "itsdangerous": "BadSignature",
    },
    "starlette.middleware.trustedhost": {
        "._hosts": "parse_host_header",
        "..types": "ASGIApp Receive Scope Send",
        "asgi_middleware.trustedhost": "ENFORCE_DOMAIN_WILDCARD TrustedHostMiddleware",
        "asgi_requests.headers": "Headers",
        "asgi_requests.responses": "PlainTextResponse RedirectResponse Response",
        "asgi_requests.urls": "URL",
    },
    "starlette.middleware.wsgi": {
        "._awaitables": "create_collapsing_task_group",
        "..types": "Receive Scope Send",
        "._parts": "WSGIResponder build_environ",
        "asgi_middleware.wsgi": "WSGIMiddleware",
        "asgi_requests.exceptions": "StarletteDeprecationWarning=RequestsDeprecationWarning",
    },
    "starlette.requests": {
        "._awaitables": "AwaitableOrContextManager AwaitableOrContextManagerWrapper",
        "..types": "Message Receive Scope Send",
        "asgi_requests.cookies": "cookie_parser",
        "asgi_requests.exceptions": "ClientDisconnect HTTPException MultiPartException",
        "asgi_requests.forms": "FormParser MultiPartParser",
        "asgi_requests.headers": "Headers",
        "asgi_requests.multidict": "FormData QueryParams",
        "asgi_requests.requests": (
            "HTTPConnection Request SERVER_PUSH_HEADERS_TO_COPY StateT empty_receive empty_send"
        ),
        "asgi_requests.state": "State",
        "asgi_requests.urls": "Address URL",
        "python_multipart.multipart": "parse_options_header",
    },
    "starlette.responses": {
        "._awaitables": "create_collapsing_task_group",
        "..types": "Message Receive Scope Send",
        "._typing": "AsyncContentStream SyncContentStream",
        "asgi_requests.background": "BackgroundTask",
        "asgi_requests.concurrency": "iterate_in_threadpool",
        "asgi_requests.exceptions": "ClientDisconnect",
        "asgi_requests.files": "FileResponse MalformedRangeHeader RangeNotSatisfiable",
        "asgi_requests.headers": "Headers MutableHeaders",
        "asgi_requests.responses": (
            "Content ContentStream HTMLResponse JSONResponse PlainTextResponse RedirectResponse Response "
            "StreamingResponse"
        ),
        "asgi_requests.urls": "URL",
    },
    "starlette.routing": {
        "..routing": "Host Mount Route Router URLPath WebSocketRoute request_response websocket_session",
        "._body_limit": "RequestBodyLimitMiddleware",
        "._exceptions": "wrap_app_handling_exceptions",
        "._hosts": "parse_host_header",
        "._lifespan": (
            "_AsyncLiftContextManager=AsyncLiftContextManager _DefaultLifespan=DefaultLifespan "
            "_wrap_gen_lifespan_context=wrap_gen_lifespan_context"
        ),
        "..types": "ASGIApp Receive Scope Send",
        "._typing": "Lifespan _T=T",
        "asgi_middleware": "Middleware",
        ".._calls": "is_async_callable run_in_threadpool",
        "asgi_requests.exceptions": "HTTPException StarletteDeprecationWarning=RequestsDeprecationWarning",
        "asgi_requests.headers": "Headers",
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "PlainTextResponse RedirectResponse Response",
        "asgi_requests.urls": "URL",
        "asgi_requests.websockets": "WebSocket WebSocketClose",
        "asgi_routing.convertors": "Convertor",
        "asgi_routing.exceptions": "NoMatchFound",
        "asgi_routing": "get_route_path",
        "asgi_routing.paths": "CONVERTOR_TYPES PARAM_FORMAT_REGEX PARAM_REGEX compile_path replace_params",
        "asgi_routing.routes": "BaseRoute Match get_name",
    },
    "starlette.schemas": {
        "..routing": "Host Mount Route",
        "._parts": (
            "BaseSchemaGenerator OpenAPIResponse SchemaGenerator _remove_converter_pattern=remove_converter_pattern"
        ),
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "Response",
        "asgi_routing.routes": "BaseRoute",
        "asgi_routing.schemas": "EndpointInfo",
    },
    "starlette.staticfiles": {
        "._starlette": "StaticFiles",
        "..types": "Receive Scope Send",
        "._typing": "PathLike",
        "asgi_requests.exceptions": "HTTPException",
        "asgi_requests.files": "FileResponse",
        "asgi_requests.headers": "Headers",
        "asgi_requests.responses": "RedirectResponse Response",
        "asgi_requests.staticfiles": "NotModifiedResponse",
        "asgi_requests.urls": "URL",
        "asgi_requests.websockets": "WebSocketClose",
        "asgi_routing": "get_route_path",
    },
    "starlette.templating": {
        "..types": "Receive Scope Send",
        "._typing": "PathLike",
        "asgi_requests.background": "BackgroundTask",
        "asgi_requests.requests": "Request",
        "asgi_requests.responses": "HTMLResponse",
        "asgi_requests.templating": "Jinja2Templates _TemplateResponse",
        "asgi_requests.urls": "URL",
        "jinja2": "pass_context",
    },
    "starlette.testclient": {
        "._testclient": "TestClient WebSocketDenialResponse WebSocketTestSession",
        "..types": "ASGIApp Message Receive Scope Send",
        "._typing": "ASGI2App ASGI3App ASGIInstance",
        "asgi_requests.concurrency": "is_async_callable",
        "asgi_requests.exceptions": "StarletteDeprecationWarning=RequestsDeprecationWarning WebSocketDisconnect",
    },
    "starlette.types": {
        "..types": "ASGIApp Message Receive Scope Send",
        "._typing": (
            "AppType ExceptionHandler HTTPExceptionHandler Lifespan StatefulLifespan StatelessLifespan "
            "WebSocketExceptionHandler"
        ),
    },
    "starlette.websockets": {
        "..types": "Message Receive Scope Send",
        "asgi_requests.exceptions": "WebSocketDisconnect WebSocketDisconnected",
        "asgi_requests.requests": "HTTPConnection StateT",
        "asgi_requests.responses": "Response",
        "asgi_requests.websockets": "WebSocket WebSocketClose WebSocketState",
    },
}
