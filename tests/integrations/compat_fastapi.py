"""FastAPI: dependencies, forms, uploads, WebSockets, security, background tasks, streams, errors, mounts, its pages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    Security,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    status,
)
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials, OAuth2PasswordBearer, OAuth2PasswordRequestForm
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware

import asgi_requests.requests

events: list[str] = []


class Item(BaseModel):
    name: str
    price: float = 1.5


class Sold(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


@asynccontextmanager
async def lifespan(app: FastAPI):
    events.append("up")
    yield {"greeting": "hello"}
    events.append("down")


async def resource():
    events.append("open")
    try:
        yield "resource"
    except Sold:
        events.append("sold")
        raise
    finally:
        events.append("close")


def common(q: str | None = None, limit: Annotated[int, Query(le=10)] = 5) -> dict:
    return {"q": q, "limit": limit}


app = FastAPI(title="Shop", lifespan=lifespan, max_body_size=100_000)
app.add_middleware(GZipMiddleware, minimum_size=500)
app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"], allow_credentials=True)
app.add_middleware(SessionMiddleware, secret_key="secret" * 8)
router = APIRouter(prefix="/items", tags=["items"], dependencies=[Depends(common)])
sub = FastAPI()


@app.middleware("http")
async def name_the_path(request: Request, call_next):
    response = await call_next(request)
    response.headers["X-Path"] = request.url.path
    return response


@app.exception_handler(Sold)
async def sold(request: Request, exc: Sold) -> Response:
    return PlainTextResponse(f"{exc.name} is sold at {request.url.path}", 410)


@router.get("/{item_id}", response_model=Item)
async def show(item_id: int, held: Annotated[str, Depends(resource)]) -> dict:
    if item_id == 404:
        raise HTTPException(404, "no such item", headers={"X-Error": "yes"})
    if item_id == 410:
        raise Sold("it")
    assert held == "resource"
    return {"name": f"item {item_id}", "hidden": True}


@router.post("/", status_code=201)
def create(item: Item, tasks: BackgroundTasks, request: Request) -> Item:
    tasks.add_task(events.append, f"created {item.name}")
    assert isinstance(request, asgi_requests.requests.Request)
    return item


@app.get("/search")
async def search(
    params: Annotated[dict, Depends(common)],
    agent: Annotated[str, Header(alias="user-agent")],
    seen: Annotated[str, Cookie()] = "",
) -> dict:
    return {**params, "agent": agent, "seen": seen}


@app.post("/login")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict:
    return {"access_token": form.username, "scopes": form.scopes}


@app.get("/me")
async def me(token: Annotated[str, Security(OAuth2PasswordBearer(tokenUrl="login"))]) -> dict:
    return {"token": token}


@app.get("/basic")
def basic(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    return credentials.username


@app.post("/upload")
async def upload(
    note: Annotated[str, Form()], files: Annotated[list[UploadFile], File()], raw: Annotated[bytes, File()] = b""
) -> dict:
    return {"note": note, "files": [[f.filename, f.content_type, len(await f.read())] for f in files], "raw": len(raw)}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def numbers():
        for number in range(3):
            yield f"{number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(numbers(), media_type="text/plain")


@app.get("/file")
def file() -> FileResponse:
    return FileResponse(__file__, filename="me.py")


@app.get("/state")
async def state(request: Request) -> dict:
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    return {"greeting": request.state.greeting, "visits": visits, "url": str(request.url_for("show", item_id=3))}


@app.get("/redirect")
def redirect() -> RedirectResponse:
    return RedirectResponse("/search")


@app.get("/cookie")
def cookie(response: Response) -> str:
    response.set_cookie("seen", "yes", httponly=True)
    response.headers["X-Sub"] = "sub"
    return "set"


@app.get("/large")
def large() -> str:
    return "a" * 2000


@app.get("/crash")
def crash() -> None:
    raise RuntimeError("crash")


@app.websocket("/ws/{room}")
async def chat(
    websocket: WebSocket, room: str, token: Annotated[str, Query()], held: Annotated[str, Depends(resource)]
):
    if token != "good":
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, "bad token")
    await websocket.accept(subprotocol="chat")
    try:
        while True:
            await websocket.send_json({"room": room, "said": await websocket.receive_text()})
    except WebSocketDisconnect as exc:
        events.append(f"left {exc.code}")


@sub.get("/inner")
def inner(request: Request) -> dict:
    return {"root_path": request.scope["root_path"], "url": str(request.url)}


app.include_router(router)
app.mount("/sub", sub)


@pytest.fixture
def client():
    events.clear()
    with TestClient(app) as client:
        yield client
    assert events[0] == "up"
    assert events[-1] == "down"


def test_dependencies_are_opened_and_closed(client):
    response = client.get("/items/7?q=x")
    assert response.json() == {"name": "item 7", "price": 1.5}
    assert response.headers["x-path"] == "/items/7"
    assert events[1:] == ["open", "close"]


def test_what_is_invalid_is_reported(client):
    response = client.get("/items/7?limit=11")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "limit"]
    response = client.post("/items/", content=b"{", headers={"content-type": "application/json"})
    assert response.json()["detail"][0]["type"] == "json_invalid"


def test_exceptions_reach_their_handlers(client):
    response = client.get("/items/404")
    assert (response.status_code, response.json()) == (404, {"detail": "no such item"})
    assert response.headers["x-error"] == "yes"
    response = client.get("/items/410")
    assert (response.status_code, response.text) == (410, "it is sold at /items/410")
    assert events[-3:] == ["open", "sold", "close"]
    with pytest.raises(RuntimeError, match="crash"):
        client.get("/crash")
    assert TestClient(app, raise_server_exceptions=False).get("/crash").status_code == 500


def test_a_handler_may_replace_the_one_for_validation():
    own = FastAPI()

    @own.exception_handler(RequestValidationError)
    async def handler(request, exc):
        return PlainTextResponse(f"{len(exc.errors())} wrong", 400)

    @own.get("/")
    def index(number: int) -> int:
        return number

    assert TestClient(own).get("/?number=x").text == "1 wrong"


def test_background_tasks_run(client):
    response = client.post("/items/", json={"name": "lamp"})
    assert (response.status_code, response.json()) == (201, {"name": "lamp", "price": 1.5})
    assert "created lamp" in events


def test_parameters_come_from_everywhere(client):
    response = client.get("/search", params={"q": "é"}, cookies={"seen": "1"})
    assert response.json() == {"q": "é", "limit": 5, "agent": "testclient", "seen": "1"}


def test_forms_and_security(client):
    response = client.post("/login", data={"username": "ada", "password": "x", "scope": "a b"})
    assert response.json() == {"access_token": "ada", "scopes": ["a", "b"]}
    assert client.get("/me").status_code == 401
    assert client.get("/me", headers={"authorization": "Bearer t"}).json() == {"token": "t"}
    assert client.get("/basic").headers["www-authenticate"] == "Basic"
    assert client.get("/basic", auth=("ada", "x")).json() == "ada"


def test_uploads(client):
    files = [("files", ("a.txt", b"abc", "text/plain")), ("files", ("b.bin", b"x" * 50_000)), ("raw", ("r", b"12"))]
    response = client.post("/upload", data={"note": "hi"}, files=files)
    assert response.json() == {
        "note": "hi",
        "files": [["a.txt", "text/plain", 3], ["b.bin", "application/octet-stream", 50_000]],
        "raw": 2,
    }
    assert client.post("/upload", data={"note": "hi"}, files=[("files", ("b", b"x" * 200_000))]).status_code == 413


def test_streams_and_files(client):
    assert client.get("/stream").text == "0\n1\n2\n"
    response = client.get("/file", headers={"range": "bytes=0-2"})
    assert (response.status_code, response.text) == (206, '"""')
    assert 'filename="me.py"' in response.headers["content-disposition"]


