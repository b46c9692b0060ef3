"""Any order of legal events leaves a session that still answers, and every response that began has ended."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from .server import Served, Talk, served

SEEDS = 12
EVENTS = 40
VADS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"type": "server_vad", "silence_duration_ms": 300},
    {"type": "semantic_vad", "eagerness": "high"},
)


async def act(talk: Talk, dice: random.Random, items: list[str]) -> None:
    """One legal event, sensible at this moment or not."""
    name = dice.choice(items)
    match dice.randrange(12):
        case 0:
            await talk.say(dice.choice(["Hello", "Tell me a story", "Where is my order?", "limit"]))
        case 1:
            await talk.send("response.cancel")
        case 2:
            await talk.send("input_audio_buffer.commit")
        case 3:
            await talk.send("input_audio_buffer.clear")
        case 4:
            await talk.sound(speech_ms=dice.choice([0, 100, 500]), silence_ms=dice.choice([0, 200, 700]))
        case 5:
            audio = {"input": {"turn_detection": dice.choice(VADS)}}
            await talk.send("session.update", session={"type": "realtime", "audio": audio})
        case 6:
            mode = dice.choice([["text"], ["audio"]])
            await talk.send("session.update", session={"type": "realtime", "output_modalities": mode})
        case 7:
            cut = dice.choice([0, 100, 10_000])
            await talk.send("conversation.item.truncate", item_id=name, content_index=0, audio_end_ms=cut)
        case 8:
            await talk.send("conversation.item.delete", item_id=name)
        case 9:
            await talk.send("conversation.item.retrieve", item_id=name)
        case 10:
            await talk.send(
                "response.create", response={"conversation": dice.choice(["none", "auto"]), "input": []}
            )
        case _:
            await talk.send("response.create")
    await asyncio.sleep(0)


async def hold(server: Served, seed: int) -> None:
    dice = random.Random(seed)
    async with server.talk("model=moksori-local") as talk:
        items = ["item_none"]

        async def read() -> None:
            while True:
                event = await talk.next()
                if "item" in event:
                    items.append(event["item"]["id"])
                if event["type"] == "session.updated" and event["session"]["instructions"] == "the end":
                    return

        reading = asyncio.create_task(read())
        for _ in range(EVENTS):
            await act(talk, dice, items)
        await talk.send("response.cancel")
        await talk.send("session.update", session={"type": "realtime", "instructions": "the end"})
        async with asyncio.timeout(30):
            await reading
            open_ = Counter(e["response"]["id"] for e in talk.log if e["type"] == "response.created")
            open_ -= Counter(e["response"]["id"] for e in talk.log if e["type"] == "response.done")
            while open_:
                event = await talk.next()
                if event["type"] in ("response.created", "response.done"):
                    open_ += Counter(
                        {event["response"]["id"]: 1 if event["type"] == "response.created" else -1}
                    )
        ends = Counter(e["response"]["id"] for e in talk.log if e["type"] == "response.done")
        assert set(ends.values()) <= {1}


@pytest.mark.parametrize("batch", range(3))
async def test_no_order_of_events_deadlocks_a_session(batch: int) -> None:
    async with served() as server:
        for seed in range(batch * SEEDS // 3, (batch + 1) * SEEDS // 3):
            await hold(server, seed)
