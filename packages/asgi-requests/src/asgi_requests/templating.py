"""Jinja2 templates as responses; the only module that needs jinja2 (`pip install asgi-requests[templates]`).

    templates = Jinja2Templates("templates")

    async def homepage(request):
        return templates.TemplateResponse(request, "index.html", {"title": "Home"})

In a template `request` is the request and `url_for(name, **path_params)` is `request.url_for`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .background import BackgroundTask
from .responses import HTMLResponse
from .types import Receive, Scope, Send

try:
    import jinja2
except ImportError as exc:
    raise ImportError("templating needs jinja2: pip install asgi-requests[templates]") from exc

if TYPE_CHECKING:
    from .requests import Request
    from .urls import URL

ContextProcessor = Callable[["Request"], dict[str, Any]]


class _TemplateResponse(HTMLResponse):
    """A rendered template, with `template` and `context` at hand for tests and debuggers."""

    def __init__(
        self,
        template: jinja2.Template,
        context: dict[str, Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.template = template
        self.context = context
        super().__init__(template.render(context), status_code, headers, media_type, background)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page, preceded by `http.response.debug` where the server asks for it."""
        if "http.response.debug" in (scope.get("extensions") or ()):
            info = {"template": self.template, "context": self.context}
            await send({"type": "http.response.debug", "info": info})
        await super().__call__(scope, receive, send)


class Jinja2Templates:
    """Templates of a directory, of several, or of a Jinja2 environment of your own.

    Those of a directory are escaped by their suffix (html, htm, xml, and templates from strings). Each of the
    `context_processors` takes the request and returns names for the context, over those of the handler.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        *,
        context_processors: list[ContextProcessor] | None = None,
        env: jinja2.Environment | None = None,
    ) -> None:
        assert (directory is None) != (env is None), "either 'directory' or 'env' arguments must be passed"
        self.context_processors = context_processors or []
        if env is None:
            assert directory is not None
            env = jinja2.Environment(loader=jinja2.FileSystemLoader(directory), autoescape=jinja2.select_autoescape())
        self.env = env
        env.globals.setdefault("url_for", _url_for)

    def get_template(self, name: str) -> jinja2.Template:
        """The template; raises jinja2.TemplateNotFound."""
        return self.env.get_template(name)

    def TemplateResponse(  # noqa: N802 - the name is Starlette's
        self,
        request: Request,
        name: str,
        context: dict[str, Any] | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> _TemplateResponse:
        """Render a template into a response; `request` joins the context unless it has one."""
        context = {"request": request, **(context or {})}
        for processor in self.context_processors:
            context.update(processor(request))
        return _TemplateResponse(self.get_template(name), context, status_code, headers, media_type, background)


@jinja2.pass_context
def _url_for(context: jinja2.runtime.Context, name: str, /, **path_params: Any) -> URL:
    request: Request = context["request"]
    return request.url_for(name, **path_params)
