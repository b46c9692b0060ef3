"""Speech to test hearing with: recorded prompts from Debian packages, and synthetic voices run as programs.

Recorded, 8 kHz: Allison Smith's Asterisk prompts (asterisk-core-sounds-en-wav, CC-BY-SA-3.0; their texts in
asterisk-core-sounds-en). Recorded, 16 kHz: CMU's test clips (pocketsphinx-testdata, BSD-2). Synthetic: flite and
espeak-ng. None of these is a voice this project speaks with. Without the Debian packages the tests that need them
are skipped, except where `CI` is set: there the packages are part of the set-up and their absence is a failure.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moksori.audio import pcm, wav
from moksori.audio.resample import resample

RATE = 16_000
ASTERISK = Path("/usr/share/asterisk/sounds/en")
ASTERISK_TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
POCKETSPHINX = Path("/usr/share/pocketsphinx/test/data")
PACKAGES = "asterisk-core-sounds-en asterisk-core-sounds-en-wav pocketsphinx-testdata flite espeak-ng"

Samples = NDArray[np.float32]

_AS_SAID = {"*": "star", "#": "pound", "represenatives": "representatives", "indentified": "identified"}
"""Where the package's list of texts has a sign or a slip for the word that is heard."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Somebody saying `text`: 16 kHz samples, and the index after the last voiced one."""

    id: str
    text: str
    voice: str
    samples: Samples
    last_voiced: int
    language: str = "en"

    @property
    def speech(self) -> Samples:
        """The samples up to the last voiced one."""
        return self.samples[: self.last_voiced]

    def followed_by_silence(self, ms: float) -> Samples:
        """The speech, then exactly this much silence: what a VAD hands over after waiting that long."""
        return np.concatenate([self.speech, np.zeros(pcm.samples_in(ms, RATE), np.float32)])

    def cut_at(self, fraction: float) -> Clip:
        """The speaker is cut off after this fraction of the speech."""
        end = int(self.last_voiced * fraction)
        return replace(self, id=f"{self.id}-cut", samples=self.samples[:end], last_voiced=end)


# What callers of a shop ask; spoken by the synthetic voices.
QUESTIONS = (
    "Where is my order?",
    "I want to return the shoes I bought last week.",
    "Can I exchange this shirt for a larger size?",
    "How long does the delivery take?",
    "I would like to cancel my order, please.",
    "Why was my card charged twice?",
    "Can you send the package to a different address?",
    "What is your return policy?",
    "My package arrived damaged.",
    "Could I speak to a human, please?",
    "Is the blue jacket still in stock?",
    "When will I get my refund?",
    "I forgot my password and can not log in.",
    "Do you ship to Canada?",
    "How much does express shipping cost?",
    "The headphones stopped working after two days.",
    "Please change the color of the second item to black.",
    "I never received a confirmation email.",
    "Which payment methods do you accept?",
    "Can I pay with a gift card?",
    "I need to change the delivery date.",
    "Does this phone come with a charger?",
    "My order number is four seven one nine.",
    "The tracking page says it was delivered yesterday, but it is not here.",
)
SYNTHETIC = ("flite:slt", "flite:rms", "flite:awb", "espeak-ng:en-us")
UNFINISHED = (
    "I want to return the",
    "Can I exchange this shirt for a",
    "I would like to cancel my",
    "My order number is",
    "Can you send the package to",
    "I bought a jacket last week and",
    "Please change the color of the",
    "The package was delivered but",
    "I need to change the delivery",
    "Could you tell me if the",
    "Well I was wondering if you could",
    "I called yesterday because",
)
"""Sentences that break off where nobody ends a turn."""


def needs(*programs: str) -> None:
    """Skip the test without these programs; fail it in CI."""
    absent = [program for program in programs if shutil.which(program) is None]
    _absent(absent)


def _absent(absent: list[str]) -> None:
    if absent:
        reason = f"{', '.join(absent)} not found; on Debian: apt-get install {PACKAGES}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def last_voiced(samples: Samples, below_peak_db: float = 35.0) -> int:
    """Index after the last 10 ms that are no more than this much quieter than the loudest 10 ms."""
    block = RATE // 100
    levels = [pcm.dbfs(samples[at : at + block]) for at in range(0, len(samples), block)]
    loudest = max(levels)
    last = max(index for index, level in enumerate(levels) if level > loudest - below_peak_db)
    return min((last + 1) * block, len(samples))


def load(path: Path) -> Samples:
    """A WAV (or headerless 16 kHz PCM16) file as 16 kHz mono."""
    data = path.read_bytes()
    if path.suffix == ".raw":
        return pcm.to_float(data)
    sound = wav.read(data)
    return pcm.to_float(resample(sound.mono(), sound.rate, RATE))


