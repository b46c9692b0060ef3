"""Somebody speaks while an answer sounds: are they taking the turn, or only saying that they listen?

A total function: `step(state, event) -> (state, output)`. How the speech begins decides where the recogniser can tell
by its sound; else the words do, as soon as a few syllables can be decoded; else the length. Until then nothing is
announced, because a client empties its loudspeaker when it hears of speech. One that can hold its loudspeaker stands
still while it is open, so there is time for the words; without one, what is open takes the turn. All times are audio
time (ms).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

FIRST_GLANCE_MS = 192
"""Speech after which it is looked at first: about a syllable, enough for its sound."""
GLANCE_BEFORE_MS = 300
"""Audio before the speech that a look contains."""
SECOND_GLANCE_MS = 288
"""And again after so much, then at every frame until `DECIDE_MS`; at once where a hold may follow."""
LATER_GLANCE_MS = 96
"""Speech that began like an acknowledgement is looked at again after so much more."""
WORDS_FROM_MS = 480
"""From this length on a look also gives words, takes longer, and is taken at every `GLANCE_EVERY_MS`."""
GLANCE_EVERY_MS = 192
DECIDE_MS = 352
"""Speech of this length whose words are not known yet takes the turn: the loudspeaker is silent within 400 ms."""
HOLD_MS = 256
"""Speech of this length that is not surely an acknowledgement holds the loudspeaker, where the client can: what begins
softly is noticed up to 80 ms late, and a hold costs an acknowledgement no more than a hesitation."""
LONGEST_ACKNOWLEDGEMENT_MS = 1_300
"""A slow "mm-hmm", "oh, okay, I see" and "아, 네, 그렇군요" are shorter; whoever speaks longer has something to say."""
FIRST_TAKES, FIRST_LISTENS = 0.06, 0.9
"""Probability of an acknowledgement up to which the first look decides against one, and from which on for one."""
TAKES, LISTENS = 0.3, 0.46
"""The same for the looks after it. "I want" and "I see" begin alike: what is still open at `DECIDE_MS` takes the turn.
To stop too late is worse than to stop for nothing, which is mended: the answer then goes on where it stopped."""
PLAYS_ON = 0.9
"""With a client that holds, what it takes to play on, or not to hold, before the words are known."""
TAKES_AFTER_ALL = 0.2
"""Up to here what began like an acknowledgement takes the turn."""
CLEARLY = 0.5
"""From here on the sound is believed against the words: "mm-hmm" is often written as others."""
SURELY = 0.75
"""What it takes to go on with an answer that was stopped, whatever the words."""
MISHEARD_WORDS = 4
"""An acknowledgement is written as at most so many different words."""
WORDS_A_SECOND = 5.5
"""Nobody speaks more: what is written as more was a hum."""
HUM_LOOKS = 5
"""Speech that sounded clearly like an acknowledgement at each of so many looks is a long hum, whatever was written."""
REMAINING_MS = 700
"""An answer with less left to play is as good as over: then an acknowledgement is a reply to it."""


class Overlap(Enum):
    """Where an overlap stands."""

    NONE = "none"
    """Nobody speaks over an answer, or it is decided."""
    UNHEARD = "unheard"
    """Speech, and no word of it known."""
    HELD = "held"
    """The same, and the loudspeaker stands still."""
    ACKNOWLEDGING = "acknowledging"
    """So far it sounds like an acknowledgement."""


@dataclass(frozen=True, slots=True)
class State:
    phase: Overlap = Overlap.NONE
    holds: bool = False
    """The client can hold its loudspeaker."""
    onset_ms: int = 0
    glanced_ms: int = 0
    """Length of the speech that was looked at last."""
    looks: int = 0
    looking: bool = False
    """A look was asked for and has not come back."""
    pauses: bool = False
    """The speaker is silent: the words will be known soon."""
    listens: float | None = None
    """What the sound told at that look."""
    least: float = 1.0
    """The least it told at any look."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech begins while an answer sounds. `holds`: the client can hold its loudspeaker."""

    onset_ms: int
    holds: bool = False


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The speech is audible up to `at_ms`. `can_glance`: its words can be looked at."""

    at_ms: int
    can_glance: bool


@dataclass(frozen=True, slots=True)
class Pauses:
    """The speech has become silent at `at_ms`; its words are being decoded, which takes longer than a look."""

    at_ms: int
    can_glance: bool


@dataclass(frozen=True, slots=True)
class Words:
    """What was understood. `whole`: the speech has ended or pauses, so no word of it is cut.

    `listens`: probability by the sound that it is an acknowledgement or no speech; None where that is not known.
    """

    text: str
    whole: bool
    listens: float | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """The turn has ended. `remains_ms` is what the answer still has to play."""

    text: str | None
    remains_ms: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The turn was thrown away with its audio."""


