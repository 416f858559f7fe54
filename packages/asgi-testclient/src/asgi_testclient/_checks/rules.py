"""Every rule that is checked: its code, and what to do about it.

The codes are stable. E: the application breaks the protocol. W: it works, but should not be relied on.
S: the server (or the middleware that plays it) breaks the protocol.
"""

from __future__ import annotations

RULES: dict[str, str] = {
    "E01": "Send a dict whose 'type' is a str: await send({'type': 'http.response.start', 'status': 200}).",
    "E02": "Look at scope['type'] first, and send only the messages of that protocol.",
    "E03": "Send this message only if scope['extensions'] names its extension; have a way to answer without it.",
    "E04": "Send http.response.debug, then http.response.start, and only then bodies, pushes and trailers.",
    "E05": "A response has one http.response.start; answer 103 Early Hints with http.response.early_hint.",
    "E06": "The message with more_body False (the default) is the last one; send more_body True before it.",
    "E07": "End every response: http.response.start, then a body without more_body, then the trailers it announced.",
    "E08": "Give http.response.start a 'status' that is an int from 200 to 599.",
    "E09": "Give headers as pairs of bytes: [(b'content-type', b'text/plain')]. Encode str with latin-1.",
    "E10": "A header name is letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 5.1); HTTP/2's :names are not sent.",
    "E11": "Remove CR, LF and NUL from header values: with them, a value from a client can write the response.",
    "E12": "Encode the body to bytes; more_body, trailers and more_trailers are True or False.",
    "E13": "Give one Content-Length in digits that is the number of body bytes, or none at all.",
    "E14": "Announce trailers with 'trailers': True in http.response.start, and send them after the last body.",
    "E15": "Send one http.response.pathsend, with the absolute path of a file that exists, and no other body.",
    "E16": "An ASGI 3 application is `async def app(scope, receive, send)`. An ASGI 2 one, `app(scope)` that returns "
    "`async def (receive, send)`, has to be wrapped: asgiref.compatibility.guarantee_single_callable(app).",
    "E17": "Write `await send(...)` and `await receive()`: without await nothing happens.",
    "E18": "Finish or cancel what the application has started before it returns; the server has moved on by then.",
    "E20": "Answer a WebSocket handshake with websocket.accept, websocket.close or websocket.http.response.start.",
    "E21": "Send websocket.accept once.",
    "E22": "Give websocket.send either 'text' (str) or 'bytes' (bytes), and leave the other out or None.",
    "E23": "Send nothing after websocket.close.",
    "E24": "Close with 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 section 7.4), and at most 123 bytes of reason.",
    "E25": "Choose one of scope['subprotocols']; name it in the 'subprotocol' of websocket.accept, not in a header.",
    "E26": "A denial is websocket.http.response.start instead of websocket.accept, then bodies, then nothing.",
    "E27": "Await receive() until it gives websocket.connect before websocket.accept.",
    "E28": "Await lifespan.startup, answer complete or failed once; after complete do the same for lifespan.shutdown.",
    "E29": "Return None: servers drop what an ASGI application returns.",
    "E30": "Give each message of an extension its fields as the extension defines them.",
    "E31": "Send no connection, transfer-encoding, keep-alive or upgrade over HTTP/2 and 3 (RFC 9113 section 8.2.2).",
    "W01": "Send header names in lower case, as ASGI asks; HTTP/2 requires it.",
    "W02": "Leave connection and transfer-encoding to the server; HTTP/2 forbids them.",
    "W03": "Send no body with 204 and 304 (RFC 9110 section 6.4.1); servers drop it or break the connection.",
    "W04": "Strip spaces and tabs from both ends of header values (RFC 9110 section 5.5).",
    "W05": "Copy the scope before changing it (`scope = dict(scope)`), and build a new message for every send.",
    "W06": "Move what blocks into a thread (asyncio.to_thread, anyio.to_thread.run_sync), or await it.",
    "W07": "Send Content-Length to HTTP/1.0 clients: without it only a closed connection ends the body.",
    "S01": "Call the application with a dict whose 'type' is a str.",
    "S02": "Build the scope with every key that the ASGI specification requires; a middleware keeps them.",
    "S03": "Give the scope's keys the types that the ASGI specification names.",
    "S04": "Give the scope's headers as pairs of bytes, names in lower case.",
    "S05": "Return a dict whose 'type' is a str from receive().",
    "S06": "Return only the messages of the scope's own protocol from receive().",
    "S07": "Give the messages of receive() the fields that the ASGI specification names.",
    "S08": "Return each message of receive() once and in order, and invent none.",
    "S09": "Call the application with a receive and a send that are callables returning awaitables.",
    "S10": "Build a new message instead of editing the application's: it may send the same object again.",
}

WARNINGS = frozenset({"E27", "E29", "S10"} | {code for code in RULES if code[0] == "W"})
