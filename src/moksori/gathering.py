"""Reading together what comes in ones.

A hundred calls at 20 ms a frame wake the loop for nearly every frame, and waking costs more than carrying it. While so
many reads a second come that this matters, the loop sleeps a moment between its turns and finds several at once: what
network drivers call interrupt moderation. A frame waits a twentieth of its own length at most. Where each turn has
enough to do anyhow, or little comes, nothing sleeps.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

MOMENT_S: Final = 0.001
"""A sleep: the longest that a read can be late by it."""
ENOUGH: Final = 24
"""Reads of one turn after which the next one does not sleep: the loop is filled as it is."""
LOOK_S: Final = 0.05
"""How often it is looked at whether sleeping is worth it."""
MANY: Final = 2_500
"""Reads a second from which on it is; twice the audio of a full local engine."""
BEGINNING: Final = 4
"""Reads that a new connection does not count for: its handshake, which somebody waits for, and its end."""


class Gathering:
    """Of one event loop. Whoever reads counts up `reads`, and calls `wake` if not `awake`."""

    __slots__ = ("_before", "_gathers", "_look_at", "_loop", "awake", "reads")

    def __init__(self) -> None:
        self.reads = 0
        self.awake = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before = 0  # reads at the last look, or the last turn
        self._look_at = 0.0
        self._gathers = 0  # reads at the last look while gathering

    def begins(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called for each new connection; a loop that was closed took its timers along."""
        self.reads -= BEGINNING
        if loop is not self._loop:
            self._loop = loop
            self.awake = False

    def wake(self) -> None:
        """The first read after none came for a while."""
        assert self._loop is not None
        self.awake = True
        self._before = self.reads
        self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        assert self._loop is not None
        came, self._before = self.reads - self._before, self.reads
        if came >= MANY * LOOK_S:
            self._gathers, self._look_at = self.reads, time.monotonic() + LOOK_S
            self._loop.call_soon(self._turn)
        elif came:
            self._loop.call_later(LOOK_S, self._look)
        else:
            self.awake = False

    def _turn(self) -> None:
        """Runs once in each turn of the loop, after its reads."""
        assert self._loop is not None
        came, self._before = self.reads - self._before, self.reads
        if came < ENOUGH:
            time.sleep(MOMENT_S)
        if (now := time.monotonic()) >= self._look_at:
            came, self._gathers, self._look_at = self.reads - self._gathers, self.reads, now + LOOK_S
            if came < MANY * LOOK_S:
                self._loop.call_later(LOOK_S, self._look)
                return
        self._loop.call_soon(self._turn)


GATHERING: Final = Gathering()
