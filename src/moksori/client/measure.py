"""How long a caller waits: from the last voiced sample sent to the first audible sample received. Pure.

Both ends are found in the audio itself, not in the server's events: a voice detector's own delay, and the silence a
voice begins with, are part of the wait. A received sample is placed where a speaker that starts at the first byte and
never waits would play it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE = 24_000
_FULL_SCALE = 32768.0
_WINDOW = RATE // 100  # 10 ms: shorter than any pause one could hear, longer than a pitch period
_VOICED_BELOW_PEAK_DB = 30.0  # speech spans about this much between its vowels and its audible consonants
_VOICED_FLOOR_DBFS = -55.0  # below it a microphone gives only its own noise
_AUDIBLE_DBFS = -50.0
_MEMORY_S = 120  # how far back the last voiced sample is looked for

Levels = npt.NDArray[np.float64]


def levels(pcm: bytes) -> Levels:
    """RMS level in dBFS of each started 10 ms window of PCM16 at 24 kHz; -inf for digital silence."""
    samples = np.frombuffer(pcm[: len(pcm) - len(pcm) % 2], dtype="<i2").astype(np.float64) / _FULL_SCALE
    count = -(-len(samples) // _WINDOW)
    padded = np.zeros(count * _WINDOW)
    padded[: len(samples)] = samples
    with np.errstate(divide="ignore"):
        power: Levels = 10 * np.log10(np.mean(padded.reshape(count, _WINDOW) ** 2, axis=1))
    return power


def voiced_above(dbfs: Levels) -> float:
    """The level in dBFS above which a window of this recording counts as voice."""
    peak = float(dbfs.max()) if dbfs.size else -np.inf
    return max(peak - _VOICED_BELOW_PEAK_DB, _VOICED_FLOOR_DBFS)


def last_voiced(pcm: bytes) -> int | None:
    """Samples up to the end of the last voiced 10 ms window; None when there is no voice."""
    dbfs = levels(pcm)
    found = np.flatnonzero(dbfs > voiced_above(dbfs))
    return None if found.size == 0 else min((int(found[-1]) + 1) * _WINDOW, len(pcm) // 2)


def first_audible(pcm: bytes) -> int | None:
    """Sample at which the first audible 10 ms window begins; None when all is silence."""
    found = np.flatnonzero(levels(pcm) > _AUDIBLE_DBFS)
    return None if found.size == 0 else int(found[0]) * _WINDOW


@dataclass(frozen=True, slots=True)
class Latency:
    """One answered turn. `ms` is voice to voice as received here; `first_byte_ms` stops at the answer's first byte.

    After a typed turn both count from the sending of the text. `typed` tells which it was.
    """

    ms: int
    first_byte_ms: int
    typed: bool = False


class TurnMeter:
    """Watches both directions of a call. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, float]] = deque()  # (sent at, dBFS) of each window
        self._asked: float | None = None
        self._answered: float | None = None  # the turn already reported
        self._response = ""
        self._first_byte = 0.0
        self._playhead = 0.0  # when the next sample received would be played
        self._heard = False

    def sent(self, pcm: bytes, at: float) -> None:
        """Audio went out."""
        self._sent.extend((at, float(level)) for level in levels(pcm))
        while self._sent and self._sent[0][0] < at - _MEMORY_S:
            self._sent.popleft()

    def asked(self, at: float) -> None:
        """A typed message went out."""
        self._asked = at

    def received(self, response_id: str, pcm: bytes, at: float) -> Latency | None:
        """Audio came in. Returns the turn's latency once, with its first audible sample."""
        if response_id != self._response:
            self._response, self._first_byte, self._playhead, self._heard = response_id, at, at, False
        start = max(self._playhead, at)
        self._playhead = start + len(pcm) / 2 / RATE
        if self._heard:
            return None
        offset = first_audible(pcm)
        if offset is None:
            return None
        self._heard = True
        return self._report(start + offset / RATE)

    def _report(self, heard_at: float) -> Latency | None:
        voiced = self._last_voiced(self._first_byte)
        typed = self._asked is not None and (voiced is None or self._asked > voiced)
        asked = self._asked if typed else voiced
        if asked is None or asked == self._answered:
            return None
        self._answered = asked
        return Latency(round((heard_at - asked) * 1000), round((self._first_byte - asked) * 1000), typed)

    def _last_voiced(self, before: float) -> float | None:
        sent = [(at, level) for at, level in self._sent if at <= before]
        if not sent:
            return None
        above = voiced_above(np.array([level for _, level in sent]))
        return next((at for at, level in reversed(sent) if level > above), None)
