"""Whisper's log-mel features on numpy.

Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (arXiv 2212.04356,
section 2.2): 80 channels, 25 ms Hann windows every 10 ms at 16 kHz. Mel scale and filter areas as in
M. Slaney, "Auditory Toolbox" (Technical Report 1998-010): linear to 1 kHz, logarithmic above, unit area.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Features = NDArray[np.float32]

RATE = 16_000
WINDOW = 400
HOP = 160
BANDS = 80

_FLOOR = 1e-10
"""Least power; its logarithm, -10, is what silence has."""
_RANGE = 8.0
"""Decades kept below the loudest value of the whole piece."""
_BINS = WINDOW // 2 + 1


def log_mel(samples: Samples, length: int | None = None) -> Features:
    """Features of 16 kHz samples, shape (80, length // 160), about -1 to 1.5.

    `length` in samples, at least as many as there are, says how long the piece is to be with silence after
    it; the silence costs nothing. Frames are centred on every 160th sample and the edges mirrored. Raises
    ValueError on fewer than 201 samples, too few to mirror.
    """
    total = len(samples) if length is None else length
    if len(samples) > total:
        raise ValueError(f"{len(samples)} samples do not fit into {total}.")
    if total <= WINDOW // 2:
        raise ValueError(f"Features need more than {WINDOW // 2} samples; there are {total}.")
    frames = total // HOP
    # Of the frames only those whose window touches a sample can differ from silence.
    heard = min(frames, -(-(len(samples) + WINDOW // 2) // HOP))
    features = np.full((BANDS, frames), np.float32(np.log10(_FLOOR)))
    if heard:
        features[:, :heard] = _log_power(_edged(samples, total), heard)
    np.maximum(features, features.max() - np.float32(_RANGE), out=features)
    features += np.float32(4.0)
    features *= np.float32(0.25)
    return features


def _edged(samples: Samples, total: int) -> Samples:
    """The samples, one window of the silence after them, and mirrored edges."""
    followed = np.pad(samples, (0, min(total - len(samples), WINDOW)))
    return np.pad(followed, WINDOW // 2, mode="reflect").astype(np.float32, copy=False)


def _log_power(edged: Samples, frames: int) -> Features:
    windows = np.lib.stride_tricks.sliding_window_view(edged, WINDOW)[::HOP][:frames]
    spectrum = np.fft.rfft(windows * _hann(), axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    bands = _filters() @ power.T.astype(np.float32, copy=False)
    np.maximum(bands, np.float32(_FLOOR), out=bands)
    logarithm: Features = np.log10(bands, out=bands)
    return logarithm


@cache
def _hann() -> Samples:
    """Periodic Hann window, shape (400,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@cache
def _filters() -> NDArray[np.float32]:
    """Triangular filters of unit area, evenly spaced in mel from 0 to 8 kHz, shape (80, 201)."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE / 2), BANDS + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    hz = np.arange(_BINS) * (RATE / WINDOW)
    rising, falling = (hz - low) / (centre - low), (high - hz) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (high - low))).astype(np.float32)


_KNEE_HZ = 1000.0
_HZ_PER_MEL = 200 / 3
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27
"""Natural logarithm of the ratio of two frequencies one mel apart above the knee."""


def _hz_to_mel(hz: float) -> float:
    if hz < _KNEE_HZ:
        return hz / _HZ_PER_MEL
    return float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = np.maximum(mel - _KNEE_MEL, 0.0)
    return np.where(mel < _KNEE_MEL, mel * _HZ_PER_MEL, _KNEE_HZ * np.exp(above * _LOG_STEP))
