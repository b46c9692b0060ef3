"""Connections that have fallen silent, on a loop whose time the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from moksori.pulse import PARTS, Pulse

EVERY_S = 8.0


class Clock:
    """The loop's timers, run when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, what: Callable[[], None]) -> object:
        self.due.append((self.now + delay, what))
        return object()

    def until(self, when: float) -> None:
        while self.due and min(self.due, key=lambda d: d[0])[0] <= when:
            first = min(self.due, key=lambda d: d[0])
            self.due.remove(first)
            self.now = first[0]
            first[1]()
        self.now = when


class Line:
    def __init__(self, clock: Clock) -> None:
        self.heard, self.asked = True, False
        self.clock = clock
        self.pings: list[float] = []
        self.cut: float | None = None

    def ask(self) -> None:
        self.pings.append(self.clock.now)

    def give_up(self) -> None:
        self.cut = self.clock.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


def test_a_silent_line_is_asked_and_then_given_up(clock: Clock) -> None:
    pulse, line = Pulse(), Line(clock)
    pulse.watch(line, EVERY_S)
    clock.until(10 * EVERY_S)
    assert len(line.pings) == 1
    assert EVERY_S <= line.pings[0] <= 2 * EVERY_S
    assert line.cut == line.pings[0] + EVERY_S
    assert not clock.due  # nobody is left to look at


def test_a_line_that_answers_lives_on_and_is_asked_again(clock: Clock) -> None:
    pulse, line = Pulse(), Line(clock)
    pulse.watch(line, EVERY_S)
    for n in range(1, 20):
        clock.until(n * EVERY_S)
        line.heard = line.heard or line.asked  # its pong
    assert line.cut is None
    assert len(line.pings) >= 8


def test_a_line_that_talks_is_never_asked(clock: Clock) -> None:
    pulse, line = Pulse(), Line(clock)
    pulse.watch(line, EVERY_S)
    for n in range(1, 400):
        clock.until(n * EVERY_S / 20)
        line.heard = True
    assert not line.pings


def test_a_line_that_is_gone_is_forgotten(clock: Clock) -> None:
    pulse, line = Pulse(), Line(clock)
    pulse.watch(line, EVERY_S)
    pulse.forget(line)
    clock.until(3 * EVERY_S)
    assert not line.pings
    assert not clock.due


def test_pings_are_spread_over_the_time(clock: Clock) -> None:
    pulse, lines = Pulse(), [Line(clock) for _ in range(10 * PARTS)]
    for line in lines:
        pulse.watch(line, EVERY_S)
    clock.until(2.5 * EVERY_S)
    at = [line.pings[0] for line in lines]
    assert max(at.count(moment) for moment in set(at)) == 10


def test_lines_of_a_loop_that_ended_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    pulse, old = Pulse(), Line(clock)
    pulse.watch(old, EVERY_S)
    later = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: later)
    new = Line(later)
    pulse.watch(new, EVERY_S)
    later.until(4 * EVERY_S)
    assert new.cut is not None
    assert not old.pings
