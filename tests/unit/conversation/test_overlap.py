"""Speech over an answer: the machine against its table, and what client and caller notice of it."""

from __future__ import annotations

import itertools

import pytest

from moksori.conversation import events as ev
from moksori.conversation import overlap
from moksori.conversation.tables import OVERLAP, OVERLAP_HELD
from tests.unit.conversation.harness import Call, call

Table = dict[tuple[str, str], frozenset[tuple[str, str | None]]]

ACKNOWLEDGEMENTS = [
    "Yeah.", "Okay.", "Right.", "I see.", "Mm-hmm.", "Uh-huh.", "Sure.", "Oh, okay.", "Yes.", "All right.", "Hmm", "",
    "네.", "음", "아 네", "네, 네.", "그렇군요.", "아.", "예", "응", "맞아요",
]  # fmt: skip
INTERRUPTIONS = [
    "Wait, stop.", "No.", "Hold on a second.", "Excuse me", "Stop", "Okay, but I want to cancel.", "Actually, never mind.",
    "잠깐만요.", "아니요, 그게 아니라요.", "그만", "상담원 연결해 주세요.", "네, 그런데 취소할게요.",
]  # fmt: skip


@pytest.mark.parametrize("text", ACKNOWLEDGEMENTS)
def test_whoever_only_listens_takes_no_turn(text: str) -> None:
    assert overlap.is_acknowledgement(text)


@pytest.mark.parametrize("text", INTERRUPTIONS)
def test_whoever_has_something_to_say_does(text: str) -> None:
    assert not overlap.is_acknowledgement(text)


@pytest.mark.parametrize(
    ("text", "may"), [("Al", True), ("Okay, ri", True), ("그렇", True), ("Wa", False), ("아니", False)]
)
def test_a_word_cut_in_the_middle_gets_the_benefit_of_the_doubt(text: str, may: bool) -> None:
    assert overlap.may_become_acknowledgement(text) is may


def _kind(event: overlap.Event) -> str:
    match event:
        case overlap.Words(listens=listens) if listens is not None:
            return "words" if listens < 0.5 else "acknowledgement"
        case overlap.Words():
            return "words" if not overlap.is_acknowledgement(event.text) else "acknowledgement"
        case overlap.Over():
            return "over"
        case _:
            names = {"Began": "began", "GoesOn": "goes_on", "Pauses": "pauses", "Withdrawn": "withdrawn"}
            return names[type(event).__name__]


@pytest.mark.parametrize(("holds", "table"), [(False, OVERLAP), (True, OVERLAP | OVERLAP_HELD)])
def test_the_machine_does_what_its_table_says_and_all_of_it(holds: bool, table: Table) -> None:
    events: list[overlap.Event] = [
        overlap.Began(1000, holds),
        *(overlap.GoesOn(1000 + ms, g) for ms in (96, 224, 352, 1400) for g in (True, False)),
        *(overlap.Pauses(1300, g) for g in (True, False)),
        *(overlap.Words(t, w) for t in ("Yeah", "Stop now") for w in (True, False)),
        *(overlap.Words("", False, p) for p in (0.05, 0.1, 0.4, 0.9)),
        *(overlap.Over(t, r) for t in ("Yeah", "Stop now", None) for r in (0, 5000)),
        overlap.Withdrawn(),
    ]
    seen: set[tuple[tuple[str, str], tuple[str, str | None]]] = set()
    steps = {overlap.IDLE}
    for _ in range(3):
        reached: set[overlap.State] = set()
        for state, event in itertools.product(steps, events):
            after, output = overlap.step(state, event)
            seen.add(
                ((state.phase.value, _kind(event)), (after.phase.value, output.value if output else None))
            )
            reached.add(after)
        steps |= reached
    told = {(cell, outcome) for cell, outcomes in table.items() for outcome in outcomes}
    assert seen == told


def answering(**rules: bool) -> Call:
    """A call in which a long answer is sounding."""
    c = call(glance=True, **rules)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tell me all."}]}
    c.client("conversation.item.create", item=item)
    c.client("response.create")
    c.brain_says(
        "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen. " * 2
    )
    c.speak()
    c.sent.clear()
    c.asked.clear()
    return c


def glimpsed(c: Call, text: str) -> None:
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, text))


def test_a_backchannel_leaves_no_trace() -> None:
    c = answering()
    c.speech(352 - 32)
    glimpsed(c, "Yeah")
    c.speech(64)
    c.silence(96)
    c.transcribed("Yeah.")
    c.silence(640)
    assert c.sent == []
    assert c.all(ev.Think) == []
    assert not [i for i in c.conversation.items()[1:] if i.status == "incomplete"]


