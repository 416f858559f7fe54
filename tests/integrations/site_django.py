"""A Django project: what every site of this folder offers, but for WebSockets and the lifespan, which Django has not."""

from __future__ import annotations

import asyncio
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

if not settings.configured:
    settings.configure(
        SECRET_KEY="-",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(),
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()

features = {"background": False, "lifespan": False, "websocket": False, "raises": False}
events: list[str] = []


async def hello(request: Any) -> HttpResponse:
    return HttpResponse(f"hello {request.GET.get('name', 'world')}", content_type="text/plain")


@csrf_exempt
def echo(request: Any) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/octet-stream")


@csrf_exempt
def upload(request: Any) -> JsonResponse:
    file = request.FILES["file"]
    return JsonResponse({"name": file.name, "size": file.size, "title": request.POST["title"]})


def redirect(request: Any) -> HttpResponseRedirect:
    return HttpResponseRedirect("/?name=redirected")


def cookies(request: Any) -> HttpResponse:
    response = HttpResponse(request.COOKIES.get("seen", "no"), content_type="text/plain")
    response.set_cookie("seen", "yes")
    return response


async def stream(request: Any) -> StreamingHttpResponse:
    async def chunks() -> Any:
        for number in range(3):
            yield f"chunk {number}\n".encode()

    return StreamingHttpResponse(chunks(), content_type="text/plain")


async def sse(request: Any) -> StreamingHttpResponse:
    async def ticks() -> Any:
        try:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.001)
        finally:
            events.append("sse ended")

    return StreamingHttpResponse(ticks(), content_type="text/event-stream")


def error(request: Any) -> HttpResponse:
    raise ValueError("broken page")


urlpatterns = (
    path("", hello),
    path("echo", echo),
    path("upload", upload),
    path("redirect", redirect),
    path("cookies", cookies),
    path("stream", stream),
    path("sse", sse),
    path("error", error),
)


def create() -> Any:
    events.clear()
    settings.ROOT_URLCONF = urlpatterns
    return get_asgi_application()
