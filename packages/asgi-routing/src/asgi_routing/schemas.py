"""Descriptions for OpenAPI, read from the docstrings of endpoints: the YAML below `---` in them.

    schemas = SchemaGenerator({"openapi": "3.2.0", "info": {"title": "Shop", "version": "1"}})
    schema = schemas.get_schema(router.routes)

Reading docstrings needs pyyaml: `pip install asgi-routing[schemas]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ._replies import send_text
from .routes import BaseRoute, Host, Mount, Route
from .routes.route import is_function
from .types import Receive, Scope, Send

if TYPE_CHECKING:
    from types import ModuleType

_VERBS = ("get", "post", "put", "patch", "delete", "options", "query")
_METHODS = frozenset(_VERBS) | {"head", "trace"}
_CONVERTOR = re.compile(r":\w+}")
_VERSION = re.compile(r"(\d+)\.(\d+)")


class EndpointInfo(NamedTuple):
    """A path without its convertors, a method in lower case, and the function whose docstring describes them."""

    path: str
    http_method: str
    func: Callable[..., Any]


class _Endpoint(EndpointInfo):
    """An endpoint with the operation that its route describes; a tuple of three for whoever unpacks it."""

    openapi: Mapping[str, Any] | None

    @classmethod
    def of(cls, path: str, verb: str, func: Callable[..., Any], openapi: Mapping[str, Any] | None) -> EndpointInfo:
        """Return an endpoint; `openapi` is one operation, or a mapping of methods in lower case to operations."""
        endpoint = cls(path, verb, func)
        is_by_method = openapi is not None and openapi.keys() <= _METHODS
        endpoint.openapi = openapi.get(verb) if is_by_method and openapi else openapi
        return endpoint


class OpenAPIResponse:
    """An ASGI application that answers with a schema as YAML."""

    media_type = "application/vnd.oai.openapi"

    def __init__(self, content: dict[str, Any], status_code: int = 200) -> None:
        self.status_code = status_code
        self.body = self.render(content)

    def render(self, content: dict[str, Any]) -> bytes:
        """Return the YAML of a schema, UTF-8."""
        assert isinstance(content, dict), "The schema passed to OpenAPIResponse should be a dictionary."
        text: str = _yaml().dump(content, default_flow_style=False)
        return text.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the schema."""
        await send_text(scope, send, self.status_code, self.body.decode(), media_type=self.media_type)


class BaseSchemaGenerator:
    """A base for generators of schemas: it finds the endpoints of routes and reads their docstrings."""

    def get_schema(self, routes: Iterable[BaseRoute]) -> dict[str, Any]:
        """Return the schema of these routes."""
        raise NotImplementedError

    def get_endpoints(self, routes: Iterable[BaseRoute]) -> list[EndpointInfo]:
        """Return every method of every path, mounts and hosts included."""
        return [info for route in routes for info in self._endpoints_of(route)]

    def parse_docstring(self, func_or_method: Callable[..., Any]) -> dict[str, Any]:
        """Return the YAML mapping below the last `---` of a docstring, or an empty one.

        Raises ImportError without pyyaml, and yaml.YAMLError if what stands below `---` is not valid YAML.
        """
        docstring = func_or_method.__doc__
        if not docstring:
            return {}
        _, line, text = docstring.rpartition("---")
        yaml = _yaml()
        try:
            parsed = yaml.safe_load(text)
        except yaml.YAMLError as exc:
            if not line:  # prose
                return {}
            name = getattr(func_or_method, "__qualname__", repr(func_or_method))
            exc.add_note(f"in the docstring of {func_or_method.__module__}.{name}, below its last ---")
            raise
        return parsed if isinstance(parsed, dict) else {}

    def OpenAPIResponse(self, request: Any) -> OpenAPIResponse:  # noqa: N802 - the name it has elsewhere
        """Return the schema of `request.app`, ready to be returned or called."""
        return OpenAPIResponse(self.get_schema(request.app.routes))

    def _endpoints_of(self, route: BaseRoute) -> Iterator[EndpointInfo]:
        if isinstance(route, (Mount, Host)):
            prefix = self._remove_converter(route.path) if isinstance(route, Mount) else ""
            for info in self.get_endpoints(route.routes or []):
                yield _Endpoint.of(prefix + info.path, info.http_method, info.func, getattr(info, "openapi", None))
        elif isinstance(route, Route) and route.include_in_schema:
            path = self._remove_converter(route.path)
            if is_function(route.endpoint):
                methods = sorted(route.methods or {"GET"})
                verbs = [name.lower() for name in methods if name != "HEAD"]
                yield from (_Endpoint.of(path, verb, route.endpoint, route.openapi) for verb in verbs)
            else:
                for verb in _VERBS:
                    if hasattr(route.endpoint, verb):
                        yield _Endpoint.of(path, verb, getattr(route.endpoint, verb), route.openapi)

    def _remove_converter(self, path: str) -> str:
        return _CONVERTOR.sub("}", path)


class SchemaGenerator(BaseSchemaGenerator):
    """A generator that adds `paths` to a base schema. QUERY needs OpenAPI 3.2 and is left out below that."""

    def __init__(self, base_schema: dict[str, Any]) -> None:
        self.base_schema = base_schema

    def get_schema(self, routes: Iterable[BaseRoute]) -> dict[str, Any]:
        """Return the base schema with the paths of these routes; the base schema stays as it is."""
        paths: dict[str, Any] = {path: dict(verbs) for path, verbs in self.base_schema.get("paths", {}).items()}
        version = _VERSION.match(str(self.base_schema.get("openapi", "")))
        knows_query = version is not None and (int(version[1]), int(version[2])) >= (3, 2)
        for endpoint in self.get_endpoints(routes):
            if endpoint.http_method == "query" and not knows_query:
                continue
            described = getattr(endpoint, "openapi", None)
            parsed = self.parse_docstring(endpoint.func) if described is None else dict(described)
            if parsed:
                paths.setdefault(endpoint.path, {})[endpoint.http_method] = parsed
        return {**self.base_schema, "paths": paths}


def _yaml() -> ModuleType:
    try:
        import yaml
    except ImportError as exc:
        raise ImportError("schemas need pyyaml: pip install asgi-routing[schemas]") from exc
    return yaml
