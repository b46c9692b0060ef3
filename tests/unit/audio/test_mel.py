"""Mel features against the definition, computed the slow way."""

import math

import numpy as np
import pytest

from moksori.audio.mel import log_mel

RNG = np.random.default_rng(7)


def mel_of(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def hz_of(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def by_definition(samples: np.ndarray) -> np.ndarray:
    """Fourier sum, triangle and logarithm as written in a textbook, in double precision; no FFT."""
    padded = np.pad(samples.astype(np.float64), 200, mode="reflect")
    n = np.arange(400)
    window = np.sin(np.pi * n / 400) ** 2
    kernel = np.exp(-2j * np.pi * np.outer(np.arange(201), n) / 400)
    frames = [padded[at : at + 400] * window for at in range(0, len(samples) // 160 * 160, 160)]
    power = np.abs(np.array([kernel @ frame for frame in frames])) ** 2
    edges = [hz_of(mel_of(8000) * i / 81) for i in range(82)]
    bands = np.zeros((80, len(frames)))
    for band in range(80):
        low, centre, high = edges[band : band + 3]
        for k in range(201):
            hz = k * 40
            if low < hz < high:
                slope = (hz - low) / (centre - low) if hz <= centre else (high - hz) / (high - centre)
                bands[band] += slope * 2 / (high - low) * power[:, k]
    log = np.log10(np.maximum(bands, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


def speechlike(count: int) -> np.ndarray:
    loudness = np.abs(np.sin(np.arange(count) / 3000)) * np.linspace(1, 0.001, count)
    return (RNG.standard_normal(count) * 0.1 * loudness).astype(np.float32)


@pytest.mark.parametrize("count", [201, 400, 1000, 16_000, 23_456])
def test_features_are_as_defined(count: int) -> None:
    samples = speechlike(count)
    assert log_mel(samples) == pytest.approx(by_definition(samples), abs=1e-4)


@pytest.mark.parametrize("count", [0, 1, 100, 399, 4000, 15_700, 15_900, 16_000])
def test_silence_afterwards_is_as_if_it_had_been_there(count: int) -> None:
    samples = speechlike(count)
    padded = np.pad(samples, (0, 16_000 - count))
    assert log_mel(samples, 16_000) == pytest.approx(log_mel(padded), abs=1e-6)


def test_shape_and_range() -> None:
    features = log_mel(speechlike(48_000), 176_000)
    assert features.shape == (80, 1100)
    assert features.dtype == np.float32
    assert features.max() - features.min() == pytest.approx(2.0)  # eight decades, by four


def test_a_tone_stands_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = log_mel(tone)[:, 50].argmax()
    assert hz_of(mel_of(8000) * loudest / 81) < 1000 < hz_of(mel_of(8000) * (loudest + 2) / 81)


def test_what_cannot_be_mirrored_or_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 200 samples"):
        log_mel(np.zeros(200, np.float32))
    with pytest.raises(ValueError, match="do not fit"):
        log_mel(np.zeros(2000, np.float32), 1000)