Event = Began | GoesOn | Pauses | Words | Over | Withdrawn


class Output(Enum):
    GLANCE = "glance"
    """Decode the first words now."""
    HOLD = "hold"
    """The loudspeaker is to stand still until it is decided."""
    RELEASE = "release"
    """It plays on: this is an acknowledgement so far, or the speech was withdrawn."""
    INTERRUPT = "interrupt"
    """The caller takes the turn."""
    PASS = "pass"
    """It was an acknowledgement or a noise: nothing happened, and a held loudspeaker plays on."""


IDLE = State()


def step(state: State, event: Event) -> tuple[State, Output | None]:
    """One event; see the module's text."""
    match event:
        case Began():
            return State(Overlap.UNHEARD, event.holds, event.onset_ms), None
        case Withdrawn():
            return IDLE, Output.RELEASE if state.phase is Overlap.HELD else None
        case GoesOn() | Pauses() | Words() | Over() if state.phase is Overlap.NONE:
            return state, None
        case GoesOn():
            return _goes_on(state, event)
        case Pauses():
            state = replace(state, pauses=True)
            return (_looked(state, event.at_ms), Output.GLANCE) if event.can_glance else (state, None)
        case Words():
            return _words_held(state, event) if state.holds else _words(state, event)
        case Over():
            fits = event.text is not None and is_acknowledgement(event.text)
            passing = (fits or state.phase is Overlap.ACKNOWLEDGING) and event.remains_ms >= REMAINING_MS
            return IDLE, Output.PASS if passing else Output.INTERRUPT
        case _:
            assert_never(event)


def _goes_on(state: State, event: GoesOn) -> tuple[State, Output | None]:
    state = replace(state, pauses=False)
    length = event.at_ms - state.onset_ms
    if state.phase is Overlap.UNHEARD and state.holds and length >= HOLD_MS:
        return _held(state)
    limit = DECIDE_MS if state.phase is Overlap.UNHEARD else LONGEST_ACKNOWLEDGEMENT_MS
    if length >= limit:
        return IDLE, Output.INTERRUPT
    if event.can_glance and not state.looking and length >= _due(state):
        return _looked(state, event.at_ms), Output.GLANCE
    return state, None


def _due(state: State) -> int:
    """Length of the speech from which on the next look is worth it."""
    if state.phase is not Overlap.UNHEARD:
        return state.glanced_ms + (LATER_GLANCE_MS if state.glanced_ms < WORDS_FROM_MS else GLANCE_EVERY_MS)
    return FIRST_GLANCE_MS if state.looks == 0 or state.holds else SECOND_GLANCE_MS


def _looked(state: State, at_ms: int) -> State:
    return replace(state, glanced_ms=at_ms - state.onset_ms, looks=state.looks + 1, looking=True)


def _held(state: State) -> tuple[State, Output | None]:
    return replace(state, phase=Overlap.HELD), Output.HOLD


def _words_held(state: State, event: Words) -> tuple[State, Output | None]:
    """With a client that holds: the words decide, a clear sound may let the answer go on before them."""
    state = _listened(state, event)
    against = bool(event.text.strip()) and not _listens_on(state, event)
    if against:
        return IDLE, Output.INTERRUPT
    listens = None if event.whole else event.listens
    surely = listens is not None and listens >= PLAYS_ON
    if surely or (event.whole and event.text.strip()):
        going_on = Output.RELEASE if state.phase is Overlap.HELD else None
        return replace(state, phase=Overlap.ACKNOWLEDGING), going_on
    if listens is None or state.phase is Overlap.HELD:
        return state, None
    if state.phase is Overlap.ACKNOWLEDGING:
        return _held(state) if listens <= TAKES_AFTER_ALL else (state, None)
    return _held(state) if state.pauses or listens <= FIRST_TAKES else (state, None)


def _listened(state: State, event: Words) -> State:
    """A look came back."""
    if event.whole:
        return state
    state = replace(state, looking=False)
    if event.listens is None:
        return state
    return replace(state, listens=event.listens, least=min(state.least, event.listens))


