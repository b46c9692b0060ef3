"""Spoken audio on its way out: in the session's format, as base64, and for how long what is out will sound.

A gap in an answer is heard, a first word 50 ms later is not: so the rest of an answer that sounds is made before it is
needed, in pieces for which there is time.
"""

from __future__ import annotations

import binascii

from moksori.agent.speech import SPEAKING_RATE
from moksori.audio.g711 import pcm_to_a_law, pcm_to_mu_law
from moksori.audio.resample import StreamResampler
from moksori.protocol.session import AudioFormat, PcmaFormat, PcmuFormat

DUE_JOBS = 3
"""The rest of an answer goes before new answers' first clauses when its sound lasts only for so many jobs of the voice:
the one that runs, one more that is due, and itself."""
DUE_LEAST_S = 0.1
"""For the way to the loudspeaker."""
OF_SOUND_LEFT = 0.7
"""The voice may work on a piece for so much of the time for which the answer has sound left."""
SHARED_S = 1.2
"""And no longer than this while there are other calls, which may need the voice meanwhile."""


class Encoder:
    """One answer's encoder; keeps the resampler's state, so that pieces join without a seam."""

    def __init__(self, format: AudioFormat, from_rate: int = SPEAKING_RATE) -> None:
        self.format = format
        self._resampler = StreamResampler(from_rate, format.sample_rate)

    def encode(self, pcm: bytes) -> str:
        """PCM16 at the encoder's rate to base64 in the session's format."""
        audio = self._resampler.push(pcm)
        match self.format:
            case PcmuFormat():
                audio = pcm_to_mu_law(audio)
            case PcmaFormat():
                audio = pcm_to_a_law(audio)
            case _:
                pass
        return binascii.b2a_base64(audio, newline=False).decode("ascii")


class Mouth:
    """One answer's sound on its way out, as heard by a client that plays it at once. `now` is in monotonic seconds."""

    def __init__(self, format: AudioFormat) -> None:
        self._encoder = Encoder(format)
        self._until = 0.0

    @property
    def format(self) -> AudioFormat:
        return self._encoder.format

    def speak(self, pcm: bytes, now: float) -> str:
        """PCM16 at `SPEAKING_RATE` to base64 in the session's format."""
        self._until = max(now, self._until) + len(pcm) / 2 / SPEAKING_RATE
        return self._encoder.encode(pcm)

    def due(self, mean_ms: float) -> float:
        """When the rest begins to be waited for, where a job of the voice takes `mean_ms`."""
        return self._until - due_ahead_s(mean_ms)

    def may_take(self, now: float, *, shared: bool) -> float:
        """How many seconds the voice may work on the next piece, which is begun now; `shared` with other calls."""
        left = max(0.0, self._until - now) * OF_SOUND_LEFT
        return min(left, SHARED_S) if shared else left


def due_ahead_s(mean_ms: float) -> float:
    """How long before an answer falls silent its rest is waited for."""
    return DUE_LEAST_S + DUE_JOBS * mean_ms / 1000
