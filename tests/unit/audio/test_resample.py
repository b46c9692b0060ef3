"""Streaming resampling."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moksori.audio.resample import StreamResampler, resample

Convert = Callable[[bytes, int, int], bytes]
RATES = [(8_000, 16_000), (24_000, 16_000), (16_000, 24_000), (24_000, 8_000), (44_100, 24_000)]


def tone(rate: int, hz: float, seconds: float = 1.0) -> bytes:
    at = np.arange(int(rate * seconds)) / rate
    return np.rint(12_000 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


@pytest.mark.parametrize(("source", "target"), RATES)
@given(sizes=st.lists(st.integers(0, 5_000), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_pieces_of_any_size_give_what_the_whole_gives(source: int, target: int, sizes: list[int]) -> None:
    whole = tone(source, 440)
    stream, out, at = StreamResampler(source, target), b"", 0
    for size in sizes:
        out += stream.push(whole[at : at + size])
        at += size
    out += stream.push(whole[at:]) + stream.flush()
    stream = StreamResampler(source, target)
    assert out == stream.push(whole) + stream.flush()


def streamed(pcm: bytes, source: int, target: int) -> bytes:
    stream = StreamResampler(source, target)
    return stream.push(pcm) + stream.flush()


@pytest.mark.parametrize("convert", [streamed, resample])
@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_keeps_its_length_and_its_pitch_and_its_level(
    convert: Convert, source: int, target: int
) -> None:
    out = np.frombuffer(convert(tone(source, 1000), source, target), "<i2").astype(float)
    assert abs(len(out) - target) <= 1
    middle = out[target // 4 : target // 4 + target // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * target / len(middle) == pytest.approx(1000, abs=2)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(12_000, rel=0.01)


@pytest.mark.parametrize("convert", [streamed, resample])
def test_what_does_not_fit_the_lower_rate_is_gone_not_folded_back(convert: Convert) -> None:
    out = np.frombuffer(convert(tone(24_000, 6_000), 24_000, 8_000), "<i2").astype(float)
    assert np.abs(out[800:-800]).max() < 12  # -60 dB


@pytest.mark.parametrize(("source", "target", "most_ms"), [(24_000, 16_000, 3), (8_000, 24_000, 6)])
def test_a_caller_does_not_wait_for_the_filter(source: int, target: int, most_ms: float) -> None:
    stream, data, given, got = StreamResampler(source, target), tone(source, 300), 0, 0
    piece = source // 50 * 2
    for at in range(0, len(data), piece):
        given += piece
        got += len(stream.push(data[at : at + piece]))
        assert given / source - got / target <= most_ms * 2 / 1000


def test_equal_rates_pass_through() -> None:
    data = tone(16_000, 440)
    stream = StreamResampler(16_000, 16_000)
    assert stream.push(data[:3]) + stream.push(data[3:]) + stream.flush() == data


def test_after_a_flush_a_new_stream_begins() -> None:
    stream, data = StreamResampler(8_000, 16_000), tone(8_000, 300)
    first = stream.push(data) + stream.flush()
    assert stream.push(data) + stream.flush() == first


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive number of Hz"):
        StreamResampler(0, 16_000)
    with pytest.raises(ValueError, match="positive number of Hz"):
        resample(b"", 16_000, 0)
