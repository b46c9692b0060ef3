"""Who gets a model next: one lane a stage, most urgent first, what nobody wants any more never run.

All sessions share the models. A lane owns the threads that may run its stage, so stages cannot take each other's
cores beyond their budget; inside a lane jobs wait in order of urgency, then of arrival.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from moksori.agent.speech import Priority

T = TypeVar("T")

MAX_WAITING = 256
"""Jobs that may wait in one lane: 32 sessions with a handful each. One more is refused."""


class Overloaded(Exception):
    """A lane's queue is full."""


@dataclass(slots=True)
class Urgency:
    """The priority of one piece of work, which may rise while it waits in a lane."""

    priority: Priority


URGENCY: ContextVar[Urgency | None] = ContextVar("moksori_urgency", default=None)
"""Set in a task to be able to hasten, later, whatever that task has waiting."""


@dataclass(slots=True, eq=False)
class _Work:
    urgency: Urgency
    number: int
    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    cancelled: threading.Event = field(default_factory=threading.Event)


class Lane:
    """A few threads that run one stage's jobs. `run` is what models are given as their executor."""

    def __init__(self, name: str, workers: int = 1) -> None:
        self.name = name
        self._waiting: list[_Work] = []
        self._condition = threading.Condition()
        self._number = 0
        self._closed = False
        self._running = 0
        self._threads = [
            threading.Thread(target=self._serve, name=f"moksori-{name}-{i}", daemon=True)
            for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Jobs waiting or running."""
        with self._condition:
            return len(self._waiting) + self._running

    async def run(self, priority: Priority, call: Callable[[], T]) -> T:
        """Run `call` on one of the lane's threads and return its result.

        Cancelling the awaiting task takes a waiting job out of the queue; a job that already runs is left to end,
        its result unused. Raises `Overloaded`, and whatever `call` raises.
        """
        loop = asyncio.get_running_loop()
        urgency = URGENCY.get() or Urgency(priority)
        with self._condition:
            if self._closed:
                raise RuntimeError(f"the {self.name} lane is closed")
            if len(self._waiting) >= MAX_WAITING:
                raise Overloaded(f"More than {MAX_WAITING} jobs wait for {self.name}; try again later.")
            self._number += 1
            work = _Work(urgency, self._number, call, loop, loop.create_future())
            self._waiting.append(work)
            self._condition.notify()
        try:
            result: T = await work.future
            return result
        except asyncio.CancelledError:
            work.cancelled.set()
            with self._condition:
                if work in self._waiting:
                    self._waiting.remove(work)
            raise

    def close(self) -> None:
        """Drop what waits and let the threads end after what they run now. Idempotent."""
        with self._condition:
            self._closed = True
            dropped, self._waiting = self._waiting, []
            self._condition.notify_all()
        for work in dropped:
            work.loop.call_soon_threadsafe(work.future.cancel)

    def _serve(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._closed:
                    self._condition.wait()
                if self._closed:
                    return
                work = min(self._waiting, key=lambda w: (w.urgency.priority, w.number))
                self._waiting.remove(work)
                self._running += 1
            try:
                if not work.cancelled.is_set():
                    self._do(work)
            finally:
                with self._condition:
                    self._running -= 1

    @staticmethod
    def _do(work: _Work) -> None:
        try:
            result = work.function()
        except BaseException as error:
            _deliver(work, partial(work.future.set_exception, error))
        else:
            _deliver(work, partial(work.future.set_result, result))


def _deliver(work: _Work, settle: Callable[[], None]) -> None:
    def unless_done() -> None:
        if not work.future.done():
            settle()

    try:
        work.loop.call_soon_threadsafe(unless_done)
    except RuntimeError:
        return  # the loop is gone, and with it whoever waited