def test_state_sessions_and_urls(client):
    assert client.get("/state").json() == {"greeting": "hello", "visits": 1, "url": "http://testserver/items/3"}
    assert client.get("/state").json()["visits"] == 2


def test_responses_may_be_changed(client):
    response = client.get("/cookie")
    assert response.headers["x-sub"] == "sub"
    assert "HttpOnly" in response.headers["set-cookie"]
    assert client.get("/redirect", follow_redirects=False).headers["location"] == "/search"
    assert client.get("/large").headers["content-encoding"] == "gzip"
    assert client.head("/items/1").status_code == 405


def test_cors(client):
    headers = {"origin": "https://example.org", "access-control-request-method": "GET"}
    assert client.options("/search", headers=headers).headers["access-control-allow-origin"] == "https://example.org"
    assert client.get("/search", headers=headers).headers["access-control-allow-credentials"] == "true"


def test_websockets(client):
    with client.websocket_connect("/ws/lobby?token=good", subprotocols=["chat"]) as session:
        assert session.accepted_subprotocol == "chat"
        session.send_text("hi")
        assert session.receive_json() == {"room": "lobby", "said": "hi"}
    assert events[-3:] == ["open", "left 1000", "close"]
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/ws/lobby?token=bad"):
        pass
    assert caught.value.code == 1008
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/ws/lobby"):
        pass
    assert caught.value.code == 1008


def test_mounts_know_where_they_are(client):
    assert client.get("/sub/inner").json() == {"root_path": "/sub", "url": "http://testserver/sub/inner"}
    assert client.get("/sub/nowhere").json() == {"detail": "Not Found"}
    assert client.get("/items", follow_redirects=False).status_code == 307


def test_its_pages(client):
    schema = client.get("/openapi.json").json()
    assert {"/items/{item_id}", "/upload", "/login"} < set(schema["paths"])
    assert schema["info"]["title"] == "Shop"
    assert "swagger-ui" in client.get("/docs").text
    assert "redoc" in client.get("/redoc").text
    assert client.get("/docs/oauth2-redirect").status_code == 200
    assert client.get("/sub/openapi.json").json()["servers"] == [{"url": "/sub"}]


def test_static_files_and_templates(tmp_path):
    (tmp_path / "page.html").write_text("<a href=\"{{ url_for('page', name='x') }}\">{{ name }}</a>")
    own = FastAPI()
    templates = Jinja2Templates(tmp_path)
    own.mount("/static", StaticFiles(directory=tmp_path), name="static")

    @own.get("/page/{name}", response_class=HTMLResponse)
    def page(request: Request, name: str):
        return templates.TemplateResponse(request, "page.html", {"name": name})

    client = TestClient(own)
    response = client.get("/page/<b>")
    assert response.text == '<a href="http://testserver/page/x">&lt;b&gt;</a>'
    assert response.template.name == "page.html"
    assert client.get("/static/page.html").headers["content-type"].startswith("text/html")
    assert client.get("/static/nothing").json() == {"detail": "Not Found"}


def test_class_middleware_and_overrides():
    class Stop(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            if request.url.path == "/stop":
                return PlainTextResponse("stopped", 403)
            return await call_next(request)

    own = FastAPI(middleware=[])
    own.add_middleware(Stop)

    @own.post("/body")
    async def body(request: Request, params: Annotated[dict, Depends(common)]) -> dict:
        return {"size": len(await request.body()), **params}

    own.dependency_overrides[common] = lambda: {"overridden": True}
    client = TestClient(own)
    assert client.get("/stop").text == "stopped"
    assert client.post("/body", content=b"abc").json() == {"size": 3, "overridden": True}
