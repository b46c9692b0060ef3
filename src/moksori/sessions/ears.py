"""What the caller said and can have heard, told to a call's guard on one clock. Synchronous, no input or output.

The clock is milliseconds of input audio since the session began. What an item's listener has heard is worked out from
the audio that was sent and when: text belongs to the audio that follows it, up to where the next text came, and is
heard when that audio has played. Where that cannot be told yet, nothing of it counts as heard.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

from moksori.agent.guard import Guard, UserTurn
from moksori.conversation.playback import SAMPLES_PER_MS, PlayClock, stands_still
from moksori.protocol.internal import Heard

LETTERS_A_SECOND = {"ko": 11.0, "other": 24.0}
"""The fastest anybody is read to: a transcript that runs ahead of its audio is not heard before that."""
_KEPT = 3000
"""Appends whose arrival is remembered: a minute of 20 ms frames."""
_ITEMS = 8
"""Assistant items looked back on."""


@dataclass(slots=True)
class Spoken:
    """One assistant item on its way to the ear. `marks`: text up to `upto` ends where sample `sample` begins."""

    item_id: str
    text: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)
    clock: PlayClock = field(default_factory=PlayClock)
    ended: bool = False
    limit_ms: int | None = None
    """Where the client cut it."""

    def wrote(self, delta: str) -> None:
        if self.text:
            self.marks.append((self.clock.samples, len(self.text)))
        self.text += delta

    def heard(self, now_ms: float) -> tuple[int, str]:
        """Samples played by then, and the words that had ended."""
        samples = self.clock.heard(now_ms)
        if self.limit_ms is not None:
            samples = min(samples, self.limit_ms * SAMPLES_PER_MS)
        marks = [*self.marks, (self.clock.samples, len(self.text))] if self.ended else self.marks
        played = bool(marks) and samples >= marks[-1][0]
        upto = marks[-1][1] if played else self._within(marks, samples)
        fastest = LETTERS_A_SECOND["ko" if any("가" <= c <= "힣" for c in self.text) else "other"]
        if not (self.ended and samples >= self.clock.samples):
            upto = min(upto, int(samples / SAMPLES_PER_MS / 1000 * fastest))
        return samples, _whole_words(self.text, upto)

    @staticmethod
    def _within(marks: list[tuple[int, int]], samples: int) -> int:
        before = (0, 0)
        for mark in marks:
            if samples < mark[0]:
                span = mark[0] - before[0]
                return (
                    before[1] + (mark[1] - before[1]) * (samples - before[0]) // span if span else before[1]
                )
            before = mark
        return before[1]


def _whole_words(text: str, upto: int) -> str:
    if upto >= len(text):
        return text
    cut = text[: upto + 1]
    return cut[: max(cut.rfind(" "), 0)].rstrip()


class Ears:
    """One call's. `now` arguments are monotonic milliseconds."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.audio_ms = 0.0
        """Input audio so far."""
        self._arrivals: deque[tuple[float, float]] = deque(maxlen=_KEPT)  # (audio ms, monotonic ms)
        self._items: dict[str, Spoken] = {}
        self._busy_until = 0.0
        self._held_at: float | None = None
        """When the client was asked to hold its loudspeaker, until it plays on or is silenced."""
        self._began: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._committed_ms = 0

    @property
    def sounds_until(self) -> float:
        """When the last sound that was sent will have played, monotonic ms; 0 when it was thrown away."""
        return self._busy_until

    # ------------------------------------------------------------------ the caller

    def appended(self, ms: float, now: float) -> None:
        self.audio_ms += ms
        self._arrivals.append((self.audio_ms, now))

    def speech_started(self, item_id: str, start_ms: int, now: float) -> None:
        self._began[item_id] = start_ms
        self._report(start_ms, self._arrival(start_ms, now))
        self._guard.user_turn(UserTurn(item_id, "", start_ms, start_ms, final=False))

    def speech_stopped(self, item_id: str, end_ms: int) -> None:
        self._ended[item_id] = end_ms

    def committed(self, item_id: str, now: float) -> None:
        """A turn that no voice activity began: the client's own commit."""
        if item_id not in self._began:
            self.speech_started(item_id, self._committed_ms, now)
        self._committed_ms = round(self.audio_ms)

    def transcribed(self, item_id: str, transcript: str, now: float) -> None:
        began = self._began.pop(item_id, round(self.audio_ms))
        ended = max(self._ended.pop(item_id, began), began)
        self._report(began, self._arrival(began, now))
        self._guard.user_turn(UserTurn(item_id, transcript, began, ended, final=True))

    def typed(self, item_id: str, text: str, now: float) -> None:
        at = round(self.audio_ms)
        self._report(at, now)
        self._guard.user_turn(UserTurn(item_id, text, at, at, final=True))

    # ------------------------------------------------------------------ the assistant

    def wrote(self, item_id: str, delta: str) -> None:
        item = self._item(item_id)
        item.wrote(delta)
        self._guard.said(item_id, item.text)

    def sounded(self, item_id: str, samples: int, now: float) -> None:
        item = self._item(item_id)
        item.clock = item.clock.follow(self._busy_until).sent(samples, stands_still(self._held_at, now))
        self._busy_until = item.clock.ends_at

    def held(self, now: float) -> None:
        """The client stands still, and keeps what it has."""
        self._held_at = now if self._held_at is None else self._held_at

    def released(self, now: float) -> None:
        """It plays on where it stopped."""
        if self._held_at is None:
            return
        since, stood_ms = self._held_at, now - stands_still(self._held_at, now)
        for item in self._items.values():
            item.clock = item.clock.delayed(since, stood_ms)
        self._busy_until += stood_ms if self._busy_until > since else 0.0
        self._held_at = None

    def audio_ended(self, item_id: str) -> None:
        self._item(item_id).ended = True

    def shown(self, item_id: str, text: str) -> None:
        """A written answer is read as soon as it is there."""
        self._guard.said(item_id, text)
        self._guard.heard(Heard(item_id, 0, text), round(self.audio_ms))

    def cut(self, item_id: str, audio_end_ms: int) -> None:
        if item_id in self._items:
            self._items[item_id].limit_ms = audio_end_ms
            # Nothing that was sent behind the cut is played: the next sound begins when it comes.
            self._busy_until = 0.0
            self._held_at = None

    def silenced(self, now: float) -> None:
        """What was sent and not played is thrown away by the client (it interrupted)."""
        until = stands_still(self._held_at, now)
        for item in self._items.values():
            if item.clock.sounding(until):
                heard = item.clock.heard(until) // SAMPLES_PER_MS
                item.limit_ms = heard if item.limit_ms is None else min(item.limit_ms, heard)
        self._busy_until, self._held_at = 0.0, None

    # ------------------------------------------------------------------ inside

    def _item(self, item_id: str) -> Spoken:
        if item_id not in self._items:
            self._items[item_id] = Spoken(item_id)
            while len(self._items) > _ITEMS:
                del self._items[next(iter(self._items))]
        return self._items[item_id]

    def _report(self, at_ms: int, now: float) -> None:
        until = stands_still(self._held_at, now)
        for item in self._items.values():
            samples, text = item.heard(until)
            if text:
                self._guard.heard(Heard(item.item_id, samples, text), at_ms)

    def _arrival(self, audio_ms: float, otherwise: float) -> float:
        """When that much input audio had come."""
        at = bisect_left(self._arrivals, audio_ms, key=lambda each: each[0])
        return self._arrivals[at][1] if at < len(self._arrivals) else otherwise
