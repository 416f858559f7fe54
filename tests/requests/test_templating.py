"""Jinja2Templates."""

from __future__ import annotations

import importlib
import sys

import jinja2
import pytest

from asgi_requests.background import BackgroundTask
from asgi_requests.requests import Request
from asgi_requests.templating import Jinja2Templates
from wire import http_scope, request, run


class Router:
    def url_path_for(self, name, /, **path_params):
        return f"/{name}/{path_params['id']}"


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "page.html").write_text("<p>{{ name }}</p>")
    (tmp_path / "plain.txt").write_text("{{ name }}")
    (tmp_path / "link.html").write_text("{{ url_for('user', id=id) }}")
    (tmp_path / "path.html").write_text("{{ request.url.path }}")
    return tmp_path


@pytest.fixture
def http_request():
    return Request(http_scope(path="/here", headers=[(b"host", b"example.org")], router=Router()))


async def test_a_template_becomes_a_page(directory, http_request):
    ran = []
    response = Jinja2Templates(directory).TemplateResponse(
        http_request, "page.html", {"name": "<Ada>"}, 201, {"x-a": "1"}, background=BackgroundTask(ran.append, 1)
    )
    reply = await request(response)
    assert (reply.status, reply.text, ran) == (201, "<p>&lt;Ada&gt;</p>", [1])
    assert (reply.header("content-type"), reply.header("x-a")) == ("text/html; charset=utf-8", "1")
    assert reply.types == ["http.response.start", "http.response.body"]


def test_what_is_not_markup_is_not_escaped(directory, http_request):
    response = Jinja2Templates(str(directory)).TemplateResponse(
        http_request, "plain.txt", {"name": "<Ada>"}, media_type="text/plain"
    )
    assert response.body == b"<Ada>"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_url_for_and_request_are_there(directory, http_request):
    templates = Jinja2Templates([directory])
    assert templates.TemplateResponse(http_request, "link.html", {"id": 7}).body == b"http://example.org/user/7"
    assert templates.TemplateResponse(http_request, "path.html").body == b"/here"


def test_context_processors_add_to_the_context_and_leave_the_given_one_alone(directory, http_request):
    templates = Jinja2Templates(directory, context_processors=[lambda r: {"name": r.url.path, "more": 1}])
    given = {"name": "given", "other": 2}
    response = templates.TemplateResponse(http_request, "page.html", given)
    assert response.body == b"<p>/here</p>"
    assert response.context == {"name": "/here", "more": 1, "other": 2, "request": http_request}
    assert given == {"name": "given", "other": 2}


def test_an_environment_of_ones_own_keeps_its_url_for():
    env = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ url_for() }}"}))
    env.globals["url_for"] = lambda: "mine"
    templates = Jinja2Templates(env=env)
    assert templates.env is env
    assert templates.get_template("a").render() == "mine"


def test_one_of_directory_and_environment_is_needed(directory):
    for arguments in ({}, {"directory": directory, "env": jinja2.Environment()}):
        with pytest.raises(AssertionError, match="either 'directory' or 'env' arguments must be passed"):
            Jinja2Templates(**arguments)


def test_a_missing_template_is_jinjas_error(directory, http_request):
    with pytest.raises(jinja2.TemplateNotFound):
        Jinja2Templates(directory).TemplateResponse(http_request, "nope.html")


async def test_a_server_that_debugs_gets_template_and_context(directory, http_request):
    response = Jinja2Templates(directory).TemplateResponse(http_request, "page.html", {"name": "x"})
    reply = await run(response, http_scope(extensions={"http.response.debug": {}}))
    assert reply.types == ["http.response.debug", "http.response.start", "http.response.body"]
    info = reply.messages[0]["info"]
    assert (info["template"].name, info["context"]["name"]) == ("page.html", "x")


def test_without_jinja2_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "asgi_requests.templating")
    with pytest.raises(ImportError, match=r"pip install asgi-requests\[templates\]"):
        importlib.import_module("asgi_requests.templating")
