"""Descriptions for OpenAPI, read from the docstrings of endpoints: the YAML below `---` in them.

    from asgi_routing import Route
    from asgi_routing.schemas import SchemaGenerator

    async def item(scope, receive, send):
        '''Show an item.

        ---
        responses:
          200: {description: The item.}
        '''

    schemas = SchemaGenerator({"openapi": "3.2.0", "info": {"title": "Shop", "version": "1"}})
    schema = schemas.get_schema([Route("/items/{id:int}", item)])
    assert schema["paths"]["/items/{id}"]["get"]["responses"][200] == {"description": "The item."}

Path parameters are described by their convertors, those of mounts included: `{id:int}` is an integer of 0 or more.

Reading docstrings needs pyyaml: `pip install asgi-routing[schemas]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ._openapi import path_parameters, with_parameters
from ._replies import send_text
from .convertors import Convertor
from .routes import BaseRoute, Host, Mount, Route
from .routes.route import is_function
from .types import Receive, Scope, Send

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["BaseSchemaGenerator", "EndpointInfo", "OpenAPIResponse", "SchemaGenerator"]

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
    """An endpoint with the description that its route gives; it unpacks as a tuple of three, as Starlette's does.

    `openapi` is the operation that the route describes, `convertors` those of the whole path.
    """

    openapi: Mapping[str, Any] | None
    convertors: Mapping[str, Convertor[Any]]

    @classmethod
    def at(cls, path: str, verb: str, func: Callable[..., Any], route: Route) -> _Endpoint:
        """Return an endpoint of a route, which has one operation, or one for each method in lower case."""
        endpoint = cls(path, verb, func)
        openapi = route.openapi
        is_by_method = openapi is not None and openapi.keys() <= _METHODS
        endpoint.openapi = openapi.get(verb) if is_by_method and openapi else openapi
        endpoint.convertors = getattr(route, "param_convertors", {})
        return endpoint

    @classmethod
    def below(cls, mount: Mount | Host, prefix: str, info: EndpointInfo) -> _Endpoint:
        """Return an endpoint of a mounted application as it is seen outside; a host's parameters are not the path's."""
        endpoint = cls(prefix + info.path, info.http_method, info.func)
        endpoint.openapi = getattr(info, "openapi", None)
        own = getattr(mount, "param_convertors", {}) if isinstance(mount, Mount) else {}
        endpoint.convertors = {**own, **getattr(info, "convertors", {})}
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
        _, line, text = docstring.rpartition("---")  # the last one, as in Starlette: prose may have others
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

    def get_path_parameters(self, endpoint: EndpointInfo) -> list[dict[str, Any]]:
        """Return the parameters of the path of an endpoint, as OpenAPI 3 describes them."""
        return path_parameters(endpoint.path, getattr(endpoint, "convertors", {}))

    def OpenAPIResponse(self, request: Any) -> OpenAPIResponse:
        """Return the schema of `request.app`, ready to be returned or called."""
        return OpenAPIResponse(self.get_schema(request.app.routes))

    def _endpoints_of(self, route: BaseRoute) -> Iterator[EndpointInfo]:
        if isinstance(route, (Mount, Host)):
            prefix = self._remove_converter(route.path) if isinstance(route, Mount) else ""
            yield from (_Endpoint.below(route, prefix, info) for info in self.get_endpoints(route.routes or []))
        elif isinstance(route, Route) and route.include_in_schema:
            path = self._remove_converter(route.path)
            yield from (_Endpoint.at(path, verb, func, route) for verb, func in _functions_of(route))

    def _remove_converter(self, path: str) -> str:
        return _CONVERTOR.sub("}", path)


class SchemaGenerator(BaseSchemaGenerator):
    """A generator that adds `paths` to a base schema. QUERY needs OpenAPI 3.2 and is left out below that.

    Path parameters that nothing declares are added to each operation that is described, unless `path_parameters` is
    false. A declared one keeps what it says: `{"name": "id", "description": "..."}` is enough.
    """

    path_parameters: bool = True

    def __init__(self, base_schema: dict[str, Any], *, path_parameters: bool | None = None) -> None:
        self.base_schema = base_schema
        if path_parameters is not None:
            self.path_parameters = path_parameters

    def get_schema(self, routes: Iterable[BaseRoute]) -> dict[str, Any]:
        """Return the base schema with the paths of these routes; the base schema stays as it is."""
        paths: dict[str, Any] = {path: dict(item) for path, item in self.base_schema.get("paths", {}).items()}
        version = _VERSION.match(str(self.base_schema.get("openapi", "")))
        knows_query = version is not None and (int(version[1]), int(version[2])) >= (3, 2)
        for endpoint in self.get_endpoints(routes):
            if endpoint.http_method == "query" and not knows_query:
                continue
            operation = self._operation(endpoint, paths.get(endpoint.path, {}))
            if operation:
                paths.setdefault(endpoint.path, {})[endpoint.http_method] = operation
        return {**self.base_schema, "paths": paths}

    def _operation(self, endpoint: EndpointInfo, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operation of an endpoint, or an empty one; `item` is what the base schema has for its path."""
        described: Mapping[str, Any] | None = getattr(endpoint, "openapi", None)
        operation = self.parse_docstring(endpoint.func) if described is None else dict(described)
        # Swagger 2.0 has the fields of the schema in the parameter itself.
        if not operation or not self.path_parameters or "swagger" in self.base_schema:
            return operation
        made = self.get_path_parameters(endpoint)
        return with_parameters(operation, made, item.get("parameters"), self.base_schema)


def _functions_of(route: Route) -> list[tuple[str, Callable[..., Any]]]:
    """Return the methods that a schema has of a route, in lower case, with the function that serves each."""
    endpoint = route.endpoint
    if is_function(endpoint):
        return [(name.lower(), endpoint) for name in sorted(route.methods or {"GET"}) if name != "HEAD"]
    return [(verb, getattr(endpoint, verb)) for verb in _VERBS if hasattr(endpoint, verb)]


def _yaml() -> ModuleType:
    try:
        import yaml
    except ImportError as exc:
        raise ImportError("schemas need pyyaml: pip install asgi-routing[schemas]") from exc
    return yaml
