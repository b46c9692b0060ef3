"""Speech over an answer at a client that can hold its loudspeaker: it stands still until the words are known."""

from __future__ import annotations

import pytest

from moksori.conversation import events as ev
from moksori.conversation.playback import LONGEST_HOLD_MS
from tests.unit.conversation.harness import Call
from tests.unit.conversation.test_overlap import answering

HELD, RELEASED = "moksori.output_audio.held", "moksori.output_audio.released"
STARTED = "input_audio_buffer.speech_started"


def look(c: Call, listens: float | None, text: str = "") -> None:
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, text, listens))


def heard_words(c: Call) -> int:
    return len(c.conversation.items()[-1].content[0].transcript.split())  # type: ignore[union-attr]


def test_what_is_open_holds_and_an_acknowledgement_plays_on() -> None:
    c = answering(holds=True)
    c.speech(352)
    assert c.types == [HELD]
    assert c.sent[0]["at_most_ms"] == LONGEST_HOLD_MS
    c.silence(96)
    c.transcribed("Yeah.")
    assert c.types == [HELD, RELEASED]
    c.silence(640)
    assert c.types == [HELD, RELEASED]
    assert c.all(ev.Think) == []


def test_an_interruption_is_cut_where_the_loudspeaker_stood_still() -> None:
    c = answering(holds=True)
    c.wait(3_000)
    c.speech(352)
    c.speech(600)
    look(c, 0.1, "Wait a")
    assert c.types == [HELD, STARTED]
    # 300 ms a word: 3,260 ms had played when it was held.
    assert heard_words(c) == 10


def test_time_does_not_pass_for_what_is_held() -> None:
    c = answering(holds=True)
    c.wait(3_000)
    c.speech(320)
    c.silence(96)
    c.transcribed("Okay.")
    c.silence(640)
    assert c.types == [HELD, RELEASED]
    c.wait(1_000)
    c.speech(352)  # held again, after 3.26 s before the first hold and 1.95 s between them
    c.silence(96)
    c.transcribed("No, stop.")
    assert c.types == [HELD, RELEASED, HELD, STARTED]
    assert heard_words(c) == 17


def test_a_sure_acknowledgement_is_not_noticed() -> None:
    c = answering(holds=True)
    c.speech(224)
    look(c, 0.95)
    c.speech(128)
    look(c, 0.95)
    c.silence(96)
    look(c, 0.95)
    c.transcribed("Yeah.")
    c.silence(640)
    assert c.sent == []


def test_what_began_like_one_and_goes_on_otherwise_is_held_then_cut() -> None:
    c = answering(holds=True)
    c.speech(224)
    look(c, 0.95)
    c.speech(160)
    look(c, 0.1)
    assert c.types == [HELD]
    c.speech(160)
    look(c, 0.1, "Actually never")
    assert c.types == [HELD, STARTED]


def test_a_sound_that_becomes_clear_plays_on_before_the_words_are_known() -> None:
    c = answering(holds=True)
    c.speech(320)
    c.speech(96)
    look(c, 0.9)
    assert c.types == [HELD, RELEASED]


@pytest.mark.parametrize("text", ["Ye", "아"])
def test_half_a_word_lets_nothing_play_on(text: str) -> None:
    c = answering(holds=True)
    c.speech(352)
    look(c, 0.5, text)
    assert c.types == [HELD]


def test_whoever_speaks_on_and_on_takes_the_turn() -> None:
    c = answering(holds=True)
    c.speech(1_408)
    assert c.types == [HELD, STARTED]


def test_a_turn_that_is_withdrawn_lets_it_play_on() -> None:
    c = answering(holds=True)
    c.speech(352)
    c.client("input_audio_buffer.clear")
    assert c.types == [HELD, RELEASED, "input_audio_buffer.cleared"]


def test_whoever_falls_silent_for_good_is_waited_for_no_longer_than_the_client_does() -> None:
    c = answering(holds=True)
    c.wait(3_000)
    c.speech(352)  # and then the microphone sends nothing more
    c.wait(LONGEST_HOLD_MS + 3_000)
    c.client("response.cancel")
    c.client("output_audio_buffer.clear")
    # 3.26 s before the hold and, since the client has gone on by itself, 3.03 s after it.
    assert heard_words(c) == 21


def test_a_client_that_stops_by_itself_is_believed() -> None:
    c = answering(holds=True)
    c.wait(3_000)
    c.speech(352)
    item = c.conversation.items()[-1]
    c.client("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=1_000)
    c.silence(96)
    c.transcribed("Yeah.")
    c.silence(640)
    assert RELEASED not in c.types
    assert c.conversation.items()[1].content[0].transcript == "One two three"  # type: ignore[union-attr]


def test_a_yes_at_the_end_of_an_answer_is_a_reply_although_it_was_held() -> None:
    c = answering(holds=True)
    c.wait(8_500)  # of about 9 s
    c.speech(352)
    assert c.types == [HELD]
    c.silence(96)
    c.transcribed("Yes.")
    c.silence(640)
    assert STARTED in c.types
    assert c.last(ev.Think).history[-1].content[0].transcript == "Yes."  # type: ignore[union-attr]
