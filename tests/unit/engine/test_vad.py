"""Voice activity on recorded speech, on noise, and between callers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from moksori.agent.speech import SpeechFailed
from moksori.engine import weights
from moksori.engine.vad import FRAME, SileroModel, SileroVad
from tests.support import speech


def frames(samples: speech.Samples) -> Iterator[speech.Samples]:
    for at in range(0, len(samples) - FRAME + 1, FRAME):
        yield samples[at : at + FRAME]


def listen(detector: SileroVad, samples: speech.Samples) -> list[float]:
    return [detector.step(frame) for frame in frames(samples)]


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel(weights.path("silero-vad"))


@pytest.mark.models
def test_speech_is_speech_and_the_silence_after_it_is_not(model: SileroModel) -> None:
    clips = speech.asterisk()[::20] + speech.questions()[::12]
    for clip in clips:
        heard = np.array(listen(model.detector(), clip.followed_by_silence(640)))
        assert np.mean(heard[: clip.last_voiced // FRAME] > 0.5) > 0.6, clip.id
        assert heard[-10:].max() < 0.3, clip.id  # half of the silence later at the latest


@pytest.mark.models
@pytest.mark.parametrize("kind", speech.NOISES)
def test_noise_is_not_speech(model: SileroModel, kind: str) -> None:
    heard = listen(model.detector(), speech.noise(kind, 3.0))
    assert np.mean(np.array(heard) > 0.5) < 0.05


@pytest.mark.models
def test_callers_do_not_hear_each_other(model: SileroModel) -> None:
    first, second = (clip.samples[: 60 * FRAME] for clip in speech.asterisk()[:2])
    alone = [listen(model.detector(), samples) for samples in (first, second)]
    left, right = model.detector(), model.detector()
    together = [(left.step(a), right.step(b)) for a, b in zip(frames(first), frames(second), strict=False)]
    count = len(together)
    assert [a for a, _ in together] == alone[0][:count]
    assert [b for _, b in together] == alone[1][:count]


@pytest.mark.models
def test_after_a_reset_nothing_is_remembered(model: SileroModel) -> None:
    samples = speech.asterisk()[3].samples[: 40 * FRAME]
    detector = model.detector()
    first = listen(detector, samples)
    assert listen(detector, samples) != first
    detector.reset()
    assert listen(detector, samples) == first


@pytest.mark.models
def test_the_frame_given_is_not_kept_or_changed(model: SileroModel) -> None:
    detector, frame = model.detector(), speech.noise("white", 1.0)[:FRAME]
    before = frame.copy()
    first = detector.step(frame)
    assert (frame == before).all()
    frame.fill(0.9)  # the caller's ring is written over
    other = model.detector()
    assert other.step(before) == first
    assert other.step(before) == detector.step(before)


@pytest.mark.models
def test_a_frame_of_another_size_is_refused(model: SileroModel) -> None:
    with pytest.raises(ValueError, match="frames of 512 samples"):
        model.detector().step(np.zeros(480, np.float32))


def test_a_file_that_is_no_model_says_what_to_run(tmp_path: Path) -> None:
    broken = tmp_path / "silero_vad.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(SpeechFailed, match="run `moksori models verify`"):
        SileroModel(broken)
