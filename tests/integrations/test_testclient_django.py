"""Django's ORM in a TestCase: what a view reads and writes is what the test does, and is rolled back with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("integrations.site_django", reason="needs Django: pip install Django")  # it configures Django

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.test import TestCase, override_settings
from django.urls import path
from django.utils.asyncio import async_unsafe
from django.views.decorators.csrf import csrf_exempt

from asgi_testclient import AsyncTestClient, BlockedEventLoop, Clock, TestClient

threads: list[threading.Thread] = []


def names(request: Any) -> JsonResponse:
    threads.append(threading.current_thread())
    return JsonResponse(sorted(User.objects.values_list("username", flat=True)), safe=False)


async def names_async(request: Any) -> JsonResponse:
    return JsonResponse(sorted([user.username async for user in User.objects.all()]), safe=False)


@csrf_exempt
def create(request: Any) -> HttpResponse:
    with transaction.atomic():
        User.objects.create(username=request.POST["name"])
    return HttpResponse(status=204)


@csrf_exempt
async def create_async(request: Any) -> HttpResponse:
    await User.objects.acreate(username=request.POST["name"])
    return HttpResponse(status=204)


def fails(request: Any) -> HttpResponse:
    with transaction.atomic():
        User.objects.create(username="lost")
        raise ValueError("rolled back")


async def mixed(request: Any) -> HttpResponse:
    def count() -> int:
        threads.append(threading.current_thread())
        return User.objects.count()

    return HttpResponse(f"{await sync_to_async(count)()} {await User.objects.acount()}")


urlpatterns = (
    path("names", names),
    path("names-async", names_async),
    path("create", create),
    path("create-async", create_async),
    path("fails", fails),
    path("mixed", mixed),
)


@pytest.fixture(scope="module", autouse=True)
def database() -> Iterator[None]:
    old = settings.DATABASES["default"]["NAME"]
    connection.creation.create_test_db(verbosity=0)
    yield
    connection.creation.destroy_test_db(old, verbosity=0)


@override_settings(ROOT_URLCONF=urlpatterns)
class SyncClientTests(TestCase):
    def setUp(self) -> None:
        threads.clear()
        User.objects.create(username="ada")
        self.client = TestClient(get_asgi_application())
        self.addCleanup(self.client.close)

    def test_views_see_what_the_test_wrote(self) -> None:
        assert self.client.get("/names").json() == ["ada"]
        assert self.client.get("/names-async").json() == ["ada"]
        assert self.client.get("/mixed").text == "1 1"

    def test_the_test_sees_what_views_wrote(self) -> None:
        assert self.client.post("/create", data={"name": "grace"}).status_code == 204
        assert self.client.post("/create-async", data={"name": "mary"}).status_code == 204
        assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "grace", "mary"]
        assert self.client.get("/names").json() == ["ada", "grace", "mary"]

    def test_what_another_test_wrote_is_gone(self) -> None:
        assert User.objects.count() == 1

    def test_synchronous_code_runs_on_the_thread_of_the_test(self) -> None:
        self.client.get("/names")
        self.client.get("/mixed")
        assert threads == [threading.current_thread()] * 2

    def test_a_view_that_fails_rolls_back_its_own_part(self) -> None:
        assert self.client.get("/fails").status_code == 500
        assert self.client.get("/names").json() == ["ada"]

    def test_inside_the_block_of_a_client(self) -> None:
        with TestClient(get_asgi_application()) as client:
            client.post("/create", data={"name": "grace"})
            assert client.get("/names-async").json() == ["ada", "grace"]

    def test_streaming_and_queries_go_together(self) -> None:
        with self.client.stream("GET", "/names") as response:
            assert response.read() == b'["ada"]'
        assert User.objects.count() == 1


@override_settings(ROOT_URLCONF=urlpatterns)
class AsyncClientTests(TestCase):
    async def test_views_and_test_share_a_transaction(self) -> None:
        await User.objects.acreate(username="ada")
        async with AsyncTestClient(get_asgi_application()) as client:
            assert (await client.get("/names")).json() == ["ada"]
            assert (await client.get("/names-async")).json() == ["ada"]
            await client.post("/create", data={"name": "grace"})
            assert (await client.get("/mixed")).text == "2 2"
        assert await User.objects.acount() == 2

    async def test_what_another_test_wrote_is_gone(self) -> None:
        assert await User.objects.acount() == 0


@async_unsafe
def guarded() -> None:
    threads.append(threading.current_thread())


async def calls_what_django_guards(scope: Any, receive: Any, send: Any) -> None:
    await sync_to_async(guarded)()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_the_synchronous_client_works_where_an_event_loop_runs() -> None:
    threads.clear()
    client = TestClient(calls_what_django_guards, lifespan="off")
    with pytest.warns(BlockedEventLoop):
        response = client.get("/")
    assert response.status_code == 204
    assert threading.current_thread() not in threads


async def test_where_an_event_loop_runs_the_thread_of_the_test_may_be_insisted_on() -> None:
    client = TestClient(calls_what_django_guards, lifespan="off", sync_on_caller=True)
    with pytest.warns(BlockedEventLoop), pytest.raises(SynchronousOnlyOperation):
        client.get("/")


async def streams_until_the_client_leaves(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass
    # As Django closes its response.
    await sync_to_async(lambda: threads.append(threading.current_thread()))()


def test_synchronous_work_at_the_end_of_a_stream_is_done_while_a_clock_passes() -> None:
    threads.clear()
    clock = Clock()
    with TestClient(streams_until_the_client_leaves, clock=clock, lifespan="off").stream("GET", "/") as response:
        assert next(response.iter_raw()) == b"first"
    assert response.asgi.done
    assert threads == [threading.current_thread()]
    assert clock.time() == 0
