"""When somebody speaks, pauses, goes on, has finished.

A total function over voice-activity frames: `step(state, event, policy) -> (state, outputs)`. All times are *audio
time*: milliseconds of audio appended since the session began, so that a slow network changes nothing.

A pause is a *soft end*: work on the words so far begins at once (`Paused`), and the end-of-turn model is asked
(`AskEnd`). The turn is committed (`Ended`) when the silence has lasted as long as the doubt demands. Speech that
resumes before that re-opens the same turn under a new *revision*; whatever carries an older revision is stale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, assert_never

FRAME_MS = 32
"""One voice-activity frame: 512 samples at 16 kHz, what Silero takes."""

ONSET_FRAMES = 3
"""Voiced frames in a row (96 ms) that begin a turn; clicks and breaths are shorter."""

ONSET_GAP_FRAMES = 1
"""Silent frames forgiven inside an onset: the closure of a first plosive."""

REOPEN_FRAMES = 2
"""Voiced frames in a row that re-open a paused turn; fewer than an onset, since somebody was just speaking."""

RELEASE = 0.15
"""A frame counts as silent below threshold minus this (hysteresis, Silero's own recommendation)."""

FADED = ((25.0, 0.9), (30.0, 0.99))
"""A frame so many dB below the loudest of its turn is silent though the detector, which trails off, still says voice up
to this probability. Between two frames, by the loudness alone and the detector's last word, silence is known half a
frame sooner. Together a decode begins 30 ms sooner in the middle, and a fifth more of them are begun in vain."""
LOUDEST_FALLS_DB = 0.15
"""What the memory of the loudest frame loses with each frame: 5 dB a second."""

DECODE_AFTER_MS = 32
"""Silence after which decoding starts: one frame."""
DECODE_OVER_ANSWER_MS = 96
"""The same for speech over an answer, whose sound is looked at first: a reading that was learned from 64 ms of what the
detector alone calls silence."""

ASK_AFTER_MS = 160
"""Silence after which the end-of-turn model is asked: it wants to hear some of the silence itself."""

SOFT_END_MS = 200
"""No turn is committed on less silence than this."""

SURE = 0.95
"""From this probability on the end-of-turn model's word is taken at the soft end."""

DOUBT_CAP_MS = 1_600
"""Longest wait when the end-of-turn model says "unfinished" under semantic detection with eagerness auto or medium.

Smart Turn calls some finished sentences unfinished; a pause inside a sentence rarely exceeds 1.2 s.
"""

SUREST, SUREST_HOLD_MS = 0.02, 288
"""Up to this probability that more is coming, where most ends lie, the wait is the shortest, or for the words."""
DOUBTFUL, DOUBTFUL_HOLD_MS = 0.1, 880
"""From there it grows evenly with the odds up to this probability; from here on it is the longest."""
UNFINISHED = 0.25
"""Probability from which on words count as broken off."""
UNFINISHED_HOLD_MS = 1_500
"""Wait when the words break off ("my order number is …"); pauses inside a sentence rarely last longer."""
PATIENT_HOLD_MS = 576
"""The least wait of a session that asks for patience (eagerness "low")."""
MELODY_HOLD_MS = 416
"""The least wait for words whose melody sounds unfinished."""

WORDS_WAIT_MS = 800
"""How long a turn whose melody sounds finished waits for its words; no answer could begin without them."""

MAX_TURN_MS = 120_000
"""A turn longer than this is committed as it stands: the audio kept for it is bounded."""


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """What the session's `turn_detection` asks for, in this machine's terms."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    longest_hold_ms: int = 500
    """Silence that ends a turn whatever the end-of-turn model says."""
    ask: bool = True
    """Whether there is an end-of-turn model to ask."""

    words: bool = True
    """Whether the words of a pause are being decoded while it lasts."""
    decode_after_ms: int = DECODE_AFTER_MS

    def hold_ms(self, probability: float | None, more: float | None = None) -> int:
        """Silence to wait for, given how sure the end-of-turn model is and how likely the words say that more comes.

        None: not known yet. Once known the words decide; the melody only adds to a short wait.
        """
        if more is None:
            melody = self._melody_ms(probability)
            return max(melody, min(WORDS_WAIT_MS, self.longest_hold_ms)) if self.words else melody
        if more >= UNFINISHED:
            hold = UNFINISHED_HOLD_MS
        else:
            doubt = (_log_odds(more) - _log_odds(SUREST)) / (_log_odds(DOUBTFUL) - _log_odds(SUREST))
            hold = SUREST_HOLD_MS + round(min(1.0, max(0.0, doubt)) * (DOUBTFUL_HOLD_MS - SUREST_HOLD_MS))
        if probability is not None and probability < 0.5:
            hold = max(hold, MELODY_HOLD_MS)
        if self.longest_hold_ms > DOUBT_CAP_MS:
            hold = max(PATIENT_HOLD_MS, hold * self.longest_hold_ms // DOUBT_CAP_MS)
        return min(hold, self.longest_hold_ms)

    def _melody_ms(self, probability: float | None) -> int:
        """Linear between certainty at `SURE` and even odds; below even odds the longest hold."""
        floor = min(SOFT_END_MS, self.longest_hold_ms)
        if probability is None or probability < 0.5:
            return self.longest_hold_ms
        doubt = max(0.0, (SURE - probability) / (SURE - 0.5))
        return round(floor + doubt * (self.longest_hold_ms - floor))


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nobody speaks; `onset_ms` is where speech may just be beginning."""

    onset_ms: int | None = None
    voiced: int = 0
    gap: int = 0


@dataclass(frozen=True, slots=True)
class Talking:
    """A turn is open and its speaker is audible."""

    turn: int
    revision: int
    start_ms: int


@dataclass(frozen=True, slots=True)
class Pausing:
    """A turn is open and its speaker is silent: it may be over."""

    turn: int
    revision: int
    start_ms: int
    last_voiced_ms: int
    heard_ms: int
    """End of the newest frame."""
    speculated: bool = False
    asked: bool = False
    probability: float | None = None
    more: float | None = None
    """How likely the words of this revision say that more is coming; None until they are known."""
    voiced: int = 0
    """Voiced frames in a row just now; while above 0 nothing is committed."""


TurnState = Quiet | Talking | Pausing


@dataclass(frozen=True, slots=True)
class Voice:
    """Probability of speech in the frame that ended at `at_ms`."""

    probability: float
    at_ms: int
    level_db: float | None = None
    """Its loudness, dBFS; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud the frame's length was that ended at `at_ms`, half a frame before the detector sees it."""

    at_ms: int
    level_db: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The end-of-turn model's answer about one revision of a turn."""

    turn: int
    revision: int
    probability: float


@dataclass(frozen=True, slots=True)
class Understood:
    """The words of one revision of a turn are known; `more` as `finished.more_coming` says."""

    turn: int
    revision: int
    more: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The buffer was cleared or committed by hand, or turn detection was changed."""


TurnEvent = Voice | Loudness | Judged | Understood | Reset


@dataclass(frozen=True, slots=True)
class Started:
    turn: int
    start_ms: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Decode start..end now; it may be all there is."""

    turn: int
    revision: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class AskEnd:
    turn: int
    revision: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The speaker went on: everything done for revisions below this one is stale."""

    turn: int
    revision: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is committed. `last_voiced_ms` is where the voice stopped, `end_ms` where the silence was believed."""

    turn: int
    revision: int
    start_ms: int
    last_voiced_ms: int
    end_ms: int
    why: Literal["silence", "too_long"] = "silence"


@dataclass(frozen=True, slots=True)
class Dropped:
    """An open turn was thrown away with the buffer it stood in."""

    turn: int


TurnOutput = Started | Paused | AskEnd | Resumed | Ended | Dropped


@dataclass(frozen=True, slots=True)
class Turns:
    """The machine's whole state: the phase, and how many turns there have been."""

    state: TurnState = Quiet()
    count: int = 0
    loudest_db: float = -math.inf
    """Of the open turn, as it is remembered."""
    probability: float = 0.0
    """Of speech in the newest frame."""
    floor_ms: int = 0
    """Audio before this belongs to an earlier turn or was cleared; padding never reaches behind it."""

    def step(self, event: TurnEvent, policy: TurnPolicy) -> tuple[Turns, tuple[TurnOutput, ...]]:
        match event:
            case Voice():
                return self._voice(event, policy)
            case Loudness():
                return self._half_a_frame(event, policy)
            case Judged() | Understood():
                return self._told(event, policy)
            case Reset():
                state = self.state
                out: tuple[TurnOutput, ...] = () if isinstance(state, Quiet) else (Dropped(state.turn),)
                return replace(self, state=Quiet()), out
            case _:
                assert_never(event)

    def _told(self, event: Judged | Understood, policy: TurnPolicy) -> tuple[Turns, tuple[TurnOutput, ...]]:
        """What was waited for is known. If the silence heard is enough now, the next frame need not be waited for."""
        state = self.state
        if not isinstance(state, Pausing) or (state.turn, state.revision) != (event.turn, event.revision):
            return self, ()
        if isinstance(event, Judged):
            state = replace(state, probability=event.probability)
        else:
            state = replace(state, more=event.more)
        if state.voiced:
            return replace(self, state=state), ()
        return self._waited(state, policy)

    def _waited(self, state: Pausing, policy: TurnPolicy) -> tuple[Turns, tuple[TurnOutput, ...]]:
        """The turn has ended, if it is silent for long enough."""
        if state.heard_ms - state.last_voiced_ms < policy.hold_ms(state.probability, state.more):
            return replace(self, state=state), ()
        ended = Ended(state.turn, state.revision, state.start_ms, state.last_voiced_ms, state.heard_ms)
        return replace(self, state=Quiet(), floor_ms=state.heard_ms), (ended,)

    def _voice(self, event: Voice, policy: TurnPolicy) -> tuple[Turns, tuple[TurnOutput, ...]]:
        voiced = event.probability >= policy.threshold
        if isinstance(self.state, Quiet):
            unheard = replace(self, loudest_db=-math.inf, probability=event.probability)
            return unheard._quiet(self.state, voiced, event.at_ms, policy)
        level = self.loudest_db if event.level_db is None else event.level_db
        loudest = max(self.loudest_db - LOUDEST_FALLS_DB, level)
        heard = replace(self, loudest_db=loudest, probability=event.probability)
        faded = heard._faded(level)
        match self.state:
            case Talking():
                silent = faded or event.probability < policy.threshold - RELEASE
                return heard._talking(self.state, silent, event.at_ms, policy)
            case Pausing():
                return heard._pausing(self.state, voiced and not faded, event.at_ms, policy)
            case _:
                assert_never(self.state)

    def _half_a_frame(self, event: Loudness, policy: TurnPolicy) -> tuple[Turns, tuple[TurnOutput, ...]]:
        if not isinstance(self.state, Talking) or policy.decode_after_ms > FRAME_MS:
            return self, ()
        return self._talking(self.state, self._faded(event.level_db), event.at_ms, policy)

    def _faded(self, level_db: float) -> bool:
        return any(level_db < self.loudest_db - db and self.probability < most for db, most in FADED)

    def _quiet(
        self, state: Quiet, voiced: bool, at_ms: int, policy: TurnPolicy
    ) -> tuple[Turns, tuple[TurnOutput, ...]]:
        if not voiced:
            forgiven = state.onset_ms is not None and state.gap < ONSET_GAP_FRAMES
            return replace(self, state=replace(state, gap=state.gap + 1) if forgiven else Quiet()), ()
        onset = at_ms - FRAME_MS if state.onset_ms is None else state.onset_ms
        if state.voiced + 1 < ONSET_FRAMES:
            return replace(self, state=Quiet(onset, state.voiced + 1, state.gap)), ()
        start = max(self.floor_ms, onset - policy.prefix_padding_ms)
        turn = self.count + 1
        return replace(self, state=Talking(turn, 0, start), count=turn), (Started(turn, start),)

    def _talking(
        self, state: Talking, silent: bool, at_ms: int, policy: TurnPolicy
    ) -> tuple[Turns, tuple[TurnOutput, ...]]:
        if at_ms - state.start_ms >= MAX_TURN_MS:
            ended = Ended(state.turn, state.revision, state.start_ms, at_ms, at_ms, "too_long")
            return replace(self, state=Quiet(), floor_ms=at_ms), (
                Paused(state.turn, state.revision, state.start_ms, at_ms),
                ended,
            )
        if not silent:
            return self, ()
        pausing = Pausing(
            state.turn, state.revision, state.start_ms, last_voiced_ms=at_ms - FRAME_MS, heard_ms=at_ms
        )
        return self._silent(pausing, policy)

    def _pausing(
        self, state: Pausing, voiced: bool, at_ms: int, policy: TurnPolicy
    ) -> tuple[Turns, tuple[TurnOutput, ...]]:
        if voiced:
            if state.voiced + 1 < REOPEN_FRAMES:
                return replace(self, state=replace(state, voiced=state.voiced + 1, heard_ms=at_ms)), ()
            revision = state.revision + 1
            out: tuple[TurnOutput, ...] = (Resumed(state.turn, revision),)
            return replace(self, state=Talking(state.turn, revision, state.start_ms)), out
        return self._silent(replace(state, voiced=0, heard_ms=at_ms), policy)

    def _silent(self, state: Pausing, policy: TurnPolicy) -> tuple[Turns, tuple[TurnOutput, ...]]:
        silence = state.heard_ms - state.last_voiced_ms
        span = (state.turn, state.revision, state.start_ms, state.heard_ms)
        outputs: list[TurnOutput] = []
        if not state.speculated and silence >= min(policy.decode_after_ms, policy.longest_hold_ms):
            state = replace(state, speculated=True)
            outputs.append(Paused(*span))
        if policy.ask and not state.asked and ASK_AFTER_MS <= silence < policy.longest_hold_ms:
            state = replace(state, asked=True)
            outputs.append(AskEnd(*span))
        after, ended = self._waited(state, policy)
        return after, (*outputs, *ended)


def _log_odds(probability: float) -> float:
    return math.log(max(probability, 1e-9) / (1 - probability))
