"""Latency, measured in the audio itself."""

from __future__ import annotations

import pytest

from moksori.client.measure import Latency, TurnMeter, first_audible, last_voiced
from tests.unit.client.tones import silence, tone


def speak(meter: TurnMeter, pcm: bytes, start: float) -> float:
    """Send in 20 ms frames at real-time pace; the time after the last."""
    for at in range(0, len(pcm), 960):
        meter.sent(pcm[at : at + 960], start + at / 48_000)
    return start + len(pcm) / 48_000


def test_last_voiced_sample() -> None:
    assert last_voiced(silence(100) + tone(500) + silence(300)) == pytest.approx(600 * 24, abs=240)
    assert last_voiced(silence(500)) is None
    assert last_voiced(b"") is None


def test_room_noise_after_the_voice_is_not_voice() -> None:
    voiced = last_voiced(tone(500, level=0.3) + tone(500, level=0.003))
    assert voiced == pytest.approx(500 * 24, abs=240)


def test_first_audible_sample() -> None:
    assert first_audible(silence(250) + tone(100)) == pytest.approx(250 * 24, abs=240)
    assert first_audible(silence(100)) is None


def test_voice_to_voice_counts_the_silence_a_voice_begins_with() -> None:
    meter = TurnMeter()
    end = speak(meter, tone(1000) + silence(1000), start=10.0)  # the voice ends at 11.0
    assert end == pytest.approx(12.0)
    assert meter.received("r1", silence(100), 11.5) is None
    latency = meter.received("r1", silence(40) + tone(60), 11.52)
    # heard where a speaker that began at 11.5 plays it: 140 ms on
    assert latency == Latency(ms=660, first_byte_ms=520)


def test_audio_that_comes_late_is_heard_when_it_comes() -> None:
    meter = TurnMeter()
    speak(meter, tone(1000) + silence(3000), start=10.0)
    meter.received("r1", silence(20), 11.5)
    latency = meter.received("r1", tone(60), 12.5)
    assert latency is not None
    assert latency.ms == 1520  # the last voiced frame was handed over at 10.98


def test_a_turn_is_reported_once_however_many_responses_it_has() -> None:
    meter = TurnMeter()
    speak(meter, tone(400) + silence(400), start=10.0)
    assert meter.received("r1", tone(20), 11.0) is not None
    assert meter.received("r1", tone(20), 11.1) is None
    assert meter.received("r2", tone(20), 12.0) is None  # after a function call
    speak(meter, tone(400) + silence(400), start=20.0)
    assert meter.received("r3", tone(20), 21.0) is not None


def test_a_typed_turn_counts_from_the_typing() -> None:
    meter = TurnMeter()
    speak(meter, tone(400), start=10.0)
    meter.asked(15.0)
    assert meter.received("r1", tone(20), 15.7) == Latency(ms=700, first_byte_ms=700, typed=True)


def test_an_answer_to_nothing_has_no_latency() -> None:
    meter = TurnMeter()
    speak(meter, silence(400), start=10.0)
    assert meter.received("r1", tone(20), 11.0) is None
