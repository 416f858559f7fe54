"""Every name of Starlette 1.10 is there, and takes what it takes there.

The sheet beside this file lists modules, names, parameters with their defaults (`...` for an object), and members.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from pathlib import Path

import pytest

SHEET = Path(__file__).with_suffix(".txt")

# Parts of Starlette's own workings that nothing here stands for.
REFUSED = {
    "_utils": "_HOST_RE",
    "middleware.body_limit": "_MISSING _Missing",
    "middleware.errors": "CENTER_LINE FRAME_TEMPLATE JS LINE STYLES TEMPLATE",
    "middleware.gzip": "_get_gzip_capacity_limiter _gzip_capacity_limiter _normalize_content_types",
    "testclient": ("_AsyncBackend _TestClientResponseStream _TestClientTransport _Upgrade _WrapASGI2 _is_asgi3"),
}

MEMBERS = {
    "formparsers": "FormParser.on_field_data FormParser.on_field_end FormParser.on_field_name FormParser.on_field_start",
    "middleware.base": "_CachedRequest.wrapped_receive",
    "middleware.body_limit": (
        "RequestBodyLimitResponder.receive RequestBodyLimitResponder.receive_with_limit "
        "RequestBodyLimitResponder.scope RequestBodyLimitResponder.send RequestBodyLimitResponder.send_with_limit"
    ),
    "middleware.cors": (
        "CORSMiddleware.allow_explicit_origin CORSMiddleware.preflight_response CORSMiddleware.send "
        "CORSMiddleware.simple_response"
    ),
    "middleware.errors": (
        "ServerErrorMiddleware.format_line ServerErrorMiddleware.generate_frame_html "
        "ServerErrorMiddleware.generate_html ServerErrorMiddleware.generate_plain_text"
    ),
    "middleware.wsgi": "WSGIResponder.sender WSGIResponder.start_response WSGIResponder.wsgi",
    "responses": "StreamingResponse.listen_for_disconnect",
    "testclient": "TestClient.lifespan TestClient.wait_shutdown TestClient.wait_startup",
}
# Made by these packages alone, never by a program.
MADE_HERE = {"_StreamingResponse", "WebSocketTestSession"}


def read_sheet():
    module, name = "", ""
    for line in SHEET.read_text().splitlines():
        if line.startswith("["):
            module = line[1:-1]
        elif line.startswith("  "):
            member, parameters = split(line.strip())
            yield module, f"{name}.{member}", parameters
        else:
            name, parameters = split(line)
            yield module, name, parameters


def split(entry):
    name, bracket, parameters = entry.partition("(")
    return name, parameters[:-1] if bracket else None


def parameters_of(text):
    """Each parameter as its name with stars, and its default or None."""
    pieces = re.findall(r"(?:[^,('\[]|'[^']*'|\([^)]*\)|\[[^\]]*\])+", text)
    return [tuple(piece.strip().partition("=")[::2]) for piece in pieces]


ENTRIES = list(read_sheet())


@pytest.mark.parametrize(("module", "name", "parameters"), ENTRIES, ids=[f"{m}:{n}" for m, n, _ in ENTRIES])
def test_a_name_is_there_and_takes_the_same(starlette, module, name, parameters):
    owner, _, member = name.partition(".")
    if module == "middleware.opentelemetry":
        pytest.importorskip("opentelemetry")
    home = importlib.import_module(f"starlette.{module}")
    if owner in REFUSED.get(module, "").split():
        with pytest.raises(AttributeError, match=owner):
            getattr(home, owner)
        return
    found = getattr(home, owner)
    if name in MEMBERS.get(module, "").split():
        assert not hasattr(found, member)
        return
    if member:
        found = getattr(found, member)
    if (
        parameters is not None
        and name not in MADE_HERE
        and not (inspect.isclass(found) and issubclass(found, enum.Enum))
    ):
        check(found, parameters)


def check(found, text):
    assert callable(found)
    ours = inspect.signature(found).parameters
    positional = [p for p in ours.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variable = any(p.kind is p.VAR_KEYWORD for p in ours.values())
    keyword_only = False
    for index, (name, default) in enumerate(p for p in parameters_of(text) if p[0] not in ("/", "*")):
        if name.startswith("*"):
            keyword_only = True
            continue
        if name in ours:
            if default and default != "...":
                assert same(ours[name].default, default), f"{name}={ours[name].default!r}, not {default}"
            if not keyword_only and ours[name].kind is ours[name].POSITIONAL_OR_KEYWORD:
                assert positional.index(ours[name]) == index
        else:
            assert variable, f"{name} is missing from {found!r}"


def same(ours, theirs):
    return repr(ours) == theirs or ours == eval(theirs)
