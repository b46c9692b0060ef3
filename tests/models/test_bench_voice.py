"""The voice benchmark itself, twenty short turns on real models: that it measures, not how fast this machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from moksori.audio import wav
from moksori.bench.voice.manifest import load, save
from moksori.bench.voice.run import Plan, run
from moksori.bench.voice.sets import build
from tests.support.speech import needs

pytestmark = pytest.mark.models

TURNS = 20


def test_twenty_turns_are_asked_answered_and_scored(tmp_path: Path) -> None:
    needs("flite", "espeak-ng")
    build(tmp_path / "all", "en", questions=60, overlaps=0)
    everything = load(tmp_path / "all")
    shortest = sorted(everything.of("question"), key=lambda c: c.last_voiced_ms)[:TURNS]
    save(tmp_path / "short", [(clip, everything.pcm(clip)) for clip in shortest])
    clips = load(tmp_path / "short")

    result = run(Plan(None, None, clips, TURNS, wav=tmp_path / "both.wav"), tell=print)

    assert result["schema"] == "moksori.bench.voice/1"
    assert result["set"] == {"name": "short", "sha256": clips.sha256, "n": TURNS}
    assert [t["id"] for t in result["turns"]] == [c.id for c in clips.clips]
    summary = result["summary"]
    answered = [t for t in result["turns"] if t["v2v_ms"] is not None]
    assert len(answered) >= TURNS - 2, [t for t in result["turns"] if t["v2v_ms"] is None]
    for turn in answered:
        if not turn["false_cut"]:
            assert 0 < turn["first_byte_ms"] <= turn["first_audible_ms"] <= turn["first_substantive_ms"]
            assert {"hold", "first_text", "first_audio"} <= turn["stages_ms"].keys()
    assert summary["v2v_ms"]["p50"] <= summary["v2v_ms"]["p95"] <= summary["v2v_ms"]["p99"]
    assert result["floor"]["total_ms"]["p50"] > 0
    both = wav.read((tmp_path / "both.wav").read_bytes())
    assert both.channels == 2
    assert any(both.channel(0)) and any(both.channel(1))