def test_an_interruption_is_announced_as_soon_as_its_words_are_known() -> None:
    c = answering()
    c.speech(256)
    assert c.sent == []
    glimpsed(c, "Wait")
    assert c.types == ["input_audio_buffer.speech_started"]
    assert c.conversation.items()[-1].status == "incomplete"


@pytest.mark.parametrize(("listens", "sent"), [(0.1, ["input_audio_buffer.speech_started"]), (0.9, [])])
def test_how_speech_begins_decides_where_that_is_clear(listens: float, sent: list[str]) -> None:
    c = answering()
    c.speech(224)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", listens))
    c.speech(160)
    assert c.types == sent


def test_what_sounded_clearly_like_an_acknowledgement_is_one_whatever_words_were_made_of_it() -> None:
    c = answering()
    c.speech(256)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", 0.9))
    c.silence(96)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", 0.9))
    c.transcribed("Share.")
    c.silence(640)
    assert c.sent == []


def test_a_short_word_that_takes_the_turn_is_told_by_its_sound_before_its_words_are_known() -> None:
    c = answering()
    c.speech(160)
    c.silence(96)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", 0.1))
    assert c.types == ["input_audio_buffer.speech_started"]


@pytest.mark.parametrize(
    ("looks", "sent"),
    [
        ((0.2,), ["input_audio_buffer.speech_started"]),
        ((0.7,), []),
        ((0.4, 0.7), []),
        ((0.4, 0.2), ["input_audio_buffer.speech_started"]),
        ((0.4, 0.4), ["input_audio_buffer.speech_started"]),
    ],
)
def test_later_looks_decide_by_the_sound_alone(looks: tuple[float, ...], sent: list[str]) -> None:
    c = answering()
    c.speech(192)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", 0.5))
    c.speech(64)
    for listens in looks:
        assert c.types == []
        c.speech(32)
        c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", listens))
    if len(looks) == 2:
        c.speech(32)
    assert c.types == sent


def test_a_look_is_waited_for_before_the_next_one() -> None:
    c = answering()
    c.speech(192)
    before = len(c.all(ev.Glance))
    c.speech(128)
    assert len(c.all(ev.Glance)) == before


@pytest.mark.parametrize("text", ["No.", "Stop!", "Wait a minute", "아니요", "잠깐만요"])
def test_words_that_take_the_turn_do_so_however_they_sound(text: str) -> None:
    assert not overlap.misheard(text, 0.99, 400)


def test_more_words_than_anybody_can_say_were_a_hum() -> None:
    assert overlap.misheard("and then make sure they come", 0.8, 600)
    assert not overlap.misheard("and then make sure they come", 0.8, 1_200)
    assert overlap.misheard("Share Share Share Share Share", 0.8, 1_200), "one word, written again and again"


def test_what_is_over_and_unclear_waits_for_its_words() -> None:
    c = answering()
    c.speech(256)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", 0.5))
    c.silence(96)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", 0.5))
    assert c.types == []
    c.transcribed("Okay.")
    c.silence(640)
    assert c.sent == []


def test_a_beginning_that_is_unclear_waits_for_its_words() -> None:
    c = answering()
    c.speech(224)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "Wait", 0.5))
    assert c.types == ["input_audio_buffer.speech_started"]


def test_speech_whose_words_stay_unknown_interrupts_within_400_ms() -> None:
    c = answering()
    c.speech(352)
    assert c.types == ["input_audio_buffer.speech_started"]


def test_an_acknowledgement_that_goes_on_is_an_interruption() -> None:
    c = answering()
    c.speech(256)
    glimpsed(c, "Okay")
    c.speech(224)
    assert c.sent == []
    glimpsed(c, "Okay, but that")
    assert c.types == ["input_audio_buffer.speech_started"]


def test_a_cough_passes_and_the_next_turn_is_heard() -> None:
    c = answering()
    c.speech(160)
    c.silence(96)
    c.transcribed("")
    c.silence(640)
    assert c.sent == []
    c.wait(20_000)
    c.spoken_turn("Where is my order?")
    assert c.types[:3] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]


def test_a_yes_at_the_end_of_an_answer_is_a_reply() -> None:
    c = answering()
    c.wait(8_200)  # of about 9 s
    c.speech(256)
    glimpsed(c, "Yes")
    c.silence(96)
    c.transcribed("Yes.")
    c.silence(640)
    assert c.types[:3] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    assert c.last(ev.Think).history[-1].content[0].transcript == "Yes."  # type: ignore[union-attr]


