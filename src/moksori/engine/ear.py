"""One caller's incoming audio: to 16 kHz, into a bounded ring, past the voice-activity detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moksori.agent.speech import HEARING_RATE, Samples, VoiceActivity
from moksori.audio.g711 import a_law_to_pcm, mu_law_to_pcm
from moksori.audio.pcm import dbfs, to_float
from moksori.audio.resample import StreamResampler
from moksori.protocol.session import AudioFormat, PcmaFormat, PcmuFormat

VAD_SAMPLES = 512
"""Silero's frame at 16 kHz: 32 ms."""
PER_MS = HEARING_RATE // 1000

KEPT_MS = 130_000
"""Audio kept for decoding: the longest turn (120 s) and its padding. Older audio is forgotten."""
HALF = VAD_SAMPLES // 2
BLOCK = HEARING_RATE
"""The ring grows and forgets in blocks of one second."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A frame of the detector, which ends at `at_ms`."""

    probability: float
    at_ms: int
    level_db: float


@dataclass(frozen=True, slots=True)
class Level:
    """How loud as much sound is as a frame has, where it ends in the middle of one."""

    at_ms: int
    level_db: float


class Ear:
    """`push` takes the client's bytes; `slice` gives back what was said, by audio time (ms since the session began).

    Not thread-safe: only its session's owner touches it; slices are copies.
    """

    def __init__(self, activity: VoiceActivity, format: AudioFormat) -> None:
        self._activity = activity
        self._format = format
        self._resampler = StreamResampler(format.sample_rate, HEARING_RATE)
        self._odd = b""
        """Half a PCM sample that a client's cut left over."""
        self._samples = np.zeros(BLOCK, np.float32)
        self._first = 0
        """Number of the sample at index 0, counted since the session began."""
        self._end = 0
        """Number of the sample after the last one."""
        self._checked = 0
        """Number of the first sample the detector has not seen."""
        self._halved = 0
        """The same of the half frames."""
        self.watching = True
        """Whether the detector runs; it costs 0.2 ms each 32 ms."""

    @property
    def total_ms(self) -> int:
        return self._end // PER_MS

    def set_format(self, format: AudioFormat) -> None:
        """The client changed its input format; what was pushed before stays."""
        if format != self._format:
            self._take(self._resampler.flush())
            self._format, self._odd = format, b""
            self._resampler = StreamResampler(format.sample_rate, HEARING_RATE)

    def push(self, audio: bytes) -> list[Activity | Level]:
        """Append audio in the session's input format; returns the detector's word on each full frame, and how loud it
        was between them."""
        pcm = self._pcm(audio)
        if pcm:
            self._take(self._resampler.push(pcm))
        return self._watch()

    def decoded(self, audio: bytes) -> Samples:
        """Audio in the session's input format that is not part of the stream, at 16 kHz."""
        match self._format:
            case PcmuFormat():
                pcm = mu_law_to_pcm(audio)
            case PcmaFormat():
                pcm = a_law_to_pcm(audio)
            case _:
                pcm = audio[: len(audio) // 2 * 2]
        resampler = StreamResampler(self._format.sample_rate, HEARING_RATE)
        return to_float(resampler.push(pcm) + resampler.flush())

    def slice(self, start_ms: int, end_ms: int) -> Samples:
        """A copy of the audio between two audio times, as far as it is still kept."""
        start = min(max(start_ms * PER_MS, self._first), self._end)
        end = min(max(end_ms * PER_MS, start), self._end)
        return self._samples[start - self._first : end - self._first].copy()

    def forget_before(self, ms: int) -> None:
        """Audio before `ms` will not be decoded again. A while of it stays for `conversation.item.retrieve`."""
        self._drop(min(ms * PER_MS, self._end) - KEPT_MS * PER_MS // 2)

    def _pcm(self, audio: bytes) -> bytes:
        match self._format:
            case PcmuFormat():
                return mu_law_to_pcm(audio)
            case PcmaFormat():
                return a_law_to_pcm(audio)
            case _:
                if self._odd:
                    audio = self._odd + audio
                whole = len(audio) // 2 * 2
                self._odd = audio[whole:]
                return audio[:whole]

    def _take(self, pcm: bytes) -> None:
        if not pcm:
            return
        new = to_float(pcm)
        held = self._end - self._first
        if held + len(new) > len(self._samples):
            self._drop(self._end + len(new) - KEPT_MS * PER_MS)
            held = self._end - self._first
        if held + len(new) > len(self._samples):
            grown = np.zeros(_blocks(max(held + len(new), 2 * held)) * BLOCK, np.float32)
            grown[:held] = self._samples[:held]
            self._samples = grown
        self._samples[held : held + len(new)] = new
        self._end += len(new)

    def _drop(self, before: int) -> None:
        """Forget samples numbered below `before`, in whole blocks, never those the detector has yet to see."""
        blocks = (min(before, self._checked) - self._first) // BLOCK
        if blocks <= 0:
            return
        n = blocks * BLOCK
        held = self._end - self._first
        kept = self._samples[n:held].copy()
        self._samples = np.zeros(max(BLOCK, _blocks(len(kept)) * BLOCK), np.float32)
        self._samples[: len(kept)] = kept
        self._first += n

    def _watch(self) -> list[Activity | Level]:
        seen: list[Activity | Level] = []
        while (ahead := self._end - self._checked) >= HALF:
            middle = self._checked + HALF
            if self.watching and self._halved < middle:
                self._halved = middle
                seen.append(Level(middle // PER_MS, dbfs(self._up_to(middle))))
            if ahead < VAD_SAMPLES:
                break
            end = self._checked + VAD_SAMPLES
            if self.watching:
                frame = self._up_to(end)
                seen.append(Activity(self._activity.step(frame), end // PER_MS, dbfs(frame)))
            self._checked = end
        return seen

    def _up_to(self, end: int) -> Samples:
        """The frame that ends before the sample numbered `end`, or what is kept of it."""
        at = end - self._first
        return self._samples[max(0, at - VAD_SAMPLES) : at]


def _blocks(samples: int) -> int:
    return -(-samples // BLOCK)
