"""How soon a phrase rendered ahead sounds: from the request to its first piece of audio, for every stored phrase.

`python -m moksori.engine.phrases_bench OUT.json` renders what is missing first (minutes, the first time), then asks
for every phrase three times, in order, and writes milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import time
from pathlib import Path

from moksori.engine import phrases, weights
from moksori.engine.kokoro_voice import DEFAULT_VOICE, KokoroVoice
from moksori.engine.phrases import PhraseStore
from moksori.engine.voices_load import render_ahead

ROUNDS = 3
"""The first reads from the disk or its cache as it is, the others from the cache."""


async def measure() -> dict[str, object]:
    home = weights.default_home()
    voice = KokoroVoice(
        weights.path("kokoro-ja"),
        store=PhraseStore(home),
        model_hash=weights.find("kokoro-ja").edition[0].file[0].sha256,
    )
    quiet = asyncio.Event()
    quiet.set()
    began = time.perf_counter()
    rendered = await render_ahead(voice, quiet)
    rendering_s = time.perf_counter() - began
    rows = []
    for _ in range(ROUNDS):
        for part in phrases.ahead().texts:
            began = time.perf_counter()
            async for _piece in voice.synthesise(part, voice=DEFAULT_VOICE, language="ko"):
                rows.append((part, (time.perf_counter() - began) * 1000))
                break
    times = sorted(ms for _, ms in rows)
    return {
        "schema": "moksori.bench.phrases/1",
        "machine": {
            "cpu": platform.processor(),
            "cores": os.cpu_count(),
            "load1": round(os.getloadavg()[0], 2),
        },
        "rendered_now": rendered,
        "rendering_s": round(rendering_s, 1),
        "n": len(rows),
        "first_audio_ms": {
            "p50": round(times[len(times) // 2], 2),
            "p95": round(times[len(times) * 95 // 100], 2),
            "max": round(times[-1], 2),
        },
        "slowest": max(rows, key=lambda row: row[1])[0],
    }


if __name__ == "__main__":
    result = asyncio.run(measure())
    Path(sys.argv[1]).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps(result, ensure_ascii=False))
