"""A session's line to its client, which outlives the socket that carries it.

    Attached --socket lost--> Parked --resume--> Attached
        |                        |
        +------ close, end of the window -----> Over

The session above sees one `Wire` all along. A socket that was lost or replaced is deaf: what it still says is ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from moksori.sessions.log import EventLog
from moksori.sessions.wire import Wire, WireEvents

NORMAL: Final = 1000
WINDOW_OVER: Final = 1006
TAKEN_OVER: Final = 4409

Greet = Callable[[bool], tuple[str, tuple[bytes, ...]]]
"""Makes the greeting of a resumed socket, given whether there is a gap: its event id, and its messages."""


class Line:
    """A `Wire` for the session above, and for each socket the `WireEvents` it tells. Belongs to the event loop."""

    __slots__ = (
        "_closing",
        "_greetings",
        "_log",
        "_over",
        "_reading",
        "_socket",
        "_target",
        "_timer",
        "_told",
        "_window_s",
        "_wire",
        "_writable",
    )

    def __init__(
        self, wire: Wire, log: EventLog | None, window_s: float, *, told: Callable[[str], None]
    ) -> None:
        self._wire: Wire | None = wire
        self._log = log
        self._window_s = window_s
        self._told = told  # with "parked" and "resumed"
        self._target: WireEvents
        self._socket: _Socket
        self._reading = True
        self._writable = True
        self._greetings: dict[
            str, str | None
        ] = {}  # by the greeting's id, what its client had seen before it
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False  # the session has said goodbye
        self._over = False

    @property
    def parked(self) -> bool:
        return self._wire is None and not self._over

    def first(self, target: WireEvents) -> WireEvents:
        """What the socket given at the beginning is to tell; `target` is the session that hears it."""
        self._target = target
        self._socket = _Socket(self, target)
        return self._socket

    # What the session calls (sessions.wire.Wire).

    def send(self, data: bytes) -> None:
        if self._over or self._closing:
            return
        if self._log is not None:
            self._log.append(data)
        if self._wire is not None:
            self._wire.send(data)

    def reading(self, yes: bool) -> None:
        self._reading = yes
        if self._wire is not None:
            self._wire.reading(yes)

    def close(self, code: int, reason: str = "") -> None:
        if self._over or self._closing:
            return
        self._closing = True
        if self._wire is not None:
            self._wire.close(
                code, reason
            )  # its `closed` ends the session, once the client has taken what is queued
        else:
            self._end(code, reason)

    # What sockets tell, each through its `_Socket`.

    def writable(self, yes: bool) -> None:
        self._writable = yes
        self._target.writable(yes)

    def lost(self, code: int, reason: str) -> None:
        """The socket is gone: wait for the client, unless it said goodbye, we did, or there is nothing to wait for."""
        self._wire = None
        if self._closing or code == NORMAL or self._log is None or self._window_s <= 0:
            self._end(code, reason)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._window_s, self._end, WINDOW_OVER, "The client did not come back.")
        self._told("parked")
        if not self._writable:
            self.writable(True)  # the log takes everything

    def give_up(self) -> None:
        """End a parked session before its window is over."""
        if self.parked:
            self._end(WINDOW_OVER, "The client did not come back.")

    def resume(self, wire: Wire, last_event_id: str | None, greet: Greet) -> WireEvents:
        """Carry the session on over another socket: greeting, then what was missed, then live."""
        assert self._log is not None
        before, self._wire = self._wire, None
        self._socket.deafen()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if before is not None:
            before.close(TAKEN_OVER, "The session goes on over another connection.")
        seen = self._greetings.get(last_event_id, last_event_id) if last_event_id is not None else None
        missed = self._log.since(seen)
        event_id, messages = greet(missed.gap)
        self._greetings[event_id] = seen
        for message in (*messages, *missed.messages):
            wire.send(message)
        self._wire = wire
        self._socket = _Socket(self, self._target)
        wire.reading(self._reading)
        if not self._writable:
            self.writable(True)
        self._told("resumed")
        return self._socket

    def _end(self, code: int, reason: str) -> None:
        if self._over:
            return
        self._over = True
        self._wire = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._log is not None:
            self._log.close()
        self._target.closed(code, reason)


class _Socket:
    """`WireEvents` of one socket; deaf once another has taken its place."""

    __slots__ = ("_line", "deaf", "message")

    def __init__(self, line: Line, target: WireEvents) -> None:
        self._line = line
        self.message = target.message  # what a call is full of: nothing stands before it
        self.deaf = False

    def deafen(self) -> None:
        self.deaf, self.message = True, _unheard

    def writable(self, yes: bool) -> None:
        if not self.deaf:
            self._line.writable(yes)

    def closed(self, code: int, reason: str) -> None:
        if not self.deaf:
            self.deafen()
            self._line.lost(code, reason)


def _unheard(data: bytes) -> None:
    """What a socket says whose place another has taken."""
