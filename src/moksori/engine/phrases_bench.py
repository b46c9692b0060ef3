"""How soon a phrase rendered ahead sounds, and how fast the Korean voice is where nothing is: over real calls.

`python -m moksori.server.phrases_ahead OUT.json` (which knows what is said again and again) opens one call on the
whole local engine, whose brain says what is asked of it, and asks for every stored phrase: typed, so that thinking,
cutting, fetching and encoding all come after the request, as they do at the commit of a turn that was not speculated
on. The clock runs from the request to the first piece of audio given to the wire. Then it times the voice alone on
texts that are not stored.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from moksori.agent.backend import BackendLost, CloseReason, Opening
from moksori.agent.brain import Brain, BrainEvent, Finished, Said, Thought
from moksori.agent.speech import SPEAKING_RATE, Priority
from moksori.engine import phrases, weights
from moksori.engine.engine import Engine
from moksori.engine.kokoro_voice import DEFAULT_VOICE, KokoroVoice
from moksori.engine.lite import last_words
from moksori.engine.scheduler import URGENCY, Urgency
from moksori.engine.voices_load import korean_voice, lacking_ahead
from moksori.protocol.frame import Frame
from moksori.protocol.session import Tool, default_session
from moksori.settings import Engine as EngineSettings

LIMIT_MS = 60
"""What the project promises."""
PATIENCE_S = 30.0


class _Parrot:
    """`Brain` that says the caller's last words."""

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        yield Said(last_words(thought.history))
        yield Finished()

    def covers(self, tools: Sequence[Tool]) -> bool:
        return True

    def advised(self, mind: Brain) -> Brain:
        return self


class _Ear:
    """`Sink` that notes when the first audio of an answer was given out."""

    def __init__(self) -> None:
        self.first_audio: float | None = None
        self.done = asyncio.Event()

    def frame(self, frame: Frame) -> None:
        if frame.type == "response.output_audio.delta" and self.first_audio is None:
            self.first_audio = time.perf_counter()
        if frame.type == "response.done":
            self.done.set()

    def lost(self, why: BackendLost) -> None:
        raise RuntimeError(str(why))

    def writable(self, yes: bool) -> None: ...


async def measure() -> dict[str, Any]:
    home = weights.default_home()
    voice = korean_voice(home)
    voice.warm()
    every, lacking = phrases.ahead().texts, set(lacking_ahead(home))
    stored = [text for text in every if text not in lacking]
    load1 = round(os.getloadavg()[0], 2)
    rows = await _in_a_call(stored)
    within = sum(ms <= LIMIT_MS for _, ms in rows)
    slowest = max(rows, key=lambda row: row[1])
    return {
        "schema": "moksori.bench.phrases/2",
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "load1": load1},
        "phrases": {"known": len(every), "stored": len(stored)},
        "request_to_first_audio_ms": {**_spread([ms for _, ms in rows]), "slowest": slowest[0]},
        f"within_{LIMIT_MS}_ms": {"n": within, "of": len(rows)},
        "live": [await _live(voice, text) for text in phrases.varying()],
    }


async def _in_a_call(texts: Sequence[str]) -> list[tuple[str, float]]:
    engine = Engine.create(EngineSettings(profile="lite"), _Parrot())
    await engine.start()
    call = engine.backend("moksori-local")
    rows: list[tuple[str, float]] = []
    sink = _Ear()
    await call.start(Opening(default_session("sess_bench", "moksori-local", 0)), sink)
    for text in (texts[0], *texts):  # the first one warms the way
        sink.first_audio, sink.done = None, asyncio.Event()
        message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        call.send(_frame({"type": "conversation.item.create", "item": message}))
        began = time.perf_counter()
        call.send(_frame({"type": "response.create"}))
        await asyncio.wait_for(sink.done.wait(), PATIENCE_S)
        if sink.first_audio is not None:
            rows.append((text, (sink.first_audio - began) * 1000))
    await call.close(CloseReason())
    await engine.close()
    return rows[1:]


def _frame(event: dict[str, Any]) -> Frame:
    return Frame.from_raw(json.dumps(event, ensure_ascii=False).encode(), time.monotonic_ns())


async def _live(voice: KokoroVoice, text: str) -> dict[str, Any]:
    """A text as a caller waits for it: split at what is stored, its first piece short; and all of it in one run."""
    URGENCY.set(Urgency(Priority.WAITED_FOR))
    began, first, samples = time.perf_counter(), 0.0, 0
    async for spoken in voice.synthesise(text, voice=DEFAULT_VOICE, language="ko"):
        first = first or time.perf_counter() - began
        samples += len(spoken.pcm) // 2
    split_s = time.perf_counter() - began
    began = time.perf_counter()
    whole = voice.render(text, DEFAULT_VOICE, 1.0)
    whole_s = time.perf_counter() - began
    whole_sound_s = len(whole.pcm) / 2 / SPEAKING_RATE
    return {
        "text": text,
        "first_audio_ms": round(first * 1000),
        "work_ms": round(split_s * 1000),
        "sound_ms": round(samples * 1000 / SPEAKING_RATE),
        "in_one_run": {
            "first_audio_ms": round(whole_s * 1000),
            "sound_ms": round(whole_sound_s * 1000),
            "real_time_factor": round(whole_s / whole_sound_s, 2),
        },
    }


def _spread(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50": round(ordered[len(ordered) // 2], 1),
        "p95": round(ordered[len(ordered) * 95 // 100], 1),
        "max": round(ordered[-1], 1),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main(out: Path) -> None:
    """Measure what is registered and stored, and write it."""
    result = asyncio.run(measure())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "live"}, ensure_ascii=False))
