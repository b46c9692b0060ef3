"""Voices for a microphone: spoken by separate programs (flite, espeak-ng), 24 kHz mono PCM16."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

RATE = 24_000


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(RATE * seconds), dtype=np.int16)


def join(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)


def spoken(text: str, language: str = "en") -> np.ndarray:
    """The text as speech, trimmed of the silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        raw, wav = Path(folder) / "raw.wav", Path(folder) / "voice.wav"
        speak = (
            ["flite", "-voice", "slt", "-t", text, "-o", str(raw)]
            if language == "en"
            else ["espeak-ng", "-v", language, "-s", "150", "-w", str(raw), text]
        )
        subprocess.run(speak, check=True, capture_output=True)
        subprocess.run(
            ["sox", str(raw), "-r", str(RATE), "-c", "1", "-b", "16", str(wav), "gain", "-n", "-3"],
            check=True,
        )
        samples = read_wav(wav)
    loud = np.flatnonzero(np.abs(samples) > 600)
    return samples[loud[0] : loud[-1] + 1]


def read_wav(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
