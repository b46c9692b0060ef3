"""What a session has sent, kept for a client that lost its connection: the same bytes, in order.

`EventLog` is what resuming needs of a log; unless told otherwise this process keeps it in one unlinked spool file, so
that minutes of audio cost a session no memory: a few KiB wait before the file, which the kernel holds in its cache.
`log_sqlite` keeps it where other processes can read it, behind the same interface.
"""

from __future__ import annotations

import errno
import os
import struct
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, Protocol

import msgspec

SLOT: Final = 16 * 1024
"""Bytes of a piece of the spool file: a quarter of a second of audio, and what a session keeps in memory at most."""
KEEP_BYTES: Final = 16 * 1024 * 1024
"""Bytes kept of one session: 4 minutes of audio as base64, more than a client can miss within the window."""
KEEP_S: Final = 120.0
"""Seconds kept behind the newest record: twice the default window, which begins when a loss is noticed."""


class _Named(msgspec.Struct):
    event_id: str | None = None


_named = msgspec.json.Decoder(_Named).decode


@dataclass(frozen=True, slots=True)
class Missed:
    """What came after an event; `gap` when the event itself is no longer kept, or something after it is not."""

    messages: tuple[bytes, ...]
    gap: bool


class EventLog(Protocol):
    """The messages sent to one session's client."""

    def append(self, message: bytes) -> None:
        """Keep one message. Never blocks for long, never raises."""
        ...

    def since(self, event_id: str | None) -> Missed:
        """Everything after this event; all that is kept where None, or where the event is unknown."""
        ...

    def close(self) -> None:
        """Forget everything. Idempotent."""
        ...


class EventLogs(Protocol):
    """Where the logs of a process's sessions are kept."""

    def log(self, session_id: str) -> EventLog:
        """The log of a session, begun or gone on with."""
        ...

    def close(self) -> None:
        """Every session is over. Idempotent."""
        ...


class Spool:
    """`EventLogs` in one file of equal slots for all sessions of a process; nameless, it goes with the process."""

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._file: int | None = None
        self._free: list[int] = []
        self._slots = 0

    def log(self, session_id: str) -> EventLog:
        return SpooledLog(self)

    def write(self, parts: Sequence[bytes], size: int) -> tuple[int, ...]:
        """The slots that now hold the parts, of so many bytes. Raises `OSError` where the disk is full."""
        if self._file is None:
            self._file, name = tempfile.mkstemp(prefix="moksori-spool-", dir=self._folder)
            os.unlink(name)
        portions = [parts]
        if size > SLOT or len(parts) > MOST_PARTS:
            data = b"".join(parts)
            portions = [(data[at : at + SLOT],) for at in range(0, size, SLOT)]
        slots: list[int] = []
        try:
            for portion in portions:
                slots.append(self._slot())
                if os.pwritev(self._file, portion, slots[-1] * SLOT) < sum(map(len, portion)):
                    raise OSError(errno.ENOSPC, "the spool file cannot grow")
        except OSError:
            self._free.extend(slots)
            raise
        return tuple(slots)

    def _slot(self) -> int:
        if self._free:
            return self._free.pop()
        self._slots += 1
        return self._slots - 1

    def read(self, slots: Iterable[int], size: int) -> bytes:
        assert self._file is not None
        return b"".join(os.pread(self._file, SLOT, slot * SLOT) for slot in slots)[:size]

    def free(self, slots: Iterable[int]) -> None:
        self._free.extend(slots)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


_LENGTH = array("I").itemsize
MOST_PARTS: Final = 1000
"""Parts that the system takes with one write."""
_PIECE = struct.Struct("<dI")
"""What is remembered of each piece, in front of its slots' numbers: when it was written, and its bytes. A long call has
hundreds of them, so they are kept packed."""


def _packed(at: float, size: int, slots: tuple[int, ...]) -> bytes:
    return _PIECE.pack(at, size) + array("I", slots).tobytes()


def _slots(piece: bytes) -> array[int]:
    return array("I", piece[_PIECE.size :])


class SpooledLog:
    """An `EventLog` in a `Spool`. Bounded in bytes and in age; the oldest goes first."""

    __slots__ = (
        "_keep_bytes",
        "_now",
        "_pieces",
        "_spool",
        "_spooled",
        "_trimmed",
        "_waiting",
        "_waiting_size",
    )

    def __init__(
        self, spool: Spool, *, keep_bytes: int = KEEP_BYTES, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._spool = spool
        self._keep_bytes = keep_bytes
        self._now = now
        self._pieces: list[bytes] = []  # a deque takes 760 bytes before anything is in it
        self._spooled = 0
        self._waiting: list[bytes] = []
        self._waiting_size = _LENGTH  # as it will be written
        self._trimmed = False  # something is no longer kept

    def append(self, message: bytes) -> None:
        size = len(message) + _LENGTH
        if self._waiting_size + size > SLOT and self._waiting:
            self._spill()
        self._waiting.append(message)
        self._waiting_size += size

    def _spill(self) -> None:
        """Write what waits: how many messages, how long each is, and they."""
        waiting, size = self._waiting, self._waiting_size
        self._waiting, self._waiting_size = [], _LENGTH
        now = self._now()
        lengths = array("I", (len(waiting), *map(len, waiting))).tobytes()
        try:
            self._pieces.append(_packed(now, size, self._spool.write((lengths, *waiting), size)))
        except OSError:
            self._trimmed = True  # a full disk costs a resume, not a call
            return
        self._spooled += size
        while self._pieces:
            at, size = _PIECE.unpack_from(self._pieces[0])
            if self._spooled <= self._keep_bytes and at >= now - KEEP_S:
                break
            self._spool.free(_slots(self._pieces.pop(0)))
            self._spooled -= size
            self._trimmed = True

    def since(self, event_id: str | None) -> Missed:
        if event_id is None:
            everything = [message for piece in self._newest_first() for message in reversed(piece)]
            return Missed(tuple(reversed(everything)), self._trimmed)
        newer: list[bytes] = []
        for piece in self._newest_first():
            for message in reversed(piece):
                if is_event(message, event_id):
                    return Missed(tuple(reversed(newer)), gap=False)
                newer.append(message)
        return Missed(tuple(reversed(newer)), gap=True)

    def _newest_first(self) -> Iterable[list[bytes]]:
        yield self._waiting
        for piece in reversed(self._pieces):
            _, size = _PIECE.unpack_from(piece)
            data = self._spool.read(_slots(piece), size)
            (count,) = array("I", data[:_LENGTH])
            lengths = array("I", data[_LENGTH : (count + 1) * _LENGTH])
            ends = list(accumulate(lengths, initial=(count + 1) * _LENGTH))
            yield [data[begin:end] for begin, end in pairwise(ends)]

    def close(self) -> None:
        for piece in self._pieces:
            self._spool.free(_slots(piece))
        self._pieces.clear()
        self._waiting.clear()
        self._waiting_size, self._spooled = _LENGTH, 0


def is_event(message: bytes, event_id: str) -> bool:
    """Whether a message is the event of this id."""
    if event_id.encode("utf-8", "surrogatepass") not in message:
        return False
    try:
        return _named(message).event_id == event_id
    except msgspec.MsgspecError:
        return False
