"""How much work a stage has and how long a piece of it takes: a few numbers, however long the server runs."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator

from moksori.agent.brain import BrainEvent
from moksori.engine.admission import StageLoad

WEIGHT = 0.2
"""Of the newest duration in the running mean: about the last ten jobs count."""
WINDOW_S = 10
"""What "lately" means for the share of time a stage was busy."""


class Meter:
    """Counts one stage's jobs. Times are monotonic seconds. Safe to use from several threads."""

    def __init__(self, name: str, parallel: int = 1) -> None:
        self.name = name
        self.parallel = parallel
        self._first_ms: float | None = None
        self._mean_ms: float | None = None
        self._ahead = 0
        self._since = 0.0
        self._lock = threading.Lock()
        # Job-seconds worked in each of the last WINDOW_S whole seconds; two rings of fixed length.
        self._worked = [0.0] * WINDOW_S
        self._second = [-1] * WINDOW_S

    def came(self, now: float) -> int:
        """A job asks for the stage; returns how many were there before it."""
        with self._lock:
            self._account(now)
            self._ahead += 1
            return self._ahead - 1

    def went(self, now: float) -> None:
        """A job is done, or was given up."""
        with self._lock:
            self._account(now)
            self._ahead -= 1

    def took(self, first_s: float, whole_s: float) -> None:
        """A job that waited for nobody had its first result after `first_s` and ended after `whole_s`."""
        with self._lock:
            self._first_ms = _mean(self._first_ms, first_s * 1000)
            self._mean_ms = _mean(self._mean_ms, whole_s * 1000)

    def load(self, now: float) -> StageLoad:
        with self._lock:
            self._account(now)
            oldest = int(now) - WINDOW_S
            worked = sum(w for w, s in zip(self._worked, self._second, strict=True) if s > oldest)
            busy = min(1.0, worked / (WINDOW_S * self.parallel))
            return StageLoad(
                self.name, self._ahead, self._first_ms or 0.0, self._mean_ms or 0.0, self.parallel, busy
            )

    def _account(self, now: float) -> None:
        """Spread the time since the last change over the seconds it fell into."""
        start, self._since = max(self._since, now - WINDOW_S), now
        working = min(self._ahead, self.parallel)
        while working and start < now:
            second = int(start)
            end = min(now, second + 1.0)
            place = second % WINDOW_S
            if self._second[place] != second:
                self._second[place], self._worked[place] = second, 0.0
            self._worked[place] += (end - start) * working
            start = end


def _mean(old: float | None, new: float) -> float:
    return new if old is None else old + WEIGHT * (new - old)


async def metered(meter: Meter, thinking: AsyncIterator[BrainEvent]) -> AsyncIterator[BrainEvent]:
    """The same answer, counted as a job of `meter` while it lasts. Closing this closes it."""
    began = time.monotonic()
    first: float | None = None
    waited = meter.came(began) >= meter.parallel
    try:
        async for event in thinking:
            first = first or time.monotonic()
            yield event
        if not waited and first is not None:
            meter.took(first - began, time.monotonic() - began)
    finally:
        meter.went(time.monotonic())
        close = getattr(thinking, "aclose", None)
        if close is not None:
            await close()
