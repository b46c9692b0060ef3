"""Incoming audio: audio time, formats, bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from moksori.audio.g711 import pcm_to_a_law, pcm_to_mu_law
from moksori.audio.pcm import from_float
from moksori.engine.ear import KEPT_MS, Activity, Ear
from moksori.protocol.session import PcmaFormat, PcmFormat, PcmuFormat


class Loudness:
    """Voice activity that is simply loudness, and remembers every frame it was shown."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []

    def step(self, frame: np.ndarray) -> float:
        self.frames.append(frame.copy())
        return float(np.abs(frame).mean() > 0.1)

    def reset(self) -> None:
        self.frames.clear()


def tone(ms: int, rate: int, level: float = 0.5) -> bytes:
    t = np.arange(ms * rate // 1000) / rate
    return from_float((level * np.sin(2 * np.pi * 440 * t)).astype(np.float32))


@pytest.mark.parametrize("chunk", [2, 333, 960, 4801])
def test_audio_time_does_not_depend_on_how_the_audio_is_cut(chunk: int) -> None:
    ear, pcm = Ear(Loudness(), PcmFormat()), tone(1000, 24_000)
    for at in range(0, len(pcm), chunk):
        ear.push(pcm[at : at + chunk])
    assert 980 <= ear.total_ms <= 1000, "the resampler holds back a few milliseconds"


@pytest.mark.parametrize(("format", "encode"), [(PcmuFormat(), pcm_to_mu_law), (PcmaFormat(), pcm_to_a_law)])
def test_telephone_formats_are_heard_as_well(format, encode) -> None:
    activity = Loudness()
    ear = Ear(activity, format)
    seen = [heard for heard in ear.push(encode(tone(640, 8_000))) if isinstance(heard, Activity)]
    assert 600 <= ear.total_ms <= 640
    assert [s.probability for s in seen][2:] == [1.0] * (len(seen) - 2)


def test_frames_are_stamped_with_the_audio_time_of_their_end() -> None:
    ear = Ear(Loudness(), PcmFormat())
    seen = ear.push(tone(200, 24_000))
    assert [s.at_ms for s in seen] == [16 * (n + 1) for n in range(len(seen))]
    assert [isinstance(s, Activity) for s in seen] == [n % 2 == 1 for n in range(len(seen))], (
        "the loudness between"
    )


def test_a_slice_is_what_was_pushed() -> None:
    ear = Ear(Loudness(), PcmFormat())
    ear.push(tone(500, 24_000, 0.0) + tone(500, 24_000) + tone(500, 24_000, 0.0))
    assert np.abs(ear.slice(0, 450)).max() < 0.01
    assert np.abs(ear.slice(550, 950)).mean() > 0.25
    assert len(ear.slice(550, 950)) == 400 * 16
    assert len(ear.slice(90_000, 91_000)) == 0
    assert len(ear.slice(1400, 99_000)) == ear.total_ms * 16 - 1400 * 16 or ear.total_ms > 1400


def test_an_hour_of_audio_needs_no_more_memory_than_two_minutes() -> None:
    ear = Ear(Loudness(), PcmuFormat())
    ear.watching = False
    minute = pcm_to_mu_law(tone(60_000, 8_000))
    for _ in range(8):
        ear.push(minute)
    assert ear.total_ms > 8 * 60_000 - 100
    assert ear._samples.nbytes <= 2 * (KEPT_MS + 61_000) * 16 * 4
    start = ear.total_ms - 1000
    assert len(ear.slice(start, ear.total_ms)) == 16_000


def test_a_new_format_takes_over_without_losing_time() -> None:
    ear = Ear(Loudness(), PcmFormat())
    ear.push(tone(500, 24_000))
    ear.set_format(PcmuFormat())
    ear.push(pcm_to_mu_law(tone(500, 8_000)))
    assert 960 <= ear.total_ms <= 1000


def test_the_detector_rests_when_nobody_asks_for_turns() -> None:
    activity = Loudness()
    ear = Ear(activity, PcmFormat())
    ear.watching = False
    assert ear.push(tone(500, 24_000)) == []
    assert activity.frames == []
    ear.watching = True
    seen = ear.push(tone(100, 24_000))
    assert seen and seen[0].at_ms > 480, "it goes on at the present, not in the past"
