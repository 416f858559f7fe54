"""The fixtures that the tests of responder name."""

from __future__ import annotations

import flask as flask_package
import pytest
import responder


@pytest.fixture
def api():
    return responder.API(debug=False, allowed_hosts=[";"], secret_key="secret" * 8, session_https_only=False)


@pytest.fixture
def session(api):
    return api.requests


@pytest.fixture
def url():
    return lambda path: f"http://;{path}"


@pytest.fixture
def needs_openapi(): ...


@pytest.fixture
def template_path(tmp_path):
    path = tmp_path / "template.html"
    path.write_text("{{ var }}")
    return path


@pytest.fixture
def flask():
    app = flask_package.Flask(__name__)
    app.add_url_rule("/", "hello", lambda: "Hello World!")
    return app
