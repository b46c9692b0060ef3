"""The default sets, made from voices that this machine has. The same seed gives the same bytes."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np

from moksori.audio.pcm import from_float
from moksori.bench.voice.manifest import RATE, Clip, Kind, save
from moksori.bench.voice.speakers import BLOCK, Samples, cough, levels, pink, prompt, prompts, say, trimmed

VOICES = {
    "en": ("flite:slt", "flite:rms", "flite:awb", "espeak-ng:en-us"),
    "ko": ("kokoro:jf_alpha",),
}
OVERLAP_VOICES = {"en": VOICES["en"], "ko": ("kokoro:jf_alpha", "espeak-ng:ko")}
"""Who speaks over an answer. Korean has no second voice that is well understood; for "네" espeak-ng will do."""
LEVEL_DBFS = -24.0
"""Loudness (RMS) of every voice."""
NOISES_DBFS = (-75.0, -60.0, -50.0)
"""A digital line, a quiet room, a busy one: signal to noise 51, 36 and 26 dB."""
LEAD_MS = 200
TAIL_MS = 600
PAUSE_MS = (300, 1200)
PAUSED_SHARE = 0.45
"""Of all questions: at least 40 % of a set pause, where somebody would look for a word."""
FADE_MS = 8
COUGHS = 6

Language = Literal["en", "ko"]


def build(  # noqa: PLR0917 - what a set is made of
    folder: Path,
    language: Language,
    questions: int = 200,
    overlaps: int = 36,
    seed: int = 1,
    voices: tuple[str, ...] = (),
) -> int:
    """Write a set, spoken by `voices` instead of the default ones; how many clips it has. Raises `SpeakerMissing`."""
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    clips = [
        *_questions(language, questions, voices, chance, rng),
        *_overlaps(language, overlaps, voices or OVERLAP_VOICES[language], chance, rng),
    ]
    save(folder, clips)
    return len(clips)


def _texts(language: str) -> dict[str, list[str]]:
    catalogue: dict[str, Any] = tomllib.loads(
        files("moksori.bench.voice").joinpath("texts.toml").read_text("utf-8")
    )
    texts: dict[str, list[str]] = catalogue[language]
    return texts


def _questions(
    language: Language, count: int, voices: tuple[str, ...], chance: random.Random, rng: np.random.Generator
) -> Iterator[tuple[Clip, bytes]]:
    recorded = list(prompts(5, 16)) if language == "en" and not voices else []
    chance.shuffle(recorded)
    texts = _texts(language)["questions"]
    made = 0
    paused = 0
    while made < count:
        identity = f"{language}-q{made:03d}"
        # Kept at the share from the first turn on, so that every beginning of a set has it.
        wants_pause = paused < PAUSED_SHARE * (made + 1)
        gap: int | None = None
        if recorded and not wants_pause:
            name, text = recorded.pop()
            voice, speech = "asterisk", prompt(name)
        else:
            marked = chance.choice([t for t in texts if "|" in t] if wants_pause else texts)
            voice = chance.choice(voices or VOICES[language])
            text = marked.replace("| ", "")
            speed = chance.choice((0.9, 1.0, 1.1))
            speech = say(text, voice, speed)
            gap = _boundary(speech, say(marked.split("|")[1].strip(), voice, speed)) if wants_pause else None
        pauses: tuple[tuple[int, int], ...] = ()
        if gap is not None:
            speech, pauses = _with_pause(speech, gap, chance.randint(*PAUSE_MS))
            paused += 1
        yield _clip(identity, language, "question", text, voice, speech, pauses, made, rng)
        made += 1


def _overlaps(
    language: Language, count: int, voices: tuple[str, ...], chance: random.Random, rng: np.random.Generator
) -> Iterator[tuple[Clip, bytes]]:
    texts = _texts(language)
    kinds: tuple[tuple[Kind, list[str]], ...] = (
        ("interrupt", texts["interruptions"]),
        ("backchannel", texts["backchannels"]),
    )
    for kind, lines in kinds:
        for number in range(count // 2):
            text = lines[number % len(lines)]
            voice = voices[(number // len(lines)) % len(voices)]
            speed = (1.0, 0.9, 1.1)[number % 3]
            speech = say(text, voice, speed)
            identity = f"{language}-{kind[0]}{number:02d}"
            yield _clip(identity, language, kind, text, voice, speech, (), number, rng)
    for number in range(COUGHS):
        speech = trimmed(cough(rng))
        yield _clip(f"{language}-c{number:02d}", language, "noise", "", "cough", speech, (), number, rng)


def _clip(  # noqa: PLR0917 - what a clip is made of
    identity: str,
    language: Language,
    kind: Kind,
    text: str,
    voice: str,
    speech: Samples,
    pauses: tuple[tuple[int, int], ...],
    number: int,
    rng: np.random.Generator,
) -> tuple[Clip, bytes]:
    level = float(np.sqrt(np.mean(speech.astype(np.float64) ** 2)))
    speech = speech * np.float32(10 ** (LEVEL_DBFS / 20) / max(level, 1e-6))
    lead, tail = (np.zeros(RATE * ms // 1000, np.float32) for ms in (LEAD_MS, TAIL_MS))
    sound = np.concatenate([lead, speech, tail])
    noise = NOISES_DBFS[number % len(NOISES_DBFS)]
    sound = sound + pink(len(sound), noise, rng)
    clip = Clip(
        id=identity,
        wav=f"{identity}.wav",
        language=language,
        text=text,
        first_voiced_ms=LEAD_MS,
        last_voiced_ms=LEAD_MS + len(speech) * 1000 // RATE,
        pauses_ms=tuple((a + LEAD_MS, b + LEAD_MS) for a, b in pauses),
        kind=kind,
        voice=voice,
        noise_dbfs=noise,
    )
    return clip, from_float(np.clip(sound, -1.0, 1.0))


def _boundary(whole: Samples, rest: Samples) -> int:
    """Where in a sentence its rest begins: near its length from the end, at the quietest 10 ms."""
    about = max(len(whole) - len(rest), len(whole) // 4)
    reach = RATE * 120 // 1000
    return _quietest(whole, max(BLOCK, about - reach), min(len(whole) - BLOCK, about + reach))


def _quietest(speech: Samples, begin: int, end: int) -> int:
    dbfs = levels(speech)
    first, last = begin // BLOCK, max(begin // BLOCK + 1, end // BLOCK)
    return (first + int(np.argmin(dbfs[first:last]))) * BLOCK


def _with_pause(speech: Samples, at: int, ms: int) -> tuple[Samples, tuple[tuple[int, int], ...]]:
    """A pause cut into speech, its edges faded so that they do not click."""
    fade = RATE * FADE_MS // 1000
    before, after = speech[:at].copy(), speech[at:].copy()
    before[-fade:] *= np.linspace(1, 0, min(fade, len(before)), dtype=np.float32)
    after[:fade] *= np.linspace(0, 1, min(fade, len(after)), dtype=np.float32)
    begin = at * 1000 // RATE
    return np.concatenate([before, np.zeros(RATE * ms // 1000, np.float32), after]), ((begin, begin + ms),)
