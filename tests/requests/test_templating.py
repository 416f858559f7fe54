"""Jinja2Templates."""

from __future__ import annotations

import importlib
import sys

import anyio.lowlevel
import jinja2
import pytest

from asgi_requests.background import BackgroundTask
from asgi_requests.requests import Request
from asgi_requests.templating import Jinja2Templates
from raw_asgi import Reply, http_scope, request, run


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


@pytest.mark.parametrize("name", ["plain.txt", "page.j2", "page.jinja", "page.svg", "page.xhtml", "page"])
@pytest.mark.parametrize("media_type", [None, "text/html; charset=utf-8", "application/xhtml+xml"])
def test_a_page_is_escaped_whatever_its_suffix(directory, http_request, name, media_type):
    (directory / name).write_text("{{ name }}")
    (directory / "outer.html").write_text("{% include inner %}")
    templates = Jinja2Templates(directory)
    context = {"name": "<Ada>", "inner": name}
    assert templates.TemplateResponse(http_request, name, context, media_type=media_type).body == b"&lt;Ada&gt;"
    page = templates.TemplateResponse(http_request, "outer.html", context, media_type=media_type)
    assert page.body == b"&lt;Ada&gt;"


def test_filters_and_settings_of_the_environment_hold_for_pages(directory, http_request):
    templates = Jinja2Templates(directory)
    templates.env.filters["shout"] = str.upper
    templates.env.globals["planet"] = "Mars"
    (directory / "a.j2").write_text("{{ planet | shout }}")
    assert templates.TemplateResponse(http_request, "a.j2").body == b"MARS"
    templates.env.filters["later"] = str.lower
    (directory / "b.j2").write_text("{{ planet | later }}")
    assert templates.TemplateResponse(http_request, "b.j2").body == b"mars"
    templates.env.autoescape = False
    assert templates.TemplateResponse(http_request, "plain.txt", {"name": "<Ada>"}).body == b"<Ada>"


def test_an_environment_of_ones_own_decides_about_escaping(http_request):
    env = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ name }}"}), autoescape=False)
    assert Jinja2Templates(env=env).TemplateResponse(http_request, "a", {"name": "<"}).body == b"<"


def test_get_template_may_be_overridden(directory, http_request):
    class Themed(Jinja2Templates):
        def get_template(self, name):
            return jinja2.Template(f"themed {name}")

    assert Themed(directory).TemplateResponse(http_request, "page.html").body == b"themed page.html"


def test_the_order_of_arguments_is_named_where_it_is_the_old_one(directory, http_request):
    templates = Jinja2Templates(directory)
    with pytest.raises(TypeError, match=r"the request first: TemplateResponse\(request, 'page.html', context\)"):
        templates.TemplateResponse("page.html", {"request": http_request})


def test_a_lone_surrogate_does_not_fail_a_page(directory, http_request):
    response = Jinja2Templates(directory).TemplateResponse(http_request, "page.html", {"name": "\ud800"})
    assert response.body == b"<p>?</p>"


@pytest.fixture
def async_templates(directory):
    loader = jinja2.FileSystemLoader(directory)
    return Jinja2Templates(env=jinja2.Environment(loader=loader, enable_async=True, autoescape=True))


async def test_an_asynchronous_environment_renders_when_the_response_is_sent(async_templates, directory, http_request):
    async def names():
        await anyio.lowlevel.checkpoint()
        return ["<Ada>", "Grace"]

    (directory / "list.html").write_text("{% for name in names() %}{{ name }} {% endfor %}{{ request.url.path }}")
    ran = []
    response = async_templates.TemplateResponse(
        http_request, "list.html", {"names": names}, 201, {"x-a": "1"}, background=BackgroundTask(ran.append, 1)
    )
    response.headers["x-b"] = "2"
    assert not hasattr(response, "body")
    for _ in range(2):
        reply = await request(response)
        assert (reply.status, reply.text) == (201, "&lt;Ada&gt; Grace /here")
        assert (reply.header("content-length"), reply.header("x-a"), reply.header("x-b")) == ("23", "1", "2")
    assert ran == [1, 1]
    head = await request(response, "HEAD")
    assert (head.header("content-length"), head.body) == ("23", b"")


async def test_what_fails_while_it_is_rendered_is_raised_before_anything_is_sent(async_templates, directory):
    (directory / "broken.html").write_text("{{ 1 / 0 }}")
    reply = Reply()
    response = async_templates.TemplateResponse(Request(http_scope()), "broken.html", media_type="text/x-broken")
    with pytest.raises(ZeroDivisionError):
        await run(response, http_scope(), reply=reply)
    assert reply.messages == []
    assert response.headers["content-type"] == "text/x-broken; charset=utf-8"


@pytest.mark.parametrize("hidden", [False, True])
async def test_async_context_processors_are_awaited_in_their_order(directory, http_request, hidden):
    (directory / "names.html").write_text("{{ a }} {{ b }} {{ c }}")

    async def from_database(request):
        await anyio.lowlevel.checkpoint()
        return {"a": "async", "b": "async", "c": request.url.path}

    processor = (lambda request: from_database(request)) if hidden else from_database
    templates = Jinja2Templates(
        directory, context_processors=[lambda r: {"a": "first"}, processor, lambda r: {"b": "last"}]
    )
    response = templates.TemplateResponse(http_request, "names.html", {"c": "given"})
    assert response.context["a"] == "first"
    assert (await request(response)).text == "async last /here"
    assert response.context["c"] == "/here"


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


def test_the_nonce_of_the_page_is_there_where_a_middleware_makes_one():
    env = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ csp_nonce() }}-{{ csp_nonce() }}"}))
    scope = http_scope() | {"asgi_middleware.csp_nonce": lambda: "abc"}
    assert Jinja2Templates(env=env).TemplateResponse(Request(scope), "a").body == b"abc-abc"
    with pytest.raises(RuntimeError, match="content security policies"):
        Jinja2Templates(env=env).TemplateResponse(Request(http_scope()), "a")


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
