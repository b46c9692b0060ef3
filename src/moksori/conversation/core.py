"""One conversation: what happens goes in, what is to be done comes out."""

from __future__ import annotations

from typing import assert_never

from moksori.conversation.answering import Answering
from moksori.conversation.board import Board, Rules
from moksori.conversation.events import (
    AudioAppended,
    BrainCalled,
    BrainFailedEvent,
    BrainFinished,
    BrainSaid,
    ClauseSpoken,
    Effect,
    EndJudged,
    FromClient,
    Glimpsed,
    Happening,
    Sounded,
    SpeakFailed,
    Transcribed,
    TranscribeFailed,
    VoiceActivity,
    VoiceLevel,
)
from moksori.conversation.history import Entry
from moksori.conversation.listening import Listening
from moksori.conversation.requests import Requests
from moksori.protocol.ids import Ids
from moksori.protocol.items import Item
from moksori.protocol.session import Session

DEFAULT_RULES = Rules()


class Conversation:
    """Turn, answer and playback of one call, without a clock, a socket or a model.

    >>> effects = conversation.step(VoiceActivity(0.9, at_ms=320), now=1000.0)

    `now` is monotonic milliseconds and never goes back. Results of models that nobody waits for any more are
    ignored, so whoever runs them need not be exact about stopping.
    """

    def __init__(
        self,
        session: Session,
        ids: Ids,
        rules: Rules = DEFAULT_RULES,
        history: tuple[Item, ...] = (),
        connect_ms: int | None = None,
    ) -> None:
        """`connect_ms` is what `session.updated` tells as latency before there was a turn."""
        self._board = Board(session, ids, rules, conversation_id=ids("conv"), latency_ms=connect_ms)
        self._answering = Answering(self._board)
        self._listening = Listening(self._board, self._answering)
        self._requests = Requests(self._board, self._listening, self._answering)
        for item in history:
            self._board.history.add(Entry(item))

    @property
    def session(self) -> Session:
        """As it stands after the last `session.update`."""
        return self._board.session

    @property
    def id(self) -> str:
        return self._board.conversation_id

    def items(self) -> tuple[Item, ...]:
        """The conversation as it was heard."""
        return self._board.history.items()

    def step(self, event: Happening, now: float) -> tuple[Effect, ...]:
        """Handle one event; what it causes comes back in the order in which it is to be done."""
        board = self._board
        board.now = now
        match event:
            case FromClient():
                self._requests.handle(event.event)
            case AudioAppended():
                self._listening.appended(event.total_ms)
            case VoiceActivity():
                self._listening.voice(event.probability, event.at_ms, event.level_db)
            case VoiceLevel():
                self._listening.loudness(event.at_ms, event.level_db)
            case EndJudged():
                self._listening.judged(event.turn, event.revision, event.probability)
            case Transcribed():
                self._listening.transcribed(event)
            case TranscribeFailed():
                self._listening.failed(event)
            case Glimpsed():
                self._listening.glimpsed(event)
            case BrainSaid():
                self._answering.said(event.response_id, event.text, event.slow)
            case BrainCalled():
                self._answering.called(event.response_id, event.call_id, event.name, event.arguments)
            case BrainFinished():
                self._answering.finished(event)
            case BrainFailedEvent():
                self._answering.failed(event.response_id, event.code, event.message)
            case Sounded():
                self._answering.sounded(event)
            case ClauseSpoken():
                self._answering.clause_spoken(event.response_id, event.clause)
            case SpeakFailed():
                self._answering.failed(event.response_id, "speech_failed", event.message)
            case _:
                assert_never(event)
        effects, board.effects = tuple(board.effects), []
        return effects
