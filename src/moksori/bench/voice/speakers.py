"""Who speaks in the default sets: voices that are not the ones which answer. Programs are run, never linked.

Recorded: Asterisk's prompts by Allison Smith (Debian's asterisk-core-sounds-en-wav, CC-BY-SA-3.0). Synthetic: flite,
espeak-ng, and in Korean those voices of our own Kokoro that answer nobody by default, in a process of their own. All
are deterministic: the same text gives the same samples.
"""

from __future__ import annotations

import atexit
import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moksori.audio import pcm, wav
from moksori.audio.resample import resample
from moksori.bench.voice.manifest import RATE

ASTERISK = Path("/usr/share/asterisk/sounds/en")
ASTERISK_TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
PACKAGES = "flite espeak-ng asterisk-core-sounds-en-wav asterisk-core-sounds-en"

VOICED_BELOW_PEAK_DB = 35.0
"""Speech spans about this much between its loudest vowel and its softest audible consonant."""
BLOCK = RATE // 100
"""10 ms: shorter than any audible pause, longer than a pitch period."""
_AS_SAID = {"*": "star", "#": "pound", "represenatives": "representatives", "indentified": "identified"}
"""Where the package's list of texts has a sign or a slip for the word that is heard."""

Samples = NDArray[np.float32]


class SpeakerMissing(RuntimeError):
    """A program or a package is not installed; the sentence says which."""


def load(path: Path) -> Samples:
    """A WAV file as mono samples at 24 kHz."""
    sound = wav.read(path.read_bytes())
    return pcm.to_float(resample(sound.mono(), sound.rate, RATE))


def levels(samples: Samples) -> NDArray[np.float64]:
    """Level in dBFS of each whole 10 ms."""
    count = len(samples) // BLOCK
    power = np.mean(samples[: count * BLOCK].astype(np.float64).reshape(count, BLOCK) ** 2, axis=1)
    dbfs: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return dbfs


def trimmed(samples: Samples) -> Samples:
    """From the first voiced 10 ms to the last, nothing around them."""
    dbfs = levels(samples)
    voiced = np.flatnonzero(dbfs > dbfs.max() - VOICED_BELOW_PEAK_DB)
    return samples[int(voiced[0]) * BLOCK : (int(voiced[-1]) + 1) * BLOCK]


@cache
def say(text: str, voice: str, speed: float = 1.0) -> Samples:
    """Speak a text with "flite:VOICE", "espeak-ng:VOICE" or "kokoro:VOICE", trimmed. Raises `SpeakerMissing`."""
    program, _, name = voice.partition(":")
    if program == "kokoro":
        samples = trimmed(_kokoro().say(text, name, speed))
        samples.flags.writeable = False
        return samples
    if shutil.which(program) is None:
        raise SpeakerMissing(f"{program} is not installed; on Debian: apt-get install {PACKAGES}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wav"
        if program == "flite":
            command = ["flite", "-voice", name, "--setf", f"duration_stretch={1 / speed:.3f}"]
            command += ["-t", text, "-o", str(out)]
        else:
            command = ["espeak-ng", "-v", name, "-s", str(round(165 * speed)), "-w", str(out), text]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        samples = trimmed(load(out))
    samples.flags.writeable = False
    return samples


class _Kokoro:
    """`moksori.engine.say` as a child, which loads its weights once for all texts."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moksori.engine.say"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        atexit.register(self._process.kill)

    def say(self, text: str, voice: str, speed: float) -> Samples:
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        try:
            process.stdin.write(json.dumps({"text": text, "voice": voice, "speed": speed}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            why = (process.stderr.read().strip().splitlines() or ["it ended"])[-1]
            raise SpeakerMissing(f"The Korean voice cannot speak: {why}")
        answer = json.loads(line)
        if "error" in answer:
            raise SpeakerMissing(answer["error"])
        return pcm.to_float(base64.b64decode(answer["pcm"]))


@cache
def _kokoro() -> _Kokoro:
    return _Kokoro()


@cache
def prompts(least_words: int, most_words: int) -> tuple[tuple[str, str], ...]:
    """Name and text of the recorded prompts that are one plain sentence. Raises `SpeakerMissing`."""
    if not (ASTERISK_TEXTS.exists() and ASTERISK.is_dir()):
        raise SpeakerMissing(f"Asterisk's prompts are not installed; on Debian: apt-get install {PACKAGES}")
    found = []
    with gzip.open(ASTERISK_TEXTS, "rt", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, colon, text = line.strip().partition(": ")
            if not colon or line.startswith(";"):
                continue
            for written, said in _AS_SAID.items():
                text = text.replace(written, said)
            text = text.strip()
            plain = (
                not set(text) & set("[]<>(){}/;:") and not re.search(r"[.!?]\s", text) and "..." not in text
            )
            if (
                plain
                and least_words <= len(text.split()) <= most_words
                and (ASTERISK / f"{name}.wav").exists()
            ):
                found.append((name, text))
    return tuple(sorted(found))


def prompt(name: str) -> Samples:
    """One recorded prompt, trimmed."""
    return trimmed(load(ASTERISK / f"{name}.wav"))


def cough(rng: np.random.Generator) -> Samples:
    """A cough: two bursts of shaped noise with an abrupt onset, 300 to 420 ms."""
    parts = []
    for length_ms in (rng.integers(110, 160), rng.integers(120, 180)):
        n = RATE * int(length_ms) // 1000
        burst = rng.standard_normal(n) * np.exp(-np.arange(n) / (n / 3.5))
        smooth = np.convolve(burst, np.hanning(9) / np.hanning(9).sum(), mode="same")
        parts += [smooth, np.zeros(RATE * 70 // 1000)]
    sound = np.concatenate(parts[:-1])
    scaled: Samples = (0.3 * sound / np.abs(sound).max()).astype(np.float32)
    return scaled


def pink(samples: int, level_dbfs: float, rng: np.random.Generator) -> Samples:
    """Pink noise at a level, as rooms have it."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    sound = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), samples)
    scaled: Samples = (sound * (10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2)))).astype(np.float32)
    return scaled
