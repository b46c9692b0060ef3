"""What the voice benchmark makes of what it saw: given sound sent and received at known times, the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moksori.audio.pcm import from_float
from moksori.bench.voice.manifest import RATE, Clip, SetError, load, save
from moksori.bench.voice.run import summarise
from moksori.bench.voice.score import Evidence, Player, Said, filler_length, percentile, score


def tone(ms: int) -> bytes:
    at = np.arange(RATE * ms // 1000) / RATE
    return from_float((0.3 * np.sin(2 * np.pi * 220 * at)).astype(np.float32))


def silence(ms: int) -> bytes:
    return bytes(RATE * ms // 1000 * 2)


def evidence(*pieces: tuple[float, bytes], parts: list[tuple[str, int]], committed: float = 10.2) -> Evidence:
    player, said = Player(), Said("a", parts)
    for at, pcm in pieces:
        player.received("a", pcm, at)
        said.samples += len(pcm) // 2
    return Evidence(10.0, player, {"a": said}, [committed])


def test_silence_before_the_answer_is_part_of_the_wait() -> None:
    seen = score(evidence((10.3, silence(250) + tone(500)), parts=[("It is on its way.", 0)]), "en")
    assert (seen["first_byte_ms"], seen["first_audible_ms"], seen["v2v_ms"]) == (300, 550, 550)
    assert not seen["false_cut"]


def test_filler_is_heard_but_not_counted() -> None:
    filler = RATE * 400 // 1000
    seen = score(
        evidence((10.3, tone(400)), (10.31, tone(600)), parts=[("Sure, ", 0), ("it is on its way.", filler)]),
        "en",
    )
    assert (seen["first_audible_ms"], seen["first_substantive_ms"]) == (300, 700)


def test_filler_inside_a_clause_takes_its_share_of_the_sound() -> None:
    text = "네, 주문은 오늘 출발했습니다."
    seen = score(evidence((10.3, tone(1600)), parts=[(text, 0)]), "ko")
    assert seen["first_substantive_ms"] == pytest.approx(300 + 1600 * 3 / len(text), abs=11)


def test_all_filler_is_no_answer() -> None:
    assert score(evidence((10.3, tone(400)), parts=[("One moment.", 0)]), "en")["v2v_ms"] is None


@pytest.mark.parametrize(
    ("text", "language", "rest"),
    [
        ("Of course. Nobody is on duty.", "en", "Nobody is on duty."),
        ("I see, that's about an order.", "en", "that's about an order."),
        ("Right shoes are in stock.", "en", "Right shoes are in stock."),
        ("네, 알겠습니다. 취소했습니다.", "ko", "취소했습니다."),
        ("네이버로 결제하셨네요.", "ko", "네이버로 결제하셨네요."),
    ],
)
def test_what_says_nothing_yet(text: str, language: str, rest: str) -> None:
    assert text[filler_length(text, language) :] == rest


def test_a_commit_or_a_sample_before_the_last_word_is_a_false_cut() -> None:
    parts = [("It is on its way.", 0)]
    assert score(evidence((10.3, tone(100)), parts=parts, committed=9.9), "en")["false_cut"]
    assert score(evidence((9.9, silence(10)), (10.4, tone(100)), parts=parts), "en")["false_cut"]


def test_a_loudspeaker_plays_without_gaps_and_stops_when_emptied() -> None:
    player = Player()
    player.received("a", tone(500), 1.0)
    player.received("a", tone(500), 1.1)
    assert player.playhead == pytest.approx(2.0)
    assert player.emptied(1.7) == ("a", 700)
    assert not player.playing(1.7)
    assert player.silent_from() == pytest.approx(1.7, abs=0.011)
    player.received("b", tone(100), 3.0)
    player.received("b", tone(100), 3.2)
    assert player.longest_gap_ms == 100


def test_percentiles_are_values_that_were_measured() -> None:
    values = list(range(1, 21))
    assert [percentile(values, q) for q in (50, 95, 99)] == [10, 19, 20]
    assert percentile([], 50) is None


def test_a_summary_counts_falsely_cut_turns_apart() -> None:
    base = {"first_audible_ms": 1, "commits": 1, "stages_ms": {"hold": 5}, "late_ms": 0}
    turns = [
        {**base, "v2v_ms": 500, "false_cut": False},
        {**base, "v2v_ms": 50, "false_cut": True, "commits": 2},
        {**base, "v2v_ms": None, "false_cut": False},
    ]
    overlaps = [
        {"kind": "interrupt", "stopped": True, "stop_ms": 300, "held_ms": 0, "resumed": False},
        {"kind": "backchannel", "stopped": False, "stop_ms": None, "held_ms": 90, "resumed": False},
        {"kind": "noise", "stopped": True, "stop_ms": 300, "held_ms": 0, "resumed": True},
    ]
    got = summarise(turns, overlaps)
    assert got["v2v_ms"]["p50"] == 500
    assert (got["false_cut"], got["split"], got["unanswered"]) == ({"n": 1, "of": 3}, {"n": 1, "of": 3}, 1)
    assert got["stop_ms"]["p95"] == 300
    held = {"hesitated": 1, "held_ms": {"p50": 90, "p95": 90}}
    assert got["backchannels"] == {"passed": 1, "resumed": 1, "of": 2, **held}


def test_a_set_is_read_back_and_its_faults_are_named_by_line(tmp_path: Path) -> None:
    clip = Clip(
        id="a", wav="a.wav", language="en", text="Hello.", last_voiced_ms=300, pauses_ms=((100, 200),)
    )
    save(tmp_path, [(clip, tone(400))])
    clips = load(tmp_path)
    assert clips.clips == (clip,)
    assert clips.pcm(clip) == tone(400)
    (tmp_path / "manifest.jsonl").write_text('{"id":"a"}\n')
    with pytest.raises(SetError, match="line 1"):
        load(tmp_path)
    with pytest.raises(SetError, match="no set"):
        load(tmp_path / "absent")


def test_a_held_loudspeaker_plays_on_where_it_stood_still() -> None:
    player = Player()
    player.received("a", tone(1000), 10.0)
    player.held(10.4)
    player.received("a", tone(500), 10.5)
    player.released(10.7)
    assert player.held_ms == 300
    assert player.playhead == pytest.approx(11.8)
    assert [(round(p.starts, 3), round(p.ends, 3)) for p in player.pieces] == [
        (10.0, 10.4),
        (10.7, 11.3),
        (11.3, 11.8),
    ]
    assert player.played_ms("a", 11.0) == 700


def test_what_is_emptied_while_it_is_held_was_silent_from_there() -> None:
    player = Player()
    player.received("a", tone(1000), 10.0)
    player.held(10.4)
    assert player.emptied(10.9) == ("a", 400)
    assert max(p.ends for p in player.pieces) == pytest.approx(10.4)
    assert player.held_at is None
