"""sqladmin: its pages, over a database in memory."""

from __future__ import annotations

import pytest
from sqladmin import Admin, BaseView, ModelView, action, expose
from sqladmin.authentication import AuthenticationBackend
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.testclient import TestClient

engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Backend(AuthenticationBackend):
    async def login(self, request: Request) -> bool:
        form = await request.form()
        request.session["user"] = form["username"]
        return form["password"] == "right"

    async def logout(self, request: Request) -> bool:
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> bool:
        return "user" in request.session


class UserAdmin(ModelView, model=User):
    column_list = ["id", "name"]
    column_searchable_list = ["name"]

    @action(name="shout", label="Shout")
    async def shout(self, request: Request) -> RedirectResponse:
        with Session(engine) as session:
            for key in request.query_params["pks"].split(","):
                session.get(User, int(key)).name += "!"
            session.commit()
        return RedirectResponse(request.url_for("admin:list", identity="user"))


class Report(BaseView):
    name = "Report"

    @expose("/report", methods=["GET"])
    async def report(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("report")


def make_app() -> Starlette:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    app = Starlette()
    admin = Admin(app, engine, authentication_backend=Backend("secret" * 8), title="Office")
    admin.add_view(UserAdmin)
    admin.add_view(Report)
    return app


@pytest.fixture
def client():
    with TestClient(make_app()) as client:
        response = client.post("/admin/login", data={"username": "ada", "password": "right"})
        assert response.status_code == 200
        yield client


def names():
    with Session(engine) as session:
        return [user.name for user in session.query(User).order_by(User.id)]


def test_a_client_that_is_not_logged_in_is_sent_to_log_in():
    client = TestClient(make_app())
    response = client.get("/admin/user/list", follow_redirects=False)
    assert response.status_code == 302
    assert response.headers["location"].endswith("/admin/login")
    assert client.post("/admin/login", data={"username": "ada", "password": "wrong"}).status_code == 400


def test_rows_are_made_shown_changed_found_and_deleted(client):
    response = client.post("/admin/user/create", data={"name": "Ada & Co", "save": "Save"})
    assert response.status_code == 200
    client.post("/admin/user/create", data={"name": "Grace", "save": "Save"})
    assert names() == ["Ada & Co", "Grace"]
    page = client.get("/admin/user/list").text
    assert "Ada &amp; Co" in page
    assert "Grace" not in client.get("/admin/user/list", params={"search": "Ada"}).text
    assert "Ada &amp; Co" in client.get("/admin/user/details/1").text
    client.post("/admin/user/edit/1", data={"name": "Ada", "save": "Save"})
    assert names() == ["Ada", "Grace"]
    assert client.delete("/admin/user/delete", params={"pks": "2"}).status_code == 200
    assert names() == ["Ada"]


def test_actions_exports_and_views(client):
    client.post("/admin/user/create", data={"name": "Ada", "save": "Save"})
    assert client.get("/admin/user/action/shout", params={"pks": "1"}).status_code == 200
    assert names() == ["Ada!"]
    export = client.get("/admin/user/export/csv")
    assert "Ada!" in export.text
    assert "attachment" in export.headers["content-disposition"]
    assert client.get("/admin/report").text == "report"


def test_static_files_are_served(client):
    page = client.get("/admin/").text
    assert "Office" in page
    link = next(piece for piece in page.split('"') if piece.endswith(".css"))
    response = client.get(link)
    assert response.headers["content-type"].startswith("text/css")
    assert client.get("/admin/nothing").status_code == 404
