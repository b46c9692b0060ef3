"""The socket under a session: the only file that knows which WebSocket library carries the bytes.

uvicorn's own protocol class shakes hands, so that who may come in is decided over ASGI like every other request.
Once accepted, the connection is handed to picows: no task, queue or dictionary stands between a frame and its
session, and nothing is left of uvicorn's part. A session writes without waiting. Past the high-water mark it is told
`writable(False)`; a client that stays there for `stall_s` is closed with 1013, so what one client can hold in memory
is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, cast

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
)
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.config import Config
from uvicorn.server import ServerState

from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import random_id
from moksori.protocol.server_events import encode_event
from moksori.server.handshake import HandshakeProtocol
from moksori.sessions.wire import WireEvents
from moksori.telemetry import get_logger
from moksori.tunnel import NOWHERE, READING, Carrier, SecureCarrier, Tunnel

HIGH_WATER: Final = 256 * 1024
"""Bytes queued for a client before its session is told to stop: about 4 s of audio as base64."""
LOW_WATER: Final = 64 * 1024
"""Bytes left when the session may go on: enough to keep the line busy while it does."""
HARD_LIMIT: Final = 4 * 1024 * 1024
"""Bytes queued, one large message aside, at which a session that does not stop loses its client at once."""
RECEIVE_BYTES: Final = 32 * 1024
"""The system's receive buffer of a connection, which over TLS bounds two more of the same size. At 100 ms of round trip
it still lets through five times the audio of a call."""
ABORT_GRACE_S: Final = 2.0
"""How long an unwilling client has to take the close frame before the connection is cut."""
FLUSH_S: Final = 12.0
"""How long a connection that is over may take to hand on what is queued."""
MAX_REASON_BYTES: Final = 123
"""RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the close code."""

SOCKET: Final = "moksori.socket"
"""The ASGI state key under which `Socket` hands itself to the application."""

TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
NORMAL: Final = 1000
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
NEVER_SENT: Final = frozenset({0, NO_STATUS, ABNORMAL})
"""Codes that stand for the lack of one (RFC 6455 section 7.4.1), and 0, which picows lets through."""
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013

BINARY_REFUSED: Final = (
    "Binary frames are not part of this protocol: send each event as one JSON text frame, audio as base64."
)

HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
"""What picows is shown in place of the handshake, which was held, and judged, before it came in."""

TEXT: Final = WSMsgType.TEXT
CONTINUATION: Final = WSMsgType.CONTINUATION
CLOSE: Final = WSMsgType.CLOSE
PING: Final = WSMsgType.PING
PONG: Final = WSMsgType.PONG

NOBODY: Final = asyncio.Protocol()

_log = get_logger(__name__)


class Socket(HandshakeProtocol):
    """uvicorn's protocol until the handshake is through."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, SOCKET: self}, _loop)
        self._cut: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A request whose lines are too long fails before there is an event to answer, and uvicorn would wait for ever.
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()

    def upgrade(self, wire: SocketWire) -> Carrier:
        """Let picows carry the frames from here on; `wire` gets them. Call right after the handshake.

        In uvicorn's books `wire` takes this object's place, which is some KiB with all that belongs to the request.
        """
        self.stop_keepalive()
        kind = SecureCarrier if self.scheme == "wss" else Carrier
        # Pings come to the listener: picows answers them whatever their reserved bits.
        protocol = kind.over(lambda request: wire, pongs=False, largest=self.config.ws_max_size)
        protocol.connection_made(self.transport)
        tunnel = protocol.tunnel
        protocol.get_buffer(-1)[: len(HANDSHAKE)] = HANDSHAKE
        with tunnel.dropping():
            protocol.buffer_updated(len(HANDSHAKE))
        protocol.forget_handshake()
        tunnel.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)
        tunnel.receive_at_most(RECEIVE_BYTES)
        self.transport.set_protocol(NOBODY)  # uvloop keeps the last one that is not buffered
        self.transport.set_protocol(protocol)
        if self.ping_interval is not None:
            protocol.kept_alive(self.ping_interval)
        self.connections.discard(self)
        self.connections.add(wire)  # type: ignore[arg-type]  # uvicorn only calls its `shutdown`
        self.disconnected = True
        self.conn.parser.close()  # it and `conn` hold each other
        self.transport = NOWHERE  # which uvicorn closes once the application has returned
        return protocol

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.app_state = {}  # through SOCKET it would hold itself
        if self._cut is not None:
            self._cut.cancel()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.app_state = self.scope["state"] = {}
        if not self.disconnected:
            self._cut = _sooner(self._cut, FLUSH_S, self.transport.abort)


