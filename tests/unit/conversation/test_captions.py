"""Words shown while they are spoken."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from moksori.conversation import events as ev
from moksori.conversation.captions import Captions
from tests.unit.conversation.harness import Call, call


def test_a_word_is_shown_when_two_decodes_agree_on_it() -> None:
    captions, delta = Captions().heard("I want")
    assert delta == ""
    captions, delta = captions.heard("I want to retain")
    assert delta == "I want"
    captions, delta = captions.heard("I want to return the shoes")
    assert delta == " to"
    assert captions.final("I want to return the shoes.") == " return the shoes."


def test_marks_after_the_last_word_come_with_the_rest() -> None:
    captions, _ = Captions().heard("네 주문을")
    captions, delta = captions.heard("네, 주문을 취소")
    assert delta == "네, 주문을"
    assert captions.final("네, 주문을.") == "."


def test_another_transcript_adds_nothing_to_words_that_stand() -> None:
    captions, _ = Captions().heard("I want to")
    captions, delta = captions.heard("I want to return")
    assert delta == "I want to"
    assert captions.final("Eye wanted returns.") == ""


def test_the_rest_is_shown_though_a_word_before_was_understood_otherwise() -> None:
    captions, _ = Captions().heard("a pair of blue rowning shoes last week and")
    captions, shown = captions.heard("a pair of blue rowning shoes last week and they")
    assert shown == "a pair of blue rowning shoes last week and"
    assert (
        captions.final("a pair of blue running shoes last week and they have not come.")
        == " they have not come."
    )
    assert (
        captions.final("pair of blue-running shoes last week and they have not come.")
        == " they have not come."
    )
    assert captions.final("a pair of blue running shoes last week. They have not come.") == ""


def test_a_single_word_shown_is_too_little_to_find_again() -> None:
    captions, _ = Captions().heard("I want")
    captions, shown = captions.heard("I would like")
    assert shown == "I"
    assert captions.final("Well I would like") == captions.final("Well I") == ""


WORDS = st.lists(
    st.sampled_from(["I", "want", "two", "to", "return.", "the", "네,", "주문을"]), max_size=6
).map(" ".join)


@example(["I", "I want", "I want"], "want I")
@example(["I want", "I want to"], "to want")
@given(st.lists(WORDS, max_size=6), WORDS)
def test_no_word_is_ever_taken_back(decodes: list[str], last: str) -> None:
    captions, shown = Captions(), ""
    for text in decodes:
        captions, delta = captions.heard(text)
        shown += delta
        assert captions.shown == shown
    rest = captions.final(last)
    added = [w.strip(".,") for w in (shown + rest).split()][len(shown.split()) :]
    assert added == [w.strip(".,") for w in last.split()][len(last.split()) - len(added) :]


def listening(model: str) -> Call:
    c = call(glance=True)
    audio = {"input": {"transcription": {"model": model}}}
    c.client("session.update", session={"type": "realtime", "audio": audio})
    c.sent.clear()
    return c


def glimpsed(c: Call, text: str) -> None:
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, text))


def test_a_long_turn_is_shown_as_it_is_spoken() -> None:
    c = listening("gpt-4o-transcribe")
    c.speech(1100)
    assert not c.last(ev.Glance).urgent
    glimpsed(c, "I want to")
    c.speech(960)
    glimpsed(c, "I want to return the")
    c.silence(192)
    c.transcribed("I want to return the shoes.")
    c.silence(480)
    deltas = [e["delta"] for e in c.of("conversation.item.input_audio_transcription.delta")]
    assert deltas == ["I want to", " return the shoes."]
    assert c.of("conversation.item.input_audio_transcription.completed")[0]["transcript"] == "".join(deltas)


def test_whisper_1_tells_its_transcript_whole() -> None:
    c = listening("whisper-1")
    c.speech(2100)
    assert c.all(ev.Glance) == []
