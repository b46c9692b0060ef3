"""The opening handshake of RFC 6455 as nearly every client sends it, read and answered in one go.

What is missing or odd is left to the library behind uvicorn, which knows how to say what is wrong with it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

MAX_LINE: Final = 8000
"""Bytes of a line; longer ones, and more than `MAX_LINES`, are for the library to refuse."""
MAX_LINES: Final = 100
KEY_BYTES: Final = 16
VERSION: Final = b"13"
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ONCE: Final = frozenset({b"host", b"sec-websocket-key", b"sec-websocket-version", b"upgrade"})


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request to become a WebSocket. `target` is what stands behind GET; names of headers are in lower case."""

    target: str
    headers: list[tuple[bytes, bytes]]
    key: bytes
    subprotocols: list[str]

    def accepted(self, subprotocol: str | None, more: list[tuple[bytes, bytes]]) -> bytes:
        """The answer that makes it one. `more` are headers of the server's own."""
        proof = base64.b64encode(hashlib.sha1(self.key + _MAGIC, usedforsecurity=False).digest())
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
            proof,
            b"\r\n",
        ]
        if subprotocol is not None:
            lines += [b"Sec-WebSocket-Protocol: ", subprotocol.encode("ascii"), b"\r\n"]
        for name, value in more:
            lines += [name, b": ", value, b"\r\n"]
        lines.append(b"\r\n")
        return b"".join(lines)


def read(head: bytes) -> Handshake | None:
    """The handshake that a whole request asks for; None where a closer look is needed."""
    if not head.endswith(b"\r\n\r\n") or not head.isascii() or b"\0" in head:
        return None
    first, *lines = head[:-4].split(b"\r\n")
    if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
        return None
    request = first.split(b" ")
    if len(request) != 3 or request[0] != b"GET" or request[2] != b"HTTP/1.1" or len(lines) > MAX_LINES:
        return None
    headers: list[tuple[bytes, bytes]] = []
    once: dict[bytes, bytes] = {}
    subprotocols: list[str] = []
    connection = False
    for line in (first, *lines):
        if len(line) > MAX_LINE:
            return None
    for line in lines:
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not colon or not name or name != name.strip():
            return None
        headers.append((name, value))
        if name in _ONCE:
            if name in once:
                return None
            once[name] = value
        elif name == b"connection":
            connection |= b"upgrade" in (token.strip() for token in value.lower().split(b","))
        elif name == b"sec-websocket-protocol":
            subprotocols += [token.strip() for token in value.decode("ascii").split(",")]
        elif name in (b"transfer-encoding", b"content-length"):
            return None
    key = once.get(b"sec-websocket-key", b"")
    if (
        not connection
        or once.get(b"upgrade", b"").lower() != b"websocket"
        or once.get(b"sec-websocket-version") != VERSION
        or b"host" not in once
        or not _is_key(key)
    ):
        return None
    return Handshake(request[1].decode("ascii"), headers, key, subprotocols)


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


class HandshakeProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which is spared the handshakes that are plain and accepted."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._handshake: Handshake | None = None  # a plain one, until it is answered
        self._head = b""

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated and (plain := read(data)) is not None:
            self.begin(data, plain)
            return
        self._explain()
        super().data_received(data)

    def take_over(self, http: Reception) -> None:
        """Be the protocol of a connection that HTTP has had so far."""
        self.transport = http.transport
        self.server, self.client = http.server, http.client
        self.scheme = "wss" if http.scheme == "https" else "ws"
        self.connections.discard(http)
        http.parser = None  # type: ignore[assignment]  # it and `http` hold each other
        self.connections.add(self)
        self.transport.set_protocol(self)

    def begin(self, head: bytes, plain: Handshake) -> None:
        """Ask the application, as uvicorn does."""
        self._head, self._handshake = head, plain
        self.handshake_initiated = True
        path, _, query = plain.target.partition("?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(path),
            "raw_path": (self.root_path + path).encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": plain.headers,
            "subprotocols": plain.subprotocols,
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def _explain(self) -> None:
        """A plain handshake that is not simply accepted: tell the library behind uvicorn of it, which goes on."""
        if self._handshake is None:
            return
        self._handshake = None
        self.conn.receive_data(self._head)
        for event in self.conn.events_received():
            if isinstance(event, Request):
                self.request, self.response = event, self.conn.accept(event)
                return
        self.transport.close()
        raise OSError("A handshake was taken for plain and is not.")

    async def send(self, message: Any) -> None:
        self._explain()
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # A refusal completes it, too; uvicorn would log an error beside every one of them.
            self.handshake_complete = True

    def send_500_response(self) -> None:
        self._explain()
        super().send_500_response()

    def accept(self, subprotocol: str | None) -> bool:
        """Answer a plain handshake, for `upgrade` to follow at once; False where that is left to uvicorn."""
        plain, self._handshake = self._handshake, None
        if plain is None or self.disconnected or self.transport.is_closing():
            self._handshake = plain
            return False
        self.handshake_complete = True
        self.transport.write(plain.accepted(subprotocol, self.default_headers))
        return True


class Reception(HttpToolsProtocol):
    """uvicorn's HTTP, which does not see the plain handshakes that a connection begins with."""

    _begun = False

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            if (plain := read(data)) is not None:
                self._unset_keepalive_if_required()
                protocol = cast("type[HandshakeProtocol]", self.ws_protocol_class)(
                    self.config, self.server_state, self.app_state
                )
                protocol.take_over(self)
                protocol.begin(data, plain)
                return
        super().data_received(data)
