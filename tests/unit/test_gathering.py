"""The loop that sleeps between its turns while many reads come in ones."""

import asyncio

import pytest

from moksori import gathering
from moksori.gathering import LOOK_S, MANY, Gathering


class Loop:
    """Time and callbacks by hand."""

    def __init__(self) -> None:
        self.soon: list[object] = []
        self.later: list[object] = []

    def call_soon(self, callback: object) -> None:
        self.soon.append(callback)

    def call_later(self, _seconds: float, callback: object) -> None:
        self.later.append(callback)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[Gathering, Loop, Clock]:
    loop, clock, gathers = Loop(), Clock(), Gathering()
    monkeypatch.setattr(gathering, "time", clock)
    gathers.begins(loop)  # type: ignore[arg-type]
    return gathers, loop, clock


def turns(gathers: Gathering, loop: Loop, clock: Clock, reads: int, count: int) -> None:
    """`count` turns of the loop, each of which finds `reads` and takes half a millisecond."""
    for _ in range(count):
        gathers.reads += reads
        clock.now += 0.0005
        for callback in loop.soon[:]:
            loop.soon.remove(callback)
            callback()  # type: ignore[operator]


def look(loop: Loop) -> None:
    loop.later.pop()()  # type: ignore[operator]


def read(gathers: Gathering) -> None:
    gathers.reads += 1
    if not gathers.awake:
        gathers.wake()


def test_connections_that_only_begin_never_make_the_loop_sleep(parts: tuple[Gathering, Loop, Clock]) -> None:
    gathers, loop, clock = parts
    for _ in range(40):
        for _ in range(int(MANY * LOOK_S)):
            gathers.begins(loop)  # type: ignore[arg-type]
            read(gathers)
            read(gathers)
        look(loop)
    assert not loop.soon
    assert clock.slept == 0


def test_few_reads_never_make_the_loop_sleep_and_none_let_it_rest(
    parts: tuple[Gathering, Loop, Clock],
) -> None:
    gathers, loop, clock = parts
    read(gathers)
    look(loop)
    assert not loop.soon and not loop.later and not gathers.awake
    read(gathers)
    read(gathers)
    assert len(loop.later) == 1
    look(loop)
    assert len(loop.later) == 1, "something came: it looks again"
    assert clock.slept == 0


def test_many_reads_in_ones_make_it_sleep_until_they_become_few(
    parts: tuple[Gathering, Loop, Clock],
) -> None:
    gathers, loop, clock = parts
    read(gathers)
    gathers.reads += int(MANY * LOOK_S) + 1
    look(loop)
    turns(gathers, loop, clock, reads=8, count=100)
    assert clock.slept == 100
    turns(gathers, loop, clock, reads=0, count=200)
    assert not loop.soon and len(loop.later) == 1, "back to looking now and then"
    slept = clock.slept
    look(loop)
    assert not gathers.awake
    turns(gathers, loop, clock, reads=1, count=50)
    assert clock.slept == slept


def test_a_loop_that_is_filled_anyhow_does_not_sleep(parts: tuple[Gathering, Loop, Clock]) -> None:
    gathers, loop, clock = parts
    read(gathers)
    gathers.reads += 10_000
    look(loop)
    turns(gathers, loop, clock, reads=0, count=1)
    turns(gathers, loop, clock, reads=200, count=100)
    assert clock.slept == 1


def test_another_loop_begins_anew() -> None:
    gathers = Gathering()

    async def first_read() -> bool:
        gathers.begins(asyncio.get_running_loop())
        was = gathers.awake
        read(gathers)
        return was

    assert asyncio.run(first_read()) is False
    assert asyncio.run(first_read()) is False
