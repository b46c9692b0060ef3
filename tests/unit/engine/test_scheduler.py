"""Lanes: who goes first, and what never runs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from moksori.agent.speech import Priority
from moksori.engine.scheduler import MAX_WAITING, URGENCY, Lane, Overloaded, Urgency


@pytest.fixture
def blocked():
    """A lane whose only thread is busy until `release` is set."""
    lane, release, started = Lane("test"), threading.Event(), threading.Event()

    def busy() -> None:
        started.set()
        release.wait(10)

    async def occupy() -> asyncio.Task[None]:
        task = asyncio.create_task(lane.run(Priority.IDLE, busy))
        await asyncio.to_thread(started.wait, 10)
        return task

    yield lane, release, occupy
    release.set()
    lane.close()


async def test_the_most_urgent_waiting_job_goes_first(blocked) -> None:
    lane, release, occupy = blocked
    first = await occupy()
    order: list[str] = []
    jobs = [
        asyncio.create_task(lane.run(priority, lambda name=name: order.append(name)))
        for name, priority in [
            ("idle", Priority.IDLE),
            ("maybe", Priority.SPECULATIVE),
            ("now", Priority.WAITED_FOR),
            ("now too", Priority.WAITED_FOR),
            ("next", Priority.NEXT),
        ]
    ]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, *jobs)
    assert order == ["now", "now too", "next", "maybe", "idle"]


async def test_a_waiting_job_can_be_hastened(blocked) -> None:
    lane, release, occupy = blocked
    first = await occupy()
    order: list[str] = []
    urgency = Urgency(Priority.SPECULATIVE)

    async def speculative() -> None:
        URGENCY.set(urgency)
        await lane.run(Priority.WAITED_FOR, lambda: order.append("speculative"))

    jobs = [asyncio.create_task(lane.run(Priority.NEXT, lambda: order.append("next")))]
    jobs.append(asyncio.create_task(speculative()))
    await asyncio.sleep(0)
    urgency.priority = Priority.WAITED_FOR
    release.set()
    await asyncio.gather(first, *jobs)
    assert order == ["speculative", "next"]


async def test_a_cancelled_waiting_job_never_runs(blocked) -> None:
    lane, release, occupy = blocked
    first = await occupy()
    ran: list[int] = []
    job = asyncio.create_task(lane.run(Priority.WAITED_FOR, lambda: ran.append(1)))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    release.set()
    await first
    await lane.run(Priority.IDLE, lambda: None)
    assert ran == []
    lane.close()
    lane.join()  # a thread counts its job out a moment after the result is there
    assert lane.depth == 0


async def test_results_and_errors_come_back(blocked) -> None:
    lane, release, _ = blocked
    release.set()
    assert await lane.run(Priority.NEXT, lambda: 41 + 1) == 42
    with pytest.raises(ZeroDivisionError):
        await lane.run(Priority.NEXT, lambda: 1 // 0)
    assert await lane.run(Priority.NEXT, lambda: "still alive") == "still alive"


async def test_a_full_lane_refuses(blocked) -> None:
    lane, _, occupy = blocked
    await occupy()
    jobs = [asyncio.create_task(lane.run(Priority.IDLE, lambda: None)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="try again later"):
        await lane.run(Priority.WAITED_FOR, lambda: None)
    for job in jobs:
        job.cancel()


async def test_closing_cancels_what_waits(blocked) -> None:
    lane, release, occupy = blocked
    first = await occupy()
    job = asyncio.create_task(lane.run(Priority.WAITED_FOR, lambda: None))
    await asyncio.sleep(0)
    lane.close()
    with pytest.raises(asyncio.CancelledError):
        await job
    release.set()
    await first
    with pytest.raises(RuntimeError):
        await lane.run(Priority.WAITED_FOR, lambda: None)
