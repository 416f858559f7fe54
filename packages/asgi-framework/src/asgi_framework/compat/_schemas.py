"""Schemas whose response is a Response."""

from __future__ import annotations

import re
from typing import Any

import asgi_routing.schemas
from asgi_requests.requests import Request
from asgi_requests.responses import Response

remove_converter_pattern = re.compile(r":\w+}")


class OpenAPIResponse(Response):
    """A schema as YAML; raises ImportError without pyyaml."""

    media_type = "application/vnd.oai.openapi"

    def render(self, content: Any) -> bytes:
        return asgi_routing.schemas.OpenAPIResponse(content).body


class BaseSchemaGenerator(asgi_routing.schemas.BaseSchemaGenerator):
    """What a generator of schemas needs: the endpoints below some routes, and what their docstrings say."""

    def OpenAPIResponse(self, request: Request) -> Response:  # type: ignore[override]  # noqa: N802
        """The schema of `request.app`."""
        return OpenAPIResponse(content=self.get_schema(request.app.routes))


class SchemaGenerator(BaseSchemaGenerator, asgi_routing.schemas.SchemaGenerator):
    """An OpenAPI description: a base, and the docstrings of the endpoints."""
