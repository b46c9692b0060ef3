"""Ten thousand random and malformed events, over a real socket, to the whole server."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.openai_schema import validate_server_event
from tests.support.real_server import RealServer

pytestmark = pytest.mark.models

EVENTS = 10_000
SESSIONS = 20
PATIENCE_S = 120
TRY_AGAIN_LATER = 1013


class Monkey:
    """Makes events: sensible ones, sensible ones damaged, and rubbish."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.items = ["item_none"]

    def message(self) -> str:
        event = self.event()
        roll = self.rng.random()
        if roll < 0.5:
            return json.dumps(event)
        if roll < 0.8:
            return json.dumps(self.damaged(event))
        text = json.dumps(event)
        at = self.rng.randrange(len(text))
        return self.rng.choice(
            [
                text[:at],
                text[:at] + self.rng.choice(['"', "{", "}", "\\", "\u0000", "NaN", "1e999"]) + text[at:],
                "[" * self.rng.randrange(1, 3000),
                "null",
                '"text"',
                "",
                '{"type":"session.update","type":"response.cancel"}',
                json.dumps({"type": "x" * self.rng.randrange(2000)}),
            ]
        )

    def event(self) -> dict[str, Any]:
        rng = self.rng
        audio = base64.b64encode(rng.randbytes(rng.choice([0, 1, 2, 960, 4801]))).decode()
        text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        vad = rng.choice(
            [None, {"type": "server_vad"}, {"type": "semantic_vad"}, {"type": "server_vad", "threshold": 7}]
        )
        formats = rng.choice(
            [{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}, {"type": "audio/opus"}]
        )
        event: dict[str, Any] = rng.choice(
            [
                {
                    "type": "session.update",
                    "session": {"type": "realtime", "audio": {"input": {"turn_detection": vad}}},
                },
                {
                    "type": "session.update",
                    "session": {"type": "realtime", "audio": {"output": {"format": formats}}},
                },
                {
                    "type": "session.update",
                    "session": {"voice": "alloy", "modalities": ["text"], "temperature": 0.8},
                },
                {"type": "session.update", "session": {"tools": [{"type": "function", "name": "f"}]}},
                {"type": "input_audio_buffer.append", "audio": audio},
                {"type": "input_audio_buffer.append", "audio": audio},
                {"type": "input_audio_buffer.commit"},
                {"type": "input_audio_buffer.clear"},
                {"type": "output_audio_buffer.clear"},
                {"type": "conversation.item.create", "item": text},
                {
                    "type": "conversation.item.create",
                    "item": {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_audio", "audio": audio}],
                    },
                },
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call_output", "call_id": "c", "output": ""},
                },
                {"type": "conversation.item.retrieve", "item_id": rng.choice(self.items)},
                {"type": "conversation.item.delete", "item_id": rng.choice(self.items)},
                {
                    "type": "conversation.item.truncate",
                    "item_id": rng.choice(self.items),
                    "content_index": 0,
                    "audio_end_ms": rng.choice([0, 100, 10**9]),
                },
                {"type": "response.create", "response": {"output_modalities": ["text"]}},
                {"type": "response.create", "response": {"conversation": "none", "input": []}},
                {"type": "response.cancel"},
            ]
        )
        return {**event, "event_id": f"e{rng.randrange(10**6)}"} if rng.random() < 0.5 else event

    def damaged(self, event: dict[str, Any]) -> dict[str, Any]:
        """One value somewhere replaced by something of another kind."""
        rng = self.rng
        event = json.loads(json.dumps(event))
        at: Any = event
        while True:
            key = rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
            inner = at[key]
            if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
                at = inner
                continue
            at[key] = rng.choice([None, 0, -1, 1.5, "", "x", [], {}, True, 10**40, "\ud83d", {"type": {}}])
            return event


async def one_session(server: RealServer, seed: int, count: int) -> Counter[str]:
    """`_one_session`, begun again later where the server says that it is too busy for a new call."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await _one_session(server, seed, count)
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code != TRY_AGAIN_LATER:
                    raise
                await asyncio.sleep(1)


async def _one_session(server: RealServer, seed: int, count: int) -> Counter[str]:
    """Send `count` events, then ask a question beside the conversation: the session must still answer it."""
    monkey, seen = Monkey(seed), Counter[str]()
    mark = {"mark": f"alive {seed}"}
    strict = "&strict=1" if seed % 3 == 0 else ""
    async with connect(f"{server.ws}?model=moksori-local{strict}", max_size=None) as socket:

        async def read_to_the_end() -> None:
            async for message in socket:
                event = json.loads(message)
                validate_server_event(event)
                seen[event["type"]] += 1
                if event["type"] == "conversation.item.added":
                    monkey.items.append(event["item"]["id"])
                if event["type"] == "response.done" and event["response"]["metadata"] == mark:
                    assert event["response"]["status"] == "completed", event["response"]["status_details"]
                    return
            raise AssertionError(f"the session was closed: {socket.close_code} {socket.close_reason}")

        reading = asyncio.create_task(read_to_the_end())
        try:
            for n in range(count):
                await socket.send(monkey.message())
                if n % 50 == 0:
                    await asyncio.sleep(0)  # let what was answered in
        except ConnectionClosed:
            await reading  # raises what it was closed for
        question = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Still there?"}],
        }
        aside = {"conversation": "none", "output_modalities": ["text"], "metadata": mark, "input": [question]}
        await socket.send(json.dumps({"type": "response.create", "response": aside}))
        async with asyncio.timeout(PATIENCE_S):
            await reading
    return seen


async def test_ten_thousand_events_end_no_session(talking: RealServer) -> None:
    total = Counter[str]()
    for first in range(0, SESSIONS, 4):
        for seen in await asyncio.gather(
            *(one_session(talking, seed, EVENTS // SESSIONS) for seed in range(first, first + 4))
        ):
            total += seen
    assert total["error"] > EVENTS // 10
    log = await asyncio.to_thread(talking.log.read_text)
    assert "Traceback" not in log and '"level": "error"' not in log, log[-3000:]
