"""Sample-rate conversion of PCM16: of a stream with a short filter, since what a caller says is waited for.

A windowed sinc in polyphase form. Every result of a library lags by what its filter reaches into the future, soxr by
10 ms from 24 to 16 kHz and by 25 to 30 ms to and from 8 kHz (up to 115 ms in its usual engine), once on the way in and
once on the way out. Here it is 2.6 and 5.2 ms: flat to 0.88 of the lower rate's band, 80 dB down where it ends, which
is all that speech at 8 to 48 kHz asks. Whole recordings, at whatever rate somebody sends, are soxr's.

Source: A. Oppenheim, R. Schafer, Discrete-Time Signal Processing, 3rd ed., 7.6 (Kaiser's window), 4.6.4 (polyphase).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from moksori.audio.pcm import BYTES_PER_SAMPLE, from_float, to_float

PASSED = 0.88
"""Of the lower rate's band, passed unchanged; from there to its end the filter falls."""
REJECTED_DB = 80.0
MOST_AT_ONCE = 16_384
"""Samples made in one step: bounds the memory of a long recording."""

_Floats = NDArray[np.float32]


class StreamResampler:
    """Converts one mono stream. Pieces of any size, even half samples, give what the whole would give."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Rates in Hz. Raises ValueError if one is not positive."""
        _check(from_rate, to_rate)
        self.from_rate = from_rate
        self.to_rate = to_rate
        common = math.gcd(from_rate, to_rate)
        self._up, self._down = to_rate // common, from_rate // common
        self._phases = _filter(self._up, self._down)
        self._reach = self._phases.shape[1] // 2
        self._half = b""
        """The first byte of a sample whose second has not come yet."""
        self._begin()

    def push(self, pcm: bytes) -> bytes:
        """Take input and return the output it completes: about as long, less the filter's delay at first."""
        data = self._half + pcm if self._half else pcm
        whole = len(data) - len(data) % BYTES_PER_SAMPLE
        data, self._half = data[:whole], data[whole:]
        if self._up == self._down:
            return data
        return from_float(self._convert(to_float(data)))

    def flush(self) -> bytes:
        """End the stream and return what the filter still holds. The next push begins a new stream."""
        if self._up == self._down:
            self._half = b""
            return b""
        whole = -(-self._taken * self._up // self._down)
        rest = self._convert(np.zeros(self._reach + 1, np.float32))
        rest = rest[: len(rest) - max(0, self._given - whole)]
        self._half = b""
        self._begin()
        return from_float(rest)

    def _begin(self) -> None:
        self._held: _Floats = np.zeros(self._reach - 1, np.float32)
        self._taken = 0
        self._given = 0
        self._ahead = 0
        """Place of the next output in the upsampled stream, counted from the first held sample's first window."""

    def _convert(self, samples: _Floats) -> _Floats:
        self._taken += len(samples)
        self._held = np.concatenate((self._held, samples))
        out = []
        while (windows := len(self._held) - 2 * self._reach + 1) > 0:
            count = min(-(-(windows * self._up - self._ahead) // self._down), MOST_AT_ONCE)
            if count <= 0:
                break
            places = self._ahead + self._down * np.arange(count)
            first, phase = np.divmod(places, self._up)
            seen = np.lib.stride_tricks.sliding_window_view(self._held, 2 * self._reach)
            out.append(np.einsum("ij,ij->i", seen[first], self._phases[phase]))
            self._given += count
            self._ahead += count * self._down
            gone = min(self._ahead // self._up, len(self._held))
            self._held = self._held[gone:]
            self._ahead -= gone * self._up
        return np.concatenate(out) if out else np.zeros(0, np.float32)


@lru_cache(maxsize=16)
def _filter(up: int, down: int) -> _Floats:
    """[up, taps]: what each phase of the output takes of the input around it."""
    if up == down:
        return np.zeros((1, 2), np.float32)
    band = 0.5 / max(up, down)  # of the lower rate, in cycles a sample of the upsampled stream
    width = (1 - PASSED) * band
    length = (REJECTED_DB - 8) / (2.285 * 2 * math.pi * width)
    reach = math.ceil(length / 2 / up)
    at = np.arange(2 * reach) - (reach - 1) - np.arange(up)[:, None] / up  # in input samples, from the output
    beta = 0.1102 * (REJECTED_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.clip(1 - (at / reach) ** 2, 0, None))) / np.i0(beta)
    cut = (band - width / 2) * up * 2  # of the input's band
    taps = cut * np.sinc(cut * at) * window
    # Each phase passes silence and a constant alike.
    phases: _Floats = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return phases


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole piece of PCM16 at once. Rates as for a stream."""
    _check(from_rate, to_rate)
    if from_rate == to_rate:
        return pcm
    whole = pcm[: len(pcm) - len(pcm) % BYTES_PER_SAMPLE]
    return from_float(soxr.resample(to_float(whole), from_rate, to_rate))


def _check(from_rate: int, to_rate: int) -> None:
    if from_rate <= 0 or to_rate <= 0:
        raise ValueError(f"A sample rate is a positive number of Hz, not {from_rate} or {to_rate}.")
