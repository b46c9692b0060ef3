"""What stands between picows and a transport, on both sides of the relay.

picows hands each frame to the system on its own. Of frames that came in with one read, what follows from them goes out
with one write at the end of the loop's turn; a frame that came alone goes on at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self, cast

from picows import WSAutoPingStrategy, WSCloseCode, WSListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from moksori.gathering import GATHERING
from moksori.pulse import PULSE

BUFFER: Final = 2560
"""A connection's buffer as it begins: 20 ms of audio as base64, and 256 bytes that picows keeps free."""
AT_ONCE: Final = 16 * 1024
"""Bytes of one write: TLS cuts longer ones up anyhow, and keeps the memory that the longest took."""


class Reading:
    """Whether the frame being handled came with others that are still to be handled; every listener says it of each.

    Only ever a hint: where it is wrong, a frame waits for the end of the loop's turn.
    """

    __slots__ = ("more",)

    def __init__(self) -> None:
        self.more = False


READING: Final = Reading()
_buffer = WSProtocol.get_buffer


class Carrier(WSProtocol):  # type: ignore[misc]
    """picows' side of a connection, behind a tunnel, and watched for silence once `kept_alive`.

    picows doubles a buffer that a read fills, and never halves it. So it begins small, which is all that a silent call
    takes, and what piles up while the loop is busy is taken in portions: twice doubled it holds one, and the beginning
    of a message whose end has not come. Only a message that is longer makes it grow further.
    """

    __slots__ = ("asked", "heard")
    at_once: ClassVar = 6 * 1024
    """Bytes of a portion: the rest waits in the system."""

    @classmethod
    def over(
        cls,
        listener: Callable[..., WSListener],
        *,
        pongs: bool,
        largest: int,
        to: tuple[str, str, dict[str, str]] | None = None,
    ) -> Self:
        """The side of a server, or of a client that goes `to` a host, a path and with headers of its own.

        `listener` makes who gets the frames, of the handshake as picows has it; `pongs`: pings are answered here;
        `largest` bounds a frame, in bytes.
        """
        host, path, headers = to if to is not None else (None, None, None)
        return cls(
            host,
            path,
            to is not None,
            listener,
            MUTE,
            True,  # a listener that fails ends its connection with 1011
            None,  # whoever dials does not wait for ever, and a server's handshake is through
            False,  # `kept_alive` pings
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            pongs,
            largest,
            headers,
            BUFFER,
        )

    def connection_made(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        GATHERING.begins(loop)
        super().connection_made(Tunnel(transport, loop))

    def connection_lost(self, exc: Exception | None) -> None:
        PULSE.forget(self)
        super().connection_lost(exc)

    def forget_handshake(self) -> None:
        """Let go of the headers of both sides; nobody asks for them any more."""
        for said in (self.transport.request, self.transport.response):
            if said is not None:
                said.headers = NO_HEADERS

    def kept_alive(self, every_s: float) -> None:
        """Ping a peer that is silent for so long, and cut off one that does not answer."""
        self.heard, self.asked = True, False
        PULSE.watch(self, every_s)

    def ask(self) -> None:
        self.transport.send_ping()

    def give_up(self) -> None:
        self.transport.send_close(WSCloseCode.GOING_AWAY, b"no answer to a ping")
        self.tunnel.abort()

    def get_buffer(self, size_hint: int) -> memoryview:
        self.heard = True
        GATHERING.reads += 1
        if not GATHERING.awake:
            GATHERING.wake()
        room: memoryview = _buffer(self, size_hint)
        return room if len(room) <= self.at_once else room[: self.at_once]

    @property
    def tunnel(self) -> Tunnel:
        return cast("Tunnel", self.transport.underlying_transport)


class SecureCarrier(Carrier):
    """Over TLS, where the rest has been taken from the system already, and would take more memory than it does here."""

    __slots__ = ()
    at_once = AT_ONCE


class Tunnel:
    """An `asyncio.Transport` as far as picows, and whoever writes or closes behind it, use one."""

    __slots__ = ("_behind", "_held", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0
        self._behind = True  # something may be held, or wait in the transport

    def get_extra_info(self, name: str) -> Any:
        if name == "socket":
            return _QuietSocket(self._transport.get_extra_info("socket").fileno())
        return self._transport.get_extra_info(name) if name == "ssl_object" else None

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        self._transport.set_write_buffer_limits(high, low)

    @property
    def queued(self) -> int:
        """Bytes the system has not taken yet."""
        return self._size + self._transport.get_write_buffer_size()

    def get_write_buffer_size(self) -> int:
        """More than nothing where picows is to leave the writing to `write`."""
        if READING.more:
            return 1
        if not self._behind:
            return 0  # picows writes by itself until the system does not take everything
        waiting = self.queued
        self._behind = waiting > 0
        return waiting

    def write(self, data: bytes) -> None:
        self._behind = True
        if self._held:
            self._held.append(data)
            self._size += len(data)
        elif READING.more:
            self._held.append(data)
            self._size = len(data)
            self._loop.call_soon(self.flush)
        else:
            self._transport.write(data)

    def writelines(self, lines: Iterable[bytes | memoryview]) -> None:
        self.write(b"".join(lines))

    def flush(self) -> None:
        if self._held:
            data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
            self._held.clear()
            self._size = 0
            if len(data) <= AT_ONCE:
                self._transport.write(data)
                return
            view = memoryview(data)
            for at in range(0, len(data), AT_ONCE):
                self._transport.write(view[at : at + AT_ONCE])

    def receive_at_most(self, size: int) -> None:
        """Bound the system's receive buffer, in bytes."""
        real: socket.socket = self._transport.get_extra_info("socket")
        real.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    @contextlib.contextmanager
    def dropping(self) -> Iterator[None]:
        """What is written in this block goes nowhere."""
        transport, self._transport = self._transport, NOWHERE
        try:
            yield
        finally:
            self._transport = transport

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._held.clear()
        self._size = 0
        self._transport.abort()


class _Nowhere(asyncio.Transport):
    def write(self, data: Any) -> None: ...

    def close(self) -> None: ...


NOWHERE: Final = _Nowhere()


class _QuietSocket:
    """What picows sets and reads on each new connection is either set already or meant for a log."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def setsockopt(self, *_: Any) -> None:
        """asyncio and uvloop set TCP_NODELAY themselves."""

    def getsockopt(self, *_: Any) -> int:
        return 0


class Mute:
    """Where picows' own log goes: what a peer does wrong is told to it in the close frame, or by whoever dialled."""

    def isEnabledFor(self, _level: int) -> bool:
        return False

    def log(self, *_: Any, **__: Any) -> None: ...

    debug = info = warning = error = exception = log


MUTE: Any = Mute()
NO_HEADERS: Final[Any] = MappingProxyType({})
