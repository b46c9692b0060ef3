"""Who gets a model next: one lane a stage, most urgent first, what nobody wants any more never run.

All sessions share the models. A lane owns the threads that may run its stage, so stages cannot take each other's
cores beyond their budget; inside a lane jobs wait in order of urgency, then of arrival. A clause that a caller will
need soon becomes urgent when the sound before it runs out. Lanes of one `Cores` leave the machine to each other:
work that nobody waits for begins only while none of them does anything else.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from moksori.agent.speech import Priority
from moksori.engine.admission import StageLoad
from moksori.engine.meter import Meter

T = TypeVar("T")

MAX_WAITING = 256
"""Jobs that may wait in one lane: 32 sessions with a handful each. One more is refused."""


class Overloaded(Exception):
    """A lane's queue is full."""


@dataclass(slots=True)
class Urgency:
    """The priority of one piece of work, which may rise while it waits in a lane."""

    priority: Priority
    due: float | None = None
    """Monotonic seconds at which somebody begins to wait for it."""

    def at(self, now: float) -> Priority:
        return Priority.WAITED_FOR if self.due is not None and now >= self.due else self.priority


URGENCY: ContextVar[Urgency | None] = ContextVar("moksori_urgency", default=None)
"""Set in a task to be able to hasten, later, whatever that task has waiting."""

MAY_TAKE: ContextVar[Callable[[], float] | None] = ContextVar("moksori_may_take", default=None)
"""Set where an answer is spoken in a call: how many seconds the voice may work on one piece of it that begins now.
Called on a lane's thread."""


@dataclass(slots=True, eq=False)
class _Work:
    urgency: Urgency
    number: int
    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    counted: bool
    """Somebody waits for it, or may: not idle work."""
    cancelled: threading.Event = field(default_factory=threading.Event)


class Waiting(Protocol):
    """A job in a queue, as far as its turn is decided."""

    @property
    def urgency(self) -> Urgency: ...

    @property
    def number(self) -> int: ...


W = TypeVar("W", bound=Waiting)


def choose(waiting: Iterable[W], now: float, *, machine_busy: bool) -> W | None:
    """The job to run next: the most urgent, then the oldest. Idle work has to wait while the machine is busy."""
    first = min(waiting, key=lambda job: (job.urgency.at(now), job.number), default=None)
    if first is not None and machine_busy and first.urgency.at(now) is Priority.IDLE:
        return None
    return first


class Cores:
    """What lanes that share a machine know of each other: how much is running that is not idle work."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.busy = 0


class Lane:
    """A few threads that run one stage's jobs. `run` is what models are given as their executor."""

    def __init__(self, name: str, workers: int = 1, cores: Cores | None = None) -> None:
        self.name = name
        self._cores = cores or Cores()
        self._waiting: list[_Work] = []
        self._condition = self._cores.condition
        self._number = 0
        self._closed = False
        self._running = 0
        self._meter = Meter(name, workers)
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

    def load(self) -> StageLoad:
        """The lane's work that is not idle work."""
        return self._meter.load(time.monotonic())

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
            counted = urgency.priority is not Priority.IDLE
            if counted:
                self._meter.came(time.monotonic())
            work = _Work(urgency, self._number, call, loop, loop.create_future(), counted)
            self._waiting.append(work)
            self._condition.notify_all()
        try:
            result: T = await work.future
            return result
        except asyncio.CancelledError:
            work.cancelled.set()
            with self._condition:
                if work in self._waiting:
                    self._waiting.remove(work)
                    self._gone(work)
            raise

    def close(self) -> None:
        """Drop what waits and let the threads end after what they run now. Idempotent."""
        with self._condition:
            self._closed = True
            dropped, self._waiting = self._waiting, []
            for work in dropped:
                self._gone(work)
            self._condition.notify_all()
        for work in dropped:
            work.loop.call_soon_threadsafe(work.future.cancel)

    def join(self) -> None:
        """Wait for the threads of a closed lane to end. Blocking, as long as what runs now.

        A process that ends under a thread inside a C++ library is aborted by it.
        """
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            with self._condition:
                while (work := self._next()) is None and not self._closed:
                    self._condition.wait()
                if work is None or self._closed:
                    return
                self._waiting.remove(work)
                self._running += 1
                idle = not work.counted
                self._cores.busy += not idle
            began = time.monotonic()
            try:
                if not work.cancelled.is_set():
                    self._do(work)
                    took = time.monotonic() - began
                    if work.counted:
                        self._meter.took(took, took)
            finally:
                with self._condition:
                    self._gone(work)
                    self._running -= 1
                    self._cores.busy -= not idle
                    self._condition.notify_all()

    def _gone(self, work: _Work) -> None:
        if work.counted:
            self._meter.went(time.monotonic())

    def _next(self) -> _Work | None:
        return choose(self._waiting, time.monotonic(), machine_busy=self._cores.busy > 0)

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