class SocketWire(WSListener):
    """`sessions.wire.Wire` over one WebSocket: all of it is synchronous, from `begin` on.

    What a session sends before `begin` is kept, so it may greet before the handshake is through.
    """

    __slots__ = (
        "_choked",
        "_closing",
        "_connections",
        "_cut",
        "_early",
        "_ended",
        "_events",
        "_frames",
        "_held",
        "_largest",
        "_limit",
        "_loop",
        "_open",
        "_parts",
        "_parts_are_text",
        "_parts_size",
        "_reading",
        "_stall_s",
        "_stall_timer",
        "_tunnel",
    )

    def __init__(self, *, stall_s: float) -> None:
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._limit = 0  # bytes of a message
        self._connections: set[Any] = set()  # uvicorn's book of them
        self._ended: tuple[int, str] | None = None
        self._events: WireEvents | None = None  # from `begin` until `closed` is called
        self._frames: WSTransport | None = None  # from `begin` until the connection is gone
        self._tunnel: Tunnel  # from `begin` on
        self._early: list[bytes] = []  # sent before `begin`
        self._parts: list[bytes] = []  # of a fragmented message, so far
        self._parts_size = 0
        self._parts_are_text = False
        self._reading = True
        self._open = (
            False  # messages go to the session as they come: it reads, nothing is held, no end is in sight
        )
        self._held: list[bytes] = []  # messages that came while the session did not read: those of one read
        self._choked = False  # past the high-water mark and not yet below the low one
        self._largest = 0  # bytes of the largest message written while choked
        self._stall_timer: asyncio.TimerHandle | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._closing: tuple[int, str] | None = None  # what we said, or will say, in the close frame

    @property
    def queued(self) -> int:
        """Bytes the client has not taken yet, those in the system's buffers aside."""
        if self._frames is None:
            return sum(len(data) for data in self._early)
        return self._tunnel.queued

    # What the session calls (sessions.wire.Wire).

    def send(self, data: bytes) -> None:
        if self._closing is not None or self._ended is not None:
            return
        frames = self._frames
        if frames is None:
            self._early.append(data)
            return
        if self._choked:
            if self.queued - self._largest > HARD_LIMIT:
                self._give_up()
                return
            self._largest = max(self._largest, len(data))
        frames.send(TEXT, data)
        if self._choked and not self._largest:  # it was this one that filled the buffer
            self._largest = len(data)

    def reading(self, yes: bool) -> None:
        if yes == self._reading:
            return
        self._reading = yes
        self._open = False
        if yes:
            self._loop.call_soon(self._release)

    def close(self, code: int, reason: str = "") -> None:
        if self._closing is not None or self._ended is not None:
            return
        self._closing = (code, _short(reason))
        if self._frames is not None:
            self._say_close()

    # The life of the connection.

    def begin(self, connection: Socket, events: WireEvents) -> None:
        """Carry messages until either side closes; then `events.closed` is called, exactly once."""
        self._events = events
        self._limit, self._connections = connection.config.ws_max_size, connection.connections
        carrier = connection.upgrade(self)
        self._frames, self._tunnel = carrier.transport, carrier.tunnel
        self._open = self._reading
        for data in self._early:
            carrier.transport.send(TEXT, data)
        self._early.clear()
        if self._closing is not None:
            self._say_close()

    def shutdown(self) -> None:
        """uvicorn stops: whoever is still connected is told so."""
        self._open = False
        if self._frames is not None and not self._frames.is_close_frame_sent:
            self._frames.send_close(SERVICE_RESTART)  # type: ignore[arg-type]
        self._tunnel.close()
        self._cut_after(ABORT_GRACE_S)

    def _cut_after(self, seconds: float) -> None:
        """Cut the connection off unless it is gone by then; a sooner time wins over a later one."""
        if self._frames is not None:
            self._cut = _sooner(self._cut, seconds, self._tunnel.abort)

    def _say_close(self) -> None:
        """The close frame goes behind what is written already; flushing both is not waited for longer than a stall."""
        assert self._closing is not None
        if self._frames is not None:
            code, reason = self._closing
            self._frames.send_close(code, reason.encode())  # type: ignore[arg-type]
            self._tunnel.resume_reading()  # for the client's answer
            self._cut_after(self._stall_s)
        self._end(*self._closing)

    def _end(self, code: int, reason: str) -> None:
        self._open = False
        if self._ended is None:
            self._ended = (code, reason)
            self._loop.call_soon(self._over, code, reason)  # the session may be in the middle of something

    def _over(self, code: int, reason: str) -> None:
        self._stop_stall_timer()
        self._held.clear()
        events, self._events = self._events, None
        try:
            if events is not None:
                events.closed(code, reason)
        finally:
            self._tunnel.close()
            self._cut_after(FLUSH_S)

    # What picows calls (picows.WSListener).

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        READING.more = not frame.last_in_buffer
        kind = frame.msg_type
        if (
            self._open
            and kind is TEXT
            and frame.fin
            and not (self._parts or frame.rsv1 or frame.rsv2 or frame.rsv3)
        ):
            data = frame.get_payload_as_bytes()
            if data.isascii():  # what nearly every message is
                take = self._events.message  # type: ignore[union-attr]  # it is there until the end
                try:
                    take(data)
                except Exception:
                    self._failed()
                return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise self._violation(WSCloseCode.PROTOCOL_ERROR, "no extension was agreed on")
        if kind == TEXT and frame.fin and not self._parts:
            self._message(frame.get_payload_as_bytes())
        elif kind == CLOSE:
            self._said_close(transport, frame)
        elif kind == PING:
            if not transport.is_close_frame_sent:
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind != PONG:
            self._part(frame, kind)

    def _said_close(self, transport: WSTransport, frame: WSFrame) -> None:
        code = _number(frame.get_close_code()) if frame.payload_size else NO_STATUS
        if code in NEVER_SENT and frame.payload_size:
            raise self._violation(WSCloseCode.PROTOCOL_ERROR, f"{code} is no code to close with")
        reason = frame.get_close_reason() or ""
        if not transport.is_close_frame_sent:
            transport.send_close(NORMAL if code == NO_STATUS else code)  # type: ignore[arg-type]
        transport.disconnect()
        self._cut_after(ABORT_GRACE_S)
        self._end(code, reason)

    def _part(self, frame: WSFrame, kind: WSMsgType) -> None:
        """One frame of a fragmented message, or a binary one."""
        if (kind == CONTINUATION) != bool(self._parts):
            raise self._violation(WSCloseCode.PROTOCOL_ERROR, "a message began inside another, or nowhere")
        if kind != CONTINUATION:
            self._parts_are_text = kind == TEXT
        self._parts.append(frame.get_payload_as_bytes())
        self._parts_size += frame.payload_size
        if self._parts_size > self._limit:
            raise self._violation(WSCloseCode.MESSAGE_TOO_BIG, f"a message may have {self._limit} bytes")
        if not frame.fin:
            return
        data, self._parts, self._parts_size = b"".join(self._parts), [], 0
        if self._parts_are_text:
            self._message(data)
        else:
            self.send(_refusal_of_binary())

    def _message(self, data: bytes) -> None:
        if not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError:
                raise self._violation(WSCloseCode.INVALID_TEXT, "a text frame must be UTF-8") from None
        if self._ended is not None or (self._frames is not None and self._frames.is_close_frame_sent):
            return  # said after the end, or read with what ended it: nothing may answer it any more
        if not self._reading or self._held:
            self._held.append(data)
            self._tunnel.pause_reading()
            return
        try:
            self._events.message(data)  # type: ignore[union-attr]  # it is there until the end
        except Exception:
            self._failed()

    def _failed(self) -> None:
        _log.exception("session_failed")
        self.close(INTERNAL_ERROR, "The session failed inside the server.")

    def _release(self) -> None:
        """Hand over what was held back, as far as the session still reads."""
        while self._held and self._reading and self._ended is None:
            assert self._events is not None
            try:
                self._events.message(self._held.pop(0))
            except Exception:
                self._failed()
        if not self._held and self._frames is not None:
            self._tunnel.resume_reading()
            self._open = self._reading and self._ended is None and not self._frames.is_close_frame_sent

    def _violation(self, code: WSCloseCode, reason: str) -> WSProtocolError:
        """What picows answers with a close frame; the session ends now."""
        self._end(_number(code), reason)
        return WSProtocolError(code, reason)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._frames = None
        self._connections.discard(self)
        if self._cut is not None:
            self._cut.cancel()
        said = transport.close_handshake.sent if transport.close_handshake is not None else None
        if said is not None and said.code != WSCloseCode.GOING_AWAY:
            self._end(_number(said.code), said.reason or "")  # picows found something wrong with a frame
        else:
            self._end(ABNORMAL, "")  # vanished, or answered no ping

    def pause_writing(self) -> None:
        if self._choked:
            return
        self._choked = True
        if self._stall_timer is None:
            self._stall_timer = self._loop.call_later(self._stall_s, self._give_up)
        if self._events is not None and self._ended is None:
            self._events.writable(False)

    def resume_writing(self) -> None:
        if not self._choked:
            return
        self._choked = False
        self._largest = 0
        self._stop_stall_timer()
        if self._events is not None and self._ended is None:
            self._events.writable(True)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _give_up(self) -> None:
        """The client does not read: drop what it will not take, and cut it off."""
        code, reason = self._closing or (TRY_AGAIN_LATER, "The client read too slowly.")
        _log.warning("client_stalled", close_code=code)
        if self._frames is not None:
            if not self._frames.is_close_frame_sent:
                self._frames.send_close(code, reason.encode())  # type: ignore[arg-type]
            self._tunnel.close()
            self._cut_after(ABORT_GRACE_S)
        self._end(code, reason)


