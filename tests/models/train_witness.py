"""Learns `src/moksori/engine/witness.npz`: `python -m tests.models.train_witness [OUT]`, about 15 minutes on two cores.

Synthetic speakers that no measured set contains say sentences that no measured set contains (witness.toml). *Ending*: a
sentence alone against the same words cut out of a longer one, so that only the sound can tell them apart. *Onset*: the
first 160 to 352 ms of acknowledgements against those of anything else. Both are ridge-regularised logistic regressions
on what Whisper base's encoder gives. Needs flite and espeak-ng.
"""

from __future__ import annotations

import random
import sys
import tomllib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from hibari import Hibari

from moksori.agent.speech import HEARING_RATE
from moksori.bench.voice.manifest import RATE
from moksori.bench.voice.sets import LEVEL_DBFS, NOISES_DBFS, _boundary
from moksori.bench.voice.speakers import pink, say, trimmed
from moksori.engine import weights
from moksori.engine.whisper import GLANCE_PAD_S, PAD_S, Whisper
from moksori.engine.witness import ending_features, onset_features

VOICES = ("hibari", "flite:kal16", "flite:kal", "espeak-ng:en-gb+f3", "espeak-ng:en-029+m3")
"""Who ends sentences; the first four also acknowledge and interrupt, and so does `KOREAN`."""
KOREAN = "espeak-ng:ko+f3"
ONSETS_MS = (160, 224, 288, 352)
LEAD_MS, SILENCE_MS = 300, 96
RIDGE = 1_000.0
OUT = Path("src/moksori/engine/witness.npz")
ASKING = frozenset(
    [
        "Can",
        "Could",
        "Do",
        "Did",
        "Is",
        "Are",
        "Will",
        "May",
        "Does",
        "What",
        "When",
        "Where",
        "Why",
        "Who",
        "How",
        "Which",
    ]
)

Floats = Any
_hibari: list[Any] = []


def speak(text: str, voice: str, speed: float) -> Floats:
    if voice != "hibari":
        return say(text, voice, speed)
    if not _hibari:
        _hibari.append(Hibari(threads=2))
    return trimmed(np.asarray(_hibari[0](text, speed=speed, seed=1), np.float32).ravel())


def on_the_line(speech: Floats, after_ms: int, rng: np.random.Generator) -> Floats:
    """At the level and in the noise of the measured sets, 300 ms of room before it; 16 kHz."""
    level = np.float32(
        10 ** (LEVEL_DBFS / 20) / max(1e-6, float(np.sqrt(np.mean(speech.astype(np.float64) ** 2))))
    )
    before, after = (np.zeros(RATE * ms // 1000, np.float32) for ms in (LEAD_MS, after_ms))
    sound = np.concatenate([before, speech * level, after])
    sound = sound + pink(len(sound), NOISES_DBFS[rng.integers(len(NOISES_DBFS))], rng)
    return soxr.resample(sound, RATE, HEARING_RATE).astype(np.float32)


def features(model: Whisper, heard: Floats, pad_s: float, of: Callable[[Floats, int], Floats]) -> Floats:
    return of(np.asarray(model._encode(heard, pad_s), np.float32)[0], len(heard))


def endings(model: Whisper, voice: str, pairs: list[str]) -> tuple[list[Floats], list[int]]:
    rng, chance = np.random.default_rng(zlib.crc32(voice.encode())), random.Random(voice)
    found: list[Floats] = []
    for pair in pairs:
        alone, rest = (part.strip() for part in pair.split("|"))
        speed = chance.choice((0.9, 1.0, 1.1))
        mark = "?" if alone.split()[0] in ASKING else "."
        whole = speak(f"{alone} {rest}{mark}", voice, speed)
        cut = trimmed(whole[: _boundary(whole, speak(rest + mark, voice, speed))].copy())
        spoken = (speak(alone + mark, voice, speed), cut, whole)
        lines = [on_the_line(speech, SILENCE_MS, rng) for speech in spoken]
        found += [features(model, heard, PAD_S, ending_features) for heard in lines]
    return found, [0, 1, 0] * len(pairs)


def onsets(model: Whisper, voice: str, texts: dict[str, list[str]]) -> tuple[list[Floats], list[int]]:
    rng = np.random.default_rng(5 + zlib.crc32(voice.encode()))
    long = [pair.replace("| ", "") for pair in texts["pairs"]][::3]
    found: list[Floats] = []
    labels: list[int] = []
    for label, lines in ((1, texts["acknowledgements"]), (0, texts["interruptions"] + long)):
        for text in lines:
            for speed in (0.85, 1.0, 1.15) if label else (1.0,):
                speech = speak(text, voice, speed)
                for ms in ONSETS_MS:
                    heard = on_the_line(speech, 500, rng)[: HEARING_RATE * (LEAD_MS + ms) // 1000]
                    found.append(features(model, heard, GLANCE_PAD_S, onset_features))
                    labels.append(label)
    return found, labels


def fit(rows: list[Floats], labels: list[int]) -> tuple[Floats, float]:
    """Weights and bias at even odds; iteratively reweighted least squares in the space of the examples."""
    x, y = np.array(rows, np.float64), np.array(labels, np.float64)
    mean, spread = x.mean(0), x.std(0) + 1e-3
    z = (x - mean) / spread
    kernel, score = z @ z.T / RIDGE, np.zeros(len(y))
    alpha, bias = np.zeros(len(y)), 0.0
    for _ in range(25):
        p = 1 / (1 + np.exp(-score))
        weight = np.maximum(p * (1 - p), 1e-4)
        target = score + (y - p) / weight
        solved = np.linalg.solve(kernel + np.diag(1 / weight), np.column_stack([target, np.ones(len(y))]))
        bias = float(solved[:, 0].sum() / solved[:, 1].sum())
        alpha = solved[:, 0] - bias * solved[:, 1]
        score = kernel @ alpha + bias
    w = z.T @ alpha / RIDGE / spread
    return w, float(bias - mean @ w - np.log(y.mean() / (1 - y.mean())))


def main(out: Path) -> None:
    texts = tomllib.loads(Path(__file__).with_name("witness.toml").read_text("utf-8"))
    model = Whisper(weights.path("whisper-base"))
    ends = [endings(model, voice, texts["en"]["pairs"]) for voice in VOICES]
    begins = [onsets(model, voice, texts["en"]) for voice in VOICES[:4]]
    begins.append(onsets(model, KOREAN, texts["ko"]))
    learned = {}
    for name, examples in (("ending", ends), ("onset", begins)):
        w, bias = fit(
            [f for found, _ in examples for f in found], [y for _, labels in examples for y in labels]
        )
        learned |= {name: w.astype(np.float16), f"{name}_bias": np.float32(bias)}
    np.savez(out, **learned)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
