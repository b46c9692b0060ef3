"""What a spoken caller sounds like: the words as one says them, voice, pace, noise, a pause in the middle."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moksori.audio.pcm import from_float
from moksori.bench.voice.manifest import RATE
from moksori.bench.voice.speakers import BLOCK, levels, pink

Samples = NDArray[np.float32]
Speak = Callable[[str, str, float], Samples]
"""(text, voice, speed) to 24 kHz samples, trimmed."""

LEVEL_DBFS = -24.0
LEAD_MS = 240
TAIL_MS = 120
FADE = RATE * 8 // 1000
SPEEDS = (0.95, 1.0, 1.05)
SPELLED_FROM = 4
"""Digits of a number that are said one by one from here on: order, telephone and post numbers."""
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_SINO = "공일이삼사오육칠팔구"
_NUMBER = re.compile(rf"\d+(?:-\d+)+|\d{{{SPELLED_FROM},}}")
PAUSE_MS = (350, 900)
FURTHEST_PAUSE = 0.7
"""Of an utterance: a pause after more of it would stand before its last word."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the callers of a run speak. Shares are of conversations, 0 to 1; who gets which is fixed by the names."""

    voices: Mapping[str, tuple[str, ...]]
    """By language, "flite:slt", "espeak-ng:ko", "kokoro:jf_alpha"."""
    noise_dbfs: tuple[float, ...] = (-75.0, -60.0, -50.0)
    pauses: float = 0.0
    barge_in: float = 0.0
    """Conversations whose caller speaks into the first answer."""
    backchannel: float = 0.0
    """Conversations whose caller says "mm-hmm" or "네" while an answer sounds."""
    patience: int = 2
    detection: str = "semantic_vad"


@dataclass(frozen=True, slots=True)
class Style:
    """How one caller speaks."""

    voice: str
    speed: float
    noise_dbfs: float
    pauses: bool
    barges_in: bool
    backchannels: bool

    def __str__(self) -> str:
        notes = [name for name in ("pauses", "barges_in", "backchannels") if getattr(self, name)]
        return ", ".join([self.voice, f"×{self.speed}", f"noise {self.noise_dbfs:.0f} dBFS", *notes])


def style_of(manner: Manner, language: str, key: str) -> Style:
    """The same for the same conversation in every run."""
    chance = random.Random(f"moksori {key}")
    return Style(
        voice=chance.choice(manner.voices[language]),
        speed=chance.choice(SPEEDS),
        noise_dbfs=chance.choice(manner.noise_dbfs),
        pauses=chance.random() < manner.pauses,
        barges_in=chance.random() < manner.barge_in,
        backchannels=chance.random() < manner.backchannel,
    )


def as_said(text: str, language: str) -> str:
    """A text with its long numbers digit by digit, as one says order and telephone numbers.

    >>> as_said("order 261118-1001", "en"), as_said("1004번", "ko")
    ('order two six one one one eight, one zero zero one', '일공공사번')
    """

    def spelled(match: re.Match[str]) -> str:
        groups = match.group().split("-")
        if language == "ko":
            return ", ".join("".join(_SINO[int(d)] for d in group) for group in groups)
        return ", ".join(" ".join(_DIGITS[int(d)] for d in group) for group in groups)

    return _NUMBER.sub(spelled, text)


@dataclass(frozen=True, slots=True)
class Utterance:
    pcm: bytes
    """24 kHz PCM16 with the room's noise."""
    voiced_ms: int
    """Where the last voiced sample is."""
    floor: bytes
    """The noise that goes on after it."""


def utterance(text: str, language: str, style: Style, speak: Speak) -> Utterance:
    """Speak a sentence as this caller does."""
    rng = np.random.default_rng(abs(hash_of(text)) % 2**32)
    speech = speak(as_said(text, language), style.voice, style.speed)
    level = float(np.sqrt(np.mean(speech.astype(np.float64) ** 2)))
    speech = speech * np.float32(10 ** (LEVEL_DBFS / 20) / max(level, 1e-6))
    if style.pauses and len(text.split()) > 3:
        speech = _with_pause(speech, int(rng.integers(*PAUSE_MS)))
    lead, tail = (np.zeros(RATE * ms // 1000, np.float32) for ms in (LEAD_MS, TAIL_MS))
    sound = np.concatenate([lead, speech, tail])
    sound = np.clip(sound + pink(len(sound), style.noise_dbfs, rng), -1.0, 1.0)
    floor = pink(RATE, style.noise_dbfs, rng)
    return Utterance(from_float(sound), LEAD_MS + len(speech) * 1000 // RATE, from_float(floor))


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    return int.from_bytes(text.encode()[:64].ljust(8, b"\0"), "little")


def _with_pause(speech: Samples, ms: int) -> Samples:
    """Cut at the quietest place of its middle, where somebody looks for a word."""
    dbfs = levels(speech)
    first, last = len(dbfs) // 4, max(len(dbfs) // 4 + 1, int(len(dbfs) * FURTHEST_PAUSE))
    at = (first + int(np.argmin(dbfs[first:last]))) * BLOCK
    before, after = speech[:at].copy(), speech[at:].copy()
    fade = min(FADE, len(before), len(after))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    before[len(before) - fade :] *= ramp[::-1]
    after[:fade] *= ramp
    return np.concatenate([before, np.zeros(RATE * ms // 1000, np.float32), after])