async def refuse(websocket: WebSocket, error: ProtocolError, code: int, subprotocol: str | None) -> None:
    """Tell a browser, which sees neither status nor body of a refused upgrade: accept, say why, close."""
    with contextlib.suppress(WebSocketDisconnect, OSError):
        await websocket.accept(subprotocol)
        await websocket.send_text(encode_event(error.as_event(random_id("event"))).decode())
        await websocket.close(code, _short(f"{error.type}.{error.code}" if error.code else error.type))


async def accept(websocket: WebSocket, subprotocol: str | None) -> Socket | None:
    """Finish the handshake, for `SocketWire.begin` to go on; None when the client has already gone."""
    connection: Socket = websocket.scope["state"][SOCKET]
    if connection.accept(subprotocol):
        return connection
    try:
        await websocket.accept(subprotocol)
    except (WebSocketDisconnect, OSError):
        return None
    return connection


def _sooner(
    timer: asyncio.TimerHandle | None, seconds: float, what: Callable[[], None]
) -> asyncio.TimerHandle:
    """The timer that runs out first: this one, or another that calls `what` after so many seconds."""
    loop = asyncio.get_running_loop()
    when = loop.time() + seconds
    if timer is not None:
        if timer.when() <= when:
            return timer
        timer.cancel()
    return loop.call_at(when, what)


def _number(code: WSCloseCode) -> int:
    """picows' codes are integers, whatever its stubs say; those of applications have no name."""
    return cast("int", code)


def _refusal_of_binary() -> bytes:
    return encode_event(ProtocolError(BINARY_REFUSED, code="invalid_event").as_event(random_id("event")))


def _short(reason: str) -> str:
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
