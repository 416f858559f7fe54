"""Jinja2 templates as responses; the only module that needs jinja2 (`pip install asgi-requests[templates]`).

    from asgi_requests.templating import Jinja2Templates

    templates = Jinja2Templates("templates")

    async def homepage(request):
        return templates.TemplateResponse(request, "index.html", {"title": "Home"})

In a template `request` is the request, `url_for(name, **path_params)` is `request.url_for`, and `csp_nonce()` the nonce
of the page for its inline scripts and styles, where a middleware has put one into `scope["asgi_middleware.csp_nonce"]`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ._text import encode_text
from .background import BackgroundTask
from .concurrency import is_async_callable
from .responses import HTMLResponse
from .types import Receive, Scope, Send

try:
    import jinja2
except ImportError as exc:
    raise ImportError("templating needs jinja2: pip install asgi-requests[templates]") from exc

if TYPE_CHECKING:
    from .requests import Request
    from .urls import URL

ContextProcessor = Callable[["Request"], dict[str, Any] | Awaitable[dict[str, Any]]]


class _TemplateResponse(HTMLResponse):
    """A rendered template, with its `template` and `context` for tests and debuggers.

    It is rendered when it is made, or when it is sent if the environment is asynchronous or `context_processors` are
    left to be called. Until then it has no `body`, and no Content-Length.
    """

    def __init__(
        self,
        template: jinja2.Template,
        context: dict[str, Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        *,
        context_processors: Sequence[Callable[[], Any]] = (),
    ) -> None:
        self.template = template
        self.context = context
        self._processors = context_processors
        self._is_async = getattr(getattr(template, "environment", None), "is_async", False)
        self._is_rendered = not self._is_async and not context_processors
        if self._is_rendered:
            super().__init__(template.render(context), status_code, headers, media_type, background)
            return
        self.status_code = status_code
        self.background = background
        if media_type is not None:
            self.media_type = media_type
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page, preceded by `http.response.debug` where the server asks for it."""
        if not self._is_rendered:
            await self._render()
        if "http.response.debug" in (scope.get("extensions") or ()):
            info = {"template": self.template, "context": self.context}
            await send({"type": "http.response.debug", "info": info})
        await super().__call__(scope, receive, send)

    async def _render(self) -> None:
        for processor in self._processors:
            added = processor()
            self.context.update(await added if inspect.isawaitable(added) else added)
        if self._is_async:
            text = await self.template.render_async(self.context)
        else:
            text = self.template.render(self.context)
        self.body = encode_text(text, self.charset)
        self.headers.setdefault("content-length", str(len(self.body)))
        self._is_rendered = True


class Jinja2Templates:
    """Templates of a directory, of several, or of a Jinja2 environment of your own.

    Those of a directory are escaped where the response is HTML, whatever their suffix, and in other responses by it
    (html, htm, xml, and templates from strings). Each of the `context_processors` takes the request and returns names
    for the context, over those of the handler; it may be async. Environments with `enable_async` render asynchronously.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        *,
        context_processors: Sequence[ContextProcessor] | None = None,
        env: jinja2.Environment | None = None,
    ) -> None:
        assert (directory is None) != (env is None), "either 'directory' or 'env' arguments must be passed"
        self.context_processors = context_processors or []
        self._by_suffix = jinja2.select_autoescape()
        self._pages: jinja2.Environment | None = None
        if env is None:
            assert directory is not None
            loader = jinja2.FileSystemLoader(directory)
            env = jinja2.Environment(loader=loader, autoescape=self._by_suffix)  # noqa: S701 - it is select_autoescape
        self.env = env
        env.globals.setdefault("url_for", _url_for)
        env.globals.setdefault("csp_nonce", _csp_nonce)

    def get_template(self, name: str) -> jinja2.Template:
        """Return the template; raises jinja2.TemplateNotFound."""
        return self.env.get_template(name)

    def TemplateResponse(
        self,
        request: Request,
        name: str,
        context: dict[str, Any] | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> _TemplateResponse:
        """Return a template as a response; `request` joins the context unless it has one."""
        # The name came first until Starlette 0.29, and still does in many examples.
        first: object = request
        if isinstance(first, str):
            raise TypeError(f"TemplateResponse takes the request first: TemplateResponse(request, {first!r}, context)")
        context = {"request": request, **(context or {})}
        left = self._process(request, context)
        template = self._template(name, media_type)
        return _TemplateResponse(
            template, context, status_code, headers, media_type, background, context_processors=left
        )

    def _process(self, request: Request, context: dict[str, Any]) -> Sequence[Callable[[], Any]]:
        """Call the processors up to the first that is async; return that and those after it, which may overwrite it."""
        calls = [partial(processor, request) for processor in self.context_processors]
        for index, call in enumerate(calls):
            if is_async_callable(call):
                return calls[index:]
            added: Any = call()
            if inspect.isawaitable(added):
                return [partial(_same, added), *calls[index + 1 :]]
            context.update(added)
        return ()

    def _template(self, name: str, media_type: str | None) -> jinja2.Template:
        template = self.get_template(name)
        is_ours = template.environment is self.env and self.env.autoescape is self._by_suffix
        if not is_ours or (media_type is not None and "html" not in media_type):
            return template
        # Jinja decides about escaping by the name of each template, included ones too: an environment of its own does
        # not. It shares filters, globals and the loader with the other.
        if self._pages is None:
            self._pages = self.env.overlay(autoescape=True)
        return self._pages.get_template(name)


@jinja2.pass_context
def _url_for(context: jinja2.runtime.Context, name: str, /, **path_params: Any) -> URL:
    request: Request = context["request"]
    return request.url_for(name, **path_params)


@jinja2.pass_context
def _csp_nonce(context: jinja2.runtime.Context) -> str:
    """Return the nonce of the page, which is made when it is first asked for."""
    nonce: Callable[[], str] | None = context["request"].scope.get("asgi_middleware.csp_nonce")
    if nonce is None:
        raise RuntimeError("csp_nonce() needs a middleware with content security policies around the application")
    return nonce()


def _same(awaitable: Awaitable[dict[str, Any]]) -> Awaitable[dict[str, Any]]:
    return awaitable
