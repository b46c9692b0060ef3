"""Voice activity by Silero VAD v6 on onnxruntime, without torch.

The model is recurrent: it takes 64 samples of what came before, the 512 new ones, and its state. Interface as in
https://github.com/snakers4/silero-vad (MIT), `OnnxWrapper`, for 16 kHz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from moksori.agent.speech import HEARING_RATE, Samples, SpeechFailed

FRAME = 512
"""Samples in a step: 32 ms at 16 kHz, the only size the model takes at this rate."""
_CONTEXT = 64
_STATE = (2, 1, 128)


class SileroModel:
    """The weights, shared by all callers; stateless, so that any thread may use it."""

    def __init__(self, path: Path) -> None:
        """Load `path` (silero_vad.onnx), about 50 ms. Raises `SpeechFailed`."""
        self.session = open_session(path, threads=1)
        self.rate = np.array(HEARING_RATE, dtype=np.int64)

    def detector(self) -> SileroVad:
        """A detector for one caller."""
        return SileroVad(self)

    def warm(self) -> None:
        """Run once, so that the first caller does not pay for it."""
        self.detector().step(np.zeros(FRAME, np.float32))


class SileroVad:
    """One caller's voice activity; implements `VoiceActivity`."""

    __slots__ = ("_input", "_model", "_state")

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self._input = np.zeros((1, _CONTEXT + FRAME), np.float32)  # the context, then the frame
        self._state = np.zeros(_STATE, np.float32)

    def step(self, frame: Samples) -> float:
        """Probability, 0 to 1, that somebody speaks in the next 512 samples. Raises ValueError on another size."""
        if frame.shape != (FRAME,):
            raise ValueError(f"Voice activity is judged in frames of {FRAME} samples, not {frame.shape}.")
        joined = self._input
        joined[0, :_CONTEXT] = joined[0, FRAME:]
        joined[0, _CONTEXT:] = frame
        feeds = {"input": joined, "state": self._state, "sr": self._model.rate}
        output, self._state = self._model.session.run(None, feeds)
        return float(output[0, 0])

    def reset(self) -> None:
        """Forget everything heard: a new call begins."""
        self._input.fill(0)
        self._state = np.zeros(_STATE, np.float32)


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX model on the CPU with so many threads that do not spin while idle. Raises `SpeechFailed`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; the models carry harmless warnings
    # Spinning threads would take the cores from the other models between calls.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own classes, all derived from Exception only
        raise SpeechFailed(
            f"The model {path} cannot be loaded ({error}): run `moksori models verify`."
        ) from error
