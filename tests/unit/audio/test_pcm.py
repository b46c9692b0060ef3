"""PCM16 and its arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moksori.audio import pcm


@given(st.lists(st.integers(-32768, 32767)))
def test_pcm_to_float_and_back_is_the_same_bytes(samples: list[int]) -> None:
    data = np.array(samples, dtype="<i2").tobytes()
    assert pcm.from_float(pcm.to_float(data)) == data


def test_floats_beyond_full_scale_are_clipped_not_wrapped() -> None:
    data = pcm.from_float(np.array([1.5, -1.5, 1.0, -1.0], dtype=np.float32))
    assert np.frombuffer(data, "<i2").tolist() == [32767, -32768, 32767, -32768]


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not whole samples"):
        pcm.to_float(b"\0\0\0")


def test_durations() -> None:
    assert pcm.samples_in(20, 24_000) == 480
    assert pcm.bytes_in(20, 24_000) == 960
    assert pcm.bytes_in(0.1, 8_000) == 2  # 0.8 of a sample is one sample, never half of one
    assert pcm.ms_of(511, 16_000) == 31
    assert len(pcm.silence(32, 16_000)) == 1024


def test_levels() -> None:
    square = np.tile(np.array([1, -1], dtype=np.float32), 800)
    assert pcm.dbfs(square) == pytest.approx(0)
    assert pcm.dbfs(square * 0.1) == pytest.approx(-20)
    sine = np.sin(np.arange(16_000) * 2 * np.pi * 100 / 16_000).astype(np.float32)
    assert pcm.dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert pcm.dbfs(np.zeros(10, np.float32)) == pcm.dbfs(np.zeros(0, np.float32)) == pcm.SILENCE_DBFS


def test_stereo_becomes_the_average_of_its_channels() -> None:
    stereo = np.array([[100, 300], [-2, -4]], dtype="<i2").tobytes()
    assert np.frombuffer(pcm.mix_to_mono(stereo, 2), "<i2").tolist() == [200, -3]
    with pytest.raises(ValueError, match="whole frames"):
        pcm.mix_to_mono(stereo[:-2], 2)
