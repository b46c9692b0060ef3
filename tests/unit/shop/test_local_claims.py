"""What a local model claims is held on its way to the client: on a shop's call, and on a call of no shop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from moksori.agent.brain import BrainEvent, Finished, Said, Thought
from moksori.agent.principal import Principal
from moksori.sessions.registry import ConnectRequest, Sessions
from moksori.settings import Settings
from moksori.shop.desk import ShopDesk
from moksori.telemetry import Telemetry
from tests.unit.sessions.shop_line import Line, MindOnly, connect
from tests.unit.shop.test_claims import labelled

UNABLE = "I'm sorry, I can neither look up nor change an order here."


MISTAKEN = 0.15
"""Share of the sentences about which the detector may err (tests/unit/shop/test_claims.py)."""


class Says:
    """A model that answers everything with one text, word by word."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        for word in self.text.split(" "):
            yield Said(f"{word} ")
        yield Finished()


async def call_of_no_shop(mind: Says) -> Line:
    line = Line()
    sessions = Sessions(Settings(), MindOnly(mind), Telemetry())
    line.session = await sessions.open(line, ConnectRequest(None, None, Principal("k", "test", None)))
    return line


async def test_a_model_without_tools_claims_nothing() -> None:
    mind = Says("")
    line = await call_of_no_shop(mind)
    await line.configure()
    rows = labelled("en-held-out")
    spoken = set()
    for text, _ in rows:
        mind.text = text
        answer = (await line.writes("Is it done?")).strip()
        if answer == text:
            spoken.add(text)
        else:
            assert answer.endswith(UNABLE), answer
    wrong = [text for text, claim in rows if claim == (text in spoken)]
    assert len(wrong) <= MISTAKEN * len(rows), wrong


@pytest.mark.parametrize(
    "own",
    [
        {"instructions": "You are the clerk of a shop."},
        {
            "tools": [
                {"type": "function", "name": "cancel", "parameters": {"type": "object", "properties": {}}}
            ]
        },
    ],
)
async def test_who_has_tools_or_instructions_of_their_own_is_not_judged(own: dict[str, Any]) -> None:
    line = await call_of_no_shop(Says("Your refund is complete."))
    await line.configure(**own)
    assert (await line.writes("Is it done?")).strip() == "Your refund is complete."


async def test_a_shops_call_asks_its_guard(little_file: Path, fresh: Callable[[Path], str]) -> None:
    desk = ShopDesk(fresh(little_file))
    await desk.start()
    try:
        line = await connect(desk, Says("Sure, I've cancelled your order. It is done."), caller="C1")
        await line.configure(prompt={"id": "shop", "variables": {"language": "en"}})
        answer = await line.writes("Cancel order 1001")
        assert "I've cancelled" not in answer and "not been done" in answer
    finally:
        await desk.close()
