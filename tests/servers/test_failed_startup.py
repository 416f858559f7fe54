"""A start that something else than an error ends: the server must not serve requests."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("uvicorn-h11", "SystemExit"),
        ("uvicorn-h11", "CancelledError"),
        ("uvicorn-h11", "KeyboardInterrupt"),
        ("uvicorn-h11", "BaseExceptionGroup"),
        ("uvicorn-httptools", "CancelledError"),
        ("hypercorn", "CancelledError"),
        ("hypercorn", "BaseExceptionGroup"),
        ("hypercorn-trio", "BaseExceptionGroup"),
        ("granian", "SystemExit"),
    ],
)
def test_a_start_that_is_left_by_anything_stops_the_server(serve, kind, how):
    server = serve(kind, "site_leaving:app", wait=False, LEAVES_WITH=how)
    code = server.wait()
    assert code != 0
    if kind.startswith("uvicorn"):
        assert code == 3
        assert f"{how}" in server.output
    assert "site_leaving: it was started" not in server.output
