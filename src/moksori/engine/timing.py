"""The engine's parts timed alone, one call at a time: the floor that a turn through the whole server is held against.

`python -m moksori.engine.timing` reads lines `{"wav": PATH, "end_ms": N, "language": "en", "answer": "…"}` from its
input and writes `{"stt_ms", "judge_ms", "tts_ms"}` for each. Audio is 24 kHz mono PCM16.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from moksori.agent.speech import HEARING_RATE
from moksori.audio import pcm, wav
from moksori.audio.resample import resample
from moksori.conversation.clauses import clauses
from moksori.engine.engine import Engine
from moksori.settings import load


def timed(engine: Engine, lines: Iterable[str]) -> Iterable[dict[str, float]]:
    """Each line's parts. `engine` has started and nothing else uses it."""
    loop = asyncio.get_event_loop()
    for line in lines:
        given = json.loads(line)
        sound = wav.read(Path(given["wav"]).read_bytes())
        samples = pcm.to_float(resample(sound.mono(), sound.rate, HEARING_RATE))
        samples = np.ascontiguousarray(samples[: given["end_ms"] * HEARING_RATE // 1000])
        yield loop.run_until_complete(_parts(engine, samples, given["language"], given["answer"]))


async def _parts(engine: Engine, samples: np.ndarray, language: str, answer: str) -> dict[str, float]:
    began = time.perf_counter()
    await engine.recogniser.transcribe(samples, language=language)
    heard = time.perf_counter()
    if engine.end_of_turn is not None:
        await engine.end_of_turn.probability(samples)
    judged = time.perf_counter()
    first = next(iter(clauses(answer)), answer)
    async for _ in engine.voice.synthesise(
        first, voice="alloy", language=engine.language_of(first, language)
    ):
        break
    spoken = time.perf_counter()
    return {
        "stt_ms": round((heard - began) * 1000, 1),
        "judge_ms": round((judged - heard) * 1000, 1),
        "tts_ms": round((spoken - judged) * 1000, 1),
    }


def main() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    engine = Engine.create(load(None).engine)
    loop.run_until_complete(engine.start())
    for parts in timed(engine, sys.stdin):
        print(json.dumps(parts), flush=True)
    loop.run_until_complete(engine.close())


if __name__ == "__main__":
    main()
