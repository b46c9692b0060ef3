"""Streaming sample-rate conversion of PCM16 by soxr, its state kept between pushes."""

from __future__ import annotations

import numpy as np
import soxr

from moksori.audio.pcm import BYTES_PER_SAMPLE

_QUALITY = "HQ"  # 20-bit; its delay is some 10 ms at telephone rates, paid once and given back by `flush`


class StreamResampler:
    """Converts one mono stream. Pieces of any size, even half samples, give what the whole would give."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Rates in Hz. Raises ValueError if one is not positive."""
        if from_rate <= 0 or to_rate <= 0:
            raise ValueError(f"A sample rate is a positive number of Hz, not {from_rate} or {to_rate}.")
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._half = b""  # the first byte of a sample whose second has not come yet
        self._stream = self._fresh()

    def push(self, pcm: bytes) -> bytes:
        """Take input and return the output it completes: about as long, less the filter's delay at first."""
        data = self._half + pcm if self._half else pcm
        whole = len(data) - len(data) % BYTES_PER_SAMPLE
        data, self._half = data[:whole], data[whole:]
        return self._convert(data, last=False)

    def flush(self) -> bytes:
        """End the stream and return what the filter still holds. The next push begins a new stream."""
        self._half = b""
        rest = self._convert(b"", last=True)
        self._stream = self._fresh()
        return rest

    def _fresh(self) -> soxr.ResampleStream | None:
        if self.from_rate == self.to_rate:
            return None
        return soxr.ResampleStream(self.from_rate, self.to_rate, 1, dtype="int16", quality=_QUALITY)

    def _convert(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16, copy=False)
        converted: bytes = self._stream.resample_chunk(samples, last=last).astype("<i2", copy=False).tobytes()
        return converted


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole piece of PCM16 at once."""
    stream = StreamResampler(from_rate, to_rate)
    return stream.push(pcm) + stream.flush()
