"""G.711, the telephone's companding: mu-law and A-law, both ways, by table.

Source: ITU-T Recommendation G.711 (11/88), tables 1a, 1b (A-law), 2a, 2b (mu-law). A code word is a sign bit,
a 3-bit segment and a 4-bit step. Values are scaled to 16 bits as is usual: A-law's 13-bit and mu-law's 14-bit
decoder outputs shifted left by 3 and 2. Encoding picks, by the decision values of the tables, the code word
for every one of the 65,536 possible samples once, so that coding a frame is one look-up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8000
MU_LAW_SILENCE = 0xFF
A_LAW_SILENCE = 0xD5

_MU_BIAS = 33
"""In units of the 14-bit scale: table 2a's decision values are (step boundaries of 2^segment) - 33."""
_MU_LARGEST = 8158
"""Virtual decision value above which table 2a overloads (14-bit scale)."""
_A_EVEN_BITS = 0x55
"""A-law inverts the even bits of every transmitted octet (G.711, note to table 1a)."""


def _decode_mu() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    segment, step = (code >> 4) & 7, code & 15
    magnitude = ((2 * step + _MU_BIAS) << segment) - _MU_BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)


def _decode_a() -> NDArray[np.int16]:
    code = np.arange(256) ^ _A_EVEN_BITS
    segment, step = (code >> 4) & 7, code & 15
    # 12-bit magnitudes: segments 0 and 1 have steps of 2, each later one twice the one before.
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) << 3).astype(np.int16)


def _encode_mu() -> NDArray[np.uint8]:
    sample = np.arange(65536, dtype=np.int64)
    magnitude = np.minimum(_magnitude(sample) >> 2, _MU_LARGEST) + _MU_BIAS
    segment = np.clip(_high_bit(magnitude) - 5, 0, 7)
    step = (magnitude >> (segment + 1)) & 15
    code = (segment << 4) | step | np.where(sample >= 32768, 0x80, 0)
    octets: NDArray[np.uint8] = (~code & 0xFF).astype(np.uint8)
    return octets


def _encode_a() -> NDArray[np.uint8]:
    sample = np.arange(65536, dtype=np.int64)
    magnitude = _magnitude(sample) >> 3
    segment = np.clip(_high_bit(magnitude) - 4, 0, 7)
    step = (magnitude >> np.maximum(segment, 1)) & 15
    code = (segment << 4) | step | np.where(sample >= 32768, 0, 0x80)
    return (code ^ _A_EVEN_BITS).astype(np.uint8)


def _magnitude(sample: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of 16-bit patterns. A negative one is measured by its one's complement, as ITU-T G.191 does."""
    return np.where(sample >= 32768, ~sample & 0x7FFF, sample)


def _high_bit(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the highest bit set; -1 for 0."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1


_MU_TO_PCM, _PCM_TO_MU = _decode_mu().astype("<i2"), _encode_mu()
_A_TO_PCM, _PCM_TO_A = _decode_a().astype("<i2"), _encode_a()


def mu_law_to_pcm(octets: bytes) -> bytes:
    """mu-law octets to PCM16 of the same rate."""
    return _MU_TO_PCM[np.frombuffer(octets, dtype=np.uint8)].tobytes()


def a_law_to_pcm(octets: bytes) -> bytes:
    """A-law octets to PCM16 of the same rate."""
    return _A_TO_PCM[np.frombuffer(octets, dtype=np.uint8)].tobytes()


def pcm_to_mu_law(pcm: bytes) -> bytes:
    """PCM16 to mu-law octets. Raises ValueError on half a sample."""
    octets: bytes = _PCM_TO_MU[np.frombuffer(pcm, dtype="<u2")].tobytes()
    return octets


def pcm_to_a_law(pcm: bytes) -> bytes:
    """PCM16 to A-law octets. Raises ValueError on half a sample."""
    octets: bytes = _PCM_TO_A[np.frombuffer(pcm, dtype="<u2")].tobytes()
    return octets
