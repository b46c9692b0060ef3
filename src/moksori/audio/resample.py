"""Streaming sample-rate conversion of PCM16 by soxr, its state kept between pushes.

soxr's variable-rate engine is used at a constant rate: it filters sample by sample where the usual one
gathers blocks, so its output lags 10 ms at 24 to 16 kHz (25 to 30 ms to and from 8 kHz) where the other lags
up to 37 ms (73 to 115 ms), which a caller would wait. What does not fit the lower rate it rejects by 100 dB.
"""

from __future__ import annotations

import soxr

from moksori.audio.pcm import BYTES_PER_SAMPLE, from_float, to_float


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
        return soxr.ResampleStream(self.from_rate, self.to_rate, 1, dtype="float32", vr=True)

    def _convert(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        # In float: soxr dithers what it rounds itself, so that equal input would not give equal bytes.
        return from_float(self._stream.resample_chunk(to_float(pcm), last=last))


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole piece of PCM16 at once."""
    stream = StreamResampler(from_rate, to_rate)
    return stream.push(pcm) + stream.flush()