def _words(state: State, event: Words) -> tuple[State, Output | None]:
    state = _listened(state, event)
    if event.listens is not None and not event.whole:
        least, most = _bounds(state)
        if event.listens <= least:
            return IDLE, Output.INTERRUPT
        if event.listens >= most and state.phase is Overlap.UNHEARD:
            return replace(state, phase=Overlap.ACKNOWLEDGING), None
    if not event.text.strip():
        return state, None  # nothing understood: a cough, or too little of a word
    if _listens_on(state, event):
        return replace(state, phase=Overlap.ACKNOWLEDGING), None
    return IDLE, Output.INTERRUPT


def _listens_on(state: State, event: Words) -> bool:
    """Whether these words, or what they were misheard from, only tell that somebody listens."""
    fits = is_acknowledgement(event.text) if event.whole else may_become_acknowledgement(event.text)
    hums = event.whole and state.looks >= HUM_LOOKS and state.least >= CLEARLY and not takes_turn(event.text)
    return fits or hums or misheard(event.text, state.listens, state.glanced_ms)


def _bounds(state: State) -> tuple[float, float]:
    """Up to where the sound of this look decides against an acknowledgement, and from where on for one."""
    if state.phase is Overlap.ACKNOWLEDGING or state.pauses:
        return TAKES_AFTER_ALL, LISTENS
    return (FIRST_TAKES, FIRST_LISTENS) if state.looks == 1 else (TAKES, LISTENS)


_WORDS = re.compile(r"[^\W\d_]+")
_HUM = re.compile(r"(?:[mnh]|[aeou]h+)+|[aeouh]+h|[음흠응엄아어오으]+")
"""Sounds without a word: "mm-hmm", "uh-huh", "음", "아"."""
_ENGLISH = (
    "yeah yep yup yes ya okay ok right sure alright all i see c got it oh ah ooh wow fine good great cool"
)
_KOREAN = (
    "네 넵 예 옙 네네 그렇군요 그렇구나 그러네요 그래요 그쵸 그렇죠 맞아요 맞습니다 알겠습니다 알겠어요 아하"
)
_ACKNOWLEDGING = frozenset([*_ENGLISH.split(), *_KOREAN.split()])
"""Words that alone, or with one another, take no turn. "I see" is often written "I C"."""
_TURN_ENGLISH = "no nope not stop wait hold hang cancel but actually sorry help what listen excuse"
_TURN_KOREAN = (
    "아니 아니요 아뇨 아닌데요 잠깐 잠깐만 잠깐만요 잠시만요 그만 그만요 그만하세요 저기 저기요 근데 취소"
)
_TAKING = frozenset([*_TURN_ENGLISH.split(), *_TURN_KOREAN.split()])


def is_acknowledgement(text: str) -> bool:
    """Whether all that was said only tells that somebody listens; nothing said is one, too."""
    return all(_acknowledges(word) for word in _WORDS.findall(text.casefold()))


def only_listens(text: str, listens: float | None) -> bool:
    """Whether speech that is over was an acknowledgement: by its words, or by its sound where they are few."""
    return is_acknowledgement(text) or (misheard(text, listens) and listens is not None and listens >= SURELY)


def misheard(text: str, listens: float | None, length_ms: int = 0) -> bool:
    """Whether a sound that is clear outweighs these words: a hum is written as whatever the model knows.

    `length_ms` is that of the speech, 0 where it is not known.
    """
    if listens is None or listens < CLEARLY:
        return False
    if takes_turn(text):
        return False
    words = _WORDS.findall(text.casefold())
    too_fast = length_ms > 0 and len(words) > WORDS_A_SECOND * length_ms / 1000
    return too_fast or len(set(words)) <= MISHEARD_WORDS


def takes_turn(text: str) -> bool:
    """Whether it begins with a word that takes the turn however it sounded."""
    words = _WORDS.findall(text.casefold())
    return bool(words) and words[0] in _TAKING


def may_become_acknowledgement(text: str) -> bool:
    """The same for words whose last one may be cut in the middle."""
    words = _WORDS.findall(text.casefold())
    return is_acknowledgement(" ".join(words[:-1])) and (
        not words or _acknowledges(words[-1]) or any(known.startswith(words[-1]) for known in _ACKNOWLEDGING)
    )


def _acknowledges(word: str) -> bool:
    return word in _ACKNOWLEDGING or _HUM.fullmatch(word) is not None
