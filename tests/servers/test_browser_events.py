"""Chromium's EventSource: it comes back with the last id it has seen, and misses nothing, or is notified."""

from __future__ import annotations

import signal

import httpx
import pytest

pytest.importorskip("websockets", reason="pip install websockets")


def uvicorn(start, port):
    return start("-m", "uvicorn", "site_events:app", "--port", port, "--no-access-log", "--http", "h11", port=port)


@pytest.fixture
def site(start, free_port):
    return uvicorn(start, free_port)


def publish(site, first, count):
    return httpx.get(f"{site.url}/publish/{first}/{count}", timeout=60).json()


def test_connections_that_end_and_break_lose_no_event_and_repeat_none(browser, site):
    page = browser.open(site.url + "/")
    page.wait_for("opened > 0")
    for first in range(0, 60, 20):
        publish(site, first, 20)
    page.wait_for("seen.length >= 60")
    assert page.run("seen") == list(range(60))
    assert page.run("reloads") == 0
    last_ids = publish(site, 60, 0)["last_ids"]
    assert len(last_ids) >= 20
    # Even the connection that broke before it had an event has an id.
    assert last_ids[0] is None
    assert None not in last_ids[1:]


def test_a_server_that_stops_says_goodbye_and_the_next_one_says_what_is_missing(browser, site, start):
    # The browser may come back in the moment in which the old server still listens: it is sent away once more.
    page = browser.open(site.url + "/")
    page.wait_for("opened > 0")
    publish(site, 0, 1)
    page.wait_for("seen.length == 1")
    site.process.send_signal(signal.SIGTERM)
    page.wait_for("byes > 0")
    assert site.wait() in (0, -signal.SIGTERM)
    uvicorn(start, site.port)
    page.wait_for("reloads > 0")
    publish(site, 1, 1)
    page.wait_for("seen.length == 2")
    assert page.run("seen") == [0, 1]
