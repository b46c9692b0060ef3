"""The machines against their hand-written tables, in both directions."""

from __future__ import annotations

import random
from collections import defaultdict

from moksori.conversation import turn as t
from moksori.conversation.answer import (
    Answer,
    AnswerEnded,
    AnswerSettings,
    Output,
    Phase,
    Publish,
    SpeakClause,
    Stop,
)
from moksori.conversation.tables import ANSWER, TURN
from moksori.protocol.ids import CountingIds
from moksori.protocol.session import PcmFormat

POLICY = t.TurnPolicy(longest_hold_ms=500)
PROBABILITY = {"voiced": 0.9, "unclear": 0.4, "silent": 0.1}
LEVEL_DB = {"voiced": -20.0, "faded": -70.0, "sounding": -30.0}


def turn_walk(
    seed: int, steps: int, policy: t.TurnPolicy
) -> dict[tuple[str, str], set[tuple[str, tuple[str, ...]]]]:
    """A random walk; events come in runs, as speech and silence do."""
    rng = random.Random(seed)
    seen: dict[tuple[str, str], set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
    machine, at_ms, kind, left = t.Turns(), 0, "silent", 0
    for _ in range(steps):
        if left == 0:
            kind = rng.choice(
                [
                    "voiced",
                    "silent",
                    "silent",
                    "unclear",
                    "faded",
                    "sounding",
                    "judged",
                    "understood",
                    "reset",
                ]
            )
            left = rng.choice([1, 1, 2, 4, 8, 20]) if kind in PROBABILITY else 1
            if kind == "voiced" and rng.random() < 0.02:
                left = t.MAX_TURN_MS // t.FRAME_MS
        left -= 1
        event: t.TurnEvent
        if kind in PROBABILITY:
            at_ms += t.FRAME_MS
            event = t.Voice(PROBABILITY[kind], at_ms, LEVEL_DB.get(kind))
        elif kind in LEVEL_DB:
            event = t.Loudness(at_ms + t.FRAME_MS // 2, LEVEL_DB[kind])
        elif kind == "judged":
            event = t.Judged(machine.count, rng.randrange(3), rng.random())
        elif kind == "understood":
            event = t.Understood(machine.count, rng.randrange(3), rng.random())
        else:
            event = t.Reset()
        before = type(machine.state).__name__
        machine, outputs = machine.step(event, policy)
        seen[before, kind].add((type(machine.state).__name__, tuple(type(o).__name__ for o in outputs)))
    return seen


def test_every_step_of_a_turn_stands_in_the_table_and_everything_there_happens() -> None:
    seen: dict[tuple[str, str], set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
    policies = [
        POLICY,
        t.TurnPolicy(longest_hold_ms=0),
        t.TurnPolicy(longest_hold_ms=100),
        t.TurnPolicy(longest_hold_ms=1600),
        t.TurnPolicy(longest_hold_ms=1600, words=False, decode_after_ms=t.DECODE_OVER_ANSWER_MS),
        t.TurnPolicy(longest_hold_ms=64, decode_after_ms=t.DECODE_OVER_ANSWER_MS),
    ]
    for seed in range(24):
        for key, outcomes in turn_walk(seed, 6_000, policies[seed % 6]).items():
            seen[key] |= outcomes
    # The end of a turn that is too long is only reached from runs of two minutes; make sure of each way there.
    for kind, probability in PROBABILITY.items():
        machine = t.Turns(state=t.Talking(1, 0, 0), count=1)
        machine, outputs = machine.step(t.Voice(probability, t.MAX_TURN_MS), POLICY)
        seen["Talking", kind].add((type(machine.state).__name__, tuple(type(o).__name__ for o in outputs)))
    for kind in ("faded", "sounding"):
        machine = t.Turns(state=t.Talking(1, 0, 0), count=1, loudest_db=-20.0, probability=0.9)
        machine, outputs = machine.step(t.Loudness(t.MAX_TURN_MS, LEVEL_DB[kind]), POLICY)
        seen["Talking", kind].add((type(machine.state).__name__, tuple(type(o).__name__ for o in outputs)))
    # Frames may be lost in front of the detector: the first frame of a pause can come when both are due.
    for kind in ("silent", "unclear"):
        machine = t.Turns(state=t.Pausing(1, 0, 0, last_voiced_ms=0, heard_ms=32), count=1)
        machine, outputs = machine.step(t.Voice(PROBABILITY[kind], 192), POLICY)
        seen["Pausing", kind].add((type(machine.state).__name__, tuple(type(o).__name__ for o in outputs)))
    # And without words only a sure melody ends a turn before its next frame.
    machine = t.Turns(state=t.Pausing(1, 0, 0, last_voiced_ms=0, heard_ms=224, asked=True), count=1)
    machine, outputs = machine.step(t.Judged(1, 0, 0.99), t.TurnPolicy(words=False))
    seen["Pausing", "judged"].add((type(machine.state).__name__, tuple(type(o).__name__ for o in outputs)))
    for key, allowed in TURN.items():
        assert seen[key] <= allowed, (
            f"{key}: the code does {seen[key] - allowed}, which the table does not know"
        )
        assert allowed <= seen[key], f"{key}: the table allows {allowed - seen[key]}, which never happens"
    assert set(seen) <= set(TURN)


def test_speech_is_announced_exactly_while_a_turn_is_open() -> None:
    for seed in range(8):
        rng = random.Random(seed)
        machine, at_ms, is_open = t.Turns(), 0, False
        for _ in range(4_000):
            at_ms += t.FRAME_MS
            machine, outputs = machine.step(t.Voice(rng.choice([0.05, 0.05, 0.9]), at_ms), POLICY)
            for output in outputs:
                if isinstance(output, t.Started):
                    assert not is_open
                    is_open = True
                elif isinstance(output, t.Ended):
                    assert is_open
                    is_open = False
                    assert output.end_ms - output.last_voiced_ms <= POLICY.longest_hold_ms + 2 * t.FRAME_MS
            assert is_open == (not isinstance(machine.state, t.Quiet))


def test_the_hold_grows_with_what_the_words_leave_open() -> None:
    semantic = t.TurnPolicy(longest_hold_ms=t.DOUBT_CAP_MS)
    for policy in (POLICY, semantic):
        for melody in (None, 0.2, 0.99):
            holds = [policy.hold_ms(melody, more / 100) for more in range(101)]
            assert holds == sorted(holds)
            assert min(holds) >= min(t.SUREST_HOLD_MS, policy.longest_hold_ms)
            assert max(holds) == min(t.UNFINISHED_HOLD_MS, policy.longest_hold_ms)
    assert semantic.hold_ms(0.99, 0.002) == semantic.hold_ms(None, t.SUREST) == t.SUREST_HOLD_MS
    assert 520 < semantic.hold_ms(None, 0.04) < 550
    assert 600 < semantic.hold_ms(None, 0.05) < 640
    assert semantic.hold_ms(None, 0.1) == t.DOUBTFUL_HOLD_MS
    assert semantic.hold_ms(0.2, 0.002) == t.MELODY_HOLD_MS
    assert t.TurnPolicy(longest_hold_ms=100).hold_ms(0.99, 0.9) == 100, "never longer than the client asked"
    patient = t.TurnPolicy(longest_hold_ms=2 * t.DOUBT_CAP_MS)
    assert patient.hold_ms(0.99, 0.002) == t.PATIENT_HOLD_MS, "low eagerness is patient with every ending"


def test_a_turn_ends_with_its_words_where_the_silence_heard_is_enough_and_else_with_a_frame() -> None:
    machine = t.Turns()
    for at in range(32, 32 * 11, 32):
        machine, _ = machine.step(t.Voice(0.9, at), POLICY)
    for at in range(32 * 11, 32 * 20, 32):
        machine, outputs = machine.step(t.Voice(0.05, at), POLICY)
        assert not any(isinstance(output, t.Ended) for output in outputs)
    assert isinstance(machine.state, t.Pausing)
    sooner, outputs = machine.step(t.Understood(1, 0, 0.06), POLICY)
    assert outputs == () and isinstance(sooner.state, t.Pausing), "these words may go on"
    assert machine.step(t.Understood(1, 1, 0.001), POLICY) == (machine, ()), "words of another revision"
    ended, outputs = machine.step(t.Understood(1, 0, 0.001), POLICY)
    assert outputs == (t.Ended(1, 0, 0, 320, 608),) and isinstance(ended.state, t.Quiet)
    speaking, _ = machine.step(t.Voice(0.9, 640), POLICY)
    still, outputs = speaking.step(t.Understood(1, 0, 0.001), POLICY)
    assert outputs == () and isinstance(still.state, t.Pausing), "a voice is heard just now"


def after(*frames: tuple[float, float | None]) -> t.Turns:
    """The machine after frames of (probability, dBFS)."""
    machine = t.Turns()
    for number, (probability, level) in enumerate(frames, 1):
        machine, _ = machine.step(t.Voice(probability, number * t.FRAME_MS, level), POLICY)
    return machine


def test_a_frame_that_has_faded_is_silent_before_the_detector_says_so() -> None:
    spoken = [(0.98, -20.0)] * 8
    assert isinstance(after(*spoken, (0.8, -50.0)).state, t.Pausing)
    assert isinstance(after(*spoken, (0.8, -40.0)).state, t.Talking), "a quiet sound, not its end"
    assert isinstance(after(*spoken, (0.95, -51.0)).state, t.Pausing), "so quiet that the detector trails off"
    assert isinstance(after(*spoken, (0.95, -48.0)).state, t.Talking), "surely a voice, a soft consonant"
    assert isinstance(after(*spoken, (0.995, -60.0)).state, t.Talking), "a whisper"
    assert isinstance(after(*spoken, (0.8, None)).state, t.Talking), "no level is known"
    trailing = after(*spoken, (0.8, -50.0), (0.7, -52.0), (0.6, -52.0)).state
    assert isinstance(trailing, t.Pausing) and trailing.voiced == 0, "what trails off re-opens nothing"
    assert isinstance(after(*spoken, (0.8, -50.0), (0.9, -30.0), (0.9, -24.0)).state, t.Talking)


def test_silence_is_known_between_two_frames_by_their_loudness() -> None:
    """The pause is counted from where it fell silent, and decoding begins half a frame sooner."""
    spoken = after(*[(0.98, -20.0)] * 8)
    at = 8 * t.FRAME_MS + t.FRAME_MS // 2
    faded, outputs = spoken.step(t.Loudness(at, -51.0), POLICY)
    assert isinstance(faded.state, t.Pausing) and faded.state.last_voiced_ms == at - t.FRAME_MS
    assert [type(output) for output in outputs] == [t.Paused]
    assert spoken.step(t.Loudness(at, -44.0), POLICY) == (spoken, ())
    sure, _ = spoken.step(t.Voice(0.999, 9 * t.FRAME_MS, -20.0), POLICY)
    assert sure.step(t.Loudness(at + t.FRAME_MS, -60.0), POLICY)[1] == (), (
        "never against a detector that is sure"
    )
    patient = t.TurnPolicy(decode_after_ms=t.DECODE_OVER_ANSWER_MS)
    assert spoken.step(t.Loudness(at, -60.0), patient) == (spoken, ()), (
        "over an answer the detector alone says it"
    )


def test_the_loudest_frame_is_forgotten_slowly_and_with_its_turn() -> None:
    assert isinstance(after(*[(0.98, -10.0)] * 8, *[(0.85, -38.0)] * 3).state, t.Pausing)
    softer = [(0.98, -10.0)] * 8 + [(0.98, -34.0)] * 40  # some 6 dB are forgotten
    assert isinstance(after(*softer, (0.85, -38.0)).state, t.Talking)
    machine = after(*[(0.98, -10.0)] * 8)
    machine, _ = machine.step(t.Reset(), POLICY)
    for number in range(9, 14):
        machine, _ = machine.step(t.Voice(0.85, number * t.FRAME_MS, -40.0), POLICY)
    assert isinstance(machine.state, t.Talking), "a quiet speaker after a loud one"


def test_before_the_words_are_known_the_melody_decides() -> None:
    semantic = t.TurnPolicy(longest_hold_ms=t.DOUBT_CAP_MS)
    assert POLICY.hold_ms(None) == POLICY.hold_ms(0.2) == 500
    assert semantic.hold_ms(0.99) == t.WORDS_WAIT_MS, "an answer needs the words anyway"
    assert t.TurnPolicy(words=False).hold_ms(0.99) == t.SOFT_END_MS
    holds = [t.TurnPolicy(words=False).hold_ms(p / 100) for p in range(101)]
    assert holds == sorted(holds, reverse=True)


SETTINGS = AnswerSettings(
    modality="audio",
    voice="alloy",
    format=PcmFormat(),
    speed=1.0,
    instructions="",
    tools=(),
    tool_choice="auto",
    max_output_tokens="inf",
    metadata=None,
    conversation_id="conv_1",
)


def answer_walk(seed: int) -> list[tuple[str, str, str]]:
    """A random walk of one answer: (phase before, what happened, phase after)."""
    rng = random.Random(seed)
    answer = Answer("resp_1", SETTINGS, CountingIds(), held=rng.random() < 0.5)
    steps: list[tuple[str, str, str]] = []
    said: list[Output] = list(answer.take())
    speaking: int | None = None
    ended = 0
    for _ in range(40):
        before = answer.phase
        event = rng.choice(
            ["publish", "said", "said", "called", "finished", "sounded", "clause_spoken", "clause_spoken"]
            + (["discard", "cancel", "fail"] if rng.random() < 0.15 else [])
        )
        clause = rng.choice([speaking, speaking, 0, 7]) or 0
        match event:
            case "publish":
                outputs = answer.publish()
            case "discard":
                outputs = answer.discard()
            case "cancel":
                outputs = answer.cancel(rng.choice(["turn_detected", "client_cancelled"]))
            case "fail":
                outputs = answer.fail("server_error", "It broke.")
            case "said":
                outputs = answer.said(rng.choice(["Hello there, my dear friend. ", "Well, ", " ", "ok "]))
            case "called":
                outputs = answer.called("call_1", "find", "{}")
            case "finished":
                outputs = answer.finished(rng.choice(["stop", "stop", "length", "content_filter"]))
            case "sounded":
                outputs = answer.sounded(clause, "AAAA", 2, ())
            case _:
                outputs = answer.clause_spoken(clause)
        for output in outputs:
            if isinstance(output, SpeakClause):
                speaking = output.clause
            if isinstance(output, AnswerEnded):
                ended += 1
        if before is Phase.HELD and event != "publish":
            assert all(isinstance(o, SpeakClause | Stop) for o in outputs), "speculation leaked"
        if before is Phase.DONE and event != "discard":
            assert not outputs, "something after the end"
        said += outputs
        steps.append((before.value, event, answer.phase.value))
    assert ended <= 1
    created = [o for o in said if isinstance(o, Publish) and o.event.type == "response.created"]
    assert len(created) <= 1
    return steps


def test_every_step_of_an_answer_stands_in_the_table_and_everything_there_happens() -> None:
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for seed in range(3_000):
        for before, event, after in answer_walk(seed):
            seen[before, event].add(after)
    for key, allowed in ANSWER.items():
        assert seen[key] == allowed, f"{key}: {seen[key]} is not {set(allowed)}"
