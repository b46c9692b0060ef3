"""What the caller said, in words: decodes asked for, and what becomes of a committed item when they are done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moksori.conversation.answering import Answering
from moksori.conversation.board import Board
from moksori.conversation.captioning import Captioning
from moksori.conversation.events import DropJob, Hasten, Job, Transcribe, Transcribed, TranscribeFailed
from moksori.conversation.history import Span
from moksori.protocol import server_events as out
from moksori.protocol.items import InputAudio, Message


@dataclass(frozen=True, slots=True)
class Pending:
    """A decode of a committed item."""

    job: Job
    audio_ms: int
    listens: float | None = None
    """Of a turn that silenced an answer: how much it sounds like an acknowledgement after all."""


class Decoding:
    """Committed items that wait for their words. Those of the open turn are `Listening`'s."""

    def __init__(self, board: Board, answering: Answering, captioning: Captioning) -> None:
        self._board = board
        self._answering = answering
        self._captioning = captioning
        self._pending: dict[str, Pending] = {}

    # ------------------------------------------------------------------ asked for

    def speculate(self, job: Job, span: Span) -> None:
        """Decode an open turn so far; it may go on."""
        self._ask(job, span, speculative=True)

    def begin(self, job: Job, span: Span) -> None:
        """Decode a committed item."""
        self._pending[job.item_id] = Pending(job, span.end_ms - span.start_ms)
        self._ask(job, span, speculative=False)

    def hasten(self, job: Job, span: Span, listens: float | None) -> None:
        """The turn is committed while its last decode is under way: that one is of the item now."""
        self._pending[job.item_id] = Pending(job, span.end_ms - span.start_ms, listens)
        self._board.do(Hasten(job))

    def given(self, item_id: str, audio: str) -> None:
        """Decode audio that came inside an item (`conversation.item.create`)."""
        job = Job(item_id, 0)
        self._pending[item_id] = Pending(job, 0)
        self._ask(job, Span(0, 0), speculative=False, audio=audio)

    def _ask(self, job: Job, span: Span, *, speculative: bool, audio: str | None = None) -> None:
        wanted = self._board.input.transcription
        self._board.do(
            Transcribe(
                job,
                span.start_ms,
                span.end_ms,
                language=wanted.language if wanted else None,
                prompt=wanted.prompt if wanted else None,
                speculative=speculative,
                audio=audio,
            )
        )

    def forget(self, item_id: str) -> None:
        """An item was deleted: nobody waits for its words."""
        pending = self._pending.pop(item_id, None)
        if pending is not None:
            self._board.do(DropJob(pending.job))
            self._answering.transcripts_changed()

    # ------------------------------------------------------------------ done

    def transcribed(self, event: Transcribed) -> None:
        pending = self._taken(event.job)
        if pending is None:
            return
        item_id = event.job.item_id
        self._answering.turn_transcribed(item_id)
        audio_ms = pending.audio_ms or event.audio_ms
        self.known(item_id, event.text, event.language, audio_ms, pending.listens)

    def _taken(self, job: Job) -> Pending | None:
        """None for an older revision, or an item that is gone."""
        pending = self._pending.get(job.item_id)
        if pending is None or pending.job != job:
            return None
        return self._pending.pop(job.item_id)

    def known(
        self, item_id: str, text: str, language: str, audio_ms: int, listens: float | None = None
    ) -> None:
        """The words of a committed item: into the history, to the client, to the answer."""
        board = self._board
        entry = board.history.get(item_id)
        if entry is None or not isinstance(entry.item, Message):
            return
        content = tuple(
            InputAudio(audio=None, transcript=text) if isinstance(part, InputAudio) else part
            for part in entry.item.content
        )
        item = Message(role="user", content=content, id=item_id, status="completed")
        board.history.put(item_id, replace(entry, item=item, transcribing=False))
        if board.input.transcription is not None:
            self._captioning.completed(item_id, text)
            board.emit(
                out.ConversationItemInputAudioTranscriptionCompleted(
                    event_id=board.event_id(),
                    item_id=item_id,
                    content_index=_audio_index(content),
                    transcript=text,
                    usage=out.TranscriptionSeconds(seconds=audio_ms / 1000),
                )
            )
        self._answering.heard(text, language, listens)
        self._answering.transcripts_changed()

    def failed(self, event: TranscribeFailed) -> None:
        """The caller's words are lost: the client is told, the item stays, and the turn is not answered."""
        board, item_id = self._board, event.job.item_id
        if self._taken(event.job) is None:
            return
        entry = board.history.get(item_id)
        if entry is None:
            return
        board.history.put(item_id, replace(entry, transcribing=False))
        board.emit(
            out.ConversationItemInputAudioTranscriptionFailed(
                event_id=board.event_id(),
                item_id=item_id,
                content_index=0,
                error=out.TranscriptionFailure(
                    type="server_error", code="transcription_failed", message=event.message
                ),
            )
        )
        self._answering.not_understood(item_id, event.message)
        self._answering.transcripts_changed()


def _audio_index(content: tuple[object, ...]) -> int:
    return next((i for i, part in enumerate(content) if isinstance(part, InputAudio)), 0)
