"""What is left of a call when it is over: nothing. The sessions and the engine are real, the models instant."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moksori.agent.principal import Principal
from moksori.agent.speech import Priority, Samples, Spoken, Transcript, Word
from moksori.engine.backend import LocalBackend
from moksori.engine.engine import Engine
from moksori.engine.lite import EchoBrain
from moksori.sessions.conductor import Conductor
from moksori.sessions.registry import ConnectRequest, Sessions
from moksori.sessions.wire import WireEvents
from moksori.settings import Engine as EngineSettings
from moksori.settings import Llm, Settings
from moksori.telemetry import Telemetry

QUESTION = np.full(3 * 24_000, 1000, "<i2").tobytes()
"""Three seconds of PCM16 at 24 kHz: what is kept of a call is full before turn 50, as it is in a real one."""
ANSWER = b"\x00\x10" * 3 * 24_000
MOST_GROWTH = 16 * 1024 * 1024
"""Bytes of resident memory from turn 50 to turn 250, as the project promises."""


class Models:
    """Ears, end of turn and voice that answer at once."""

    def step(self, frame: Samples) -> float:
        return 0.0

    def reset(self) -> None: ...

    async def transcribe(
        self,
        samples: Samples,
        *,
        language: str | None = None,
        prompt: str | None = None,
        priority: Priority = Priority.WAITED_FOR,
    ) -> Transcript:
        return Transcript("Where is my order?", "en", 0.9, len(samples) // 16, 0)

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        words = text.split()
        yield Spoken(ANSWER, tuple(Word(word, 0, 0) for word in words))


class WithoutModels(Engine):
    def __init__(self) -> None:
        super().__init__(EngineSettings(llm=Llm(kind="echo")))
        models: Any = Models()
        self._activity = lambda: models
        self._recogniser = self._voice = models
        self._brain = EchoBrain()


class Client:
    """The far end of a wire: says things, and waits for what it is told."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.events: WireEvents | None = None
        self._done = asyncio.Event()

    def send(self, data: bytes) -> None:
        kind = json.loads(data)["type"]
        self.types.append(kind)
        if kind in ("response.done", "error"):
            self._done.set()

    def reading(self, yes: bool) -> None: ...

    def close(self, code: int, reason: str = "") -> None:
        assert self.events is not None
        asyncio.get_running_loop().call_soon(self.events.closed, code, reason)

    def says(self, **event: Any) -> None:
        assert self.events is not None
        self.events.message(json.dumps(event).encode())

    async def turn(self) -> None:
        """Speak for a second, and hear the answer to its end."""
        self._done.clear()
        self.types.clear()
        self.says(type="input_audio_buffer.append", audio=base64.b64encode(QUESTION).decode())
        self.says(type="input_audio_buffer.commit")
        self.says(type="response.create")
        async with asyncio.timeout(30):
            await self._done.wait()
        assert "response.output_audio.delta" in self.types and "error" not in self.types, self.types


async def opened(sessions: Sessions) -> Client:
    client = Client()
    request = ConnectRequest(model=None, intent=None, principal=Principal("test", "test"))
    client.events = await sessions.open(client, request)
    client.says(
        type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    )
    return client


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def left_over() -> dict[str, int]:
    """Tasks, timers and session objects that live on."""
    async with asyncio.timeout(30):
        while len(asyncio.all_tasks()) > 1:
            await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=1)
    gc.collect()
    loop: Any = asyncio.get_running_loop()
    timers = [handle for handle in loop._scheduled if not handle.cancelled() and "moksori" in repr(handle)]
    kept = [o for o in gc.get_objects() if type(o) in (Conductor, LocalBackend)]
    return {"tasks": len(asyncio.all_tasks()) - 1, "timers": len(timers), "sessions": len(kept)}


async def run(turns: int, calls: int) -> int:
    """So many turns in one call, so many calls opened and closed; returns the growth of memory in the turns."""
    engine = WithoutModels()
    sessions = Sessions(Settings(), engine, Telemetry())
    try:
        client = await opened(sessions)
        grown = 0
        for turn in range(turns):
            if turn == min(50, turns // 5):
                gc.collect()
                grown = -resident()
            await client.turn()
        gc.collect()
        grown += resident()
        assert client.events is not None
        client.events.closed(1000, "")
        for call in range(calls):
            other = await opened(sessions)
            if call % 10 == 0:
                await other.turn()
            assert other.events is not None
            other.events.closed(1000 if call % 2 else 1001, "")
            other.events = None
        del client, other
    finally:
        await sessions.drain(1)
        await engine.close()
    assert engine.calls == 0 and sessions.live() == 0
    return grown


async def test_a_few_calls_leave_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    await run(turns=10, calls=20)
    assert await left_over() == {"tasks": 0, "timers": 0, "sessions": 0}


@pytest.mark.slow
async def test_250_turns_and_500_calls_leave_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    grown = await run(turns=250, calls=500)
    print(f"resident memory from turn 50 to turn 250: {grown / 2**20:+.1f} MiB")
    assert await left_over() == {"tasks": 0, "timers": 0, "sessions": 0}
    assert grown <= MOST_GROWTH
