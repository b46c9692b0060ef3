"""What a caller can have heard, from what was sent and when: never more than has played."""

from __future__ import annotations

from dataclasses import dataclass, field

from moksori.agent.guard import UserTurn
from moksori.protocol.internal import Heard
from moksori.sessions.ears import Ears

FIRST, SECOND = "I will cancel order 261118-1001. ", "Shall I go ahead?"
SECOND_OF_AUDIO = 24_000


@dataclass
class Notes:
    """The guard's ear: what it was told, in order."""

    heard_at: list[tuple[str, int]] = field(default_factory=list)
    turns: list[UserTurn] = field(default_factory=list)

    def said(self, item_id: str, text: str) -> None: ...

    def heard(self, heard: Heard, at_ms: int) -> None:
        self.heard_at.append((heard.text, at_ms))

    def user_turn(self, turn: UserTurn) -> None:
        self.turns.append(turn)


def spoken() -> tuple[Ears, Notes]:
    """Two clauses, two seconds and one, all sent at monotonic 0; the caller's microphone runs meanwhile."""
    notes = Notes()
    ears = Ears(notes)  # type: ignore[arg-type]
    ears.wrote("item", FIRST)
    ears.sounded("item", 2 * SECOND_OF_AUDIO, 0)
    ears.wrote("item", SECOND)
    ears.sounded("item", SECOND_OF_AUDIO, 0)
    ears.audio_ended("item")
    for at in range(20, 4001, 20):
        ears.appended(20, at)
    return ears, notes


def test_a_yes_that_begins_in_the_first_clause_has_not_heard_it() -> None:
    ears, notes = spoken()
    ears.speech_started("yes", 1000, now=1200)
    text, at = notes.heard_at[-1]
    assert FIRST.startswith(text) and len(text) < len(FIRST.strip())
    assert at == 1000


def test_what_counts_is_when_the_yes_began_not_when_it_was_noticed() -> None:
    ears, notes = spoken()
    ears.speech_started("yes", 1000, now=3900)
    assert "Shall" not in notes.heard_at[-1][0]


def test_after_the_audio_all_of_it_was_heard() -> None:
    ears, notes = spoken()
    ears.speech_started("yes", 3100, now=3200)
    ears.speech_stopped("yes", 3600)
    ears.transcribed("yes", "yes", now=3900)
    assert notes.heard_at[-1] == (FIRST + SECOND, 3100)
    assert [(t.final, t.began_ms, t.ended_ms) for t in notes.turns] == [
        (False, 3100, 3100),
        (True, 3100, 3600),
    ]


def test_what_the_client_cut_was_not_heard() -> None:
    ears, notes = spoken()
    ears.cut("item", 2100)
    ears.speech_started("yes", 3900, now=4000)
    assert notes.heard_at[-1][0] in (FIRST.strip(), FIRST.strip() + " Shall")


def test_text_whose_audio_is_still_to_come_is_not_heard() -> None:
    notes = Notes()
    ears = Ears(notes)  # type: ignore[arg-type]
    ears.wrote("item", FIRST)
    ears.sounded("item", SECOND_OF_AUDIO // 2, 0)
    ears.appended(20, 500)
    ears.speech_started("yes", 20, now=600)
    assert all(text != FIRST.strip() for text, _ in notes.heard_at)


def test_an_answer_in_writing_is_heard_when_it_is_there() -> None:
    notes = Notes()
    ears = Ears(notes)  # type: ignore[arg-type]
    ears.shown("item", FIRST + SECOND)
    ears.typed("yes", "yes", now=10)
    assert notes.heard_at[-1] == (FIRST + SECOND, 0)
    assert notes.turns[-1].final


def test_after_a_cut_by_the_client_the_next_answer_sounds_at_once() -> None:
    """A caller who types over a long answer hears the next one now, not when the first would have ended."""
    notes = Notes()
    ears = Ears(notes)  # type: ignore[arg-type]
    ears.wrote("long", "A very long list. " * 9)
    ears.sounded("long", 20 * SECOND_OF_AUDIO, 0)
    ears.cut("long", 1000)
    ears.wrote("next", FIRST)
    ears.sounded("next", 2 * SECOND_OF_AUDIO, 1500)
    ears.audio_ended("next")
    ears.typed("early", "yes", 2000)
    assert FIRST.strip() not in [text for text, _ in notes.heard_at]
    ears.typed("yes", "yes", 3600)
    assert FIRST.strip() in [text.strip() for text, _ in notes.heard_at]


def test_while_the_loudspeaker_is_held_nothing_more_is_heard() -> None:
    ears, notes = spoken()
    ears.held(1000)
    ears.speech_started("yes", 2500, now=2600)
    text, _ = notes.heard_at[-1]
    assert FIRST.startswith(text) and len(text) < len(FIRST.strip())


def test_what_was_held_is_heard_later() -> None:
    ears, notes = spoken()
    ears.held(1000)
    ears.released(1600)
    assert ears.sounds_until == 3600
    ears.speech_started("yes", 3400, now=3400)
    assert notes.heard_at[-1][0] != FIRST + SECOND
    ears.speech_started("again", 3700, now=3700)
    assert notes.heard_at[-1][0] == FIRST + SECOND


def test_an_interruption_ends_a_hold_where_it_began() -> None:
    ears, notes = spoken()
    ears.held(1000)
    ears.speech_started("no", 900, now=1800)
    ears.silenced(1800)
    ears.speech_started("more", 3900, now=3900)
    assert "Shall" not in notes.heard_at[-1][0]
