"""A Django project in one file that takes two pieces from us: the CORS and the session middleware.

`uvicorn django_project:application` serves it. Django keeps its views, its URLs and its ORM; our
middleware stands in front of its ASGI application, and the view reads the session from the scope.
"""

from __future__ import annotations

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.sessions import SessionMiddleware

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="django's own", USE_TZ=True)
django.setup()


def visits(request: HttpRequest) -> JsonResponse:
    """Count the visits of a browser in our signed cookie: Django's request carries the ASGI scope."""
    session = request.scope["session"]
    session["visits"] = session.get("visits", 0) + 1
    return JsonResponse({"visits": session["visits"]})


urlpatterns = [path("visits", visits)]

application = CORSMiddleware(
    SessionMiddleware(get_asgi_application(), secret_key="change me"),
    allow_origins=["https://app.example.org"],
    allow_credentials=True,
)
