"""Where blocking model calls run: not on the event loop, and by default one after another on one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Protocol, TypeVar

from moksori.agent.speech import Priority

T = TypeVar("T")


class Run(Protocol):
    """Runs a blocking call elsewhere and awaits its result.

    Cancelling the await of a call that has not begun takes it out of the queue: it never runs. One that has
    begun runs to its end, since the models cannot be stopped within a call, and its result is dropped.
    """

    def __call__(self, priority: Priority, call: Callable[[], T]) -> Awaitable[T]: ...


def one_thread(name: str) -> Run:
    """A `Run` of one thread of its own, first come, first served; the priority is not looked at."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def run(priority: Priority, call: Callable[[], T]) -> Awaitable[T]:
        waiting: list[asyncio.Future[T]] = []

        def unless_dropped() -> T:
            # A cancellation reaches the executor only a turn of the loop later; it is seen here at once.
            if waiting and waiting[0].cancelled():
                raise CancelledError
            return call()

        waiting.append(asyncio.get_running_loop().run_in_executor(executor, unless_dropped))
        return waiting[0]

    return run
