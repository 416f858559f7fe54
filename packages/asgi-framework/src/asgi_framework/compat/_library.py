"""Names that Starlette's modules import for their own use, for software that imports them from there.

`from starlette.responses import guess_type` works only because Starlette uses that function, so it works here, too.
"""

from __future__ import annotations

_ORIGINS = {
    "": (
        "anyio codecs contextlib enum errno functools hashlib html http http_cookies=http.cookies "
        "httpx=httpx2 importlib inspect io ipaddress itsdangerous jinja2 json math "
        "metrics=opentelemetry.metrics multipart=python_multipart os propagate=opentelemetry.propagate re "
        "stat sys trace=opentelemetry.trace traceback types typing uuid warnings yaml zlib"
    ),
    "__future__": "annotations",
    "anyio.abc": "ObjectReceiveStream ObjectSendStream",
    "anyio.streams.stapled": "StapledObjectStream",
    "base64": "b64decode b64encode",
    "collections.abc": (
        "AsyncGenerator AsyncIterable AsyncIterator Awaitable Callable Collection Coroutine Generator "
        "ItemsView Iterable Iterator KeysView Mapping MutableMapping Sequence ValuesView"
    ),
    "concurrent.futures": "Future wait_futures=wait",
    "contextlib": "AbstractAsyncContextManager AbstractContextManager aclosing asynccontextmanager",
    "dataclasses": "dataclass field",
    "datetime": "datetime",
    "email.utils": "format_datetime formatdate parsedate",
    "enum": "Enum",
    "functools": "partial",
    "inspect": "iscoroutinefunction",
    "ipaddress": "AddressValueError IPv6Address",
    "mimetypes": "guess_type",
    "opentelemetry.trace": "SpanKind Status StatusCode",
    "operator": "itemgetter",
    "pathlib": "Path",
    "re": "Pattern",
    "secrets": "token_hex",
    "shlex": "shlex",
    "types": "GeneratorType",
    "typing": (
        "Any BinaryIO ClassVar Generic Literal NamedTuple NoReturn ParamSpec Protocol Self TYPE_CHECKING "
        "TypeGuard TypeVar TypedDict Union cast overload"
    ),
    "typing_extensions": "TypeIs deprecated",
    "urllib.parse": "SplitResult parse_qsl quote unquote unquote_plus urlencode urljoin urlsplit",
}
"""By module, its names that some module of Starlette's has; `name=attribute` where it is called otherwise there."""

_IMPORTED = {
    "starlette._exception_handler": "Any annotations",
    "starlette._utils": (
        "AbstractAsyncContextManager AddressValueError Any AsyncGenerator Awaitable Callable Generator "
        "Generic IPv6Address Protocol TypeIs TypeVar annotations anyio asynccontextmanager dataclass "
        "functools iscoroutinefunction overload re sys"
    ),
    "starlette.applications": "Any Awaitable Callable Mapping ParamSpec Sequence TypeVar annotations",
    "starlette.authentication": "Any Callable ParamSpec Sequence annotations functools inspect urlencode",
    "starlette.background": "Any Callable ParamSpec Sequence annotations",
    "starlette.concurrency": (
        "AsyncIterator Callable Coroutine Iterable Iterator ParamSpec TypeVar annotations anyio functools warnings"
    ),
    "starlette.config": "Any Callable Iterator Mapping MutableMapping Path TypeVar annotations os overload warnings",
    "starlette.convertors": "Any ClassVar Generic TypeVar annotations math uuid",
    "starlette.datastructures": (
        "Any BinaryIO ItemsView Iterable Iterator KeysView Literal Mapping MutableMapping NamedTuple Sequence "
        "SplitResult TypeVar ValuesView annotations cast ipaddress itemgetter parse_qsl shlex urlencode "
        "urlsplit"
    ),
    "starlette.endpoints": "Any Callable Generator Literal annotations json",
    "starlette.exceptions": "Mapping annotations http",
    "starlette.formparsers": (
        "AsyncGenerator Enum TYPE_CHECKING annotations codecs dataclass deprecated field multipart sys unquote_plus"
    ),
    "starlette.middleware": "Any Awaitable Callable Iterator ParamSpec Protocol annotations",
    "starlette.middleware.authentication": "Callable annotations",
    "starlette.middleware.base": (
        "Any AsyncGenerator AsyncIterable Awaitable Callable Mapping MutableMapping TypeVar aclosing annotations anyio"
    ),
    "starlette.middleware.body_limit": "annotations cast",
    "starlette.middleware.cors": "Collection annotations functools re",
    "starlette.middleware.errors": "annotations html inspect sys traceback",
    "starlette.middleware.exceptions": "Any Mapping annotations",
    "starlette.middleware.gzip": "NoReturn annotations anyio zlib",
    "starlette.middleware.opentelemetry": "Sequence SpanKind Status StatusCode annotations metrics propagate re trace",
    "starlette.middleware.sessions": "Literal annotations b64decode b64encode itsdangerous json typing",
    "starlette.middleware.trustedhost": "Sequence annotations",
    "starlette.middleware.wsgi": (
        "Any Callable MutableMapping ObjectReceiveStream ObjectSendStream annotations anyio io math sys warnings"
    ),
    "starlette.requests": (
        "Any AsyncGenerator Generic Iterator Mapping NoReturn TYPE_CHECKING TypeVar aclosing annotations "
        "anyio cast http_cookies json sys"
    ),
    "starlette.responses": (
        "Any AsyncIterable AsyncIterator Awaitable Callable Iterable Literal Mapping Sequence annotations "
        "anyio asynccontextmanager datetime format_datetime formatdate guess_type hashlib http json os "
        "partial quote stat sys token_hex"
    ),
    "starlette.routing": (
        "AbstractAsyncContextManager AbstractContextManager Any Awaitable Callable Collection Enum Generator "
        "Pattern Sequence TypeVar annotations asynccontextmanager contextlib functools inspect re traceback "
        "types warnings"
    ),
    "starlette.schemas": "Any Callable NamedTuple annotations inspect re yaml",
    "starlette.staticfiles": "Union annotations anyio errno importlib os parsedate stat",
    "starlette.status": "annotations warnings",
    "starlette.templating": "Any Callable Mapping Sequence TYPE_CHECKING annotations jinja2 overload",
    "starlette.testclient": (
        "AbstractContextManager Any Awaitable Callable Future Generator GeneratorType Iterable Literal "
        "Mapping Self Sequence StapledObjectStream TYPE_CHECKING TypeGuard TypedDict annotations anyio cast "
        "contextlib httpx inspect json math unquote urljoin wait_futures warnings"
    ),
    "starlette.types": (
        "AbstractAsyncContextManager Any Awaitable Callable Mapping MutableMapping TYPE_CHECKING TypeVar"
    ),
    "starlette.websockets": "Any AsyncIterator Iterable annotations cast enum json",
}
"""By module of Starlette's, the names that it imports."""


def _origins() -> dict[str, tuple[str, str]]:
    """Return the module and the attribute of each name; the attribute is empty if the name is a module."""
    origins = {}
    for module, names in _ORIGINS.items():
        for entry in names.split():
            name, _, origin = entry.partition("=")
            origins[name] = (module, origin or name) if module else (origin or name, "")
    return origins


_ORIGIN = _origins()

LIBRARY = {module: {name: _ORIGIN[name] for name in names.split()} for module, names in _IMPORTED.items()}
"""By module of Starlette's, the origin of each name that it imports: a module, and an attribute of it or ''."""
