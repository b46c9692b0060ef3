"""End of turn by Smart Turn v3.2 on onnxruntime: has the speaker finished, or only paused?

The model is Whisper tiny's encoder with a classifier. Its input are the log-mel features of exactly 8 s that *end*
where the turn ends now, silence before them if the turn is shorter; the samples are first brought to zero mean and
unit variance. Source of the format: https://github.com/pipecat-ai/smart-turn (BSD-2-Clause), README, "Notes on input
format", and Whisper's feature extractor with normalisation. Its output is a probability already.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from moksori.agent.speech import HEARING_RATE, Priority, Samples, SpeechFailed
from moksori.audio.mel import log_mel
from moksori.engine.runner import Run, one_thread
from moksori.engine.vad import open_session

WINDOW_S = 8
_WINDOW = WINDOW_S * HEARING_RATE
_LEAST_VARIANCE = 1e-7
"""Added before the root, so that pure silence divides by something (as Whisper's feature extractor does)."""


class SmartTurn:
    """Implements `EndOfTurn`; one for all callers."""

    def __init__(self, path: Path, threads: int = 1, run: Run | None = None) -> None:
        """Load `path` (smart-turn-v3.2-cpu.onnx). Raises `SpeechFailed`."""
        self._session = open_session(path, threads)
        self._run = run or one_thread("smart-turn")

    async def probability(self, samples: Samples, priority: Priority = Priority.WAITED_FOR) -> float:
        """Probability, 0 to 1, that the speaker has finished. `samples` are the turn so far, silence included.

        The model was trained on turns that end with about 200 ms of silence. Raises `SpeechFailed`.
        """
        return await self._run(priority, partial(self.judge, samples))

    def judge(self, samples: Samples) -> float:
        """The same, blocking. Of long turns the last 8 s are used."""
        try:
            (output,) = self._session.run(None, {"input_features": features(samples)[None]})
        except Exception as error:  # onnxruntime raises its own classes, all derived from Exception only
            raise SpeechFailed(f"The end of turn could not be judged: {error}.") from error
        return float(output[0, 0])

    def warm(self) -> None:
        """Judge once, so that the first caller does not pay for it."""
        self.judge(np.random.default_rng(0).standard_normal(_WINDOW).astype(np.float32))


def features(samples: Samples) -> Samples:
    """The model's input for a turn, shape (80, 800)."""
    turn = samples[-_WINDOW:]
    # Mean and variance are of the whole window, the silence before the turn included.
    mean = turn.sum(dtype=np.float64) / _WINDOW
    power = float(np.dot(turn, turn)) / _WINDOW
    scale = 1 / np.sqrt(max(power - mean**2, 0.0) + _LEAST_VARIANCE)
    window = np.full(_WINDOW, np.float32(-mean * scale))
    window[_WINDOW - len(turn) :] = (turn - np.float32(mean)) * np.float32(scale)
    return log_mel(window)