def test_without_interrupt_response_speech_is_announced_at_once() -> None:
    c = answering()
    vad = {"type": "server_vad", "interrupt_response": False}
    c.client("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    c.sent.clear()
    c.speech(128)
    assert c.types == ["input_audio_buffer.speech_started"]


def _words_said(c: Call) -> list[str]:
    return " ".join(e["delta"] for e in c.of("response.output_audio_transcript.delta")).split()


@pytest.mark.parametrize("text", ["Mm-hmm.", "", "네."])
def test_a_false_interruption_goes_on_where_it_stopped(text: str) -> None:
    c = answering()
    all_words = c.conversation.items()[-1].content[0].transcript.split()  # type: ignore[union-attr]
    c.wait(3_000)
    c.speech(352)
    assert c.types == ["input_audio_buffer.speech_started"]
    heard = c.conversation.items()[-1].content[0].transcript.split()  # type: ignore[union-attr]
    c.silence(96)
    c.transcribed(text)
    c.silence(640)
    c.speak()
    assert c.all(ev.Think) == []
    assert heard + _words_said(c) == all_words
    assert c.of("response.done")[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize(("listens", "goes_on"), [(0.9, True), (0.5, False)])
def test_misheard_words_that_sounded_like_listening_let_it_go_on(listens: float, goes_on: bool) -> None:
    c = answering()
    c.wait(3_000)
    c.speech(352)
    c.silence(96)
    c.happens(ev.Glimpsed(c.last(ev.Glance).job, "", listens))
    c.transcribed("Share.")
    c.silence(640)
    assert (c.all(ev.Think) == []) is goes_on


def test_it_goes_on_from_where_the_client_says_it_stopped() -> None:
    c = answering()
    all_words = c.conversation.items()[-1].content[0].transcript.split()  # type: ignore[union-attr]
    c.wait(3_000)
    c.speech(352)
    item = c.conversation.items()[-1]
    c.client("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=1_000)
    c.silence(96)
    c.transcribed("Yeah.")
    c.silence(640)
    c.speak()
    assert all_words[:3] + _words_said(c) == all_words


def test_whoever_says_something_is_answered_and_not_told_the_rest() -> None:
    c = answering()
    c.speech(352)
    c.silence(96)
    c.transcribed("No, the other one.")
    c.silence(640)
    assert c.last(ev.Think).history[-1].content[0].transcript == "No, the other one."  # type: ignore[union-attr]
    c.brain_says("All right.")
    c.speak()
    assert _words_said(c) == ["All", "right."]
    c.wait(5_000)
    c.spoken_turn("Yes.")
    c.brain_says("Good.")
    c.speak()
    assert _words_said(c) == ["All", "right.", "Good."]


def test_an_answer_still_being_thought_is_not_taken_up_again() -> None:
    c = call(glance=True)
    c.client("response.create")
    c.brain_says("One two three four five six seven eight nine ten. And then", finish=False)
    c.speak()
    c.speech(352)
    assert c.of("response.done")[-1]["response"]["status"] == "cancelled"
    c.silence(96)
    c.transcribed("Yeah.")
    c.silence(640)
    assert c.last(ev.Think).history[-1].content[0].transcript == "Yeah."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("least", "written", "output"),
    [
        (0.6, "and then they check them", None),
        (0.4, "and then they check them", overlap.Output.INTERRUPT),
        (0.6, "no then they check them", overlap.Output.INTERRUPT),
    ],
)
def test_a_long_hum_is_not_what_was_written_of_it(
    least: float, written: str, output: overlap.Output | None
) -> None:
    hum, _ = overlap.step(overlap.IDLE, overlap.Began(1000))
    for at_ms, listens in ((1192, 0.98), (1288, 0.7), (1384, 0.8), (1480, least), (1672, 0.95), (2056, 0.65)):
        hum, asked = overlap.step(hum, overlap.GoesOn(at_ms, can_glance=True))
        assert asked is overlap.Output.GLANCE
        hum, decided = overlap.step(hum, overlap.Words("", whole=False, listens=listens))
        assert decided is None
    _, decided = overlap.step(hum, overlap.Words(written, whole=True))
    assert decided is output


def test_words_cut_short_do_not_outweigh_a_sound_that_is_clear() -> None:
    began, _ = overlap.step(overlap.IDLE, overlap.Began(1000))
    hum, output = overlap.step(began, overlap.Words("and then", whole=False, listens=0.85))
    assert output is None and hum.phase is overlap.Overlap.ACKNOWLEDGING
    hum, output = overlap.step(hum, overlap.Words("NM agent", whole=False, listens=0.85))
    assert output is None and hum.phase is overlap.Overlap.ACKNOWLEDGING
    _, output = overlap.step(hum, overlap.Words("NM agent", whole=False, listens=0.4))
    assert output is overlap.Output.INTERRUPT
    _, output = overlap.step(hum, overlap.Words("and then they shall go", whole=False, listens=0.85))
    assert output is overlap.Output.INTERRUPT, "more words than an acknowledgement has"
