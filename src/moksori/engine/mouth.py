"""Spoken audio on its way out: from 24 kHz samples to the session's format, as base64."""

from __future__ import annotations

import binascii

from moksori.agent.speech import SPEAKING_RATE
from moksori.audio.g711 import pcm_to_a_law, pcm_to_mu_law
from moksori.audio.resample import StreamResampler
from moksori.protocol.session import AudioFormat, PcmaFormat, PcmuFormat


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
