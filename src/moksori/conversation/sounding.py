"""What of the answers sounds at the client, and what of them was heard.

Each item of an answer that speaks has a play clock and a map of its words to samples (`history.Spoken`); here both
follow what is sent, and the item is cut to what was heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from moksori.conversation.board import Board
from moksori.conversation.history import Entry, Spoken
from moksori.conversation.playback import SAMPLES_PER_MS, PlayClock, stands_still
from moksori.conversation.words import WordMap
from moksori.protocol.errors import ProtocolError
from moksori.protocol.internal import Word
from moksori.protocol.items import Item, Message, OutputAudio


class Sounding:
    def __init__(self, board: Board) -> None:
        self._board = board
        self._held_at: float | None = None
        """When the client was asked to stand still, until it plays on or is silenced."""

    # ------------------------------------------------------------------ questions

    def now(self) -> tuple[str, ...]:
        """Ids of the items that can still be sounding, in order."""
        return tuple(entry.item.id for entry, spoken in self._spoken() if self._sounds(spoken))

    def remains_ms(self) -> int:
        """What is left to play of the audio that was sent."""
        return max(0, round(self._ends_at() - self._now))

    def unheard(self, item_id: str) -> str:
        """The words of an item that were cut off."""
        entry = self._board.history.get(item_id)
        if entry is None or entry.spoken is None or entry.spoken.cut is None:
            return ""
        return entry.spoken.words.unheard(entry.spoken.cut)

    def _spoken(self) -> Iterator[tuple[Entry, Spoken]]:
        return ((e, e.spoken) for e in self._board.history.entries() if e.spoken is not None)

    def _sounds(self, spoken: Spoken) -> bool:
        return spoken.cut is None and spoken.clock.sounding(self._now)

    @property
    def _now(self) -> float:
        """The play clocks' time, which does not pass while the loudspeaker is held."""
        return stands_still(self._held_at, self._board.now)

    def _ends_at(self) -> float:
        return max((s.clock.ends_at for _, s in self._spoken() if s.cut is None), default=0.0)

    # ------------------------------------------------------------------ what is sent

    def begun(self) -> Spoken:
        """The clock and the words of an item that will speak once what is sent already has been played."""
        return Spoken(WordMap(), PlayClock().follow(self._ends_at()))

    def clause(self, item_id: str, text: str) -> None:
        entry = self._board.history.get(item_id)
        if entry is not None and entry.spoken is not None:
            spoken = replace(entry.spoken, words=entry.spoken.words.clause(text))
            self._board.history.put(item_id, replace(entry, spoken=spoken))

    def sent(self, item_id: str, words: Iterable[Word], samples: int) -> None:
        entry = self._board.history.get(item_id)
        if entry is not None and entry.spoken is not None:
            spoken = replace(
                entry.spoken,
                words=entry.spoken.words.piece(words, samples),
                clock=entry.spoken.clock.sent(samples, self._now),
            )
            self._board.history.put(item_id, replace(entry, spoken=spoken))

    def done(self, entry: Entry, item: Item) -> None:
        """`item` is complete: history keeps what of it was heard, or all of it."""
        if entry.spoken is None:
            self._board.history.put(item.id, replace(entry, item=item))
            return
        spoken = replace(entry.spoken, words=entry.spoken.words.end_clause())
        self._board.history.put(item.id, replace(entry, item=_as_heard(item, spoken), spoken=spoken))

    # ------------------------------------------------------------------ a loudspeaker that stands still

    def hold(self) -> None:
        """The client stops playing and keeps what it has."""
        if self._held_at is None:
            self._held_at = self._board.now

    def release(self) -> bool:
        """The client plays on where it stopped; False where it was not held."""
        if self._held_at is None:
            return False
        stood_ms = self._board.now - self._now
        for entry, spoken in tuple(self._spoken()):
            if spoken.cut is None:
                clock = spoken.clock.delayed(self._held_at, stood_ms)
                self._board.history.put(entry.item.id, replace(entry, spoken=replace(spoken, clock=clock)))
        self._held_at = None
        return True

    # ------------------------------------------------------------------ what was heard

    def cut_now(self) -> None:
        """Take as heard what the play clock says was heard; the client's own figure may follow and replaces it."""
        for entry, spoken in self._spoken():
            if self._sounds(spoken):
                self._cut(entry, spoken, spoken.clock.heard(self._now), exact=False)
        self._held_at = None

    def truncate(self, item_id: str, audio_end_ms: int) -> int:
        """The client's word on what was heard. Returns the cut in ms, clamped to the audio there is.

        Raises `ProtocolError` for items without assistant audio and, in strict sessions, for a cut behind the end.
        """
        board = self._board
        entry = board.history.get(item_id)
        if entry is None:
            raise ProtocolError(
                f"Error truncating item: the item with id '{item_id}' does not exist.",
                "item_truncate_invalid_item_id",
                param="item_id",
            )
        spoken = entry.spoken
        if spoken is None or (board.rules.strict and spoken.clock.samples == 0):
            raise ProtocolError(
                "Only model output audio messages can be truncated",
                "unsupported_content_type",
                param="item_id",
            )
        length_ms = spoken.clock.samples // SAMPLES_PER_MS
        if audio_end_ms > length_ms and board.rules.strict:
            raise ProtocolError(
                f"Audio content of {length_ms}ms is already shorter than {audio_end_ms}ms",
                "invalid_value",
                param="audio_end_ms",
            )
        if self._sounds(spoken):
            self._held_at = None  # silenced by the client itself
        cut_ms = min(audio_end_ms, length_ms)
        samples = spoken.clock.samples if cut_ms == length_ms else cut_ms * SAMPLES_PER_MS
        self._cut(entry, spoken, samples, exact=True)
        return cut_ms

    def _cut(self, entry: Entry, spoken: Spoken, samples: int, *, exact: bool) -> None:
        spoken = replace(spoken, cut=samples, exact=exact)
        item = _as_heard(entry.item, spoken)
        self._board.history.put(entry.item.id, replace(entry, item=item, spoken=spoken))


def _as_heard(item: Item, spoken: Spoken) -> Item:
    """The item as history keeps it: an interrupted answer has only the words that were heard."""
    if spoken.cut is None or not isinstance(item, Message):
        return item
    status: Literal["incomplete", "in_progress"] = (
        "in_progress" if item.status == "in_progress" else "incomplete"
    )
    heard = OutputAudio(transcript=spoken.words.heard(spoken.cut))
    return Message(role=item.role, content=(heard,), id=item.id, status=status, phase=item.phase)
