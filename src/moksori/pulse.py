"""Who has fallen silent: a connection that nothing comes from is pinged, and cut off if nothing comes even then.

One timer for all connections of a loop. A task for each, as picows keeps, takes a twentieth of what a session's set-up
takes, and 2 KiB for as long as it lasts.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

PARTS: Final = 8
"""Connections are looked at in so many portions, one after the other, lest all pings leave in one turn of the loop."""


class Watched(Protocol):
    """A connection. `heard` is set to true by whatever comes from its peer."""

    heard: bool
    asked: bool

    def ask(self) -> None:
        """Ping the peer."""
        ...

    def give_up(self) -> None:
        """The peer has not answered: cut it off."""
        ...


class _Ring:
    """Those that are looked at every so many seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, every_s: float) -> None:
        self._loop = loop
        self._step_s = every_s / PARTS
        self._parts: list[set[Watched]] = [set() for _ in range(PARTS)]
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, one: Watched) -> None:
        min(self._parts, key=len).add(one)
        if self._timer is None:
            self._timer = self._loop.call_later(self._step_s, self._beat)

    def discard(self, one: Watched) -> None:
        for part in self._parts:
            part.discard(one)

    def _beat(self) -> None:
        self._next = (self._next + 1) % PARTS
        for each in tuple(self._parts[self._next]):
            if each.heard:
                each.heard = each.asked = False
            elif each.asked:
                self.discard(each)
                each.give_up()
            else:
                each.asked = True
                each.ask()
        self._timer = self._loop.call_later(self._step_s, self._beat) if any(self._parts) else None


class Pulse:
    """The connections of the running loop; those of a loop before it are forgotten with its timers."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rings: dict[float, _Ring] = {}

    def watch(self, one: Watched, every_s: float) -> None:
        """Ping it after `every_s` to twice that of silence, and cut it off `every_s` later."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._rings = loop, {}
        ring = self._rings.get(every_s)
        if ring is None:
            ring = self._rings[every_s] = _Ring(loop, every_s)
        ring.add(one)

    def forget(self, one: Watched) -> None:
        """It is gone. Harmless for one that is not watched."""
        for ring in self._rings.values():
            ring.discard(one)


PULSE: Final = Pulse()
