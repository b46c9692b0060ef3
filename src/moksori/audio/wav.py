"""WAV of PCM16, mono or stereo, to and from bytes.

Source: Microsoft/IBM "Multimedia Programming Interface and Data Specifications 1.0" (RIFF, WAVE), and
WAVE_FORMAT_EXTENSIBLE with the PCM sub-format, which many recorders write.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from moksori.audio.pcm import BYTES_PER_SAMPLE, mix_to_mono

LEAST_RATE, MOST_RATE = 4_000, 384_000
"""Hz. A file that says another rate would become a thousand times longer, or is none that was recorded."""

_PCM = 1
_EXTENSIBLE = 0xFFFE
_PCM_SUBFORMAT = bytes.fromhex("0100000000001000800000aa00389b71")
_FORMAT_SIZE = 16
_FORMATS = {3: "floating point", 6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3"}


class WavError(ValueError):
    """The bytes are not a WAV this house reads; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Wav:
    """PCM16; with two channels the samples are interleaved, left first."""

    pcm: bytes
    rate: int
    channels: int = 1

    @property
    def frames(self) -> int:
        return len(self.pcm) // (BYTES_PER_SAMPLE * self.channels)

    @property
    def ms(self) -> int:
        return self.frames * 1000 // self.rate

    def mono(self) -> bytes:
        """The samples of one channel: its own, or the average of both."""
        return mix_to_mono(self.pcm, self.channels)

    def channel(self, index: int) -> bytes:
        """The samples of one channel, 0 the left one. Raises IndexError."""
        frames = np.frombuffer(self.pcm, dtype="<i2").reshape(-1, self.channels)
        return frames[:, index].tobytes()


def read(data: bytes) -> Wav:
    """Decode a WAV file's bytes; raises `WavError`.

    A data chunk that claims more than there is, as recorders leave behind that were cut off, is read to the
    end of the file; an incomplete last frame is dropped.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("This is not a WAV file: it does not begin with a RIFF/WAVE header.")
    format_: tuple[int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            format_ = _read_format(body)
        elif name == b"data":
            if format_ is None:
                raise WavError("This WAV file has its samples before its format.")
            channels, rate = format_
            whole = len(body) - len(body) % (BYTES_PER_SAMPLE * channels)
            return Wav(body[:whole], rate, channels)
        at += 8 + size + size % 2
    raise WavError("This WAV file holds no samples (it has no data chunk).")


def _read_format(body: bytes) -> tuple[int, int]:
    """(channels, rate) of a format chunk."""
    if len(body) < _FORMAT_SIZE:
        raise WavError("This WAV file is cut off within its format.")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and body[24:40] == _PCM_SUBFORMAT:
        tag = _PCM
    if tag != _PCM:
        raise WavError(
            f"This WAV file is {_FORMATS.get(tag, f'of format {tag}')}; convert it to 16-bit PCM first."
        )
    if bits != 16:
        raise WavError(f"This WAV file has {bits} bits a sample; convert it to 16-bit PCM first.")
    if channels not in (1, 2):
        raise WavError(f"This WAV file has {channels} channels; mono and stereo are read.")
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise WavError(
            f"This WAV file says that its sample rate is {rate} Hz; {LEAST_RATE} to {MOST_RATE} are read."
        )
    return channels, rate


def write(pcm: bytes, rate: int, channels: int = 1) -> bytes:
    """Encode PCM16 as a WAV file. Raises ValueError if the bytes are not whole frames."""
    if channels not in (1, 2) or len(pcm) % (BYTES_PER_SAMPLE * channels):
        raise ValueError(f"{len(pcm)} bytes are not whole PCM16 frames of {channels} channels.")
    frame = BYTES_PER_SAMPLE * channels
    format_ = struct.pack("<HHIIHH", _PCM, channels, rate, rate * frame, frame, 16)
    return b"".join(
        (
            struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE"),
            struct.pack("<4sI", b"fmt ", _FORMAT_SIZE),
            format_,
            struct.pack("<4sI", b"data", len(pcm)),
            pcm,
        )
    )


def write_stereo(left: bytes, right: bytes, rate: int) -> bytes:
    """Encode two mono tracks on one clock as stereo; the shorter one is followed by silence."""
    length = max(len(left), len(right))
    tracks = [np.frombuffer(track.ljust(length, b"\0"), dtype="<i2") for track in (left, right)]
    return write(np.stack(tracks, axis=1).tobytes(), rate, channels=2)
