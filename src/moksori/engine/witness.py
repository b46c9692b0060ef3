"""What the recogniser's encoder knows besides the words: whether a speaker goes on, and whether he only listens.

Linear readings of Whisper base's last encoder layer, whose frames (20 ms) carry the melody, the lengthening of last
syllables and the first sounds of a word long before words can be written. They are learned from synthetic voices by
`tests/models/train_witness.py`, which writes `witness.npz`, and cost one product of a few thousand numbers.

The same file holds what the encoder makes of silence, so that silence need not be encoded again after every utterance.
"""

from __future__ import annotations

import math
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FRAME = 320
"""Samples at 16 kHz of one frame of the encoder."""
PADDING_FRAMES = 15
"""Frames before the onset in what a glance gets: the turn's `prefix_padding_ms`."""
LEAST_FRAMES = 3
"""A piece of fewer is not read."""
FADED_DB = 30.0
"""A voice ends with its last frame that is not so much softer than its loudest 32 ms. A pause is decoded 10 to 80 ms
after that; what is read is laid where the voice ends, so that the reading does not hang on when that was noticed."""
_LOUD_SAMPLES = 512
_LONGEST_FADE = 12
"""Frames before the end of what was heard among which the voice ends."""
LAST_FRAMES = 8
"""Frames of voice that tell how it ends: the last syllable."""
EARLIER_FRAMES = 16
"""Frames before them, which that syllable is higher or lower, longer or shorter than."""
FIRST_SILENT_FRAMES = 4
"""Frames of silence right after a voice's end."""
AFTER_FRAMES = 10
"""Frames of silence after them, or after what was heard, in which the encoder sums it up."""
EDGE_FRAMES = 5
"""Frames of an onset's beginning and end that are looked at by themselves."""
STILL_BLOCK = 5
"""Frames for which the file holds one mean of encoded silence."""
_SOUNDEST = 30.0


def voice_end(heard: Floats) -> int:
    """The frame before which the voice has faded; at least the last one has."""
    end = len(heard) // FRAME
    blocks = heard[: len(heard) - len(heard) % _LOUD_SAMPLES].reshape(-1, _LOUD_SAMPLES)
    loudest = float(np.square(blocks).mean(1).max()) if len(blocks) else 0.0
    begin = max(0, end - _LONGEST_FADE)
    last = np.square(heard[begin * FRAME : end * FRAME].reshape(-1, FRAME)).mean(1)
    loud = np.flatnonzero(last > loudest * 10 ** (-FADED_DB / 10))
    return max(1, min(end - 1, begin + int(loud[-1]) + 1 if len(loud) else begin))


def ending_features(encoded: Floats, heard: Floats) -> Floats:
    """[4 * 512]: the last syllable, what came before it, the silence right after it, and what follows that.

    `encoded` is [frames, 512], `heard` samples at 16 kHz.
    """
    voice = voice_end(heard)
    last, silent = max(0, voice - LAST_FRAMES), voice + FIRST_SILENT_FRAMES
    earlier = encoded[max(0, last - EARLIER_FRAMES) : max(1, last)]
    parts = (encoded[last:voice], earlier, encoded[voice:silent], encoded[silent : silent + AFTER_FRAMES])
    return np.concatenate([part.mean(0) for part in parts])


def onset_features(encoded: Floats, heard: Floats) -> Floats:
    """[7 * 512]: all speech so far, the padding after it, its last 100 ms; its first 100 ms, what lies between, and the
    padding in two parts.
    """
    end = len(heard) // FRAME
    begin = min(PADDING_FRAMES, max(0, end - 1))
    after = end + AFTER_FRAMES
    parts = (
        encoded[begin:end],
        encoded[end:after],
        encoded[max(0, end - EDGE_FRAMES) : end],
        encoded[begin : begin + EDGE_FRAMES],
        encoded[begin + EDGE_FRAMES : max(begin + EDGE_FRAMES + 1, end - EDGE_FRAMES)],
        encoded[end : end + EDGE_FRAMES - 1],
        encoded[end + EDGE_FRAMES - 1 : after + 2],
    )
    return np.concatenate([part.mean(0) for part in parts])


class Witness:
    """The two readings; None where the encoder is not the one they were learned from."""

    def __init__(self) -> None:
        with resources.files("moksori.engine").joinpath("witness.npz").open("rb") as file:
            self._learned: dict[str, Any] = dict(np.load(file))
        self._still: Floats = self._learned["still"].astype(np.float32).repeat(STILL_BLOCK, axis=0)

    def goes_on(self, encoded: Floats, heard: Floats) -> float | None:
        """Probability, even odds beforehand, that somebody who pauses now has not finished."""
        return self._read("ending", ending_features, encoded, heard)

    def listens(self, encoded: Floats, heard: Floats) -> float | None:
        """Probability that speech over an answer only says "I am listening", or is no speech at all."""
        return self._read("onset", onset_features, encoded, heard)

    def followed_by_silence(self, encoded: Floats, frames: int) -> Floats | None:
        """`encoded`, and after it what the encoder would make of silence up to that many frames more.

        None where the encoder is another one.
        """
        if encoded.shape[1] != self._still.shape[1]:
            return None
        return np.concatenate([encoded, self._still[len(encoded) : len(encoded) + frames]])

    def _read(self, name: str, features: Any, encoded: Floats, heard: Floats) -> float | None:
        weights = self._learned[name].astype(np.float32)
        if encoded.shape[1] * (len(weights) // 512) != len(weights) or len(heard) < LEAST_FRAMES * FRAME:
            return None
        score = float(features(encoded, heard) @ weights + self._learned[f"{name}_bias"])
        return 1 / (1 + math.exp(-min(max(score, -_SOUNDEST), _SOUNDEST)))
