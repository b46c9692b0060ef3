"""How well Korean is said and understood, as it is: `python -m tests.models.korean_report`, about six minutes.

Three files under docs/reference: `korean-transcribed-back.json`, the service sentences said by the answering voice and
understood by Whisper; and `bench/korean-heard.json`, the questions of the Korean bench set asked by jf_alpha and by
espeak-ng; and `bench/korean-split.json`, sentences with something that varies, said in one run of the network and said
as a caller hears them, joined of phrases rendered ahead and short runs. Every pair is in them. Syllables are compared
after `bench.normalise`. The phrases must have been rendered: `moksori models pull` with the shop's settings.
"""

from __future__ import annotations

import asyncio
import json
import os
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from moksori.agent.speech import HEARING_RATE, Priority
from moksori.audio import pcm
from moksori.audio.resample import resample
from moksori.bench.normalise import ErrorRate, compare
from moksori.bench.voice.manifest import RATE
from moksori.bench.voice.run import machine
from moksori.bench.voice.speakers import Samples, say
from moksori.conversation.clauses import clauses
from moksori.engine import phrases, weights
from moksori.engine.kokoro_voice import DEFAULT_VOICE, KokoroVoice
from moksori.engine.scheduler import URGENCY, Urgency
from moksori.engine.voices_load import korean_voice
from moksori.engine.whisper import Whisper
from moksori.server import phrases_ahead
from moksori.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "reference"
SENTENCES = DOCS / "korean-sentences.tsv"
SOFT_END_MS = 200
ASKING = ("kokoro:jf_alpha", "espeak-ng:ko")


def main() -> None:
    whisper = Whisper(weights.path("whisper-base"))
    whisper.warm()
    sentences = [line.split("\t") for line in SENTENCES.read_text("utf-8").splitlines()]
    write(
        DOCS / "korean-transcribed-back.json",
        "moksori.korean.transcribed-back/2",
        f"said by kokoro-ja {DEFAULT_VOICE}, int8",
        [heard(whisper, group, text, f"kokoro:{DEFAULT_VOICE}") for group, text in sentences],
    )
    catalogue = tomllib.loads(files("moksori.bench.voice").joinpath("texts.toml").read_text("utf-8"))
    questions = [question.replace("| ", "") for question in catalogue["ko"]["questions"]]
    write(
        DOCS / "bench" / "korean-heard.json",
        "moksori.korean.heard/1",
        "asked by voices that do not answer",
        [heard(whisper, voice, text, voice) for voice in ASKING for text in questions],
    )
    write(
        DOCS / "bench" / "korean-split.json",
        "moksori.korean.split/1",
        f"said by kokoro-ja {DEFAULT_VOICE}, int8, in one run and joined of parts",
        split(whisper),
    )


def heard(whisper: Whisper, group: str, text: str, voice: str) -> dict[str, Any]:
    """One sentence, spoken by a voice of the bench and understood."""
    return understood(whisper, group, text, say(text, voice))


def split(whisper: Whisper) -> list[dict[str, Any]]:
    """Sentences that vary, in one run and as they are joined in a call."""
    phrases_ahead.register(
        Settings(engine={"profile": "lite", "llm": {"kind": "flows"}}, shop={"demo": True})
    )
    voice = korean_voice(weights.default_home())
    URGENCY.set(Urgency(Priority.WAITED_FOR))
    rows = []
    for text in phrases.varying():
        whole = voice.render(text, DEFAULT_VOICE, 1.0).pcm
        rows.append(understood(whisper, "in one run", text, pcm.to_float(whole)))
        joined = asyncio.run(sound_of(voice, text))
        rows.append(understood(whisper, "joined", text, pcm.to_float(joined)))
    return rows


async def sound_of(voice: KokoroVoice, text: str) -> bytes:
    pieces = [
        piece.pcm
        for clause in clauses(text)
        async for piece in voice.synthesise(clause, voice=DEFAULT_VOICE, language="ko")
    ]
    return b"".join(pieces)


def understood(whisper: Whisper, group: str, text: str, sound: Samples) -> dict[str, Any]:
    understood = whisper.decode(at_hearing_rate(sound), language="ko")
    return {
        "group": group,
        "said": text,
        "heard": understood.text,
        "rate": compare(text, understood.text, "ko"),
        "decode_ms": understood.decode_ms,
    }


def at_hearing_rate(sound: Samples) -> Samples:
    samples = pcm.to_float(resample(pcm.from_float(sound), RATE, HEARING_RATE))
    return np.concatenate([samples, np.zeros(pcm.samples_in(SOFT_END_MS, HEARING_RATE), np.float32)])


def write(path: Path, schema: str, what: str, rows: list[dict[str, Any]]) -> None:
    groups = dict.fromkeys(row["group"] for row in rows)
    summary = {group: summed(row for row in rows if row["group"] == group) for group in groups}
    result = {
        "schema": schema,
        "what": what,
        "recogniser": "whisper-base, CTranslate2 int8, language ko",
        "machine": {**machine(), "load1_after": round(os.getloadavg()[0], 2)},
        "summary": {**summary, "all": summed(rows)},
        "sentences": [
            {
                "group": row["group"],
                "said": row["said"],
                "heard": row["heard"],
                "wrong": row["rate"].errors,
                "of": row["rate"].of,
                "decode_ms": row["decode_ms"],
            }
            for row in rows
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(path.name, json.dumps(result["summary"], ensure_ascii=False))


def summed(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    total, count, exact, times = ErrorRate(), 0, 0, []
    for row in rows:
        total, count = total + row["rate"], count + 1
        exact += not row["rate"].errors
        times.append(row["decode_ms"])
    return {
        "n": count,
        "syllable_error_rate": round(total.rate, 3),
        "exact": exact,
        "decode_ms_p50": sorted(times)[len(times) // 2],
    }


if __name__ == "__main__":
    main()
