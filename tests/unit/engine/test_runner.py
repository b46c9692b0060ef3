"""Where blocking calls run by default."""

import asyncio
import threading

import pytest

from moksori.agent.speech import Priority
from moksori.engine.runner import one_thread


async def test_calls_run_one_after_another_off_the_loop() -> None:
    run, order = one_thread("test"), list[tuple[int, str]]()

    def call(number: int) -> int:
        order.append((number, threading.current_thread().name))
        return number * 2

    results = await asyncio.gather(*(run(Priority.IDLE, lambda n=n: call(n)) for n in range(3)))
    assert results == [0, 2, 4]
    assert [number for number, _ in order] == [0, 1, 2]
    assert {name for _, name in order} == {"test_0"}


async def test_a_call_cancelled_in_the_queue_never_runs() -> None:
    run, began, go_on, ran = one_thread("test"), threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        began.set()
        assert go_on.wait(30)
        ran.append("first")

    running = asyncio.ensure_future(run(Priority.IDLE, first))
    await asyncio.to_thread(began.wait, 30)
    waiting = asyncio.ensure_future(run(Priority.IDLE, lambda: ran.append("second")))
    last = asyncio.ensure_future(run(Priority.IDLE, lambda: ran.append("third")))
    await asyncio.wait([waiting], timeout=0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await running
    await last
    assert ran == ["first", "third"]


async def test_an_error_reaches_who_awaits() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await one_thread("test")(Priority.IDLE, fails)
