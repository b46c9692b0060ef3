"""The socket under a session: the only file that knows which WebSocket library carries the bytes.

Here it is uvicorn's `websockets-sansio`. A session writes without waiting; one task drains the queue. Past
the high-water mark the session is told `writable(False)`; a client that stays there for `stall_s` is closed
with 1013, so what one client can hold in memory is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState

from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import random_id
from moksori.protocol.server_events import encode_event
from moksori.sessions.wire import WireEvents
from moksori.telemetry import get_logger

HIGH_WATER: Final = 256 * 1024
"""Bytes queued for a client before its session is told to stop: about 4 s of audio as base64."""
LOW_WATER: Final = 64 * 1024
"""Bytes left when the session may go on: enough to keep the line busy while it does."""
HARD_LIMIT: Final = 4 * 1024 * 1024
"""Bytes queued, one large message aside, at which a session that does not stop loses its client at once."""
ABORT_GRACE_S: Final = 2.0
"""How long an unwilling client has to take the close frame before the connection is cut."""
MAX_REASON_BYTES: Final = 123
"""RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the close code."""

SOCKET: Final = "moksori.socket"
"""The ASGI state key under which `Socket` hands itself to the application."""

ABNORMAL: Final = 1006
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013

BINARY_REFUSED: Final = (
    "Binary frames are not part of this protocol: send each event as one JSON text frame, audio as base64."
)

_log = get_logger(__name__)


class Socket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which can also be cut off, and says when the connection is lost.

    ASGI knows neither: a close waits behind what the client does not read, perhaps for ever, and a loss is
    seen only by reading.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, SOCKET: self}, _loop)
        self.on_lost: Callable[[], None] | None = None  # called once, when the connection is gone
        self._cut: asyncio.TimerHandle | None = None

    @property
    def vanished(self) -> bool:
        """Whether the connection ended without a close frame from the client."""
        return self.disconnected and self.conn.close_rcvd is None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.app_state = {}  # breaks the cycle through SOCKET
        if self._cut is not None:
            self._cut.cancel()
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._cut_after(self.close_timeout + ABORT_GRACE_S)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut_after(ABORT_GRACE_S)

    def abort(self, code: int, reason: str) -> None:
        """Put the close frame behind what is written already, and cut the connection soon in any case."""
        if self.disconnected:
            return
        if not self.close_sent and not self.transport.is_closing():
            with contextlib.suppress(InvalidState):
                self.conn.send_close(code, reason)
                self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.transport.close()
        self._cut_after(ABORT_GRACE_S)

    def _cut_after(self, seconds: float) -> None:
        if not self.disconnected and self._cut is None:
            self._cut = self.loop.call_later(seconds, self.transport.abort)


class SocketWire:
    """`sessions.wire.Wire` over one WebSocket: `run` is its life, everything else is synchronous.

    What a session sends before `run` is kept, so it may greet before the handshake is through.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, stall_s: float) -> None:
        self._asgi_receive = receive
        self._asgi_send = send
        self._socket: Socket | None = scope.get("state", {}).get(SOCKET)
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._events: WireEvents | None = None  # from `run` until `closed` was called
        self._queue: deque[bytes] = deque()
        self._queued = 0  # bytes in `_queue`, and of the message being written
        self._largest = 0  # bytes of the largest message queued since there was room
        self._wake = asyncio.Event()  # the writer has something to do
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._choked = False  # past the high-water mark and not yet below the low one
        self._stall_timer: asyncio.TimerHandle | None = None
        self._closing: tuple[int, str] | None = None  # what we said, or will say, in the close frame
        self._gone = False  # nothing can be sent any more
        self._reader: asyncio.Task[tuple[int, str]] | None = None

    # What the session calls (sessions.wire.Wire).

    def send(self, data: bytes) -> None:
        if self._gone or self._closing is not None:
            return
        if self._queued - self._largest > HARD_LIMIT:
            self._give_up()
            return
        self._queue.append(data)
        self._queued += len(data)
        self._largest = max(self._largest, len(data))
        self._wake.set()
        if self._queued > HIGH_WATER and not self._choked:
            self._choked = True
            self._start_stall_timer()
            if self._events is not None:
                self._events.writable(False)

    def reading(self, yes: bool) -> None:
        if yes:
            self._may_read.set()
        else:
            self._may_read.clear()

    def close(self, code: int, reason: str = "") -> None:
        if self._gone or self._closing is not None:
            return
        self._closing = (code, _short(reason))
        self._start_stall_timer()  # flushing is not waited for longer than a stall
        self._wake.set()

    # The life of the connection.

    async def run(self, events: WireEvents) -> None:
        """Carry messages until either side closes; ends by calling `events.closed` exactly once."""
        self._events = events
        if self._socket is not None:
            self._socket.on_lost = self._lost
        if self._choked:
            events.writable(False)
        writer = asyncio.create_task(self._write(), name="wire writer")
        self._reader = asyncio.create_task(self._read(events), name="wire reader")
        code, reason = ABNORMAL, ""
        try:
            done, _ = await asyncio.wait({writer, self._reader}, return_when=asyncio.FIRST_COMPLETED)
            if self._reader in done and not self._reader.cancelled():
                code, reason = self._reader.result()
            code, reason = self._closing or (code, reason)
        except asyncio.CancelledError:
            self._abort(TRY_AGAIN_LATER, "The server is stopping.")
            raise
        finally:
            self._gone = True
            self._queue.clear()
            self._stop_stall_timer()
            for task in (writer, self._reader):
                task.cancel()
            self._events = None
            events.closed(code, reason)

    async def _read(self, events: WireEvents) -> tuple[int, str]:
        """Hand over messages until the client's close; returns its code and reason."""
        while True:
            await self._may_read.wait()
            message = await self._asgi_receive()
            if message["type"] == "websocket.disconnect":
                if self._socket is not None and self._socket.vanished:
                    return ABNORMAL, ""
                return message.get("code") or ABNORMAL, message.get("reason") or ""
            if self._closing is not None:
                continue  # said after we began to close: nobody is there to hear it
            text = message.get("text")
            try:
                if text is not None:
                    events.message(text.encode())
                else:
                    self.send(_refusal_of_binary())
            except Exception:
                _log.exception("session_failed")
                self.close(INTERNAL_ERROR, "The session failed inside the server.")

    async def _write(self) -> None:
        """Drain the queue, then close if asked to; ends when nothing can be sent any more."""
        try:
            while True:
                while self._queue:
                    data = self._queue.popleft()
                    await self._asgi_send({"type": "websocket.send", "text": data.decode()})
                    self._queued -= len(data)
                    if self._queued <= LOW_WATER:
                        self._largest = 0
                        if self._choked:
                            self._unchoke()
                if self._closing is not None:
                    code, reason = self._closing
                    await self._asgi_send({"type": "websocket.close", "code": code, "reason": reason})
                    return
                self._wake.clear()
                await self._wake.wait()
        except OSError:
            # uvicorn's ClientDisconnected: the client went first. The reader, once it reads, says how.
            self._gone = True
            self._may_read.set()
            if self._reader is not None:
                await asyncio.wait({self._reader})

    def _unchoke(self) -> None:
        self._choked = False
        if self._closing is None:
            self._stop_stall_timer()
        if self._events is not None:
            self._events.writable(True)

    def _lost(self) -> None:
        """The connection is gone. The reader has been told, but may be paused."""
        self._gone = True
        self._may_read.set()
        self._wake.set()

    def _start_stall_timer(self) -> None:
        if self._stall_timer is None:
            self._stall_timer = self._loop.call_later(self._stall_s, self._give_up)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _give_up(self) -> None:
        """The client does not read: drop what it will not take, and cut it off."""
        code, reason = self._closing or (TRY_AGAIN_LATER, "The client read too slowly.")
        self._closing = (code, reason)
        self._gone = True
        self._queue.clear()
        self._queued = 0
        self._stop_stall_timer()
        _log.warning("client_stalled", close_code=code)
        self._abort(code, reason)

    def _abort(self, code: int, reason: str) -> None:
        if self._socket is not None:
            self._socket.abort(code, reason)
        if self._reader is not None:
            self._reader.cancel()


async def refuse(websocket: WebSocket, error: ProtocolError, code: int, subprotocol: str | None) -> None:
    """Tell a browser, which sees neither status nor body of a refused upgrade: accept, say why, close."""
    with contextlib.suppress(WebSocketDisconnect, OSError):
        await websocket.accept(subprotocol)
        await websocket.send_text(encode_event(error.as_event(random_id("event"))).decode())
        await websocket.close(code, _short(f"{error.type}.{error.code}" if error.code else error.type))


async def accept(websocket: WebSocket, subprotocol: str | None) -> bool:
    """Finish the handshake; False when the client has already gone."""
    try:
        await websocket.accept(subprotocol)
    except (WebSocketDisconnect, OSError):
        return False
    return True


def _refusal_of_binary() -> bytes:
    return encode_event(ProtocolError(BINARY_REFUSED, code="invalid_event").as_event(random_id("event")))


def _short(reason: str) -> str:
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
