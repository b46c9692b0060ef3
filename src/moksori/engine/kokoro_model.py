"""The Kokoro network: phonemes to a waveform, with the durations it decided on.

Kokoro-82M as an int8 ONNX file gives a waveform only. Its predicted durations are an inner tensor; they are made an
output by appending to the file (see `hibari_model.with_durations` for why that is enough), so that every eojeol has
its real place in the sound.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moksori.agent.speech import SPEAKING_RATE, SpeechFailed, Word
from moksori.conversation.clauses import Saying
from moksori.engine.hibari_model import with_durations
from moksori.engine.korean.phonemes import phonemes

Floats = NDArray[np.float32]

UNIT = 600
"""Samples in one unit of the durations: 25 ms (the waveform is exactly so many times their sum)."""
MAX_PHONEMES = 509
"""A voice has a style for each length up to this."""
SILENCE = 0.006
"""Of full scale (-44 dBFS): quieter samples before and after the speech are cut off."""
WINDOW = SPEAKING_RATE * 5 // 1000
"""The level is looked at 5 ms at a time, so that a single sample's noise is no speech."""
PREROLL = SPEAKING_RATE * 10 // 1000
POSTROLL = SPEAKING_RATE * 30 // 1000
"""Kept around the speech: the release of a final ㄱ, ㄷ, ㅂ is quiet, and must not be clipped."""
PEAK = 0.97
"""The loudest sample at most; the network itself goes up to 1.12."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One run of the network, trimmed. `words` are placed in samples of `wave`."""

    wave: Floats
    words: tuple[Word, ...]


class KokoroModel:
    """Loads the weights in `folder` (about 1 s). `threads` are onnxruntime's. Raises `SpeechFailed`."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        try:
            import onnxruntime
        except ImportError as e:
            raise SpeechFailed(
                'The Korean voice is not installed. Install it with: pip install "moksori[engine]"'
            ) from e
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The arena would keep 190 to 280 MiB for the longest sentence yet; without it nothing is slower.
        options.enable_cpu_mem_arena = False
        # A thread that spins for the other one takes its core from it: a fifth less work on a busy machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        network = with_durations((folder / "kokoro-v1.0.int8.onnx").read_bytes(), "/encoder/CumSum")
        self._session: Any = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )
        self._signs: dict[str, int] = json.loads((folder / "vocab.json").read_text("utf-8"))["vocab"]
        with np.load(folder / "voices_ja.npz") as styles:
            self._styles: dict[str, Floats] = {name: styles[name] for name in styles.files}

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(self._styles)

    def speak(self, words: Sequence[Saying], voice: str, speed: float) -> Sound | None:
        """Speak words whose `spoken` sides are Hangul; None when nothing of them has a sound. Blocking."""
        spoken = [(n, part) for n, word in enumerate(words) for part in word.spoken.split()]
        said = phonemes([part for _, part in spoken])
        known = [
            (self._signs[s], o) for s, o in zip(said.signs, said.owners, strict=True) if s in self._signs
        ]
        known = known[:MAX_PHONEMES]
        if not any(owner >= 0 for _, owner in known):
            return None
        wave, durations = self._session.run(
            None,
            {
                "tokens": np.asarray([[0, *[sign for sign, _ in known], 0]], np.int64),
                "style": self._styles[voice][len(known)].reshape(1, 256),
                "speed": np.asarray([speed], np.float32),
            },
        )
        starts = np.concatenate(([0], np.cumsum(durations.reshape(-1)))).astype(np.int64) * UNIT
        begin, end = _speech(wave)
        if end <= begin:
            return None
        owners = [spoken[owner][0] if owner >= 0 else -1 for _, owner in known]
        placed = _place(words, owners, starts, begin, end)
        peak = float(np.abs(wave).max())
        kept: Floats = wave[begin:end] * min(1.0, PEAK / peak)
        return Sound(kept, placed)


def _speech(wave: Floats) -> tuple[int, int]:
    """Where speech begins and ends in a waveform, with a little around it."""
    level = np.abs(wave[: wave.size // WINDOW * WINDOW]).reshape(-1, WINDOW).max(1)
    loud = np.flatnonzero(level > SILENCE)
    if not loud.size:
        return 0, 0
    return max(0, int(loud[0]) * WINDOW - PREROLL), min(wave.size, (int(loud[-1]) + 1) * WINDOW + POSTROLL)


def _place(
    words: Sequence[Saying], owners: Sequence[int], starts: NDArray[np.int64], begin: int, end: int
) -> tuple[Word, ...]:
    """Each word from the start of its first phoneme to the end of its last, in samples from `begin`."""
    spans: dict[int, tuple[int, int]] = {}
    for n, owner in enumerate(owners):
        if owner >= 0:
            # The first of the durations belongs to the sign that opens every string.
            first = spans[owner][0] if owner in spans else int(starts[n + 1])
            spans[owner] = (first, int(starts[n + 2]))
    last = max(spans)
    placed, at = [], 0
    for n, word in enumerate(words):
        if n in spans:
            start = max(at, min(spans[n][0], end) - begin)
            at = max(start, (end if n == last else min(spans[n][1], end)) - begin)
            placed.append(Word(word.written, start, at))
        else:
            placed.append(Word(word.written, at, at))
    return tuple(placed)
