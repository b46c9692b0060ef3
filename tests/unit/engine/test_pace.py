"""What came slowly is told from what came at once, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

from moksori.agent.brain import BrainEvent, Finished, Said
from moksori.engine.pace import SLOW_S, paced


async def test_text_is_slow_from_a_while_after_its_first_word_on() -> None:
    now = 100.0

    async def brain() -> AsyncIterator[BrainEvent]:
        nonlocal now
        for word, at in (("One ", 0.0), ("two ", SLOW_S / 2), ("three ", SLOW_S), ("four ", SLOW_S * 3)):
            now = 107.0 + at  # the wait for the first word does not count
            yield Said(word)
        yield Finished()

    events = [event async for event in paced(brain(), lambda: now)]
    assert events == [Said("One "), Said("two "), Said("three ", True), Said("four ", True), Finished()]
