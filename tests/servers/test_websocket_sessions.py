"""WebSockets as clients see them, on every server: messages, subprotocols, closing and refusal."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as websocket

NO_EMPTY_MESSAGES = {"daphne"}  # an empty message of an application is dropped
NO_HEADERS = {"granian", "daphne"}  # the headers of websocket.accept are dropped
NO_REASONS = {"daphne"}  # ASGI's `reason` of websocket.close is dropped, and a code that autobahn reserves is 1011
NO_DENIALS = {"daphne"}  # "websocket.http.response" is not offered: every refusal is a 403


def test_messages_come_back_as_they_were(server):
    with websocket(f"{server.ws}/talk/messages", max_size=None) as session:
        for message in ("text", "é💬", b"\x00\xff", "x" * 300_000, b"y" * 300_000):
            session.send(message)
            assert session.recv(60) == message


def test_empty_messages_are_messages(server):
    with websocket(f"{server.ws}/talk/empty") as session:
        for message in ("", b"", "after"):
            session.send(message)
        expected = ["after"] if server.kind in NO_EMPTY_MESSAGES else ["", b"", "after"]
        assert [session.recv(60) for _ in expected] == expected


def test_pieces_of_a_message_are_one_message(server):
    with websocket(f"{server.ws}/talk/pieces") as session:
        session.send(["in ", "three ", "pieces"])
        assert session.recv(60) == "in three pieces"


@pytest.mark.parametrize(("offers", "chosen"), [(["v2", "v1"], "v2"), (["json", "v1"], "v1"), (["json"], None)])
def test_a_subprotocol_is_agreed_on(server, offers, chosen):
    with websocket(f"{server.ws}/talk/subprotocol", subprotocols=offers) as session:
        assert session.subprotocol == chosen
        assert session.response.headers.get("x-greeting") == (None if server.kind in NO_HEADERS else "hello")


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (1001, ""), (1011, "broken"), (4001, "über")])
def test_the_code_and_reason_of_the_application_arrive(server, code, reason):
    with websocket(f"{server.ws}/talk/closing") as session:
        session.send(f"close {code} {reason}")
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(60)
    if server.kind in NO_REASONS:
        code, reason = {1001: 1011}.get(code, code), ""
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def refusal(server, path):
    with pytest.raises(InvalidStatus) as refused, websocket(server.ws + path):
        pass
    return refused.value.response


def test_a_refusal_is_an_answer_where_the_server_can_say_it(server):
    response = refusal(server, "/deny")
    if server.kind in NO_DENIALS:
        assert response.status_code == 403
        return
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.body == b"who are you?"


def test_an_unknown_path_is_not_found(server):
    assert refusal(server, "/nowhere").status_code == (403 if server.kind in NO_DENIALS else 404)


def test_a_socket_closed_before_it_opened_is_forbidden(server):
    assert refusal(server, "/hang-up").status_code == 403
