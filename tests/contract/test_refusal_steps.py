"""A 405 takes about as many instructions as a 404: its Allow is known when the routes are compiled."""

from __future__ import annotations

import pytest

import asgi_routing
from asgi_framework import App, Route
from raw_asgi import http_scope
from steps import finish, steps


async def home(request):
    raise NotImplementedError


async def raw(scope, receive, send):
    raise NotImplementedError


async def send(message):
    pass


def steps_of(app, method, path):
    def call():
        finish(app(http_scope(method, path), None, send))

    call()
    call()
    return steps(call)


ROUTES = [("/one", "GET"), ("/two", "GET"), ("/two", "POST"), ("/users/{id:int}", "GET"), ("/{a}/{b}/{c}", "PUT")]


@pytest.mark.parametrize(("path", "share"), [("/one", 1.1), ("/users/7", 1.15), ("/two", 1.2)])
def test_a_405_takes_about_as_many_steps_as_a_404(path, share):
    app = App(routes=[Route(template, home, methods=[method]) for template, method in ROUTES])
    assert steps_of(app, "DELETE", path) <= share * steps_of(app, "DELETE", "/nothing")


@pytest.mark.parametrize("path", ["/one", "/users/7"])
def test_a_405_of_a_router_takes_about_as_many_steps_as_a_404(path):
    router = asgi_routing.Router([asgi_routing.Route(template, raw, methods=[method]) for template, method in ROUTES])
    assert steps_of(router, "DELETE", path) <= 1.25 * steps_of(router, "DELETE", "/nothing")


def test_a_405_takes_no_more_steps_in_a_larger_table():
    small, large = (
        App(routes=[Route(f"/{i}/{{id}}", home, methods=["GET"]) for i in range(count)]) for count in (10, 1000)
    )
    assert steps_of(large, "PUT", "/9/x") == steps_of(small, "PUT", "/9/x")