@cache
def say(text: str, voice: str, speed: float = 1.0) -> Samples:
    """Speak a text with "flite:VOICE" or "espeak-ng:VOICE"; edges of silence trimmed to 50 ms before, none after."""
    program, _, name = voice.partition(":")
    needs(program)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wav"
        if program == "flite":
            command = ["flite", "-voice", name, "--setf", f"duration_stretch={1 / speed:.3f}"]
            command += ["-t", text, "-o", str(out)]
        else:
            command = ["espeak-ng", "-v", name, "-s", str(round(165 * speed)), "-w", str(out), text]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        samples = load(out)
    first = len(samples) - last_voiced(samples[::-1].copy())
    begin = max(0, first - RATE // 20)
    trimmed = samples[begin : last_voiced(samples)]
    trimmed.flags.writeable = False
    return trimmed


def spoken(text: str, voice: str, speed: float = 1.0, id: str = "") -> Clip:
    samples = say(text, voice, speed)
    return Clip(id or f"{voice}-{text[:24]}", text, voice, samples, len(samples))


@cache
def questions() -> tuple[Clip, ...]:
    """`QUESTIONS` by every one of the `SYNTHETIC` voices."""
    needs("flite", "espeak-ng")
    return tuple(spoken(text, voice) for voice in SYNTHETIC for text in QUESTIONS)


@cache
def unfinished() -> tuple[Clip, ...]:
    """`UNFINISHED` by every flite voice, with the intonation of speech that goes on."""
    return tuple(_broken_off(text, voice) for voice in SYNTHETIC[:3] for text in UNFINISHED)


def _broken_off(text: str, voice: str) -> Clip:
    # Spoken with words after it and cut there, so that the melody does not fall as at an end.
    whole, head = say(f"{text} something or other", voice), say(text, voice)
    tail = len(say("something or other", voice))
    end = max(len(whole) - tail, len(head) // 2)
    return Clip(f"{voice}-{text}", text, voice, whole[:end], end)


@cache
def asterisk_texts() -> dict[str, str]:
    """Name -> text of every Asterisk prompt, as the Debian package states it."""
    if not (ASTERISK_TEXTS.exists() and ASTERISK.is_dir()):
        _absent([str(ASTERISK)])
    texts = {}
    with gzip.open(ASTERISK_TEXTS, "rt", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, colon, text = line.strip().partition(": ")
            if colon and not line.startswith(";"):
                for written, said in _AS_SAID.items():
                    text = text.replace(written, said)
                texts[name] = text.strip()
    return texts


@cache
def asterisk(least_words: int = 5, most_words: int = 30) -> tuple[Clip, ...]:
    """All recorded prompts whose text is a plain sentence of so many words (no noises, no stage directions)."""
    return tuple(_asterisk_clips(least_words, most_words))


def _asterisk_clips(least: int, most: int) -> Iterator[Clip]:
    for name, text in sorted(asterisk_texts().items()):
        path = ASTERISK / f"{name}.wav"
        if set(text) & set("[]<>(){}/") or "..." in text or not path.exists():
            continue
        if least <= len(text.split()) <= most:
            samples = load(path)
            yield Clip(name, text, "asterisk", samples, last_voiced(samples))


@cache
def read_aloud() -> tuple[Clip, ...]:
    """CMU's recorded clips: playing cards named, and Jane Austen read."""
    clips = []
    for folder, texts in (("cards", "cards.transcription"), ("librivox", "transcription")):
        place = POCKETSPHINX / folder
        if not place.is_dir():
            _absent([str(place)])
        for line in (place / texts).read_text().splitlines():
            text, _, name = line.rpartition("(")
            text = text.replace("<s>", "").replace("</s>", "").strip()
            samples = load(place / f"{name.rstrip(')')}.wav")
            clips.append(Clip(f"{folder}-{name.rstrip(')')}", text, folder, samples, last_voiced(samples)))
    return tuple(clips)


def noise(kind: str, seconds: float, level_dbfs: float = -40.0, seed: int = 1) -> Samples:
    """What is heard when nobody speaks: "silence", "white", "pink", "hum", "clicks", "breath", "tones"."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    at = np.arange(count) / RATE
    sound = np.zeros(count)
    if kind == "white":
        sound = rng.standard_normal(count)
    elif kind == "pink":
        spectrum = np.fft.rfft(rng.standard_normal(count))
        sound = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), count)
    elif kind == "hum":
        sound = np.sin(2 * np.pi * 50 * at) + 0.4 * np.sin(2 * np.pi * 150 * at)
    elif kind == "clicks":
        sound[rng.integers(0, count, max(1, int(seconds * 3)))] = 30.0
        sound += 0.05 * rng.standard_normal(count)
    elif kind == "breath":
        sound = rng.standard_normal(count) * np.maximum(0, np.sin(2 * np.pi * 0.4 * at)) ** 2
    elif kind == "tones":
        sound = np.where(at % 0.5 < 0.2, np.sin(2 * np.pi * 697 * at) + np.sin(2 * np.pi * 1209 * at), 0.0)
    elif kind != "silence":
        raise ValueError(f"There is no noise {kind!r}.")
    level = pcm.rms(sound.astype(np.float32))
    return (sound * (10 ** (level_dbfs / 20) / level if level else 0)).astype(np.float32)


NOISES = ("silence", "white", "pink", "hum", "clicks", "breath", "tones")
