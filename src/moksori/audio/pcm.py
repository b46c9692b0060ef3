"""PCM16: little-endian signed 16-bit samples as bytes, and their arithmetic.

Throughout the house `bytes` are PCM16 mono unless a name says otherwise, and arrays are float32 in [-1, 1].
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BYTES_PER_SAMPLE = 2
FULL_SCALE = 32768.0
SILENCE_DBFS = -120.0
"""What silence measures; below the least step of PCM16 (-90 dBFS), so that it compares but is not -inf."""

_PCM16 = np.dtype("<i2")


def to_float(pcm: bytes | bytearray | memoryview) -> Samples:
    """PCM16 to float32 in [-1, 1), shape (samples,). Raises ValueError on an odd number of bytes."""
    if len(pcm) % BYTES_PER_SAMPLE:
        raise ValueError(f"PCM16 has two bytes a sample; {len(pcm)} bytes are not whole samples.")
    samples: Samples = np.frombuffer(pcm, dtype=_PCM16).astype(np.float32)
    samples *= np.float32(1 / FULL_SCALE)
    return samples


def from_float(samples: NDArray[np.floating]) -> bytes:
    """Float samples to PCM16, rounded to the nearest step and clipped, never wrapped."""
    scaled = np.rint(np.asarray(samples, dtype=np.float32) * np.float32(FULL_SCALE))
    pcm: bytes = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(_PCM16).tobytes()
    return pcm


def count(pcm: bytes | bytearray | memoryview) -> int:
    """Whole samples in these bytes."""
    return len(pcm) // BYTES_PER_SAMPLE


def samples_in(ms: float, rate: int) -> int:
    """Samples that last this many milliseconds, rounded to the nearest."""
    return round(ms * rate / 1000)


def bytes_in(ms: float, rate: int) -> int:
    """Bytes of PCM16 that last this many milliseconds, always whole samples."""
    return samples_in(ms, rate) * BYTES_PER_SAMPLE


def ms_of(samples: int, rate: int) -> int:
    """Whole milliseconds that this many samples last; a begun millisecond does not count."""
    return samples * 1000 // rate


def silence(ms: float, rate: int) -> bytes:
    return bytes(bytes_in(ms, rate))


def rms(samples: Samples) -> float:
    """Root mean square of float samples; 0 when there are none."""
    if not len(samples):
        return 0.0
    wide = samples.astype(np.float64)
    return math.sqrt(float(np.dot(wide, wide)) / len(wide))


def dbfs(samples: Samples) -> float:
    """Level in dB against a full-scale square wave; `SILENCE_DBFS` for silence."""
    level = rms(samples)
    return max(SILENCE_DBFS, 20 * math.log10(level)) if level > 0 else SILENCE_DBFS


def mix_to_mono(pcm: bytes, channels: int) -> bytes:
    """Average interleaved channels into one; a last incomplete frame is an error (ValueError)."""
    if channels == 1:
        return pcm
    if channels < 1 or len(pcm) % (BYTES_PER_SAMPLE * channels):
        raise ValueError(f"{len(pcm)} bytes are not whole frames of {channels} channels.")
    frames = np.frombuffer(pcm, dtype=_PCM16).reshape(-1, channels)
    mixed: bytes = np.rint(frames.mean(axis=1)).astype(_PCM16).tobytes()
    return mixed
