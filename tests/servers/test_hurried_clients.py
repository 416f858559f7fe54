"""Clients that leave at any moment, hundreds at a time: nothing is logged as an error, and nothing stays open."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import socket
import threading

import pytest

GETS = ["plain", "slow", "counted", "ticks", "blocking", "events", "file", "static/large.bin", "static/small.js", "no"]
POSTS = ["body", "chunks", "form", "parts"]
CLIENTS, THREADS = 300, 15
# uvloop raises RuntimeError, not OSError, from the write before it says that a connection is lost; hypercorn's
# StreamReaderProtocol logs the tasks that it cancels itself.
QUIET = ["uvicorn-h11", "hypercorn-trio", "granian"]


def multipart(random: random.Random) -> tuple[bytes, bytes]:
    """Return a content type and a form of up to three fields and files."""
    body = b""
    for number in range(random.randrange(4)):
        filename = b'; filename="f"' if random.random() < 0.5 else b""
        content = random.randbytes(random.choice([0, 10, 5000, 200_000]))
        disposition = b'content-disposition: form-data; name="n%d"%b' % (number, filename)
        body += b"--limit\r\n%b\r\n\r\n%b\r\n" % (disposition, content)
    return b"multipart/form-data; boundary=limit", body + b"--limit--\r\n"


def any_request(random: random.Random) -> tuple[bytes, bytes]:
    """Return the head and the body of one request."""
    if random.random() < 0.7:
        method = random.choice([b"GET"] * 8 + [b"HEAD", b"DELETE"])
        optional = [b"accept-encoding: gzip, br", b"range: bytes=%d-" % random.randrange(9000), b"if-none-match: *"]
        return head(method, random.choice(GETS), [line for line in optional if random.random() < 0.3]), b""
    path, lines = random.choice(POSTS), []
    content = random.randbytes(random.choice([0, 1, 1000, 100_000, 1_000_000]))
    if path in ("form", "parts"):
        content_type, content = multipart(random)
        lines.append(b"content-type: " + content_type)
    if random.random() < 0.15:
        content = gzip.compress(content, 1)
        lines.append(b"content-encoding: gzip")
    if random.random() < 0.3:
        lines.append(b"idempotency-key: k%d" % random.randrange(20))
    if random.random() < 0.4:
        pieces = [content[start : start + 30_000] for start in range(0, len(content), 30_000)]
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return head(b"POST", path, [*lines, b"transfer-encoding: chunked"]), chunked + b"0\r\n\r\n"
    return head(b"POST", path, [*lines, b"content-length: %d" % len(content)]), content


def head(method: bytes, path: str, lines: list[bytes]) -> bytes:
    return b"\r\n".join([b"%b /%b HTTP/1.1" % (method, path.encode()), b"host: a", *lines, b"", b""])


def hurry(port: int, random: random.Random) -> None:
    """Send up to three requests on one connection, and leave wherever that is."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(0.05)
        for _ in range(random.randrange(1, 4)):
            start, content = any_request(random)
            connection.sendall(start + content[: random.randrange(len(content) + 1)])
            if random.random() < 0.5:
                break
            connection.recv(random.choice([1, 2000, 50_000]))
        if random.random() < 0.5:
            # A reset instead of an end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "large.bin").write_bytes(os.urandom(2_000_000))
    (tmp_path / "small.js").write_text("run();" * 1000)
    return tmp_path


@pytest.mark.whole
@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="looks at open connections through Linux's /proc")
@pytest.mark.parametrize("kind", QUIET)
def test_clients_that_leave_at_any_moment_leave_no_error_and_nothing_open(serve, connect, until, kind, folder):
    server = serve(kind, "site_hurried:app", FILES=str(folder))
    assert connect(server).ask("GET /plain HTTP/1.1").status == 200

    def some(seed: int) -> None:
        source = random.Random(seed)
        for _ in range(CLIENTS // THREADS):
            hurry(server.port, source)

    threads = [threading.Thread(target=some, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: not open_connections(server), lambda: f"{open_connections(server)}\n{server.output}")
    assert connect(server).ask("GET /plain HTTP/1.1").status == 200
    assert "Traceback" not in server.output
    assert "ERROR" not in server.output


def open_connections(server) -> list[str]:
    """Return the connections and the temporary files, which have no name, that the server has open."""
    found = []
    ports = established(server.port)
    for pid in processes(server.process.pid):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target in ports or target.endswith("(deleted)"):
                    found.append(target)
    return found


def processes(pid: int) -> list[int]:
    """Return a process and its children."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [pid, *map(int, children.read().split())]


def established(port: int) -> set[str]:
    """Return the sockets of connections to a port, as /proc names them."""
    with open("/proc/net/tcp") as table:
        rows = [row.split() for row in table.readlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] in ("01", "08")}
