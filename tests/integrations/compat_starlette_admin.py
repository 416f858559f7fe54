"""starlette-admin: its pages and its API, over a database in memory."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette_admin.contrib.sqla import Admin, ModelView

engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def make_app() -> Starlette:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Post(title="First"), Post(title="Second")])
        session.commit()
    app = Starlette()
    admin = Admin(engine, title="Office", secret_key="secret" * 8)
    admin.add_view(ModelView(Post))
    admin.mount_to(app)
    return app


@pytest.fixture
def client():
    with TestClient(make_app()) as client:
        yield client


def test_its_pages(client):
    page = client.get("/admin/").text
    assert "Office" in page
    assert "Second" in client.get("/admin/post/list").text
    assert "First" in client.get("/admin/post/detail", params={"pk": 1}).text
    assert client.get("/admin/nothing").status_code == 404


def test_its_static_files(client):
    page = client.get("/admin/").text
    link = next(piece for piece in page.split('"') if ".css" in piece and piece.startswith("http://testserver"))
    assert client.get(link).headers["content-type"].startswith("text/css")
