"""Four workers of uvicorn share their state: exactly the quota passes, no write of a session is lost, all is counted."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from redis_server import running_redis


@pytest.fixture(params=["sqlite", "redis"])
def workers(request, serve, tmp_path):
    if request.param == "sqlite":
        yield serve("uvicorn-h11", "site_limited:app", "--workers", "4", STORE=str(tmp_path / "state.db"))
    else:
        with running_redis(tmp_path) as redis:
            yield serve("uvicorn-h11", "site_limited:app", "--workers", "4", STORE=redis.url)


def asked(url, number, **options):
    """The answers to so many requests at once, each on a connection of its own, so that every worker gets some."""

    def ask(_):
        with httpx.Client(timeout=60, verify=False, **options) as client:
            return client.get(url)

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, range(number)))


def asked_of_several(url, until, **options):
    """The answers to requests until more than one worker has given some: the first may be ready long before another."""
    replies = []

    def several():
        replies.extend(asked(url, 200, **options))
        assert {reply.status_code for reply in replies} == {200}
        return len({reply.headers["x-worker"] for reply in replies}) > 1

    until(several, lambda: f"one worker gave all of {len(replies)} answers")
    return replies


def test_exactly_the_quota_passes_and_every_increment_is_kept(workers, until):
    first = httpx.get(workers.url + "/count", timeout=60)
    counted = asked_of_several(workers.url + "/count", until, cookies=dict(first.cookies))
    n = httpx.get(workers.url + "/n", cookies=dict(first.cookies), timeout=60).headers["x-n"]
    assert int(n) == 1 + len(counted)
    replies = asked(workers.url + "/limited", 200)
    assert Counter(reply.status_code for reply in replies) == {200: 20, 429: 180}


def test_the_metrics_of_every_worker_are_added_up(serve, until, tmp_path):
    pytest.importorskip("prometheus_client", reason="pip install prometheus-client")
    site = serve("uvicorn-h11", "site_measured:app", "--workers", "4", PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    replies = asked_of_several(site.url + "/", until)
    expected = [
        f'http_request_duration_seconds_count{{method="GET",route="",status="200"}} {len(replies)}.0',
        'http_requests_in_progress{method="GET"} 0.0',
    ]

    def shown() -> str:
        return httpx.get(site.url + "/metrics", timeout=60).text

    # A client has its answer a moment before the worker has counted it.
    until(lambda: set(expected) <= set(shown().splitlines()), shown)
