"""A thousand clients at once, each with a stream that is held open."""

from __future__ import annotations

import json
import resource

import pytest

MANY = 1000


def test_a_thousand_streams_are_held_and_each_hears(pinned, many_files, connect):
    if many_files < MANY + 200:
        pytest.skip(f"needs {MANY + 200} open files: ulimit -Hn says {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}")
    listeners = []
    for _ in range(MANY):
        wire = connect(pinned)
        wire.send("GET /events HTTP/1.1")
        listeners.append(wire)
    for wire in listeners:
        assert wire.head().status == 200
        wire.until(b"id: ")  # it is subscribed
    speaker = connect(pinned)
    note = json.dumps({"author": "Ada", "text": f"heard by {MANY}"}).encode()
    made = speaker.ask(f"POST /api/notes HTTP/1.1\ncontent-length: {len(note)}", note)
    assert made.status == 201
    for wire in listeners:
        wire.until(b"heard by 1000")
    for wire in listeners:
        wire.socket.close()
    assert speaker.ask("GET / HTTP/1.1").status == 200
