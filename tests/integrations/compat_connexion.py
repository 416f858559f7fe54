"""connexion: its own exception middleware, routing by an OpenAPI description, and errors as problems."""

from __future__ import annotations

import connexion
import pytest
from connexion.middleware import ConnexionMiddleware
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

SPECIFICATION = {
    "openapi": "3.0.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/items/{id}": {
            "get": {
                "operationId": f"{__name__}.item",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "An item"}},
            }
        },
        "/refused": {"get": {"operationId": f"{__name__}.refused", "responses": {"200": {"description": "Never"}}}},
        "/failing": {"get": {"operationId": f"{__name__}.failing", "responses": {"200": {"description": "Never"}}}},
        "/items": {
            "post": {
                "operationId": f"{__name__}.add",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"name": {"type": "string"}},
                            }
                        }
                    }
                },
                "responses": {"201": {"description": "The new item"}},
            }
        },
    },
}


def item(id):
    return {"id": id}


async def refused():
    raise HTTPException(403, "not today")


async def failing():
    raise ValueError("failing")


async def add(body):
    return {"name": body["name"]}, 201


@pytest.fixture(scope="module")
def client():
    app = connexion.AsyncApp(__name__)
    app.add_api(SPECIFICATION)
    return TestClient(app, raise_server_exceptions=False)


def test_operations_are_found_and_validated(client):
    assert client.get("/items/3").json() == {"id": 3}
    assert client.post("/items", json={"name": "lamp"}).json() == {"name": "lamp"}
    refused = client.post("/items", json={})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    assert "'name' is a required property" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/items", 405), ("GET", "/refused", 403), ("GET", "/failing", 500)],
)
def test_errors_are_problems(client, method, path, status):
    response = client.request(method, path)
    assert response.status_code == response.json()["status"] == status
    assert response.headers["content-type"] == "application/problem+json"


def test_it_wraps_any_application():
    async def app(scope, receive, send):
        raise HTTPException(418, "teapot")

    response = TestClient(ConnexionMiddleware(app)).get("/")
    assert (response.status_code, response.json()["detail"]) == (418, "teapot")
