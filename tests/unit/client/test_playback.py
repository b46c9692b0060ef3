"""What the ear got, to the sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moksori.client.playback import (
    Arrived,
    Drained,
    Effect,
    Event,
    Finished,
    Held,
    Interrupted,
    Phase,
    Play,
    Playback,
    Pulled,
    Released,
    Settled,
    Truncate,
    step,
)
from tests.unit.client.tones import counted, silence

FRAME = 480  # 20 ms


class Speaker:
    """Runs the machine and keeps what came out."""

    def __init__(self, prebuffer_ms: int = 60) -> None:
        samples = prebuffer_ms * 24
        self.state = Playback(prebuffer=samples, target=samples)
        self.heard = b""
        self.effects: list[Effect] = []

    def __call__(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = step(self.state, event)
        for effect in effects:
            if isinstance(effect, Play):
                assert len(effect.pcm) == event.samples * 2  # type: ignore[union-attr]
                self.heard += effect.pcm
            else:
                self.effects.append(effect)
        return effects

    def play(self, ms: int) -> bytes:
        before = len(self.heard)
        for _ in range(ms // 20):
            self(Pulled(FRAME))
        return self.heard[before:]


def delta(pcm: bytes, item: str = "item_a", response: str = "resp_1") -> Arrived:
    return Arrived(response, item, 0, pcm)


def test_nothing_to_say_is_silence() -> None:
    assert Speaker().play(40) == silence(40)


def test_an_answer_starts_once_enough_of_it_is_there() -> None:
    speaker = Speaker()
    speaker(delta(counted(40)))
    assert speaker.play(20) == silence(20)
    speaker(delta(counted(40, first=961)))
    assert speaker.play(80) == counted(80)


def test_a_short_answer_that_is_whole_starts_at_once() -> None:
    speaker = Speaker()
    speaker(delta(counted(40)))
    speaker(Finished("item_a", 0))
    assert speaker.play(60) == counted(40) + silence(20)
    assert Drained() in speaker.effects


def test_running_dry_waits_for_twice_as_much_and_loses_nothing() -> None:
    speaker = Speaker()
    speaker(delta(counted(60)))
    assert speaker.play(80) == counted(60) + silence(20)
    assert speaker.state.underruns == 1
    speaker(delta(counted(100, first=1441)))
    assert speaker.play(20) == silence(20)
    speaker(delta(counted(20, first=1441 + 2400)))
    assert speaker.play(120) == counted(120, first=1441)


def test_interruption_is_silent_at_once_and_tells_what_was_heard() -> None:
    speaker = Speaker()
    speaker(delta(counted(1000)))
    speaker.play(340)
    assert speaker(Interrupted(frozenset({"resp_1"}))) == (Truncate("item_a", 0, 340),)
    assert speaker.play(100) == silence(100)


def test_a_held_answer_goes_on_with_the_next_sample() -> None:
    speaker = Speaker()
    speaker(delta(counted(200)))
    assert speaker.play(100) == counted(100)
    speaker(Held(2 * 24_000))
    assert speaker.play(300) == silence(300)
    assert speaker.state.underruns == 0
    speaker(Released())
    assert speaker.play(100) == counted(100, first=2401)


def test_a_hold_that_nobody_ends_ends_by_itself() -> None:
    speaker = Speaker()
    speaker(delta(counted(200)))
    speaker.play(100)
    speaker(Held(480 * 5))
    assert speaker.play(100) == silence(100)
    assert speaker.play(100) == counted(100, first=2401)


def test_what_is_cut_while_it_is_held_was_heard_up_to_there() -> None:
    speaker = Speaker()
    speaker(delta(counted(1000)))
    speaker.play(340)
    speaker(Held(2 * 24_000))
    speaker.play(200)
    assert speaker(Interrupted(frozenset({"resp_1"}))) == (Truncate("item_a", 0, 340),)
    speaker(delta(counted(100), item="item_b", response="resp_2"))
    assert speaker.play(100) == counted(100)


def test_the_silence_of_an_underrun_is_not_counted_as_heard() -> None:
    speaker = Speaker()
    speaker(delta(counted(60)))
    speaker.play(200)
    assert speaker(Interrupted(frozenset({"resp_1"}))) == (Truncate("item_a", 0, 60),)


def test_what_still_arrives_of_a_response_that_was_cut_is_not_played() -> None:
    speaker = Speaker()
    speaker(delta(counted(100)))
    speaker.play(40)
    speaker(Interrupted(frozenset({"resp_1"})))
    speaker(delta(counted(200)))
    assert speaker.play(100) == silence(100)
    speaker(Settled("resp_1"))
    assert speaker.state.muted == frozenset()
    speaker(delta(counted(100), item="item_b", response="resp_2"))
    assert speaker.play(100) == counted(100)


def test_a_response_cut_before_its_first_sound_stays_silent() -> None:
    speaker = Speaker()
    assert speaker(Interrupted(frozenset({"resp_1"}))) == ()
    speaker(delta(counted(100)))
    assert speaker.play(100) == silence(100)


def test_a_response_sent_whole_before_it_was_heard_is_cut_without_a_trace() -> None:
    speaker = Speaker()
    speaker(delta(counted(1000)))
    speaker(Finished("item_a", 0))
    speaker(Settled("resp_1"))
    speaker.play(100)
    assert speaker(Interrupted()) == (Truncate("item_a", 0, 100),)
    assert speaker.state.muted == frozenset()  # nothing more of it will come


def test_items_not_yet_begun_are_cut_to_nothing_and_heard_ones_are_left_alone() -> None:
    speaker = Speaker()
    speaker(delta(counted(100), item="item_a"))
    speaker(delta(counted(100), item="item_b"))
    speaker(delta(counted(100), item="item_c"))
    speaker.play(140)
    assert speaker(Interrupted(frozenset({"resp_1"}))) == (
        Truncate("item_b", 0, 40),
        Truncate("item_c", 0, 0),
    )


def test_an_answer_heard_to_its_end_is_not_truncated() -> None:
    speaker = Speaker()
    speaker(delta(counted(100)))
    speaker(Finished("item_a", 0))
    speaker.play(120)
    assert speaker(Interrupted()) == ()
    assert speaker.state.phase is Phase.EMPTY


def test_half_a_millisecond_heard_is_not_told_as_a_whole_one() -> None:
    speaker = Speaker(prebuffer_ms=0)
    speaker(delta(counted(100)))
    speaker(Pulled(24 * 7 + 23))
    assert speaker(Interrupted(frozenset({"resp_1"}))) == (Truncate("item_a", 0, 7),)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("delta"), st.integers(1, 3000)),
            st.tuples(st.just("pull"), st.integers(1, 1500)),
        ),
        max_size=60,
    )
)
def test_every_sample_is_played_once_and_in_order(script: list[tuple[str, int]]) -> None:
    speaker = Speaker()
    given_ = b""
    for kind, samples in script:
        if kind == "delta":
            piece = counted(200, first=1 + len(given_) // 2)[: samples * 2]
            speaker(delta(piece))
            given_ += piece
        else:
            speaker(Pulled(samples))
    (cut,) = speaker(Interrupted(frozenset({"resp_1"}))) or (Truncate("", 0, 0),)
    played = bytes(b for at in range(0, len(speaker.heard), 2) for b in _real(speaker.heard[at : at + 2]))
    assert played == given_[: len(played)]
    assert isinstance(cut, Truncate)
    assert cut.audio_end_ms == len(played) // 48


def _real(sample: bytes) -> bytes:
    """`counted` has no zero sample, so zeros are padding."""
    return b"" if sample == b"\0\0" else sample
