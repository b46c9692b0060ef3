"""Handshakes that are read here: what is accepted, the library behind uvicorn would accept, with the same answer."""

from __future__ import annotations

import pytest
from websockets.http11 import Request
from websockets.server import ServerProtocol

from moksori.server.handshake import MAX_LINE, read

PLAIN = [
    b"host: localhost:8080",
    b"upgrade: WebSocket",
    b"connection: keep-alive, Upgrade",
    b"sec-websocket-version: 13",
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    b"sec-websocket-protocol: realtime, openai-insecure-api-key.k",
    b"authorization: Bearer k",
]


def request(lines: list[bytes], first: bytes = b"GET /v1/realtime?model=a%20b HTTP/1.1") -> bytes:
    return b"\r\n".join([first, *lines, b"", b""])


def without(name: bytes, *instead: bytes) -> list[bytes]:
    return [line for line in PLAIN if not line.startswith(name)] + list(instead)


def test_a_plain_handshake_is_read_and_answered_as_the_library_does() -> None:
    head = request(PLAIN)
    plain = read(head)
    assert plain is not None
    assert plain.target == "/v1/realtime?model=a%20b"
    assert plain.subprotocols == ["realtime", "openai-insecure-api-key.k"]
    library = ServerProtocol()
    library.receive_data(head)
    (event,) = library.events_received()
    assert isinstance(event, Request)
    theirs = library.accept(event)
    assert theirs.status_code == 101
    assert plain.headers == [(k.encode(), v.encode()) for k, v in event.headers.raw_items()]
    lines = plain.accepted("realtime", [(b"date", b"today")]).split(b"\r\n")
    assert f"Sec-WebSocket-Accept: {theirs.headers['Sec-WebSocket-Accept']}".encode() in lines
    assert lines[0] == b"HTTP/1.1 101 Switching Protocols"
    assert b"Sec-WebSocket-Protocol: realtime" in lines and b"date: today" in lines
    assert lines[-2:] == [b"", b""]


@pytest.mark.parametrize(
    "head",
    [
        request(PLAIN, b"POST /v1/realtime HTTP/1.1"),
        request(PLAIN, b"GET /v1/realtime HTTP/1.0"),
        request(PLAIN, b"GET /v1/real time HTTP/1.1"),
        request(without(b"sec-websocket-version")),
        request(without(b"sec-websocket-version", b"sec-websocket-version: 8")),
        request(without(b"sec-websocket-key")),
        request(without(b"sec-websocket-key", b"sec-websocket-key: dGhl")),
        request(without(b"sec-websocket-key", b"sec-websocket-key: not base64!!!!!!!!!!!!!!")),
        request([*PLAIN, PLAIN[4]]),
        request(without(b"host")),
        request([*PLAIN, PLAIN[0]]),
        request(without(b"connection", b"connection: close")),
        request(without(b"upgrade", b"upgrade: h2c")),
        request([*PLAIN, b"x-long: " + b"x" * MAX_LINE]),
        request(PLAIN + [b"x: y"] * 100),
        request([*PLAIN, b"x-name : y"]),
        request([*PLAIN, b"no colon"]),
        request([*PLAIN, "x-name: 네".encode()]),
        request([*PLAIN, b"content-length: 0"]),
        request([*PLAIN, b"x-name: y\nz: w"]),
        request([*PLAIN, b"x-name: y\rz"]),
        request([*PLAIN, b"x-name: y\0z"]),
        request(PLAIN)[:-2],
        request(PLAIN) + b"\x81\x00",
    ],
)
def test_whatever_is_odd_is_left_to_the_library(head: bytes) -> None:
    assert read(head) is None
