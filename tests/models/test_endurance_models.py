"""Hours of use in minutes, with the real models: what 250 turns and 500 calls leave behind."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import os
import platform
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm
from moksori.audio.resample import resample
from moksori.engine.backend import LocalBackend
from moksori.engine.engine import Engine
from moksori.engine.memory import TRIM_EVERY_S
from moksori.server.app import compose
from moksori.server.run import listen, running
from moksori.sessions.conductor import Conductor
from moksori.sessions.resume import Line
from moksori.settings import Engine as EngineSettings
from moksori.settings import Settings
from tests.support.speech import QUESTIONS, say

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(1800)]

TURNS, CALLS = 250, 500
MEASURED_FROM = 50
TURN_IN_CALL_EVERY = 20
MOST_GROWTH_MIB = 16.0
LENGTHEN_BY, MOST_LONGER = HEARING_RATE * 37 // 100, HEARING_RATE * 2
"""Samples of silence before a question: hardly two of them are equally long, as in a real call."""
PATIENCE_S = 60
TRY_AGAIN_LATER = 1013
RESULT = Path(__file__).parents[2] / "docs/reference/bench/endurance.json"


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def keep(part: str, figures: dict[str, Any]) -> None:
    """Put one test's figures into the result; those of the other one stay."""
    result = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    load1 = round(os.getloadavg()[0], 2)
    result |= {"schema": "moksori.endurance/2", part: {"machine": {**machine, "load1": load1}, **figures}}
    print(json.dumps(result[part], indent=1))
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


async def at_rest() -> float:
    """Resident memory in MiB when the engine has had a moment to give back what is free."""
    gc.collect()
    await asyncio.sleep(TRIM_EVERY_S + 1)
    return round(resident_mib(), 1)


def left_over() -> dict[str, int]:
    """Objects of calls that live on, and tasks and timers of the loop."""
    gc.collect()
    loop: Any = asyncio.get_running_loop()
    kinds = {"backends": LocalBackend, "conductors": Conductor, "lines": Line}
    alive = [type(each) for each in gc.get_objects() if type(each) in kinds.values()]
    timers = [handle for handle in getattr(loop, "_scheduled", ()) if not handle.cancelled()]
    return {
        **{name: alive.count(kind) for name, kind in kinds.items()},
        "tasks": len(asyncio.all_tasks()),
        "timers": len(timers),
    }


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """The whole server in this process; its WebSocket address."""
    settings = Settings(engine=EngineSettings(profile="lite"), limits={"resume_window_s": 1})  # type: ignore[arg-type]
    house = compose(settings)
    assert isinstance(house.engine, Engine)
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        async with running(house, listener) as (address, _):
            await house.engine.start()
            yield f"{address.ws}?model=moksori-local"


async def send(call: ClientConnection, kind: str, **fields: Any) -> None:
    await call.send(json.dumps({"type": kind, **fields}))


async def opened(ws: str) -> ClientConnection:
    """A call; where the server is too busy for one more, tried again until it is not, as clients do."""
    manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            call = await connect(ws, max_size=None)
            if json.loads(await call.recv())["type"] == "session.created":
                await send(call, "session.update", session=manual)
                return call
            await call.wait_closed()
            assert call.close_code == TRY_AGAIN_LATER
            await asyncio.sleep(1)


async def turn(call: ClientConnection, number: int, *, spoken: bool) -> None:
    """Ask, and hear the answer to its end."""
    text = QUESTIONS[number % len(QUESTIONS)]
    if spoken:
        pause = np.zeros(number * LENGTHEN_BY % MOST_LONGER, np.float32)
        speech = np.concatenate([pause, say(text, "flite:slt")])
        audio = resample(pcm.from_float(speech), HEARING_RATE, SPEAKING_RATE)
        await send(call, "input_audio_buffer.append", audio=base64.b64encode(audio).decode())
        await send(call, "input_audio_buffer.commit")
    else:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await send(call, "conversation.item.create", item=item)
    await send(call, "response.create")
    sound = 0
    async with asyncio.timeout(PATIENCE_S):
        async for message in call:
            event = json.loads(message)
            assert event["type"] != "error", event
            if event["type"] == "response.output_audio.delta":
                sound += len(event["delta"])
            elif event["type"] == "response.done":
                assert event["response"]["status"] == "completed", event["response"]
                assert sound > 0
                return
    raise AssertionError("the call was closed")


async def settled(before: dict[str, int]) -> dict[str, int]:
    """What is left when the last timers of closed connections have run out."""
    for _ in range(2 * PATIENCE_S):  # not under `asyncio.timeout`, which would be a timer more
        after = left_over()
        if all(after[name] <= before[name] for name in before):
            break
        await asyncio.sleep(0.5)
    return after


async def begun(ws: str) -> dict[str, int]:
    """What there is at rest after a first call."""
    first = await opened(ws)
    await turn(first, 0, spoken=True)
    await first.close()
    await at_rest()
    return left_over()


async def test_250_turns_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    at: dict[int, float] = {}
    async with served(tmp_path) as ws:
        before = await begun(ws)
        call = await opened(ws)
        for number in range(TURNS + 1):
            if number % MEASURED_FROM == 0:
                at[number] = await at_rest()
                print(number, at[number], flush=True)
            await turn(call, number, spoken=True)
        await call.close()
        after = await settled(before)
    grown = round(at[TURNS] - at[MEASURED_FROM], 1)
    left = {name: after[name] - before[name] for name in before}
    keep(
        "turns",
        {
            "n": TURNS,
            "spoken": TURNS,
            "resident_mib_at_turn": at,
            f"growth_mib_{MEASURED_FROM}_to_{TURNS}": grown,
            "left": left,
        },
    )
    assert all(count <= 0 for count in left.values()), left
    assert grown <= MOST_GROWTH_MIB


async def test_500_calls_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened and closed, or cut; in one of twenty somebody asks something."""
    monkeypatch.chdir(tmp_path)
    async with served(tmp_path) as ws:
        before = await begun(ws)
        began = await at_rest()
        for number in range(CALLS):
            call = await opened(ws)
            if number % TURN_IN_CALL_EVERY == 0:
                await turn(call, number, spoken=number % (2 * TURN_IN_CALL_EVERY) == 0)
            if number % 2:
                await call.close()
            else:
                call.transport.abort()
        after = await settled(before)
        grown = round(await at_rest() - began, 1)
    left = {name: after[name] - before[name] for name in before}
    keep("calls", {"n": CALLS, "growth_mib": grown, "left": left})
    assert all(count <= 0 for count in left.values()), left
    assert grown <= MOST_GROWTH_MIB
