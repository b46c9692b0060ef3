"""The words of the turn that is being spoken, as deltas to a client that wants them."""

from __future__ import annotations

from moksori.conversation.board import Board
from moksori.conversation.captions import EVERY_MS, Captions
from moksori.protocol import server_events as out

WHOLE_TRANSCRIPTS = "whisper-1"
"""Documented: this model's transcript comes whole; the others' comes in deltas."""


class Captioning:
    """Of one conversation; concerned with its newest turn."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._captions = Captions()
        self._item_id = ""
        self._looked_ms = 0
        """Audio time of the last look."""

    def begin(self, item_id: str, at_ms: int) -> None:
        """A turn began at this audio time; its words will be those of `item_id`."""
        self._captions, self._item_id, self._looked_ms = Captions(), item_id, at_ms

    def due(self, at_ms: int) -> bool:
        """Whether what was said so far is to be looked at now; if so, the next look is due later."""
        if not self._wanted() or not self._board.rules.glance or at_ms - self._looked_ms < EVERY_MS:
            return False
        self._looked_ms = at_ms
        return True

    def glimpsed(self, item_id: str, text: str) -> None:
        """A look came back."""
        self._captions, delta = self._captions.heard(text)
        self._show(item_id, delta)

    def completed(self, item_id: str, text: str) -> None:
        """The whole transcript is known: what has not been shown of it."""
        if item_id == self._item_id and self._wanted():
            self._show(item_id, self._captions.final(text))

    def _wanted(self) -> bool:
        transcription = self._board.input.transcription
        return transcription is not None and transcription.model != WHOLE_TRANSCRIPTS

    def _show(self, item_id: str, delta: str) -> None:
        if delta:
            board = self._board
            board.emit(
                out.ConversationItemInputAudioTranscriptionDelta(
                    event_id=board.event_id(), item_id=item_id, content_index=0, delta=delta
                )
            )
