"""Audio whose every sample is known."""

from __future__ import annotations

import numpy as np

RATE = 24_000


def tone(ms: int, hz: float = 300.0, level: float = 0.3, rate: int = RATE) -> bytes:
    """A sine as PCM16."""
    at = np.arange(rate * ms // 1000) / rate
    return (np.sin(2 * np.pi * hz * at) * level * 32767).astype("<i2").tobytes()


def silence(ms: int, rate: int = RATE) -> bytes:
    return bytes(rate * ms // 1000 * 2)


def counted(ms: int, first: int = 1) -> bytes:
    """Samples that number themselves, so that a lost or doubled one shows."""
    return (np.arange(first, first + RATE * ms // 1000) % 30_000 + 1).astype("<i2").tobytes()
